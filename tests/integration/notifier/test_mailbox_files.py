"""The other forms of the mailbox: by cursor over HTTP, as a file, as a live stream."""

from __future__ import annotations

import asyncio
import csv
import io
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import text

from chassis.clock import now
from chassis.database import Database
from chassis.process import create_api
from schemas.organisations import OrganisationKind
from services.notifier.bells import Bells
from services.notifier.compose import compose
from services.notifier.credentials import add_credential, revoke_credential
from services.notifier.door import Door, MailboxParts
from services.notifier.export import as_csv
from services.notifier.routes import record_organisations
from services.notifier.settings import DeadlineSettings, MailboxSettings, NotifierGroup
from services.notifier.stream_api import stream_heads
from services.notifier.write_export import write_export
from tests.integration.notifier.world import (
    SCHOOL,
    TO_SCHOOL,
    addressed,
    open_notifier,
    organisation,
)
from tests.support.waiting import eventually


@pytest.fixture
async def key(database: Database) -> dict[str, str]:
    async with database.transaction() as session:
        await record_organisations(session, [organisation(SCHOOL)])
        made = await add_credential(session, SCHOOL, OrganisationKind.SCHOOL)
    return {"Authorization": f"Bearer {made}"}


@pytest.fixture
async def client(database: Database) -> AsyncIterator[httpx.AsyncClient]:
    _, notifier = open_notifier(database)
    transport = httpx.ASGITransport(create_api([notifier], "test"))
    async with httpx.AsyncClient(transport=transport, base_url="http://bus") as opened:
        yield opened


async def told(database: Database, count: int) -> None:
    async with database.transaction() as session:
        facts = [addressed(TO_SCHOOL) for _ in range(count)]
        await compose(session, facts, now(), DeadlineSettings())


async def facts(database: Database) -> dict[str, int]:
    async with database.reading() as session:
        rows = await session.execute(text("select type, count(*) from bus.log group by type"))
        return {row[0]: row[1] for row in rows}


async def test_a_client_pages_by_cursor(
    database: Database, client: httpx.AsyncClient, key: dict[str, str]
) -> None:
    await told(database, 5)
    seen: list[str] = []
    after = 0
    for expected in (2, 2, 1, 0):
        answer = await client.get(f"/v1/notices?after={after}&limit=2", headers=key)
        heads = answer.json()["notices"]
        assert len(heads) == expected
        seen += [head["id"] for head in heads]
        after = answer.json()["after"]
    assert len(set(seen)) == 5
    # Whatever becomes of them they have their place; and the states have theirs.
    assert await facts(database) == {"notice.delivered": 5}
    both = await client.get("/v1/notices?after=0&state=unopened", headers=key)
    assert both.status_code == 422
    assert (await client.get("/v1/notices?after=-1", headers=key)).status_code == 422


@pytest.mark.parametrize("form", ["csv", "json"])
async def test_a_file_says_what_the_notices_say_and_opens_them(
    database: Database, client: httpx.AsyncClient, key: dict[str, str], form: str
) -> None:
    await told(database, 3)
    async with database.transaction() as session:
        await session.execute(
            text("""update notifier.obligation set content = null
                     where id = (select id from notifier.obligation limit 1)""")
        )
    answer = await client.get(f"/v1/notices/export?form={form}", headers=key)
    assert answer.status_code == 200, answer.text
    assert answer.headers["cache-control"] == "no-store"
    if form == "csv":
        lines = list(csv.DictReader(io.StringIO(answer.text)))
        names = [line["child"] for line in lines]
        assert "" in names
        assert sum("Robin" in name for name in names) == 2
        assert {line["organisation"] for line in lines} == {SCHOOL}
    else:
        assert sum("Robin" in json.dumps(one) for one in answer.json()["notices"]) == 2
    # The one without content was delivered; nobody has read it.
    assert await facts(database) == {"notice.delivered": 3, "notice.opened": 2}
    async with database.reading() as session:
        audit = (await session.execute(text("select operation from notifier.audit"))).all()
    assert [row.operation for row in audit] == ["export-notice"] * 2
    again = await client.get(f"/v1/notices/export?form={form}", headers=key)
    assert again.content == answer.content
    after = answer.headers["x-after"]
    empty = await client.get(f"/v1/notices/export?form={form}&after={after}", headers=key)
    assert "Robin" not in empty.text
    assert empty.headers["x-after"] == after
    marked = await client.get("/v1/notices/export?bom=true", headers=key)
    assert marked.content.startswith(b"\xef\xbb\xbfcursor,")


