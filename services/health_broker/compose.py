"""From an addressed event to stored FHIR messages: one row per obligation (step 5).

A message is rendered from its profile's content, validated, and stored as the bytes that are sent
at every attempt. What cannot be sent becomes a fact that says so, never silence.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text

from bus import Fact, append
from chassis.clock import Clock, now
from chassis.database import Session, after_commit
from chassis.outbound import CANCELLED, FAILED, WAITING
from chassis.telemetry import logger
from schemas.facts import (
    Addressee,
    EventAddressed,
    NoticeFact,
    NoticeFailed,
    NoticeSuperseded,
    NoticeWithheld,
    Profile,
)
from schemas.profiles import MissingFound, NothingToRender, Withdrawal, render
from services.health_broker.earlier import choose_concerns, find_earlier
from services.health_broker.fhir import Envelope, Party, find_faults, render_message
from services.health_broker.obligation import log_stored, make_row, store_rows
from services.health_broker.peers import KnownPeer, find_peers
from services.health_broker.standing import (
    FOUND,
    RESTATED,
    WITHDRAWN,
    find_overtaken,
    stop_telling,
)
from services.health_broker.tell import OWNER, fact_about

log = logger("health_broker.compose")

NO_MESSAGE, NO_PEER, NOT_VALID = "no-message-for-profile", "no-peer", "message-not-valid"
NOTHING_SENT = "nothing-was-sent"
_ENDING = (Profile.MISSING_FOUND, Profile.WITHDRAWAL)


@dataclass(frozen=True, slots=True)
class _Composed:
    """A message to send."""

    event: str
    body: bytes
    concern: UUID


@dataclass(frozen=True, slots=True)
class _NotSent:
    """Why there is none, and the fact that says so."""

    reason: str
    fact: type[NoticeFact]

    @property
    def state(self) -> str:
        return FAILED if self.fact is NoticeFailed else CANCELLED


@dataclass(frozen=True, slots=True)
class Composer:
    """Composes for the recipients that are ours.

    Attributes:
        ours: our end of a message.
        wake: called after the commit that stored something to send.
    """

    ours: Party
    wake: Callable[[], None]
    clock: Clock = now

    async def compose_messages(
        self, session: Session, addressed: EventAddressed, traceparent: str | None = None
    ) -> None:
        """Store one message per recipient of ours, and tell what is withheld, failed, overtaken."""
        at = self.clock()
        told = await self._stop_earlier(session, addressed, at)
        recipients = [one for one in addressed.recipients if one.owner == OWNER]
        if recipients:
            told += await self._compose_each(session, addressed, recipients, at, traceparent)
        await append(session, *told)

    async def _stop_earlier(
        self, session: Session, addressed: EventAddressed, at: datetime
    ) -> list[Fact]:
        cancelled: list[Mapping[Any, Any]] = []
        restated = [addressed.supersedes] if addressed.supersedes is not None else []
        for receipts, reason in ((restated, RESTATED), (addressed.closes, FOUND)):
            cancelled += await stop_telling(
                session,
                receipts,
                child_id=addressed.child_id,
                reason=reason,
                by_receipt=addressed.receipt,
                at=at,
            )
        for notice in addressed.withdraws:
            cancelled += await stop_telling(
                session,
                [addressed.receipt],
                child_id=notice,
                reason=WITHDRAWN,
                by_receipt=addressed.receipt,
                at=at,
            )
        return [fact_about(NoticeSuperseded, row, at, reason=row["reason"]) for row in cancelled]

    async def _compose_each(
        self,
        session: Session,
        addressed: EventAddressed,
        recipients: Sequence[Addressee],
        at: datetime,
        traceparent: str | None,
    ) -> list[Fact]:
        pair = (addressed.receipt, addressed.child_id)
        made = [make_row(addressed, one, at, traceparent) for one in recipients]
        notices = [(addressed.receipt, row["id"]) for row in made]
        overtaken = await find_overtaken(session, [pair, *notices])
        peers = await find_peers(session, [one.organisation for one in recipients])
        informed = await _is_social_care_informed(session, *pair)
        rows: dict[UUID, dict[str, Any]] = {}
        facts: dict[UUID, type[NoticeFact]] = {}
        for one, row, itself in zip(recipients, made, notices, strict=True):
            reason = overtaken.get(pair) or overtaken.get(itself)
            result: _Composed | _NotSent | None = _refuse_early(one, reason, peers)
            if result is None:
                result = await self._compose_one(
                    session, addressed, one, peers[one.organisation], row["id"], informed, at
                )
            if isinstance(result, _Composed):
                row |= {"event": result.event, "body": result.body, "concern": result.concern}
            else:
                row |= {"state": result.state, "reason": result.reason, "settled_at": at}
                facts[row["id"]] = result.fact
            rows[row["id"]] = row
        stored = await store_rows(session, rows)
        for notice in stored:
            log_stored(rows[notice])
        if any(rows[notice]["state"] == WAITING for notice in stored):
            after_commit(session, "health-broker-send", self.wake)
        return [
            fact_about(facts[notice], rows[notice], at, reason=rows[notice]["reason"])
            for notice in stored
            if notice in facts
        ]

    async def _compose_one(
        self,
        session: Session,
        addressed: EventAddressed,
        recipient: Addressee,
        peer: KnownPeer,
        notice: UUID,
        informed: bool,
        at: datetime,
    ) -> _Composed | _NotSent:
        try:
            content = render(
                recipient.profile, addressed, social_care_informed=informed, for_health=True
            )
        except NothingToRender:
            return _NotSent(NO_MESSAGE, NoticeFailed)
        named = _named_receipts(addressed, content)
        before = [
            one
            for one in await find_earlier(session, addressed, named)
            if one.organisation == recipient.organisation
        ]
        told_before = any(one.told for one in before)
        if recipient.profile in _ENDING and before and not told_before:
            return _NotSent(NOTHING_SENT, NoticeWithheld)
        concerns = choose_concerns(before, named, addressed.receipt)
        rendered = render_message(
            content,
            Envelope(
                notice=notice,
                child_id=addressed.child_id,
                organisation=recipient.organisation,
                composed_at=at,
                sender=self.ours,
                receiver=peer.as_party(),
                concerns=concerns,
                told_before=told_before,
                withdrawn_event=next((one.event for one in before if one.event), None),
            ),
        )
        if rendered is None:
            return _NotSent(NO_MESSAGE, NoticeFailed)
        faults = find_faults(rendered.bundle)
        if faults:
            # The rules that are broken, never the values, which would be personal data.
            log.error("message_faults", notice=str(notice), faults=len(faults))
            return _NotSent(NOT_VALID, NoticeFailed)
        return _Composed(rendered.event, rendered.as_bytes(), concerns[0])


def _refuse_early(
    recipient: Addressee, overtaken: str | None, peers: Mapping[str, KnownPeer]
) -> _NotSent | None:
    if recipient.withheld is not None:
        return _NotSent(recipient.withheld, NoticeWithheld)
    if overtaken is not None:
        return _NotSent(overtaken, NoticeSuperseded)
    if recipient.organisation not in peers:
        return _NotSent(NO_PEER, NoticeFailed)
    return None


def _named_receipts(addressed: EventAddressed, content: object) -> tuple[UUID, ...]:
    """The earlier events that this one is about; the directory's word before the sender's."""
    if isinstance(content, Withdrawal):
        return (content.withdraws,) if content.withdraws is not None else ()
    if isinstance(content, MissingFound):
        return addressed.closes or ((content.report,) if content.report is not None else ())
    return (addressed.supersedes,) if addressed.supersedes is not None else ()


async def _is_social_care_informed(session: Session, receipt: UUID, child_id: UUID) -> bool:
    found = await session.execute(
        text("""select 1 from health_broker.informed
                 where receipt = :receipt and child_id = :child"""),
        {"receipt": receipt, "child": child_id},
    )
    return found.first() is not None
