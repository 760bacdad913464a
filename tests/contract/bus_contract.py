"""What the bus promises, written once and run against each road (see `test_bus_roads.py`)."""

from __future__ import annotations

import asyncio
import signal
import subprocess
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy import text

from bus import Fact, Park, Retry, append, append_with, appending, held
from bus.__main__ import list_parked, replay
from chassis.database import Session
from tests.support.bus_harness import Harness, make_fact, number_of, recording
from tests.support.bus_worker import record_effect
from tests.support.waiting import eventually

_TELL = text(f"""
    with told as (
        select u.number as line, u.id, 'thing.happened' as type, 'events' as topic, 'k' as key,
               'test' as source, now() as at, json_build_object('number', u.number) as payload
          from unnest(cast(:ids as uuid[]), cast(:numbers as int[])) u(id, number)),
    {appending("told")} select count(*) from told""")


class BusContract:
    """Inherited once per road; `harness` is the road's own fixture."""

    async def test_facts_of_a_key_arrive_in_order(self, harness: Harness) -> None:
        async with harness.listening(g=recording("g")):
            facts = await harness.publish_many(keys=8, per_key=50)
            await eventually(lambda: harness.has_effects("g", len(facts)), 30)
        await harness.reconcile("g", facts)

    async def test_two_groups_each_hear_every_fact_once(self, harness: Harness) -> None:
        facts = [make_fact(number, f"k{number % 3}") for number in range(30)]
        await harness.publish(*facts)
        async with harness.listening(one=recording("one"), two=recording("two")):
            await eventually(lambda: harness.has_effects("one", 30), 30)
            await eventually(lambda: harness.has_effects("two", 30), 30)
        await harness.reconcile("one", facts)
        await harness.reconcile("two", facts)

    async def test_a_rolled_back_append_is_never_seen(self, harness: Harness) -> None:
        class Undone(Exception):  # noqa: N818
            pass

        async def append_and_fail() -> None:
            async with harness.database.transaction() as session:
                await append(session, make_fact(1))
                raise Undone

        async with harness.listening(g=recording("g")):
            with pytest.raises(Undone):
                await append_and_fail()
            last = make_fact(2)
            await harness.publish(last)
            await eventually(lambda: harness.has_effects("g", 1), 30)
        await harness.reconcile("g", [last])

    async def test_what_a_statement_appends_by_itself_is_heard_in_its_order(
        self, harness: Harness
    ) -> None:
        told = [make_fact(number) for number in range(1, 101)]
        first, last = make_fact(0), make_fact(101)
        async with harness.listening(g=recording("g")):
            await harness.publish(first)
            async with harness.database.transaction() as session:
                values = {"ids": [one.id for one in told], "numbers": list(range(1, 101))}
                await append_with(session, _TELL, values)
            await harness.publish(last)
            await eventually(lambda: harness.has_effects("g", 102), 30)
        await harness.reconcile("g", [first, *told, last])

    async def test_what_a_handler_appends_commits_with_its_effects(self, harness: Harness) -> None:
        failed = False

        async def handle(session: Session, facts: Sequence[Fact]) -> None:
            nonlocal failed
            for fact in facts:
                await record_effect(session, "g", fact, number_of(fact))
                if number_of(fact) < 10:
                    await append(session, make_fact(number_of(fact) + 10, fact.key))
            if not failed:
                failed = True
                raise RuntimeError("after the append, before the commit")

        async with harness.listening(g=handle):
            await harness.publish(make_fact(1))
            await eventually(lambda: harness.has_effects("g", 2), 30)
        assert await harness.numbers("g") == [1, 11]

    async def test_a_poison_message_parks_and_the_next_flows(self, harness: Harness) -> None:
        async def handle(session: Session, facts: Sequence[Fact]) -> None:
            for fact in facts:
                if number_of(fact) == 2:
                    raise Park("no-such-child")
                await record_effect(session, "g", fact, number_of(fact))

        before = held.parked_total.labels("g")._value.get()
        async with harness.listening(g=handle):
            await harness.publish(*(make_fact(number) for number in (1, 2, 3)))
            await eventually(lambda: harness.has_effects("g", 2), 30)
        assert await harness.numbers("g") == [1, 3]
        (line,) = await list_parked(harness.database, "g")
        assert "no-such-child" in line
        assert "thing.happened" in line
        assert held.parked_total.labels("g")._value.get() == before + 1

    async def test_an_unknown_type_is_parked_not_dropped(self, harness: Harness) -> None:
        async with harness.listening(g=recording("g")):
            await harness.publish(make_fact(1, kind="thing.unheard-of"), make_fact(2))
            await eventually(lambda: harness.has_effects("g", 1), 30)
        (line,) = await list_parked(harness.database, "g")
        assert "unknown-type" in line
        assert await harness.numbers("g") == [2]

    async def test_a_retry_holds_its_own_key_and_no_other(self, harness: Harness) -> None:
        may_pass = asyncio.Event()

        async def handle(session: Session, facts: Sequence[Fact]) -> None:
            for fact in facts:
                if fact.key == "stuck" and number_of(fact) == 1 and not may_pass.is_set():
                    raise Retry("not-yet", after_seconds=0.1)
                await record_effect(session, "g", fact, number_of(fact))

        async with harness.listening(g=handle):
            await harness.publish(make_fact(1, "stuck"), make_fact(1, "free"))
            await harness.publish(make_fact(2, "stuck"), make_fact(2, "free"))
            await eventually(lambda: harness.has_effects("g", 2), 30)
            assert await harness.numbers("g", "free") == [1, 2]
            assert await harness.numbers("g", "stuck") == []
            await harness.publish(make_fact(3, "stuck"), make_fact(3, "free"))
            await eventually(lambda: harness.has_effects("g", 3), 30)
            assert await harness.numbers("g", "stuck") == []
            may_pass.set()
            await eventually(lambda: harness.has_effects("g", 6), 30)
        assert await harness.numbers("g", "stuck") == [1, 2, 3]

    async def test_a_retry_gives_up_at_its_limit_and_the_key_goes_on(
        self, harness: Harness
    ) -> None:
        harness.settings = harness.settings.model_copy(
            update={"retry_limit_seconds": 1.0, "retry_first_delay_seconds": 0.05}
        )

        async def handle(session: Session, facts: Sequence[Fact]) -> None:
            for fact in facts:
                if number_of(fact) == 1:
                    raise RuntimeError("broken for good")
                await record_effect(session, "g", fact, number_of(fact))

        async with harness.listening(g=handle):
            await harness.publish(make_fact(1), make_fact(2))
            await eventually(lambda: harness.has_effects("g", 1), 30)
        (line,) = await list_parked(harness.database, "g")
        assert "RuntimeError" in line
        assert "gave up" in line

    async def test_a_parked_message_is_replayed_on_command(self, harness: Harness) -> None:
        broken = True

        async def handle(session: Session, facts: Sequence[Fact]) -> None:
            for fact in facts:
                if broken and number_of(fact) == 1:
                    raise Park("broken")
                await record_effect(session, "g", fact, number_of(fact))

        first = make_fact(1)
        async with harness.listening(g=handle):
            await harness.publish(first, make_fact(2))
            await eventually(lambda: harness.has_effects("g", 1), 30)
            broken = False
            assert await replay(harness.database, "g", first.id) == 1
            await eventually(lambda: harness.has_effects("g", 2), 30)
        assert await harness.numbers("g") == [2, 1]
        assert await list_parked(harness.database, "g") == []

    async def test_a_retraction_before_its_original_and_the_original_replayed(
        self, harness: Harness
    ) -> None:
        """The bus lets a key go on after a parking; a tombstone then stops the late original."""
        async with harness.database.transaction() as session:
            await session.execute(text("create table public.tombstones (number bigint)"))
        broken = True

        async def handle(session: Session, facts: Sequence[Fact]) -> None:
            for fact in facts:
                number = number_of(fact)
                if fact.type == "thing.retracted":
                    await session.execute(text("insert into tombstones values (:n)"), {"n": number})
                    await record_effect(session, "retracted", fact, number)
                    continue
                if broken:
                    raise Park("broken")
                gone = await session.execute(
                    text("select 1 from tombstones where number = :n"), {"n": number}
                )
                await record_effect(session, "stopped" if gone.first() else "told", fact, number)

        original = make_fact(7)
        async with harness.listening(g=handle):
            await harness.publish(original, make_fact(7, kind="thing.retracted"))
            await eventually(lambda: harness.has_effects("retracted", 1), 30)
            broken = False
            await replay(harness.database, "g", original.id)
            await eventually(lambda: harness.has_effects("stopped", 1), 30)
        assert await harness.numbers("told") == []

    async def test_concurrent_appends_are_never_skipped_nor_turned_round(
        self, harness: Harness
    ) -> None:
        async def write(index: int) -> list[Fact]:
            """Transactions that stay open for unequal times after their append."""
            done = []
            for number in range(40):
                async with harness.database.transaction() as session:
                    fact = make_fact(number, f"w{index}")
                    await append(session, fact)
                    await session.execute(
                        text("select pg_sleep(:s)"), {"s": (index * 7 + number) % 5 / 500}
                    )
                done.append(fact)
            return done

        async with harness.listening(g=recording("g")):
            parts = await asyncio.gather(*(write(index) for index in range(6)))
            facts = [fact for part in parts for fact in part]
            await eventually(lambda: harness.has_effects("g", len(facts)), 30)
        await harness.reconcile("g", facts)

    async def test_a_repeat_on_the_road_has_no_second_effect(self, harness: Harness) -> None:
        facts = [make_fact(number, f"k{number % 4}") for number in range(20)]
        async with harness.listening(g=recording("g")):
            await harness.publish(*facts)
            await eventually(lambda: harness.has_effects("g", 20), 30)
        async with harness.database.transaction() as session:
            await session.execute(text("update bus.cursors set position = 0"))
        last = make_fact(99)
        async with harness.listening(g=recording("g")):
            await harness.publish(last)
            await eventually(lambda: harness.has_effects("g", 21), 30)
        await harness.reconcile("g", [*facts, last])


