"""What a recipient gives back, over HTTP: one notice or many; and what a person told by telephone.

A bulk request is one transaction: what is wrong with one item is found before anything is done for
the others, and is told beside their results.
"""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime
from typing import Annotated, Any, Literal, Self
from uuid import UUID

from fastapi import APIRouter, Header, Query, Request
from pydantic import AwareDatetime, Field, model_validator

import bus
from chassis.database import Session
from chassis.problems import FieldError, Problem
from schemas.model import Model
from schemas.organisations import OrganisationKind
from schemas.permissions import Operation, may
from schemas.receipts import DeclineReason, Speaker
from services.notifier.channels import mailbox
from services.notifier.decline import decline_notice
from services.notifier.door import (
    PURPOSE,
    Door,
    audit_notices,
    body_schema,
    check_real,
    read_model,
    standing,
    validated,
)
from services.notifier.tables import Credential
from services.notifier.telephone import (
    earliest_call,
    find_unreached,
    list_unreached,
    record_call,
)

BODY_LIMIT_BYTES = 16_384
BULK_LIMIT_BYTES = 512_000
MOST_AT_ONCE = 500
NO_CONTROLS = r"^[^\x00-\x1f\x7f]*$"


class Receipt(Model):
    """What the recipient did. `by` is a role, not a name; which fields a state needs is a rule."""

    state: Literal["acknowledged", "filed", "told-by-telephone", "declined"]
    by: str | None = Field(default=None, min_length=1, max_length=100, pattern=NO_CONTROLS)
    record_reference: str | None = Field(
        default=None, min_length=1, max_length=200, pattern=NO_CONTROLS
    )
    told_by: Speaker | None = Field(default=None, description="Told by telephone: who rang.")
    told_to: Speaker | None = Field(default=None, description="Told by telephone: who answered.")
    when: AwareDatetime | None = Field(default=None, description="Told by telephone: when.")
    reason: DeclineReason | None = Field(default=None, description="Declined: why.")
    text: str | None = Field(
        default=None,
        min_length=1,
        max_length=500,
        pattern=NO_CONTROLS,
        description="Declined: a note. It stays here; nobody is told of it.",
    )

    @model_validator(mode="after")
    def _has_what_its_state_needs(self) -> Self:
        needs = {
            "told-by-telephone": (self.told_by, self.told_to, self.when),
            "declined": (self.reason,),
        }.get(self.state, (self.by,))
        if None in needs:
            raise ValueError(
                "acknowledged and filed need by; told-by-telephone toldBy, toldTo and when; "
                "declined a reason"
            )
        return self


class ReceiptAnswer(Model):
    """How far the notice is now."""

    id: UUID
    state: str
    delivered_at: datetime | None = None
    opened_at: datetime | None = None
    acknowledged_at: datetime | None = None
    filed_at: datetime | None = None
    telephoned_at: datetime | None = None
    declined_at: datetime | None = None


class BulkReceipts(Model):
    """Up to 500 receipts; each is a receipt with the `notice` that it is for."""

    receipts: list[dict[str, Any]] = Field(min_length=1, max_length=MOST_AT_ONCE)


class BulkResult(Model):
    """What came of one item, in its place."""

    status: int
    receipt: ReceiptAnswer | None = None
    problem: dict[str, Any] | None = None


class BulkAnswer(Model):
    """One result for each item, in the order they came."""

    results: list[BulkResult]


class _ForNotice(Model):
    notice: UUID


class Unreached(Model):
    """Somebody to ring: nobody is left on its ladder. No name of a child."""

    id: UUID
    organisation: str
    name: str
    role: str
    at: datetime
    deadline_at: datetime | None = None


class UnreachedList(Model):
    """Oldest first."""

    notices: list[Unreached]


def add_routes(router: APIRouter, door: Door) -> None:
    """`/v1/notices/receipts`, `…/{notice}/receipts` and `…/to-telephone`."""
    parts = door.parts

    @router.get("/to-telephone", response_model_exclude_none=True, responses={401: {}, 403: {}})
    async def list_to_telephone(
        authorization: Annotated[str | None, Header()] = None,
        limit: Annotated[int, Query(ge=1, le=MOST_AT_ONCE)] = 100,
    ) -> UnreachedList:
        """Whom social care must ring: ladders that end with nobody who confirmed."""
        await door.allow(authorization, Operation.RECORD_TELEPHONE_CALLS)
        async with parts.database.reading() as session:
            rows = await list_unreached(session, limit)
        return UnreachedList(
            notices=[
                Unreached(
                    id=row.id,
                    organisation=row.organisation,
                    name=row.recipient_name,
                    role=row.role,
                    at=row.composed_at,
                    deadline_at=row.deadline_at,
                )
                for row in rows
            ]
        )

    @router.post(
        "/receipts",
        response_model_exclude_none=True,
        responses={400: {}, 401: {}, 403: {}, 413: {}, 422: {}},
        openapi_extra=body_schema(BulkReceipts),
    )
    async def confirm_notices(
        request: Request,
        authorization: Annotated[str | None, Header()] = None,
        x_purpose: Annotated[str, Header(max_length=200)] = PURPOSE,
    ) -> BulkAnswer:
        """Many receipts at once; one that is wrong does not fail the others."""
        credential = await door.allow(authorization, Operation.ACKNOWLEDGE_NOTICES)
        asked = await read_model(request, BulkReceipts, BULK_LIMIT_BYTES)
        async with parts.database.transaction() as session:
            return await _confirm_many(
                session, asked.receipts, credential, parts.clock(), x_purpose
            )

    @router.post(
        "/{notice}/receipts",
        response_model_exclude_none=True,
        responses={400: {}, 401: {}, 403: {}, 404: {}, 410: {}, 413: {}, 422: {}},
        openapi_extra=body_schema(Receipt),
    )
    async def confirm_notice(
        notice: UUID,
        request: Request,
        authorization: Annotated[str | None, Header()] = None,
        x_purpose: Annotated[str, Header(max_length=200)] = PURPOSE,
    ) -> ReceiptAnswer:
        """A person acknowledged a notice, filed it, was told by telephone, or declined it.

        The same again changes nothing. Social care may record a call to anybody whose notice is
        late, and is told no more than the time of it.
        """
        credential = await door.allow(authorization, Operation.ACKNOWLEDGE_NOTICES)
        receipt = await read_model(request, Receipt, BODY_LIMIT_BYTES)
        at = parts.clock()
        async with parts.database.transaction() as session:
            row = await mailbox.find(session, notice, credential.scopes)
            if row is None and receipt.state == "told-by-telephone":
                return await _record_others_call(
                    session, notice, receipt, credential, at, x_purpose
                )
            standing(row)
            await _check(session, row, receipt, at)
            facts = await _give(session, [(row, receipt)], at)
            await audit_notices(session, credential, f"{receipt.state}-notice", [row], x_purpose)
            after = await mailbox.find(session, notice, credential.scopes)
            await bus.append(session, *facts)
        return ReceiptAnswer.model_validate(after, from_attributes=True, by_name=True)


