"""What a worker who takes a child over is told of what was told about it: a part of addressing.

References, times, classes and codes of events that the worker would be told of today; nothing of an
event that is withheld from it, and of one that was taken back only that it was. Made from what the
directory has heard when it hears of the assignment: whatever it hears later is told by the policy.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import text

from chassis.database import Session
from chassis.telemetry import logger
from schemas.facts import Digest, DigestLine, EventAccepted
from schemas.organisations import RecipientRole
from services.directory.address import read_situations
from services.directory.evaluate import evaluate, wish_to_withhold
from services.directory.find_recipients import Found
from services.directory.organisations import Present
from services.directory.partnership import Partnership
from services.directory.policy import Recipient
from services.directory.record_event import Recorded, read_event
from services.directory.register import RegisteredChild
from services.directory.situation import Case

log = logger("directory.digest")

MOST_LINES = 200
"""A digest that nobody reads to its end tells nobody anything: the newest are in it."""

_TOLD = text("""
    select a.receipt, min(a.child_index) as child_index,
           array_agg(distinct a.role) filter (where a.withdrawn_at is null and a.role is not null)
               as roles,
           coalesce(bool_or(not t.replaced), false) as retracted
      from (select receipt, child_id, child_index, organisation, profile, part, role, withheld,
                   withdrawn_at, withdrawn_because
              from directory.addressed
             union all
            select receipt, child_id, child_index, null, 'answer', 'whole', null, null, null, null
              from directory.answered) a
      join directory.event e using (receipt)
      left join directory.tombstone t on t.receipt = a.receipt
     where a.child_id = :child and a.part = 'whole' and a.withheld is null
       and a.profile not in ('withdrawal', 'receipt', 'worker-digest')
       and (a.withdrawn_at is null or a.withdrawn_because = 'retracted')
       and not coalesce(t.replaced, false)
       and (cast(:own as text[]) is null or a.organisation = any(cast(:own as text[])))
     group by a.receipt""")


class Taking(NamedTuple):
    """Who takes which child over, by which event, and from whom.

    `whole`: children's social care, which is told of everything; others of what their own posts
    were told.
    """

    event: EventAccepted
    child: RegisteredChild
    unit: Present
    former: frozenset[str]
    earlier: tuple[UUID, ...]
    whole: bool


class _Known(NamedTuple):
    row: Any
    recorded: Recorded

    @property
    def event(self) -> EventAccepted:
        return self.recorded.event


async def gather_digest(session: Session, partnership: Partnership, taking: Taking) -> Digest:
    """The digest for one who takes a child over."""
    since = taking.event.accepted_at - timedelta(days=partnership.settings.digest_days)
    own = None if taking.whole else sorted({*taking.former, *taking.unit.ids})
    rows = await session.execute(_TOLD, {"child": taking.child.id, "own": own})
    known: list[_Known] = []
    for row in rows:
        recorded = await read_event(session, row.receipt)
        if recorded is not None and recorded.event.accepted_at >= since:
            known.append(_Known(row, recorded))
    known.sort(key=lambda one: (one.event.occurred_at, one.event.receipt))
    entitled = await _entitled(session, partnership, taking, known)
    mine = [one for one in known if one.event.receipt in entitled]
    if len(mine) < len(known):
        log.info(
            "digest_withheld",
            receipt=str(taking.event.receipt),
            events=len(known) - len(mine),
            next="the worker is not told of these; the MASH has them",
        )
    standing = [one for one in mine if not one.row.retracted]
    return Digest(
        since=since,
        takes_over=tuple(sorted(taking.former - taking.unit.ids)),
        mash=taking.whole,
        earlier=taking.earlier,
        lines=tuple(_line(one, whole=taking.whole) for one in standing[-MOST_LINES:]),
        withdrawn=tuple(one.event.receipt for one in mine if one.row.retracted),
        left_off=max(0, len(standing) - MOST_LINES),
    )


def _line(one: _Known, *, whole: bool) -> DigestLine:
    data, about = one.event.data, _about(one.event)
    said = data.get("outcome") or (data.get("grade") if whole else None)
    return DigestLine(
        receipt=one.event.receipt,
        event_type=one.event.event_type,
        occurred_at=one.event.occurred_at,
        told=tuple(sorted(RecipientRole(role) for role in one.row.roles or ())),
        about=UUID(about) if about else None,
        said=said,
    )


def _about(event: EventAccepted) -> str | None:
    """The receipt of the referral or report that an event speaks of."""
    return event.data.get("referral") or event.data.get("report")


async def _entitled(
    session: Session, partnership: Partnership, taking: Taking, known: Sequence[_Known]
) -> set[UUID]:
    """The receipts of events that the worker would be told of if they came today."""
    found = Found(taking.unit.organisation, RecipientRole.ALLOCATED_WORKER, taking.unit.ids)
    allowed = {
        one.event.receipt for one in known if wish_to_withhold(one.event.data, found) is None
    }
    if taking.whole:
        allowed &= await _by_policy(session, partnership, taking, known)
    # What is said of a referral that is withheld is withheld with it.
    listed = {str(one.event.receipt) for one in known}
    blocked = listed - {str(one) for one in allowed}
    return {
        one.event.receipt
        for one in known
        if one.event.receipt in allowed
        and (about := _about(one.event)) not in blocked
        # Of what nobody was told, the referral alone says that it is about this child.
        and (one.row.roles or one.row.retracted or about in listed)
    }


async def _by_policy(
    session: Session, partnership: Partnership, taking: Taking, known: Sequence[_Known]
) -> set[UUID]:
    """Those that a line of the policy tells an allocated worker; types without such a line too."""
    judged = [
        one
        for one in known
        if any(
            line.recipient is Recipient.WORKER
            for line in partnership.policy.lines_for(one.event.event_type)
        )
    ]
    cases = [Case(one.event, one.row.child_index, taking.child) for one in judged]
    told = {one.event.receipt for one in known} - {one.event.receipt for one in judged}
    for at in await read_situations(session, partnership, cases) if cases else ():
        outcome = evaluate(partnership.policy, at)
        if any(one.organisation == taking.unit.organisation.id for one in outcome.told):
            told.add(at.case.event.receipt)
    return told