def test_no_cell_is_taken_for_a_formula() -> None:
    content: dict[str, Any] = {
        "circumstances": '=HYPERLINK("http://example.invalid")', "policeReference": "+44",
        "whereInIncident": "@home", "present": True, "child": {"name": {"given": "=1"}},
        "heldFields": ["-"],
    }  # fmt: skip
    said = as_csv([{"cursor": 1, "id": "x", "organisation": "-a", "at": "t", "content": content}])
    [line] = list(csv.DictReader(io.StringIO(said)))
    assert line["circumstances"].startswith("'=")
    assert line["policeReference"] == "'+44"
    assert line["whereInIncident"] == "'@home"
    assert (line["present"], line["organisation"], line["voice"]) == ("true", "'-a", "")
    assert not any(cell.startswith(("=", "+", "-", "@")) for cell in line.values())


async def test_a_nightly_file_is_whole_private_and_made_again_from_its_cursor(
    database: Database, key: dict[str, str], tmp_path: Path
) -> None:
    assert key
    await told(database, 7)
    out = tmp_path / "notices.csv"
    done = await write_export(database, SCHOOL, "csv", out, size=3)
    assert done.count == 7
    first = out.read_bytes()
    assert len(list(csv.DictReader(io.StringIO(first.decode())))) == 7
    assert out.stat().st_mode & 0o777 == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["notices.csv"]
    assert (await write_export(database, SCHOOL, "csv", out)).after == done.after
    assert out.read_bytes() == first
    await told(database, 1)
    later = await write_export(database, SCHOOL, "json", out, after=done.after)
    assert later.count == 1
    assert len(json.loads(out.read_text())["notices"]) == 1


def door_to(database: Database, bells: Bells, **settings: Any) -> Door:
    quick = MailboxSettings(**{"poll_seconds": 0.05, "heartbeat_seconds": 0.2, **settings})
    group = NotifierGroup(mailbox=quick)
    return Door(MailboxParts(database, bells, now, group, "http://bus/v1/notices"))


async def test_a_live_stream_tells_what_comes_resumes_and_ends_with_its_key(
    database: Database, key: dict[str, str]
) -> None:
    bells = Bells()
    await told(database, 2)
    stream = stream_heads(door_to(database, bells), key["Authorization"], 0)
    text_of_two = await asyncio.wait_for(anext(stream), 10)
    assert text_of_two.count("event: notice\n") == 2
    assert "Robin" not in text_of_two
    heartbeat = await asyncio.wait_for(anext(stream), 10)
    assert heartbeat == ": still here\n\n"
    await told(database, 1)
    bells.ring_mailboxes([SCHOOL])
    while (said := await asyncio.wait_for(anext(stream), 10)).startswith(":"):
        pass
    cursor = int(said.split("\n")[0].removeprefix("id: "))
    await stream.aclose()
    # Cut off before the last: it comes back with the last id it saw.
    resumed = stream_heads(door_to(database, bells), key["Authorization"], cursor - 1)
    assert await asyncio.wait_for(anext(resumed), 10) == said
    await resumed.aclose()


async def test_a_stream_ends_when_its_key_was_revoked(
    database: Database, client: httpx.AsyncClient, key: dict[str, str]
) -> None:
    await told(database, 1)
    watching = asyncio.create_task(
        client.get("/v1/notices/stream", headers={**key, "Last-Event-ID": "0"}, timeout=30)
    )

    async def listed() -> bool:
        return bool(await facts(database))

    await eventually(listed)
    async with database.transaction() as session:
        await revoke_credential(session, SCHOOL)
    answer = await asyncio.wait_for(watching, 25)
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert answer.text.count("event: notice\n") == 1
    assert answer.text.endswith("event: end\ndata: {}\n\n")
    bad = await client.get("/v1/notices/stream", headers={**key, "Last-Event-ID": "x"})
    assert bad.status_code in (401, 422)