class CrashContract:
    """The same promises when processes die; needs a real broker on Kafka."""

    async def test_redelivery_after_a_crash_has_no_second_effect(
        self, harness: Harness, tmp_path: Path
    ) -> None:
        facts = [make_fact(number, f"k{number % 4}") for number in range(40)]
        for number in (4, 13, 22, 31):
            mark = str(tmp_path / f"m{number}")
            facts[number] = make_fact(number, f"k{number % 4}", once="kill", mark=mark)
        await harness.publish(*facts)
        killed = 0
        for _ in range(12):
            worker = harness.start_worker("g")
            await eventually(partial(_ended_or, worker, harness, len(facts)), 60)
            if worker.poll() is None:
                break
            assert worker.returncode == -signal.SIGKILL
            killed += 1
        assert killed == len(list(tmp_path.iterdir())) > 0
        await harness.reconcile("g", facts)

    async def test_a_consumer_stopped_inside_a_transaction_is_overtaken(
        self, harness: Harness, tmp_path: Path
    ) -> None:
        mark = tmp_path / "stopped"
        facts = [make_fact(number) for number in range(10)]
        facts[3] = make_fact(3, once="stop", mark=str(mark))
        harness.start_worker("g")
        await harness.publish(*facts)
        await eventually(mark.exists, 60)
        harness.start_worker("g")
        await eventually(lambda: harness.has_effects("g", 10), 60)
        # It wakes in a transaction that the server has ended, and then has to do the work alone.
        stopped, successor = harness.workers
        stopped.send_signal(signal.SIGCONT)
        successor.kill()
        more = [make_fact(number) for number in range(10, 20)]
        await harness.publish(*more)
        await eventually(lambda: harness.has_effects("g", 20), 60)
        await harness.reconcile("g", [*facts, *more])

    async def test_consumers_come_and_go_under_load(self, harness: Harness) -> None:
        workers = [harness.start_worker("g")]
        publishing = asyncio.create_task(
            harness.publish_many(keys=24, per_key=150, pause_seconds=0.05)
        )
        for round_ in range(4):
            await eventually(partial(harness.has_effects, "g", 800 * round_ + 400), 60)
            workers.append(harness.start_worker("g"))
            await eventually(partial(harness.has_effects, "g", 800 * round_ + 800), 60)
            leaving = workers.pop(0)
            leaving.send_signal(signal.SIGKILL if round_ % 2 else signal.SIGTERM)
        facts = await publishing
        await eventually(lambda: harness.has_effects("g", len(facts)), 90)
        await harness.reconcile("g", facts)


async def _ended_or(worker: subprocess.Popen[bytes], harness: Harness, count: int) -> bool:
    return worker.poll() is not None or await harness.has_effects("g", count)
