"""What peers send us: receipts taken once, everything else kept for a person, errors in FHIR."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from datetime import timedelta
from typing import Any
from uuid import uuid4

import httpx
import pytest
from fhir.resources.R4B.operationoutcome import OperationOutcome

from chassis.database import Database
from chassis.process import Service, create_api
from chassis.settings import DatabaseSettings
from schemas.facts import OrganisationRecorded, Profile
from schemas.organisations import Organisation, OrganisationKind
from services.health_broker import api
from services.health_broker.fhir import find_faults
from services.health_broker.peers import PeerError, add_peer, find_peers, remove_peer, rotate_peer
from tests.integration.health_broker.broker import PATH, Broker, running_broker
from tests.support.fhir_peer import FhirPeer, running_peer
from tests.unit.health_broker.samples import AT, HOSPITAL, OURS, addressed, addressee

ABUSE = "domestic-abuse.recorded"


async def _deliver(broker: Broker, peer: FhirPeer) -> str:
    """One delivered message; returns its MessageHeader's id."""
    await broker.add(peer)
    await broker.publish(addressed(ABUSE, addressee(Profile.HEALTH_MINIMAL)))
    [row] = await broker.state("done")
    return str(row.header)


@pytest.mark.parametrize(
    ("event", "code", "fact"),
    [
        ("notice-opened", "ok", "notice.opened"),
        ("notice-acknowledged", "ok", "notice.acknowledged"),
        ("notice-filed", "ok", "notice.filed"),
        ("domestic-abuse-notification", "ok", "notice.acknowledged"),
        ("domestic-abuse-notification", "fatal-error", "notice.failed"),
    ],
)
async def test_an_answer_becomes_a_receipt(
    database: Database, event: str, code: str, fact: str
) -> None:
    async with running_peer() as peer, running_broker(database) as broker:
        header = await _deliver(broker, peer)
        body = peer.write_answer(header, event=event, code=code)
        answer = await broker.post(body)
        assert answer.status_code == 200
        assert answer.headers["content-type"] == "application/fhir+json; fhirVersion=4.0"
        assert find_faults(answer.json()) == []
        response = answer.json()["entry"][0]["resource"]["response"]
        assert response == {
            "identifier": json.loads(body)["entry"][0]["resource"]["id"],
            "code": "ok",
        }
        [_, told] = await broker.told()
        [message] = await broker.rows("message")
        assert (told.fact_type, told.notice) == (fact, message.id)
        [inbound] = await broker.rows("inbound")
        assert (inbound.state, inbound.raw, inbound.organisation) == ("taken", body, HOSPITAL)


async def test_a_repeated_answer_is_a_duplicate_and_a_second_one_no_second_receipt(
    database: Database,
) -> None:
    async with running_peer() as peer, running_broker(database) as broker:
        header = await _deliver(broker, peer)
        first = peer.write_answer(header, event="notice-acknowledged")
        again = peer.write_answer(header, event="notice-acknowledged", message_id=str(uuid4()))
        answers = [await broker.post(body) for body in (first, first, again)]
        assert [one.status_code for one in answers] == [200, 409, 200]
        OperationOutcome.model_validate(answers[1].json())
        [issue] = answers[1].json()["issue"]
        assert issue["details"]["coding"][0]["code"] == "REC_CONFLICT"
        assert len(await broker.rows("receipt")) == 1
        assert await broker.told_types(2) == ["notice.delivered", "notice.acknowledged"]


async def test_the_same_answers_at_the_same_time_are_one_receipt(database: Database) -> None:
    async with running_peer() as peer, running_broker(database) as broker:
        header = await _deliver(broker, peer)
        body = peer.write_answer(header, event="notice-opened")
        answers = await asyncio.gather(*(broker.post(body) for _ in range(8)))
        assert sorted(one.status_code for one in answers) == [200, *[409] * 7]
        assert await broker.told_types(2) == ["notice.delivered", "notice.opened"]


