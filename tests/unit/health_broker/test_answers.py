"""What a peer's answer means, and when to try again."""

from __future__ import annotations

import json
from datetime import timedelta
from email.utils import format_datetime
from typing import Any

import pytest
from fhir.resources.R4B.operationoutcome import OperationOutcome
from hypothesis import given
from hypothesis import strategies as st

from services.health_broker.fhir import (
    Acknowledged,
    MessageRead,
    NotAMessage,
    find_faults,
    make_acknowledgement,
    make_outcome,
    read_acknowledgement,
    read_message,
)
from services.health_broker.outcome import (
    Delivered,
    Outcome,
    Refused,
    Unreachable,
    choose_delay,
    judge_answer,
    read_retry_after,
)
from services.health_broker.settings import HealthBrokerSettings
from tests.unit.health_broker.samples import AT, OURS, THEIRS

HEADER = "1de3484e-0ceb-5b61-9334-4c391ff628ca"


def _acknowledge(code: str, identifier: str = HEADER) -> bytes:
    read = MessageRead(identifier, "EXAMPLE-LA", "missing-child-alert", None)
    message = json.loads(make_acknowledgement(read, THEIRS, OURS, AT))
    message["entry"][0]["resource"]["response"]["code"] = code
    return json.dumps(message).encode()


DUPLICATE = make_outcome("duplicate", "REC_CONFLICT", ["message already processed"])
OTHER = make_outcome("conflict", "REC_BAD_REQUEST", ["no"])


@pytest.mark.parametrize(
    ("status", "body", "outcome"),
    [
        (200, _acknowledge("ok"), Delivered()),
        (200, _acknowledge("transient-error"), Unreachable("transient-error")),
        (200, _acknowledge("fatal-error"), Refused("fatal-error")),
        (200, _acknowledge("ok", "another"), Unreachable("no-acknowledgement")),
        (200, b"<html>sign in</html>", Unreachable("no-acknowledgement")),
        (202, b"", Unreachable("no-acknowledgement")),
        (200, b"[" * 100_000, Unreachable("no-acknowledgement")),
        (409, DUPLICATE, Delivered("duplicate")),
        (409, OTHER, Refused("http-409")),
        (409, b"", Refused("http-409")),
        (301, b"", Refused("http-301")),
        (400, b"", Refused("http-400")),
        (401, b"", Refused("http-401")),
        (422, b"", Refused("http-422")),
        (408, b"", Unreachable("http-408")),
        (429, b"", Unreachable("http-429")),
        (500, b"", Unreachable("http-500")),
        (503, b"", Unreachable("http-503")),
    ],
)
def test_an_answer_is_delivered_refused_or_tried_again(
    status: int, body: bytes, outcome: Outcome
) -> None:
    assert judge_answer(status, {}, body, HEADER, AT) == outcome


def test_an_acknowledgement_and_an_outcome_of_ours_are_valid() -> None:
    assert find_faults(json.loads(_acknowledge("ok"))) == []
    assert read_acknowledgement(_acknowledge("ok")) == Acknowledged(HEADER, "ok")
    OperationOutcome.model_validate_json(DUPLICATE)


def test_retry_after_is_read_as_seconds_and_as_a_date() -> None:
    assert read_retry_after("7", AT) == 7
    assert read_retry_after(format_datetime(AT + timedelta(seconds=90), usegmt=True), AT) == 90
    assert read_retry_after(format_datetime(AT - timedelta(days=1), usegmt=True), AT) == 0
    for value in (None, "", "soon", "-1", "1e9", "٣"):
        assert read_retry_after(value, AT) is None


@given(attempt=st.integers(1, 10_000), after=st.none() | st.floats(0, 1e9))
def test_a_delay_grows_to_a_limit_and_honours_retry_after_to_another(
    attempt: int, after: float | None
) -> None:
    delay = choose_delay(attempt, after, first_seconds=1, last_seconds=60, limit_seconds=900)
    assert 0.5 <= delay <= 900
    assert delay >= min(after or 0, 900)
    assert after is not None or delay <= 60


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["entry", "resource", "id", "sender", "response", "fullUrl", "type"]),
            inner,
            max_size=3,
        )
    ),
    max_leaves=10,
)


@given(entry=_JSON)
def test_whatever_a_peer_sends_is_read_or_refused(entry: Any) -> None:
    for message in (entry, {"resourceType": "Bundle", "type": "message", "entry": entry}):
        assert isinstance(read_message(message), MessageRead | NotAMessage)
        read_acknowledgement(json.dumps(message).encode())


def test_the_lease_outlives_two_sendings() -> None:
    with pytest.raises(ValueError, match="twice"):
        HealthBrokerSettings(send_seconds=10, lease_seconds=15)
