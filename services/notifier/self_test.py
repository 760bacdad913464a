"""A test notice that an organisation sends itself: the whole way of a notice, of nobody.

Steps. It is a row like any other, so that it is sent, signed, listed, read and confirmed by the
same code; but it has no ladder and no deadline, it is told to nobody on the bus, it counts in no
figure of notices, and after a while it is deleted.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from prometheus_client import Counter
from sqlalchemy import text

from chassis.database import Session
from chassis.ids import new_id
from schemas.self_test import EVENT_TYPE, PROFILE, SelfTest
from services.notifier.draft import OURS, Draft
from services.notifier.obligations import insert_deliveries, insert_drafts
from services.notifier.routes import read_routes
from services.notifier.settings import NotifierGroup

tests_total = Counter(
    "notifier_test_notices_total", "Test notices that organisations sent themselves"
)

NOBODY = UUID(int=0xFFFF)
"""The child of every test notice."""


@dataclass(frozen=True, slots=True)
class Sent:
    """It is on its way, and deleted after `expires_at`."""

    notice: UUID
    by_webhook: bool
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class TooMany:
    """There were as many as are allowed; the next may be sent after so many seconds."""

    after_seconds: float


@dataclass(frozen=True, slots=True)
class NoWay:
    """Nothing can be sent there by the notifier, and why."""

    reason: str


async def send_test(
    session: Session, organisation: str, at: datetime, settings: NotifierGroup
) -> Sent | TooMany | NoWay:
    """Send a test to an organisation, in the caller's transaction."""
    bounds = settings.self_service
    await session.execute(_LOCK, {"name": f"tests of {organisation}"})
    hour = timedelta(hours=1)
    about = {"organisation": organisation, "since": at - hour}
    sent, first = (await session.execute(_RECENT, about)).one()
    if sent >= bounds.tests_per_hour:
        return TooMany(max(1.0, (first + hour - at).total_seconds()))
    routes = await read_routes(session, [organisation], settings.deadlines)
    route = routes.get(organisation)
    if route is None:
        return NoWay("unknown-organisation")
    reason = route.missing() or ("not-by-us" if route.channel == "fhir" else None)
    if reason is not None:
        return NoWay(reason)
    by_webhook = route.channel == "webhook"
    made, receipt = new_id(), new_id()
    draft = Draft(
        id=made, receipt=receipt, child_index=0, child_id=NOBODY, part="whole", rung=0, chain=made,
        event_type=EVENT_TYPE, happened_at=at, accepted_at=at, organisation=organisation,
        recipient_name=route.name, role=PROFILE, profile=PROFILE, owner=OURS, rule=PROFILE,
        content=SelfTest(receipt=receipt).model_dump_json(by_alias=True), state="waiting",
        reason=None, watch="ended", watch_due_at=None, deadline_at=None, composed_at=at,
        sent_at=None if by_webhook else at,
    )  # fmt: skip
    await insert_drafts(session, [draft])
    if by_webhook:
        await insert_deliveries(session, [draft], routes)
        await session.execute(_MARK, {"id": made})
    tests_total.inc()
    return Sent(made, by_webhook, at + timedelta(hours=bounds.keep_tests_hours))


async def forget_tests(session: Session, before: datetime, limit: int) -> int:
    """Delete tests of before a time, with all that came of them; returns how many."""
    done = await session.execute(_FORGET, {"before": before, "limit": limit})
    return len(done.all())


_LOCK = text("select pg_advisory_xact_lock(hashtextextended(:name, 0))")

_RECENT = text(f"""
    select count(*), min(composed_at) from notifier.obligation
     where profile = '{PROFILE}' and composed_at > :since and organisation = :organisation""")

# It takes its turn after every notice of a child.
_MARK = text("""
    update notifier.delivery set test = true, turn_at = turn_at + interval '1000 years'
     where id = :id""")

# The delivery first: the order in which everybody takes these locks.
_FORGET = text(f"""
    with old as materialized (
        select id from notifier.obligation where profile = '{PROFILE}' and composed_at < :before
         order by composed_at limit :limit),
    queued as (delete from notifier.delivery d using old where d.id = old.id),
    tried as (delete from notifier.attempt a using old where a.notice = old.id)
    delete from notifier.obligation o using old where o.id = old.id returning o.id""")
