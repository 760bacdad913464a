"""What every change of an organisation's own endpoint has in common: who may, in which transaction,
how it is recorded and told, and when it is in force everywhere. Entries use it; it is one itself.

Addresses and keys are in no log and no audit row.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from prometheus_client import Counter
from pydantic import Field
from sqlalchemy.exc import OperationalError

from chassis.audit import write_audit
from chassis.database import Session, after_commit, sqlstate
from chassis.problems import Problem
from chassis.telemetry import logger
from chassis.webhook_keys import Kind
from schemas.model import Model
from schemas.permissions import Operation
from services.notifier.door import Door, meant
from services.notifier.endpoints import EndpointShown, list_own_endpoints, lock_endpoints
from services.notifier.in_force import wait_until_in_force
from services.notifier.pause import hasten
from services.notifier.replay import resend_failed
from services.notifier.tables import Audit, Credential

log = logger("notifier.endpoints")

changes_total = Counter(
    "notifier_endpoint_changes_total", "Changes that organisations made themselves", ["what"]
)

BODY_LIMIT_BYTES = 8_192
PURPOSE = "where its notices go"
ANSWERS: dict[int | str, dict[str, Any]] = {401: {}, 403: {}, 404: {}}

What = Literal[
    "add-endpoint", "change-endpoint", "disable-endpoint", "enable-endpoint", "rotate-key",
    "end-old-key",
]  # fmt: skip


Step = Callable[[Session, EndpointShown | None], Awaitable[None]]
"""What is changed, of the endpoint as it is."""

MOST_TIMES = 5
_DEADLOCK = "40P01"


class EndpointAnswer(Model):
    """One endpoint. `state`: enabled; paused until …, probing (with the reason); disabled: gone (it
    answered 410), removed, replaced."""

    id: UUID
    url: str
    kind: Kind
    per_second: int | None = Field(default=None, description="None: as often as it can take.")
    added_at: datetime
    enabled: bool
    state: str
    previous_key_until: datetime | None = Field(
        default=None, description="An old key signs as well until then."
    )


class EndpointAdded(EndpointAnswer):
    """`key` is what to verify with; it is shown this once."""

    key: str


class EndpointChanges:
    """Allows, does, records, tells and waits."""

    def __init__(self, door: Door) -> None:
        self._door = door
        self._parts = door.parts

    async def allow(
        self, authorization: str | None, organisation: str | None
    ) -> tuple[Credential, str]:
        """The credential and the organisation that it means; `Problem` 401, 403 or 404."""
        credential = await self._door.allow(authorization, Operation.MANAGE_ENDPOINTS)
        return credential, meant(credential, organisation)

    async def change(
        self,
        credential: Credential,
        organisation: str,
        what: What,
        step: Step,
        endpoint: UUID | None = None,
    ) -> tuple[EndpointShown | None, EndpointShown]:
        """Do a step in a transaction of its own; returns the endpoint before and after it.

        `endpoint`: the one that is meant; without it the first in the list. The step may be done
        more than once: a round of settling takes the same rows in another order.
        """
        for left in reversed(range(MOST_TIMES)):
            try:
                return await self._change(credential, organisation, what, step, endpoint)
            except OperationalError as error:
                if sqlstate(error) != _DEADLOCK or not left:
                    raise
        raise AssertionError  # The last time has returned or raised.

    async def _change(
        self,
        credential: Credential,
        organisation: str,
        what: What,
        step: Step,
        endpoint: UUID | None,
    ) -> tuple[EndpointShown | None, EndpointShown]:
        async with self._parts.database.transaction() as session:
            await lock_endpoints(session, organisation)
            before = pick(await list_own_endpoints(session, organisation), endpoint)
            await step(session, before)
            after = pick(await list_own_endpoints(session, organisation), endpoint)
            if after is None:
                raise unknown()
            await write_audit(
                session,
                Audit,
                actor=credential.organisation,
                credential=credential.id,
                operation=what,
                objects=[(str(after.id), None)],
                purpose=PURPOSE,
            )
            after_commit(session, "deliver", self._parts.bells.deliver.set)
        changes_total.labels(what).inc()
        log.info(
            "endpoint_changed",
            what=what,
            organisation=organisation,
            endpoint=str(after.id),
            credential=credential.id,
            next="in force everywhere within some seconds",
        )
        return before, after

    async def in_force(self, organisation: str) -> None:
        """Return when what was changed before is in force in every process."""
        send = self._parts.settings.send
        await wait_until_in_force(self._parts.database, organisation, send)

    async def send_on(self, organisation: str, endpoint: UUID) -> None:
        """What the old address refused in its last seconds, or put off, goes to the new one now."""
        send = self._parts.settings.send
        seconds = send.endpoint_copy_seconds + 2 * send.timeout_seconds
        async with self._parts.database.transaction() as session:
            await resend_failed(session, organisation, seconds, self._parts.clock())
            after_commit(session, "deliver", self._parts.bells.deliver.set)
        async with self._parts.database.transaction() as session:
            await hasten(session, [endpoint])


def pick(found: list[EndpointShown], endpoint: UUID | None) -> EndpointShown | None:
    """The one that is meant; without an id the first, which is the enabled one if there is one."""
    return next((one for one in found if endpoint in (None, one.id)), None)


def check_enabled(found: EndpointShown | None) -> None:
    """`Problem` 404 or 409 unless it is there and enabled."""
    if found is None:
        raise unknown()
    if not found.enabled:
        raise Problem(409, "endpoint-disabled", "It is disabled: enable it first.")


def fields(one: EndpointShown) -> dict[str, Any]:
    """The fields of an `EndpointAnswer`."""
    return {
        "id": one.id,
        "url": one.url,
        "kind": one.kind,
        "per_second": one.per_second,
        "added_at": one.added_at,
        "enabled": one.enabled,
        "state": one.state,
        "previous_key_until": one.previous_until,
    }


def unknown() -> Problem:
    """There is no such endpoint."""
    return Problem(404, "no-such-endpoint", "This organisation has no such endpoint.")