@pytest.mark.parametrize(
    ("answered", "event", "code", "reason"),
    [
        (str(uuid4()), "notice-opened", "ok", "answers-no-message-of-ours"),
        ("not-an-id-of-ours", "notice-opened", "ok", "answers-no-message-of-ours"),
        (None, "health-information-response", "ok", "unknown-event"),
        (None, "notice-opened", "transient-error", "not-done-yet"),
    ],
)
async def test_what_confirms_nothing_of_ours_is_kept_for_a_person(
    database: Database, answered: str | None, event: str, code: str, reason: str
) -> None:
    async with running_peer() as peer, running_broker(database) as broker:
        header = await _deliver(broker, peer)
        body = peer.write_answer(answered or header, event=event, code=code)
        assert (await broker.post(body)).status_code == 200
        [inbound] = await broker.rows("inbound")
        assert (inbound.state, inbound.reason, inbound.raw) == ("parked", reason, body)
        assert await broker.told_types(1) == ["notice.delivered"]


async def test_a_message_of_its_own_that_answers_nothing_is_kept_for_a_person(
    database: Database,
) -> None:
    async with running_peer() as peer, running_broker(database) as broker:
        await broker.add(peer)
        message = json.loads(peer.write_answer("x", event="notice-opened"))
        del message["entry"][0]["resource"]["response"]
        assert (await broker.post(json.dumps(message).encode())).status_code == 200
        [inbound] = await broker.rows("inbound")
        assert (inbound.state, inbound.reason) == ("parked", "answers-nothing")


async def test_another_peer_cannot_acknowledge_what_it_was_not_sent(database: Database) -> None:
    async with (
        running_peer() as peer,
        running_peer("RXX02") as other,
        running_broker(database) as broker,
    ):
        header = await _deliver(broker, peer)
        stranger = await broker.add(other, "ods-rxx02")
        forged = peer.write_answer(header, event="notice-acknowledged")
        assert (await broker.post(forged, stranger)).status_code == 403
        own = other.write_answer(header, event="notice-acknowledged")
        assert (await broker.post(own, stranger)).status_code == 200
        [inbound] = await broker.rows("inbound")
        assert inbound.reason == "answers-no-message-of-ours"
        assert await broker.told_types(1) == ["notice.delivered"]


async def test_bad_messages_are_refused_with_an_outcome_and_never_fail_us(
    database: Database,
) -> None:
    async with running_peer() as peer, running_broker(database) as broker:
        await broker.add(peer)
        good = json.loads(peer.write_answer("x", event="notice-opened"))
        headless = {**good, "entry": good["entry"][::-1]}
        cases: list[tuple[bytes, str | None, int]] = [
            (b"{}", "", 401),
            (b"{}", "sgb_0000000000000000_x", 401),
            (b"not json", None, 400),
            (b"\xff\xfe", None, 400),
            (b"[" * 5_000 + b"]" * 5_000, None, 400),
            (b'{"a": 1e999}', None, 422),
            (b"null", None, 422),
            (b"{}", None, 422),
            (json.dumps(headless).encode(), None, 422),
            (b'{"a": "' + b"x" * 1_048_577 + b'"}', None, 413),
        ]
        for body, key, status in cases:
            answer = await broker.post(body, key)
            assert answer.status_code == status, body[:40]
            OperationOutcome.model_validate(answer.json())
        assert await broker.rows("inbound") == []


async def test_a_message_that_breaks_a_rule_is_kept_raw_and_may_come_again_mended(
    database: Database,
) -> None:
    async with running_peer() as peer, running_broker(database) as broker:
        header = await _deliver(broker, peer)
        good = peer.write_answer(header, event="notice-acknowledged")
        message = json.loads(good)
        message["entry"][0]["resource"]["response"]["code"] = "fine"
        bad = json.dumps(message).encode()
        nul = json.loads(good)
        nul["entry"][1]["resource"]["name"] = None
        for body in (bad, json.dumps(nul).encode()):
            answer = await broker.post(body)
            assert answer.status_code == 422
            OperationOutcome.model_validate(answer.json())
        assert (await broker.post(good)).status_code == 200
        kept = await broker.rows("inbound", "received_at, id")
        assert [one.state for one in kept] == ["refused", "refused", "taken"]
        assert kept[0].raw == bad


