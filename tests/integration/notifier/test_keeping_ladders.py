"""Ladders are confirmed every ninety days and judged when recorded; what is not right is listed."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime
from typing import Any

import httpx
import pytest
from prometheus_client import REGISTRY
from sqlalchemy import text

from chassis.database import Database
from chassis.process import create_api
from schemas.facts import OrganisationRecorded
from schemas.organisations import Absence, OrganisationKind, Post, RecipientRole, Rung
from services.notifier.bells import Bells
from services.notifier.credentials import add_credential
from services.notifier.keep_ladders import tell_lapses
from services.notifier.routes import record_organisations
from services.notifier.settings import LadderSettings
from services.notifier.watch_ladders import LadderWatch
from tests.integration.notifier.world import (
    DUTY,
    MASH,
    SCHOOL,
    SetClock,
    open_notifier,
    organisation,
)

START = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
OTHER = "urn-900002"
OFFICER = RecipientRole.DUTY_OFFICER
SETTINGS = LadderSettings()


@pytest.fixture
def clock() -> SetClock:
    return SetClock(START)


@pytest.fixture
def watch(database: Database, clock: SetClock) -> LadderWatch:
    return LadderWatch(database, Bells(), clock, SETTINGS)


@pytest.fixture
async def client(database: Database, clock: SetClock) -> AsyncIterator[httpx.AsyncClient]:
    _, notifier = open_notifier(database, clock=clock)
    transport = httpx.ASGITransport(create_api([notifier], "test"))
    async with httpx.AsyncClient(transport=transport, base_url="http://bus") as opened:
        yield opened


async def record(database: Database, *facts: OrganisationRecorded, at: datetime = START) -> None:
    async with database.transaction() as session:
        await record_organisations(session, [one.model_copy(update={"at": at}) for one in facts])


async def key(database: Database, name: str, kind: Any, *scopes: str) -> dict[str, str]:
    async with database.transaction() as session:
        made = await add_credential(session, name, OrganisationKind(kind), scopes=scopes)
    return {"Authorization": f"Bearer {made}"}


async def facts(database: Database) -> list[Any]:
    async with database.reading() as session:
        rows = await session.execute(
            text("select type, payload from bus.log where topic = 'organisations' order by 1")
        )
        return [(row.type, json.loads(bytes(row.payload))) for row in rows]


async def unconfirmed(client: httpx.AsyncClient, headers: dict[str, str]) -> dict[str, Any]:
    answer = await client.get("/v1/ladders/unconfirmed", headers=headers)
    assert answer.status_code == 200, answer.text
    return {one["organisation"]: one for one in answer.json()["organisations"]}


LADDERED = organisation(SCHOOL, ladder=((DUTY, OFFICER),))
TOP = organisation(DUTY, OrganisationKind.LOCAL_AUTHORITY)


async def test_a_ladder_is_confirmed_by_its_own_organisation_and_lapses_after_ninety_days(
    database: Database, clock: SetClock, watch: LadderWatch, client: httpx.AsyncClient
) -> None:
    await record(database, LADDERED, TOP)
    school, staff = await key(database, SCHOOL, "school"), await key(database, MASH, "social-care")
    await watch.look_once()
    assert await unconfirmed(client, staff) == {}
    clock.forward(days=90)
    await watch.look_once()
    await watch.look_once()
    assert list(await unconfirmed(client, staff)) == [SCHOOL]
    assert REGISTRY.get_sample_value("notifier_ladders_unconfirmed") == 1
    [(kind, said)] = await facts(database)
    assert (kind, said["organisation"]) == ("ladder.unconfirmed", SCHOOL)
    assert "confirmedAt" not in said

    shown = (await client.get("/v1/organisations/me/ladder", headers=school)).json()
    assert shown["ladder"] == [{"organisation": DUTY, "role": "duty-officer"}]
    answer = await client.post(
        "/v1/organisations/me/ladder/confirmation", headers=school, json={"by": "head teacher"}
    )
    assert answer.status_code == 200, answer.text
    assert answer.json()["confirmBy"] == "2026-08-29T12:00:00Z"
    await watch.look_once()
    assert await unconfirmed(client, staff) == {}
    # The next lapse is another one, and said again: once, whoever looks.
    clock.forward(days=90)

    async def look() -> int:
        async with database.transaction() as session:
            return await tell_lapses(session, clock(), SETTINGS)

    assert sum(await asyncio.gather(*(look() for _ in range(4)))) == 1
    assert [said.get("confirmedAt") for _, said in await facts(database)] == [
        None, "2026-05-31T12:00:00Z",
    ]  # fmt: skip


async def test_only_its_own_organisation_confirms_and_only_the_partnership_s_staff_look(
    database: Database, client: httpx.AsyncClient
) -> None:
    await record(database, LADDERED, TOP, organisation(OTHER))
    school = await key(database, SCHOOL, "school")
    supplier = await key(database, "supplier-example", "school", SCHOOL, OTHER)
    said = {"by": "head teacher"}
    path = "/v1/organisations/me/ladder/confirmation"
    assert (await client.post(path, json=said)).status_code == 401
    other = f"{path}?organisation={OTHER}"
    assert (await client.post(other, headers=school, json=said)).status_code == 404
    assert (await client.post(other, headers=supplier, json=said)).status_code == 200
    assert (await client.post(path, headers=supplier, json=said)).status_code == 404
    assert (await client.post(path, headers=school, json={"by": ""})).status_code == 422
    refused = await client.get("/v1/ladders/unconfirmed", headers=school)
    assert refused.status_code == 403


async def test_what_is_wrong_with_a_ladder_is_seen_when_it_is_recorded(
    database: Database, clock: SetClock, watch: LadderWatch, client: httpx.AsyncClient
) -> None:
    staff = await key(database, MASH, "social-care")
    back = Absence(
        first=date(2026, 8, 1), last=date(2026, 8, 31),
        stand_in=Post(organisation=SCHOOL, role=RecipientRole.SCHOOL),
    )  # fmt: skip
    away = back.model_copy(update={"stand_in": Post(organisation=OTHER, role=OFFICER)})
    await record(
        database,
        organisation(SCHOOL, ladder=((DUTY, OFFICER), (DUTY, OFFICER)), absences=(away,)),
        organisation(OTHER, ladder=((OTHER, RecipientRole.SCHOOL),), absences=(back,)),
        organisation("urn-900003"),
        organisation("urn-900004", ladder=(("la-nowhere", OFFICER),)),
        organisation("urn-900005", ladder=((DUTY, OFFICER),)),
        organisation("police-example", OrganisationKind.POLICE),
        TOP,
    )
    await watch.look_once()
    found = {name: one["defects"] for name, one in (await unconfirmed(client, staff)).items()}
    assert found == {
        SCHOOL: ["loops", "stands-in-for-itself"],
        OTHER: ["loops", "stands-in-for-itself"],
        "urn-900003": ["no-ladder"],
        "urn-900004": ["unknown-organisation"],
    }
    assert REGISTRY.get_sample_value("notifier_ladders_defective", {"defect": "loops"}) == 2
    # The organisation that it names comes later; a better ladder is told.
    await record(database, organisation("la-nowhere", OrganisationKind.LOCAL_AUTHORITY))
    await record(database, organisation("urn-900003", ladder=((DUTY, OFFICER),)))
    await watch.look_once()
    left = await unconfirmed(client, staff)
    assert set(left) == {SCHOOL, OTHER}, left


async def test_a_ladder_that_came_past_the_door_and_tells_too_much_is_listed(
    database: Database, watch: LadderWatch, client: httpx.AsyncClient
) -> None:
    staff = await key(database, MASH, "social-care")
    wide = Rung(organisation=DUTY, role=OFFICER, profile="mash-incident")
    told = LADDERED.organisation.model_copy(update={"ladder": (wide,)})
    await record(database, OrganisationRecorded(organisation=told, at=START), TOP)
    await watch.look_once()
    assert (await unconfirmed(client, staff))[SCHOOL]["defects"] == ["faulty"]