async def _record_others_call(
    session: Session,
    notice: UUID,
    receipt: Receipt,
    credential: Credential,
    at: datetime,
    purpose: str,
) -> ReceiptAnswer:
    row = None
    if may(OrganisationKind(credential.kind), Operation.RECORD_TELEPHONE_CALLS):
        row = await find_unreached(session, notice, at)
    called = standing(row)
    await _check(session, called, receipt, at)
    facts = await _give(session, [(called, receipt)], at)
    await audit_notices(session, credential, f"{receipt.state}-notice", [called], purpose)
    await bus.append(session, *facts)
    return ReceiptAnswer(id=called.id, state="told-by-telephone", telephoned_at=receipt.when)


async def _check(session: Session, row: Any, receipt: Receipt, at: datetime) -> None:
    """A test is not declined, nor told by telephone; a call may not lie in the future, nor before
    the event was here."""
    if receipt.state in ("declined", "told-by-telephone"):
        check_real(row)
    if receipt.when is None or receipt.state != "told-by-telephone":
        return
    if receipt.when > at:
        raise _bad_time("may not lie in the future")
    if receipt.when < await earliest_call(session, row.receipt):
        raise _bad_time("may not lie before the event was accepted")


def _bad_time(detail: str) -> Problem:
    return Problem(422, "invalid", "The body breaks a rule.", [FieldError("/when", "time", detail)])


async def _give(session: Session, given: list[tuple[Any, Receipt]], at: datetime) -> list[bus.Fact]:
    """Do what found notices' receipts say; the facts to append."""
    facts: list[bus.Fact] = []
    # In one go what says the same; acknowledged before filed, as a recipient would do it.
    alike: dict[tuple[str, str], dict[UUID, str | None]] = defaultdict(dict)
    for row, receipt in given:
        if receipt.state == "declined" and receipt.reason is not None:
            facts += await decline_notice(session, row, receipt.reason, receipt.text, at)
        elif receipt.state in ("acknowledged", "filed"):
            alike[receipt.state, receipt.by or ""][row.id] = receipt.record_reference
        elif receipt.when and receipt.told_by and receipt.told_to:
            facts += await record_call(session, row, receipt.when, receipt.told_by, receipt.told_to)
    for state, by in sorted(alike):
        found = alike[state, by]
        references = {one: name for one, name in found.items() if name is not None}
        step: Literal["acknowledged", "filed"] = "filed" if state == "filed" else "acknowledged"
        facts += await mailbox.confirm(session, list(found), step, at, by, references)
    return facts


async def _confirm_many(
    session: Session,
    items: list[dict[str, Any]],
    credential: Credential,
    at: datetime,
    purpose: str,
) -> BulkAnswer:
    read: list[tuple[UUID, Receipt] | Problem] = []
    for item in items:
        try:
            read.append((validated(_ForNotice, item).notice, validated(Receipt, item)))
        except Problem as problem:
            read.append(problem)
    wanted = {one[0] for one in read if not isinstance(one, Problem)}
    found = await mailbox.find_many(session, sorted(wanted), credential.scopes)
    given: list[tuple[Any, Receipt]] = []
    for place, one in enumerate(read):
        if isinstance(one, Problem):
            continue
        try:
            row = standing(found.get(one[0]))
            await _check(session, row, one[1], at)
            given.append((row, one[1]))
        except Problem as problem:
            read[place] = problem
    facts = await _give(session, given, at)
    for state in sorted({receipt.state for _, receipt in given}):
        rows = [row for row, receipt in given if receipt.state == state]
        await audit_notices(session, credential, f"{state}-notice", rows, purpose)
    after = await mailbox.find_many(session, sorted(wanted), credential.scopes)
    await bus.append(session, *facts)
    return BulkAnswer(
        results=[
            BulkResult(status=one.status, problem=one.body())
            if isinstance(one, Problem)
            else BulkResult(
                status=200,
                receipt=ReceiptAnswer.model_validate(
                    after[one[0]], from_attributes=True, by_name=True
                ),
            )
            for one in read
        ]
    )
