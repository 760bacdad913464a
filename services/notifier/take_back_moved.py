"""An assignment that was taken back: what changed hands by it goes back, and nothing is lost.

Part of composing. The notices of whoever was assigned by mistake end; those of whoever had the
child before are open again, unless somebody else took it over since. And whatever is corrected or
retracted is withdrawn from those to whom it only came by an assignment, whom the directory does not
know to have been told.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import text

from chassis.database import Session
from chassis.telemetry import logger
from schemas.facts import Addressee, EventAddressed, Profile
from schemas.organisations import RecipientRole
from services.notifier.pass_on import forget_relieved
from services.notifier.report import EVERY_CHILD
from services.notifier.settings import DeadlineSettings
from services.notifier.standing import Ending

log = logger("notifier.reallocate")

_TAKING_BACK = ("retracted", "superseded")


@dataclass(slots=True)
class TakenBack:
    """What ends with assignments that were taken back, and whether something must be sent again."""

    endings: list[Ending] = field(default_factory=list)
    receipts: list[UUID] = field(default_factory=list)
    to_deliver: bool = False


async def find_mistaken(session: Session, endings: Sequence[Ending]) -> list[Any]:
    """The notices that were made by assignments among what ends; nearly always none."""
    bys = {one.receipt for one in endings if one.kind in _TAKING_BACK}
    if not bys:
        return []
    return list((await session.execute(_MADE, {"bys": sorted(bys)})).all())


def endings_of_mistaken(rows: Iterable[Any], endings: Sequence[Ending]) -> list[Ending]:
    """Each such notice ends for itself, with its ladder; its event stands."""
    by = {one.receipt: one for one in endings if one.kind in _TAKING_BACK}
    return [
        Ending(row.receipt, row.id, "retracted", one.at, one.by)
        for row in rows
        if (one := by.get(row.reallocated_by)) is not None
    ]


async def open_again(
    session: Session, endings: Sequence[Ending], at: datetime, settings: DeadlineSettings
) -> bool:
    """What the former worker had is open again, from now on; True where a webhook goes again."""
    bys = {one.receipt for one in endings if one.kind in _TAKING_BACK}
    if not bys:
        return False
    await forget_relieved(session, sorted(bys))
    due = at + timedelta(minutes=settings.rung_minutes)
    again = (await session.execute(_OPEN_AGAIN, {"bys": sorted(bys), "due": due})).all()
    if not again:
        return False
    log.warning("notices_open_again", notices=[str(row.id) for row in again], next="watched anew")
    sent = await session.execute(_SEND_AGAIN, {"ids": [row.id for row in again]})
    return bool(sent.rowcount)


async def name_mistaken(session: Session, facts: Sequence[Any]) -> list[Any]:
    """The same facts; a withdrawal of an assignment names what came with it as well."""
    withdrawals = [one for one in facts if _withdrawn_receipt(one) is not None]
    if not withdrawals:
        return list(facts)
    bys = [_withdrawn_receipt(one) for one in withdrawals]
    rows = await session.execute(_CAME, {"bys": bys})
    came = {(row.reallocated_by, row.organisation): tuple(row.receipts) for row in rows}
    if not came:
        return list(facts)
    named = []
    for fact in facts:
        receipt = _withdrawn_receipt(fact)
        also = [
            one
            for to in (fact.recipients if receipt is not None else ())
            for one in came.get((receipt, to.organisation), ())
        ]
        named.append(fact.model_copy(update={"regards": tuple(also)}) if also else fact)
    return named


async def find_moved(session: Session, facts: Iterable[Any]) -> list[EventAddressed]:
    """Withdrawals to those who had a corrected or retracted event by an assignment only."""
    found: list[EventAddressed] = []
    for fact in facts:
        if not isinstance(fact, EventAddressed):
            continue
        receipt = fact.receipt if fact.withdraws else fact.supersedes
        if receipt is None:
            continue
        rows = await session.execute(_HAD, {"receipt": receipt, "child": fact.child_id})
        known = {one.organisation for one in fact.recipients if one.withheld is None}
        to = tuple(_addressee(row) for row in rows if row.organisation not in known)
        if to:
            update: dict[str, Any] = {"recipients": to, "closes": (), "digest": None, "data": {}}
            found.append(fact.model_copy(update=update))
    return found


def _withdrawn_receipt(fact: Any) -> UUID | None:
    if not isinstance(fact, EventAddressed):
        return None
    if not any(one.profile is Profile.WITHDRAWAL for one in fact.recipients):
        return None
    return fact.receipt if fact.withdraws else fact.supersedes


def _addressee(row: Any) -> Addressee:
    return Addressee(
        organisation=row.organisation,
        name=row.recipient_name,
        role=RecipientRole(row.role),
        profile=Profile.WITHDRAWAL,
        owner="notifier",
        rule=row.rule,
    )


_MADE = text("""
    select id, receipt, child_id, reallocated_by from notifier.obligation
     where reallocated_by = any(cast(:bys as uuid[])) and reallocated_from is not null
       and state <> 'superseded' and withdrawn_at is null order by id""")

# Not where the next one has handed it on, nor where a third took the child over meanwhile, nor
# where the event itself has ended.
_OPEN_AGAIN = text(f"""
    update notifier.obligation o
       set state = case when o.opened_at is not null then 'opened'
                        when o.delivered_at is not null then 'delivered' else 'waiting' end,
           reason = null, watch = 'watching', watch_due_at = greatest(o.deadline_at, :due),
           reallocated_by = null, reallocated_to = null
     where o.reallocated_by = any(cast(:bys as uuid[])) and o.state = 'superseded'
       and o.reason = 'reallocated' and o.withdrawn_at is null
       and not exists (select from notifier.obligation n
                        where n.id = o.reallocated_to and n.reallocated_to is not null)
       and not exists (select from notifier.obligation d
                         join notifier.obligation b on b.receipt = o.reallocated_by
                          and b.child_id = o.child_id and b.profile = 'worker-digest'
                          and b.id = b.chain
                        where d.child_id = o.child_id and d.profile = 'worker-digest'
                          and d.id = d.chain and d.rule = b.rule and d.withdrawn_at is null
                          and d.happened_at > b.happened_at and d.receipt <> b.receipt
                          and d.state <> 'superseded')
       and not exists (select from notifier.standing s
                        where s.receipt = o.receipt and s.kind <> 'found'
                          and s.child_id in ('{EVERY_CHILD}', o.child_id, o.id))
    returning o.id""")

_SEND_AGAIN = text("""
    update notifier.delivery
       set state = 'waiting', due_at = clock_timestamp(), ready = true, claim_token = null,
           claimed_until = null, settled_at = null
     where id = any(:ids) and state = 'cancelled'""")

_CAME = text("""
    select reallocated_by, organisation, array_agg(distinct receipt) as receipts
      from notifier.obligation
     where reallocated_by = any(cast(:bys as uuid[])) and reallocated_from is not null
       and (delivered_at is not null or sent_at is not null)
     group by reallocated_by, organisation""")

_HAD = text("""
    select distinct on (o.organisation) o.organisation, o.recipient_name, o.role, f.rule
      from notifier.obligation o join notifier.obligation f on f.id = o.chain
     where o.receipt = :receipt and o.child_id = :child and f.reallocated_from is not null
       and o.withdrawn_at is not null and o.state not in ('superseded', 'withheld')
     order by o.organisation, o.rung""")
