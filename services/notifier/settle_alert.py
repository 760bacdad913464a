"""What came of trying to send an alert, written in one short transaction. Steps; they never commit.

A try that ended after its lease is noted as late and changes nothing: somebody else has the alert.
"""

from __future__ import annotations

import random
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from prometheus_client import Counter
from sqlalchemy import text

from chassis import outbound
from chassis.database import Session
from services.notifier.alert_tables import AlertSending
from services.notifier.channels.alert import Accepted, Later, Outcome, Refused
from services.notifier.fail_alert import TECHNICAL, TEMPORARY, fail_alert
from services.notifier.obligations import STILL_WAITS
from services.notifier.settings import AlertSettings

attempts_total = Counter("notifier_alert_attempts_total", "Alerts sent", ["outcome"])


@dataclass(frozen=True, slots=True)
class Claimed:
    """What may be sent now. `escalated`: notices whose contact has failed meanwhile."""

    jobs: list[Job]
    escalated: int = 0


@dataclass(frozen=True, slots=True)
class Job:
    """One claimed alert."""

    alert: UUID
    token: UUID
    number: int
    notices: int
    closed_at: datetime
    channel: str
    address: str


class Tried(NamedTuple):
    """One try, and what came of it."""

    job: Job
    at: datetime
    milliseconds: int
    outcome: Outcome


async def claim_alerts(
    session: Session, at: datetime, settings: AlertSettings, but: Collection[str] = ()
) -> Claimed:
    """Claim what is due, except for the channels `but`. What was read meanwhile is cancelled
    instead of sent, and that of a contact which was disabled meanwhile has failed."""
    claim = await outbound.claim(
        session,
        AlertSending,
        limit=settings.at_once,
        lease_seconds=settings.lease_seconds,
        unless="q.channel = any(:but)" if but else "",
        values={"but": list(but)} if but else {},
        columns="q.id, q.attempts",
    )
    if not claim.rows:
        return Claimed([])
    rows = (await session.execute(_READ, {"ids": [row.id for row in claim.rows]})).all()
    numbers = {row.id: row.attempts for row in claim.rows}
    ready = [row for row in rows if row.status == "sending" and row.waits and row.active]
    ended = [row for row in rows if row not in ready]
    escalated = 0
    if ended:
        # Or Notify's callback came before we knew that Notify has it.
        await outbound.settle(
            session,
            AlertSending,
            claim.token,
            [outbound.Settlement(row.id, outbound.CANCELLED) for row in ended],
        )
        await session.execute(
            _CANCEL, {"ids": [row.id for row in ended if not row.waits or row.removed], "at": at}
        )
        for row in ended:
            if row.status == "sending" and row.waits and not row.removed:
                reason = row.disabled_reason or "disabled"
                escalated += (
                    await fail_alert(session, row.id, "failed", reason, at, disables=True) or 0
                )
    jobs = [
        Job(
            row.id, claim.token, numbers[row.id], row.notices, row.closed_at, row.channel,
            row.address,
        )
        for row in ready
    ]  # fmt: skip
    return Claimed(jobs, escalated)


async def settle_alert(
    session: Session, tried: Tried, at: datetime, settings: AlertSettings
) -> int:
    """Settle one try in the caller's transaction; returns how many notices escalate."""
    job, outcome = tried.job, tried.outcome
    settlement = _verdict(tried, at, settings)
    ours = await outbound.settle(session, AlertSending, job.token, [settlement])
    await session.execute(
        _ATTEMPT,
        {
            "alert": job.alert,
            "number": job.number,
            "at": tried.at,
            "milliseconds": tried.milliseconds,
            "outcome": outcome.code,
            "late": not ours,
        },
    )
    attempts_total.labels(outcome.code).inc()
    if not ours:
        return 0
    if settlement.state == outbound.DONE:
        await session.execute(_ACCEPT, {"alert": job.alert, "at": at})
    elif settlement.state == outbound.FAILED:
        disables = isinstance(outcome, Refused) and outcome.address
        failed = await fail_alert(session, job.alert, "failed", outcome.code, at, disables=disables)
        return failed or 0
    return 0


def _verdict(tried: Tried, at: datetime, settings: AlertSettings) -> outbound.Settlement:
    job = tried.job
    match tried.outcome:
        case Accepted():
            return outbound.Settlement(job.alert, outbound.DONE)
        case Refused():
            return outbound.Settlement(job.alert, outbound.FAILED)
        case Later():
            if (at - job.closed_at).total_seconds() > settings.give_up_seconds:
                return outbound.Settlement(job.alert, outbound.FAILED)
            ceiling = settings.retry_first_seconds * 2.0 ** min(job.number - 1, 30)
            # Half of it at random: a relay that comes back is not asked by everybody at once.
            delay = min(ceiling, settings.retry_last_seconds) * random.uniform(0.5, 1.0)  # noqa: S311
            return outbound.Settlement(job.alert, outbound.WAITING, delay)


_READ = text(f"""
    select a.id, a.status, a.notices, a.closed_at, c.channel, c.address, c.active,
           c.disabled_reason, coalesce(c.disabled_reason = 'removed', false) as removed,
           exists (select from notifier.alert_notice n
                     join notifier.obligation o on o.id = n.notice
                    where n.alert = a.id and {STILL_WAITS}) as waits
      from notifier.alert a join notifier.contact c on c.id = a.contact
     where a.id = any(:ids) order by a.id""")

_CANCEL = text("""
    update notifier.alert a
       set status = 'cancelled', ended_at = :at,
           reason = case when exists (select from notifier.contact c
                                       where c.id = a.contact and c.disabled_reason = 'removed')
                         then 'contact-removed' else 'read' end
     where a.id = any(cast(:ids as uuid[])) and a.status = 'sending'""")

# A callback that was quicker has said more already.
_ACCEPT = text(f"""
    with accepted as (
        update notifier.alert
           set status = case when status = 'sending' then 'accepted' else status end,
               accepted_at = coalesce(accepted_at, :at)
         where id = :alert returning contact, status)
    update notifier.contact c set failed_at = null, failed_reason = null
      from accepted a
     where c.id = a.contact and c.active and c.failed_at is not null
       and c.failed_reason not in ('{TEMPORARY}', '{TECHNICAL}')
       and a.status in ('accepted', 'delivered')""")

_ATTEMPT = text("""
    insert into notifier.alert_attempt (alert, number, at, milliseconds, outcome, late)
    values (:alert, :number, :at, :milliseconds, :outcome, :late)""")
