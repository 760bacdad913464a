"""What is learnt of an alert after it was sent. Steps; they never commit.

One that did not arrive is a failure that people see, and a ladder that goes on at once: the contact
is marked, and what waits for its organisation, and nobody else there can be told of, does not wait
for its deadline.
"""

from __future__ import annotations

from datetime import datetime
from typing import Literal
from uuid import UUID

from prometheus_client import Counter
from sqlalchemy import text

from chassis.database import Session
from chassis.telemetry import logger

log = logger("notifier.fail_alert")

alerts_failed_total = Counter("notifier_alerts_failed_total", "Alerts that failed", ["reason"])

CONTACT_FAILED = "contact-failed"
"""Why a ladder went on: whoever was to be told could not be."""

TEMPORARY, TECHNICAL = "temporary-failure", "technical-failure"
"""What Notify says of an alert that it had accepted, so that accepting the next proves nothing."""


async def is_alert(session: Session, alert: UUID) -> bool:
    """Whether there is such an alert."""
    return (await session.execute(_KNOWN, {"alert": alert})).scalar() is not None


async def note_arrival(session: Session, alert: UUID, at: datetime) -> None:
    """It arrived, so its contact is well; a failure that was told before stands."""
    await session.execute(_ARRIVED, {"alert": alert, "at": at})


async def fail_alert(
    session: Session,
    alert: UUID,
    status: Literal["failed", "bounced"],
    reason: str,
    at: datetime,
    *,
    disables: bool,
) -> int | None:
    """Fail an alert, once; returns how many notices escalate, None when it had failed before.

    Args:
        reason: a code, which may be logged and counted.
        disables: the address itself is wrong, so nothing is sent to it until a person confirms it.
    """
    failed = (
        await session.execute(_FAIL, {"alert": alert, "status": status, "reason": reason, "at": at})
    ).scalar()
    if failed is None:
        return None
    await session.execute(
        _MARK, {"contact": failed, "reason": reason, "at": at, "disables": disables}
    )
    pulled = (
        await session.execute(_PULL, {"contact": failed, "at": at, "why": CONTACT_FAILED})
    ).all()
    alerts_failed_total.labels(reason).inc()
    log.error(
        "alert_failed",
        alert=str(alert),
        contact=str(failed),
        status=status,
        reason=reason,
        disabled=disables,
        escalated=len(pulled),
        next="what waits and nobody else is told of escalates now; mend or replace the contact",
    )
    return len(pulled)


_KNOWN = text("select 1 from notifier.alert where id = :alert")

_ARRIVED = text("""
    with arrived as (
        update notifier.alert set status = 'delivered', ended_at = :at,
               accepted_at = coalesce(accepted_at, :at)
         where id = :alert and status in ('sending', 'accepted') returning contact)
    update notifier.contact c set failed_at = null, failed_reason = null
      from arrived where c.id = arrived.contact and c.active and c.failed_at is not null""")

_FAIL = text("""
    update notifier.alert set status = :status, reason = :reason, ended_at = :at,
           closed_at = coalesce(closed_at, :at)
     where id = :alert and status not in ('failed', 'bounced') returning contact""")

_MARK = text("""
    update notifier.contact
       set failed_at = :at, failed_reason = :reason, active = active and not :disables,
           disabled_reason = case when active and :disables then :reason else disabled_reason end
     where id = :contact and disabled_reason is distinct from 'removed'""")

# What the recipient's own system has fetched, or was sent, waits for its deadline as ever; and so
# does what it is about to fetch, where it pulls as often as it said (see `pulls`). In the order of
# ids, as everybody who takes several of these locks.
_PULL = text("""
    with mine as materialized (
        select o.id from notifier.contact c join notifier.obligation o
            on o.organisation = c.organisation and (c.role is null or c.role = o.role)
         where c.id = :contact and o.owner = 'notifier' and o.opened_at is null
           and o.state = 'waiting' and o.watch = 'watching' and o.withdrawn_at is null
           and not exists (
               select from notifier.contact k
                where k.organisation = c.organisation and k.id <> c.id and k.active
                  and k.failed_at is null and (k.role is null or k.role = o.role))
           and not exists (
               select from notifier.mailbox m
                where m.organisation = c.organisation and m.pull_interval_minutes is not null
                  and m.lapsed_at is null)
         order by o.id for update of o)
    update notifier.obligation o
       set watch_due_at = least(o.watch_due_at, :at), reason = :why
      from mine where o.id = mine.id
    returning o.id""")
