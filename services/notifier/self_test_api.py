"""A test notice that an organisation sends itself, over HTTP."""

from __future__ import annotations

import math
from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Header, Query

from chassis.audit import write_audit
from chassis.database import after_commit
from chassis.problems import Problem
from chassis.telemetry import logger
from schemas.model import Model
from schemas.permissions import Operation
from services.notifier.door import Door, meant
from services.notifier.self_test import NoWay, Sent, TooMany, send_test
from services.notifier.tables import Audit

log = logger("notifier.self_test")

PURPOSE = "whether its receiver works"


class SelfTestSent(Model):
    """It is on its way. What came of it: `…/deliveries/{notice}/attempts`, until it expires."""

    notice: UUID
    channel: Literal["webhook", "mailbox"]
    expires_at: datetime


def add_routes(router: APIRouter, door: Door) -> None:
    """`/v1/organisations/me/test-notices`."""
    parts = door.parts

    @router.post(
        "/test-notices",
        status_code=202,
        responses={401: {}, 403: {}, 404: {}, 409: {}, 429: {}},
    )
    async def send_test_notice(
        authorization: Annotated[str | None, Header()] = None,
        organisation: Annotated[str | None, Query(max_length=63)] = None,
    ) -> SelfTestSent:
        """A notice of a child that does not exist, to this organisation only: signed, sent, listed
        and read as any other, marked `test`, on no ladder, and deleted after a day."""
        credential = await door.allow(authorization, Operation.SEND_TEST_NOTICES)
        name = meant(credential, organisation)
        async with parts.database.transaction() as session:
            match await send_test(session, name, parts.clock(), parts.settings):
                case NoWay(reason):
                    raise Problem(
                        409, "nowhere-to-send", f"Nothing can be sent to it from here: {reason}."
                    )
                case TooMany(seconds):
                    raise Problem(
                        429,
                        "too-many-tests",
                        "There were as many tests as are allowed in an hour.",
                        headers={"Retry-After": str(math.ceil(seconds))},
                    )
                case Sent() as sent:
                    pass
            await write_audit(
                session,
                Audit,
                actor=credential.organisation,
                credential=credential.id,
                operation=Operation.SEND_TEST_NOTICES,
                objects=[(str(sent.notice), None)],
                purpose=PURPOSE,
            )
            after_commit(session, "deliver", parts.bells.deliver.set)
            after_commit(session, "mailboxes", lambda: parts.bells.ring_mailboxes([name]))
        log.info("test_notice_sent", notice=str(sent.notice), organisation=name)
        return SelfTestSent(
            notice=sent.notice,
            channel="webhook" if sent.by_webhook else "mailbox",
            expires_at=sent.expires_at,
        )