async def test_a_text_with_nul_is_no_failure_of_ours(database: Database) -> None:
    async with running_peer() as peer, running_broker(database) as broker:
        header = await _deliver(broker, peer)
        message = json.loads(peer.write_answer(header, event="notice-opened"))
        message["entry"][0]["resource"]["eventCoding"]["code"] = "notice\x00opened"
        assert (await broker.post(json.dumps(message).encode())).status_code in (200, 422)


async def test_with_the_database_away_a_peer_is_told_to_come_back() -> None:
    nowhere = DatabaseSettings.model_validate(
        {"url": "postgresql://nobody@127.0.0.1:1/none", "connect_seconds": 2}
    )
    database = Database(nowhere, "away")
    router = api.make_router(database, OURS, body_limit_bytes=1024)
    transport = httpx.ASGITransport(create_api([Service("health_broker", router)], "away"))
    async with httpx.AsyncClient(transport=transport, base_url="http://broker") as http:
        key = f"sgb_{'0' * 16}_{'0' * 64}"
        answer = await http.post(PATH, content=b"{}", headers={"Authorization": f"Bearer {key}"})
    await database.close()
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
    OperationOutcome.model_validate(answer.json())


async def test_a_rotated_key_overlaps_and_a_removed_peer_has_none(database: Database) -> None:
    async with running_peer() as peer, running_broker(database) as broker:
        old = await broker.add(peer)
        async with database.transaction() as session:
            new = await rotate_peer(session, HOSPITAL, overlap=timedelta(hours=1))
        for number, key in enumerate((old, new)):
            body = peer.write_answer("x", event="notice-opened", message_id=f"answer-{number}")
            assert (await broker.post(body, key)).status_code == 200
        async with database.transaction() as session:
            await remove_peer(session, HOSPITAL)
        assert (await broker.post(b"{}", new)).status_code in (401, 403)


async def test_a_peer_is_known_by_what_the_directory_says(database: Database) -> None:
    known = Organisation(
        id="ods-rxx09", kind=OrganisationKind.SCHOOL_NURSING, name="Nursing", ods_code="RXX09"
    )
    async with running_broker(database) as broker:
        with pytest.raises(PeerError, match="ODS"):
            async with database.transaction() as session:
                await add_peer(session, known.id, "https://nursing.example/FHIR/R4/")
        await broker.publish(OrganisationRecorded(organisation=known, at=AT))
        await broker.heard()
        async with database.transaction() as session:
            await add_peer(session, known.id, "https://nursing.example/FHIR/R4/")
        [peer] = await broker.rows("peer")
        assert (peer.ods_code, peer.base_url) == ("RXX09", "https://nursing.example/FHIR/R4")
        [credential] = await broker.rows("credential")
        assert credential.kind == "school-nursing"


@pytest.mark.parametrize(
    "url",
    ["ftp://a.example", "nothing", "http://", "https://u:p@a.example", "https://a.example?k=1"],
)
async def test_an_address_that_cannot_be_used_is_refused(database: Database, url: str) -> None:
    with pytest.raises(PeerError):
        async with database.transaction() as session:
            await add_peer(session, HOSPITAL, url, ods_code="RXX01")


async def test_the_command_adds_a_peer_and_prints_its_key(
    database: Database, database_url: str
) -> None:
    def call(*arguments: str, **more: str) -> Any:
        environment = {**os.environ, "SGB_DATABASE__URL": database_url, **more}
        return subprocess.run(
            [sys.executable, "-m", "services.health_broker", *arguments],
            env=environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    url = "https://hospital.example/FHIR/R4"
    added = await asyncio.to_thread(
        call, "peer", "add", HOSPITAL, url, "--ods-code", "RXX01", "--token-variable", "THEIRS",
        THEIRS="secret-token",
    )  # fmt: skip
    assert added.returncode == 0, added.stderr
    assert "sgb_" in added.stdout
    async with database.reading() as session:
        [peer] = (await find_peers(session)).values()
    assert (peer.organisation, peer.base_url, peer.token) == (HOSPITAL, url, "secret-token")
    assert "secret-token" not in added.stdout + added.stderr + repr(peer)
