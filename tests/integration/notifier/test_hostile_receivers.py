"""Ten thousand obligations over receivers that do whatever receivers do.

Each ends in a stated state or is on a ladder; no receiver is hit above its rate; nothing connects
to where a redirect points; and a healthy receiver does not notice.
"""

from __future__ import annotations

import asyncio
import math
import random
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import text
from structlog.testing import capture_logs

from chassis.clock import now
from chassis.database import Database
from chassis.process import running
from schemas.facts import EventAddressed, Profile, notice_id
from schemas.organisations import RecipientRole
from services.notifier.compose import compose
from services.notifier.endpoints import add_endpoint, list_endpoints
from services.notifier.routes import record_organisations
from services.notifier.settings import DeadlineSettings
from tests.integration.notifier.world import (
    DUTY,
    addressed,
    group,
    open_notifier,
    organisation,
    to,
)
from tests.support.hostile_receivers import Heard, Stalls, hostile_receivers
from tests.support.waiting import eventually

TOTAL = 10_000
METADATA = "169.254.169.254"

# How many obligations each receiver has, and how many requests a second it may be sent.
SHARES: dict[str, tuple[int, int | None]] = {
    "limited": (600, 50),
    "busy": (1_200, 20),
    "failing": (1_200, 40),
    "silent": (1_200, None),
    "half": (1_000, None),
    "closing": (1_200, None),
    "redirecting": (1_000, 100),
    "gone": (1_000, None),
    "metadata": (1_000, None),
}
HEALTHY_IN_A_PHASE = (TOTAL - sum(count for count, _ in SHARES.values())) // 2
FIRST = 3_000
"""So many of the hard ones are there when the healthy receiver is measured beside them: before
the first of them are given up, all at once, as only a test has it."""
SETTLED = {"delivered", "failed"}


def school(behaviour: str) -> str:
    return f"urn-{behaviour}"


def facts_for(behaviour: str, count: int) -> list[EventAddressed]:
    recipient = to(school(behaviour), RecipientRole.SCHOOL, Profile.SCHOOL_FULL)
    return [addressed(recipient) for _ in range(count)]


def notice_of(fact: EventAddressed) -> str:
    [recipient] = fact.recipients
    return str(
        notice_id(
            fact.receipt, fact.child_id, recipient.organisation, recipient.profile, "whole", 0
        )
    )


async def compose_all(database: Database, facts: list[EventAddressed], batch: int) -> None:
    for start in range(0, len(facts), batch):
        async with database.transaction() as session:
            await compose(session, facts[start : start + batch], now(), DeadlineSettings())


@contextmanager
def connections() -> Iterator[Counter[str]]:
    """Every address that this process connects to, while the block runs."""
    seen: Counter[str] = Counter()
    watching = True

    def note(event: str, arguments: tuple[Any, ...]) -> None:
        if watching and event == "socket.connect" and isinstance(arguments[1], tuple):
            seen[str(arguments[1][0])] += 1

    sys.addaudithook(note)
    try:
        yield seen
    finally:
        watching = False


async def trickle(database: Database, count: int) -> dict[str, float]:
    """Notices for the healthy receiver, ten at a time; when each was due."""
    due: dict[str, float] = {}
    for _ in range(0, count, 10):
        facts = facts_for("well", 10)
        await compose_all(database, facts, 10)
        due.update({notice_of(fact): time.time() for fact in facts})
        await asyncio.sleep(0.1)
    return due


def percentile_99(due: dict[str, float], heard: Heard) -> float:
    """Seconds from due to received."""
    took = sorted(heard.first[notice] - at for notice, at in due.items())
    return max(0.0, took[int(0.99 * len(took))])


# Whatever is not settled, and whatever failed and has not climbed yet.
_OPEN = text("""
    select exists (select from notifier.delivery where settled_at is null)
        or exists (select from notifier.obligation
                    where watch = 'watching' and watch_due_at <= now())""")


async def states(database: Database) -> dict[str, Counter[tuple[str, str | None, str]]]:
    """By receiver: how many of its obligations are in which state, why, and where on a ladder."""
    async with database.reading() as session:
        rows = await session.execute(
            text("""select organisation, state, reason, watch, count(*) as many
                      from notifier.obligation where rung = 0 group by 1, 2, 3, 4""")
        )
        found: dict[str, Counter[tuple[str, str | None, str]]] = {}
        for row in rows:
            name = row.organisation.removeprefix("urn-")
            found.setdefault(name, Counter())[row.state, row.reason, row.watch] += row.many
        return found


async def sent(database: Database) -> dict[str, Heard]:
    """By receiver, when each request was sent, as the attempts say."""
    async with database.reading() as session:
        rows = await session.execute(
            text("""select e.organisation, extract(epoch from a.at) as at
                      from notifier.attempt a join notifier.endpoint e on e.id = a.endpoint
                     where a.status is not null or a.outcome in ('timed-out', 'not-connected')""")
        )
        found: dict[str, Heard] = {}
        for row in rows:
            name = row.organisation.removeprefix("urn-")
            found.setdefault(name, Heard()).times.append(float(row.at))
        return found


