import asyncio
from bus import BusSettings, Fact, Subscription, append, open_road
from chassis.clock import now
from chassis.ids import new_id
from chassis.process import running
from tests.support.waiting import eventually

def fact(n, key="k"):
    return Fact(new_id(), "thing.happened", "events", key, b"%d" % n, "test", now())

async def test_smoke(database):
    got = []
    async def handle(session, facts):
        got.extend(int(f.payload) for f in facts)
    road = open_road(BusSettings(), database, ("events",))
    sub = Subscription("g", ("events",), handle, frozenset({"thing.happened"}))
    async with running([*road.tasks(), *road.readers(database, sub)]):
        for i in range(20):
            async with database.transaction() as session:
                await append(session, *[fact(i*10+j) for j in range(10)])
        await eventually(lambda: len(got) == 200)
    assert got == list(range(200))
