"""Contacts: an organisation keeps its own, and those that nobody confirms or reaches are shown."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import httpx
import pytest
from prometheus_client import REGISTRY
from sqlalchemy import text

from chassis.database import Database
from chassis.process import create_api
from schemas.organisations import OrganisationKind
from services.notifier.contacts import CONTACTS_LIMIT
from services.notifier.credentials import add_credential
from services.notifier.measure import measure
from services.notifier.settings import NotifierGroup, StatusSettings
from tests.integration.notifier.alerting import alerting, contact, open_alerter, rows
from tests.integration.notifier.world import DUTY, SCHOOL, SetClock, open_notifier

AT = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
LEAD = {"channel": "email", "address": "Lead@School.example"}


@pytest.fixture
def clock() -> SetClock:
    return SetClock(AT)


@pytest.fixture
async def client(database: Database, clock: SetClock) -> AsyncIterator[httpx.AsyncClient]:
    _, service = open_notifier(database, alerting(), clock)
    transport = httpx.ASGITransport(create_api([service], "test"))
    async with httpx.AsyncClient(transport=transport, base_url="http://bus") as opened:
        yield opened


async def key(database: Database, name: str, kind: str, *scopes: str) -> dict[str, str]:
    async with database.transaction() as session:
        made = await add_credential(session, name, OrganisationKind(kind), scopes=scopes)
    return {"Authorization": f"Bearer {made}"}


async def test_an_organisation_keeps_its_own_contacts(
    database: Database, client: httpx.AsyncClient
) -> None:
    school = await key(database, SCHOOL, "school")
    answer = await client.post("/v1/contacts", headers=school, json=LEAD)
    assert answer.status_code == 201, answer.text
    made = answer.json()
    assert made == {
        "id": made["id"], "organisation": SCHOOL, "channel": "email",
        "address": "Lead@school.example", "confirmedAt": "2026-03-02T12:00:00Z",
        "state": "confirmed",
    }  # fmt: skip
    again = await client.post(
        "/v1/contacts", headers=school, json={**LEAD, "quietFrom": "22:00", "quietUntil": "07:00"}
    )
    assert (again.status_code, again.json()["id"]) == (200, made["id"])
    assert (again.json()["quietFrom"], again.json()["quietUntil"]) == ("22:00:00", "07:00:00")
    text_too = {"channel": "sms", "address": "07700 900123", "role": "school"}
    other = await client.post("/v1/contacts", headers=school, json=text_too)
    assert other.status_code == 422, "nothing is sent by Notify here"
    assert other.json()["errors"][0]["rule"] == "no-notify"
    listed = (await client.get("/v1/contacts", headers=school)).json()["contacts"]
    assert [one["id"] for one in listed] == [made["id"]]
    removed = await client.delete(f"/v1/contacts/{made['id']}", headers=school)
    assert removed.status_code == 204
    assert (await client.get("/v1/contacts", headers=school)).json() == {"contacts": []}
    [row] = await rows(database, "select address, disabled_reason from notifier.contact")
    assert tuple(row) == ("", "removed"), "its address is forgotten"
    gone = await client.delete(f"/v1/contacts/{made['id']}", headers=school)
    assert gone.status_code == 404
    audit = await rows(database, "select operation from notifier.audit order by at")
    assert [row.operation for row in audit] == ["add-contact"] * 2 + ["remove-contact"]


async def test_others_contacts_are_masked_and_cannot_be_touched(
    database: Database, client: httpx.AsyncClient
) -> None:
    school = await key(database, SCHOOL, "school")
    trust = await key(database, "trust-example", "local-authority", SCHOOL)
    stranger = await key(database, DUTY, "local-authority")
    made = (await client.post("/v1/contacts", headers=school, json=LEAD)).json()["id"]
    listed = await client.get("/v1/contacts", headers=trust)
    assert [one["address"] for one in listed.json()["contacts"]] == ["L…@school.example"]
    assert (await client.get("/v1/contacts", headers=stranger)).json() == {"contacts": []}
    for other in (trust, stranger):
        assert (await client.delete(f"/v1/contacts/{made}", headers=other)).status_code == 404
    assert (await client.get("/v1/contacts")).status_code == 401
    assert (await client.post("/v1/contacts", json=LEAD)).status_code == 401


@pytest.mark.parametrize(
    ("body", "field", "rule"),
    [
        ({**LEAD, "address": "marked at school"}, "/address", "email"),
        ({**LEAD, "address": "marked@school"}, "/address", "email"),
        ({**LEAD, "address": "marked@school.example\r\nBcc: x@y.example"}, "/address", None),
        ({**LEAD, "channel": "pigeon"}, "/channel", None),
        ({**LEAD, "role": "nobody"}, "/role", None),
        ({**LEAD, "quietFrom": "22:00"}, "/quietUntil", "both"),
        ({**LEAD, "quietFrom": "22:00Z", "quietUntil": "07:00Z"}, "/quietFrom", "local"),
        ({"channel": "sms", "address": "020 7946 0123"}, "/address", "mobile"),
        ({"channel": "sms", "address": "+33 6 12 34 56 78"}, "/address", "mobile"),
    ],
)
async def test_a_contact_that_cannot_be_told_is_refused_without_quoting_it(
    database: Database, client: httpx.AsyncClient, body: dict[str, Any], field: str,
    rule: str | None,
) -> None:  # fmt: skip
    school = await key(database, SCHOOL, "school")
    answer = await client.post("/v1/contacts", headers=school, json=body)
    assert answer.status_code == 422, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    [error] = answer.json()["errors"]
    assert error["pointer"] == field
    assert rule in (None, error["rule"])
    assert "marked" not in answer.text
    assert await rows(database, "select 1 from notifier.contact") == []


async def test_one_address_is_told_of_a_notice_once(
    database: Database, client: httpx.AsyncClient
) -> None:
    school = await key(database, SCHOOL, "school")
    for first, second in (({}, {"role": "school"}), ({"role": "school"}, {})):
        made = await client.post("/v1/contacts", headers=school, json={**LEAD, **first})
        assert made.status_code == 201
        answer = await client.post("/v1/contacts", headers=school, json={**LEAD, **second})
        assert answer.status_code == 422
        assert answer.json()["errors"][0]["rule"] == "told-already"
        await client.delete(f"/v1/contacts/{made.json()['id']}", headers=school)


async def test_an_organisation_has_so_many_contacts_and_no_more(
    database: Database, client: httpx.AsyncClient
) -> None:
    school = await key(database, SCHOOL, "school")
    for number in range(CONTACTS_LIMIT + 1):
        body = {**LEAD, "address": f"person-{number}@school.example"}
        answer = await client.post("/v1/contacts", headers=school, json=body)
        assert answer.status_code == (201 if number < CONTACTS_LIMIT else 422)
    assert answer.json()["errors"][0]["rule"] == "too-many"
    again = {**LEAD, "address": "person-0@school.example"}
    assert (await client.post("/v1/contacts", headers=school, json=again)).status_code == 200


async def test_who_was_not_confirmed_for_ninety_days_is_shown_said_once_and_told_still(
    database: Database, clock: SetClock, client: httpx.AsyncClient,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    school = await key(database, SCHOOL, "school")
    await client.post("/v1/contacts", headers=school, json=LEAD)
    alerter = open_alerter(database, clock, NotifierGroup())

    async def state() -> str:
        await alerter.measure()
        listed = (await client.get("/v1/contacts", headers=school)).json()["contacts"]
        return str(listed[0]["state"])

    assert await state() == "confirmed"
    clock.forward(days=90, seconds=1)
    assert [await state(), await state()] == ["unconfirmed"] * 2
    assert REGISTRY.get_sample_value("notifier_contacts", {"state": "unconfirmed"}) == 1
    out = capsys.readouterr().out
    assert out.count("contact_unconfirmed") == 1
    assert "school.example" not in out
    await client.post("/v1/contacts", headers=school, json=LEAD)
    assert await state() == "confirmed"
    assert REGISTRY.get_sample_value("notifier_contacts", {"state": "unconfirmed"}) == 0


async def test_a_contact_that_fails_waits_for_a_person_and_is_counted(
    database: Database, clock: SetClock, client: httpx.AsyncClient
) -> None:
    school = await key(database, SCHOOL, "school")
    await client.post("/v1/contacts", headers=school, json=LEAD)

    async def failing() -> int | None:
        async with database.reading() as session:
            found = await measure(session, clock(), StatusSettings())
        return next(one.waiting for one in found if one.what == "contacts failing")

    assert await failing() == 0
    async with database.transaction() as session:
        await session.execute(
            text("""update notifier.contact
                       set active = false, failed_at = :at, failed_reason = :why,
                           disabled_reason = :why"""),
            {"at": clock(), "why": "address-bounced"},
        )  # fmt: skip
    assert await failing() == 1
    listed = (await client.get("/v1/contacts", headers=school)).json()["contacts"]
    assert listed[0]["state"] == "disabled:address-bounced"
    await open_alerter(database, clock, NotifierGroup()).measure()
    assert REGISTRY.get_sample_value("notifier_contacts", {"state": "disabled"}) == 1


async def test_the_commands_add_list_masked_confirm_and_remove(
    database: Database, clock: SetClock
) -> None:
    from argparse import ArgumentParser

    from services.notifier.contact_commands import add_parsers, manage
    from services.notifier.settings import Settings

    parser = ArgumentParser()
    add_parsers(parser.add_subparsers(dest="what"))
    settings = Settings.model_validate(
        {"database": {"url": database.settings.url}, "notifier": alerting()}
    )

    async def run(*words: str) -> list[str]:
        async with database.transaction() as session:
            return await manage(session, parser.parse_args(["contact", *words]), settings)

    added = await run("add", SCHOOL, "email", "lead@school.example", "--quiet", "22:00", "07:00")
    [line] = await run("list", SCHOOL)
    assert line.split("\t")[:5] == [added[0], SCHOOL, "*", "email", "l…@school.example"]
    assert line.endswith("\tconfirmed")
    assert await run("confirm", added[0]) == ["confirmed"]
    assert await run("remove", added[0]) == ["removed; its address is forgotten"]
    assert await run("list") == []
    for words in (("confirm", str(uuid4())), ("remove", added[0])):
        with pytest.raises(SystemExit, match="no such contact"):
            await run(*words)
    with pytest.raises(SystemExit, match="no e-mail address"):
        await run("add", SCHOOL, "email", "nothing")
    assert await contact(database, clock, SCHOOL, "lead@school.example")