async def test_ten_thousand_obligations_over_hostile_receivers(database: Database) -> None:
    settings = group(
        timeout_seconds=1.0, lease_seconds=6.0, retry_first_seconds=0.5, retry_last_seconds=3.0,
        retry_after_least_seconds=0.5, pause_first_seconds=0.5, pause_last_seconds=3.0,
        pause_after_failures=10, give_up_seconds=12.0, per_receiver=64,
    )  # fmt: skip
    # Made beforehand: to make them is no part of what is told here, and holds up the loop.
    hard = [fact for name, (many, _) in SHARES.items() for fact in facts_for(name, many)]
    random.Random(7).shuffle(hard)
    # Eight thousand lines of "the next is told" cost more than telling them.
    own = Stalls()
    watching = asyncio.create_task(own.watch())
    with capture_logs(), connections() as connected:
        async with hostile_receivers() as hostile:
            async with database.transaction() as session:
                known = [
                    organisation(
                        school(name), channel="webhook", ladder=[(DUTY, RecipientRole.DUTY_OFFICER)]
                    )
                    for name in ("well", *SHARES)
                ]
                await record_organisations(session, [organisation(DUTY), *known])
                await add_endpoint(session, school("well"), hostile.url("well"))
                for name, (_, per_second) in SHARES.items():
                    url = f"http://{METADATA}/hook" if name == "metadata" else hostile.url(name)
                    await add_endpoint(session, school(name), url, per_second=per_second)
            _, notifier = open_notifier(database, settings)
            deliver, escalate = notifier.tasks[:2]
            async with running([deliver]):
                alone = await trickle(database, HEALTHY_IN_A_PHASE)
                await compose_all(database, hard[:FIRST], 100)
                beside = await trickle(database, HEALTHY_IN_A_PHASE)
                await compose_all(database, hard[FIRST:], 200)
                # Only now, so that what is compared is sending, not eight thousand escalations.
                async with running([escalate]):

                    async def all_end() -> bool:
                        # Seldom, and by an index: asking must not be what the machine does.
                        await asyncio.sleep(0.5)
                        async with database.reading() as session:
                            rows = await session.execute(_OPEN)
                            return not rows.scalar_one()

                    await eventually(all_end, within_seconds=80, what="every obligation ends")
            found, requests = await states(database), await sent(database)
            heard = await hostile.heard()
            theirs = await hostile.longest_stall_seconds()
            stalled = theirs + own.longest_seconds
            watching.cancel()
        async with database.reading() as session:
            endpoints = {one.organisation: one.state for one in await list_endpoints(session)}
            rungs = await session.execute(
                text("select count(*) from notifier.obligation where rung = 1")
            )
            told_next = int(rungs.scalar_one())

    for name, one in sorted(found.items()):
        came, went = heard.get(name, Heard()), requests.get(name, Heard())
        print(
            f"{name:12} {dict(one)} requests={len(came.times)}, most in a second: sent "
            f"{went.most_in_a_second()}, received {came.most_in_a_second()}, "
            f"rate {SHARES.get(name, (0, None))[1] or 'any'}; {endpoints[school(name)]}"
        )
    quick, beside_99 = (percentile_99(one, heard["well"]) for one in (alone, beside))
    print(
        f"99th percentile alone {quick * 1000:.0f} ms, beside {beside_99 * 1000:.0f} ms; "
        f"told next on the ladder {told_next}; connected to {dict(connected)}; "
        f"longest stall of sender {own.longest_seconds * 1000:.0f} ms, "
        f"of receivers {theirs * 1000:.0f} ms"
    )

    totals = Counter[tuple[str, str | None, str]]()
    for one in found.values():
        totals.update(one)
    assert sum(totals.values()) == TOTAL
    assert {state for state, _, _ in totals} == SETTLED
    for name, (count, _) in SHARES.items():
        assert sum(found[name].values()) == count
    # What failed says why, and the next on its ladder was told.
    failed = {key: many for key, many in totals.items() if key[0] == "failed"}
    assert {watch for _, _, watch in failed} == {"climbed"}
    assert all(why for _, why, _ in failed)
    assert told_next == sum(failed.values())
    assert set(found["well"]) == {("delivered", None, "watching")}
    # On a machine that is busy enough, a healthy answer may come too late as well.
    for name in ("limited", "half"):
        assert found[name]["delivered", None, "watching"] > 0.9 * SHARES[name][0]
    for name in ("busy", "failing", "silent", "closing", "redirecting", "gone", "metadata"):
        assert {state for state, _, _ in found[name]} == {"failed"}
    assert set(found["metadata"]) == {("failed", "address-refused", "climbed")}

    for name, (_, per_second) in SHARES.items():
        if per_second is not None:
            assert requests[name].most_in_a_second() <= per_second, name
            # What came while a process could not run is seen in one heap when it can.
            heap = math.ceil(per_second * stalled)
            assert heard[name].most_in_a_second() <= per_second + heap, name
    assert set(connected) <= {"127.0.0.1"}
    assert endpoints[school("gone")] == "disabled: gone"
    # In one queue with them it would wait for minutes.
    assert beside_99 < max(5 * quick, 2.0)
