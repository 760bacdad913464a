"""Clients and checkers that others wrote: they need nothing of ours to understand us."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from cloudevents.core.bindings.http import HTTPMessage, to_binary_event, to_structured_event
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent
from fhir.resources.R4B.bundle import Bundle
from standardwebhooks import Webhook, WebhookVerificationError

from chassis.clock import now
from deploy.laptop.partnership import DEMO_SCHOOL, FHIR_HOSPITAL, FHIR_NURSING
from tests.support.postgres import Cluster
from tests.support.pupils import Pupil, event, incident
from tests.support.waiting import eventually
from tests.support.whole import NEIGHBOUR_SCHOOL, Whole, running_whole

AT_HOME = Pupil(11, "Octavienne", "Specimenwade", DEMO_SCHOOL)
NEXT_DOOR = Pupil(12, "Leopoldine", "Specimenfold", NEIGHBOUR_SCHOOL)


@pytest.fixture
async def whole(cluster: Cluster, database_name: str, tmp_path: Path) -> AsyncIterator[Whole]:
    async with running_whole(cluster, database_name, tmp_path, (AT_HOME, NEXT_DOOR)) as started:
        yield started


def _with_sdk(raw: dict[str, Any]) -> CloudEvent:
    """The same event as the SDK's own object."""
    attributes = {name: value for name, value in raw.items() if name != "data"}
    return CloudEvent({**attributes, "time": now()}, raw["data"])


async def _send(whole: Whole, message: HTTPMessage) -> Any:
    """What the SDK made, by an HTTP client that knows nothing of events."""
    answer = await whole.clients["police"].post(
        "/v1/events", content=message.body, headers=message.headers
    )
    assert answer.status_code == 202, answer.text
    return answer


async def test_the_cloudevents_sdk_posts_structured_binary_and_batch(whole: Whole) -> None:
    raw = event("police", "domestic-abuse.recorded", incident({"child": AT_HOME.sent()}))
    sent = _with_sdk(raw)

    structured = await _send(whole, to_structured_event(sent))
    binary = await _send(whole, to_binary_event(sent))
    other = event("police", "domestic-abuse.recorded", incident({"child": NEXT_DOOR.sent()}))
    # The SDK has no batch: its format's own answers are joined, as the specification says.
    batch = b"[%s]" % b",".join(JSONFormat().write(one) for one in (sent, _with_sdk(other)))
    batched = await _send(
        whole, HTTPMessage({"content-type": "application/cloudevents-batch+json"}, batch)
    )

    receipt = structured.json()["receipt"]
    assert "idempotent-replayed" not in structured.headers
    assert binary.json()["receipt"] == receipt
    assert binary.headers["idempotent-replayed"] == "true"
    first, second = batched.json()
    assert (first["receipt"], first["replayed"]) == (receipt, True)
    assert (second["status"], second["replayed"]) == (202, False)
    assert second["receipt"] != receipt
    await whole.settle()
    assert len(await whole.wait_for_notices("school", 1)) == 1, "one event, told once"


async def test_a_webhook_is_verified_by_the_standardwebhooks_library(whole: Whole) -> None:
    receipt = await whole.accept(
        "police",
        event("police", "domestic-abuse.recorded", incident({"child": AT_HOME.sent()})),
    )
    await eventually(lambda: whole.receiver.received, 10.0, "a webhook")
    (taken,) = whole.receiver.received
    (content,) = whole.receiver.verify(whole.webhook_secret)

    fetched = await whole.clients["school"].get(content["data"]["url"])
    assert fetched.status_code == 200
    assert fetched.json()["content"]["receipt"] == receipt
    assert fetched.json()["id"] == taken.id == content["data"]["notice"]
    judge = Webhook(whole.webhook_secret)
    with pytest.raises(WebhookVerificationError):
        judge.verify(taken.body + b" ", dict(taken.headers))


async def test_a_fhir_message_is_valid_and_the_peers_answer_reaches_the_police(
    whole: Whole,
) -> None:
    receipt = await whole.accept(
        "police",
        event("police", "domestic-abuse.recorded", incident({"child": NEXT_DOOR.sent()})),
    )
    peer = whole.peers[FHIR_NURSING]
    await eventually(lambda: peer.received, 10.0, "a FHIR message")
    (message,) = peer.received
    bundle: Any = Bundle.model_validate(message.message)
    assert bundle.type == "message"
    assert bundle.entry[0].resource.eventCoding.code == "domestic-abuse-notification"
    found = json.dumps(message.message)
    assert NEXT_DOOR.nhs_number in found

    nursing = (FHIR_NURSING, "health-minimal", "whole")

    async def state() -> str | None:
        told = await whole.told("police", receipt)
        return told[nursing]["state"] if nursing in told else None

    async def is_delivered() -> bool:
        return await state() == "delivered"

    async def is_acknowledged() -> bool:
        return await state() == "acknowledged"

    await eventually(is_delivered, 10.0, "taken by the peer")
    status = await peer.send_answer(
        f"{whole.url}/fhir/R4/$process-message", whole.peer_keys[FHIR_NURSING], message.header_id
    )
    assert status == 200
    await eventually(is_acknowledged, 10.0, "the peer's receipt, shown to the police")
    assert whole.peers[FHIR_HOSPITAL].received == [], "domestic abuse is told to no hospital"
