"""Who may send what, tried exhaustively, and what is refused before anything is recorded."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from chassis.clock import now
from chassis.problems import Problem
from schemas import examples
from schemas.catalogue import EVENT_TYPES
from schemas.facts import EventAccepted
from schemas.organisations import OrganisationKind
from schemas.permissions import STATES_ANY_RECORD, sendable
from services.intake.identify import Identifier
from services.intake.insert import accepted_fact
from services.intake.judge import Judge, Prepared
from services.intake.tables import Credential

IDENTIFIER = Identifier("a secret of the tests, thirty-two or more")
# Between the examples' own times and any plausible end of the children's childhood in them.
NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)


def sender(
    kind: str = "police", source: str = "police.example", organisation: str = "urn-900001"
) -> Credential:
    return Credential(
        id="k", secret_hash=b"", organisation=organisation, name="Org", kind=kind, source=source,
        created_at=now(),
    )  # fmt: skip


def judge(raw: Any, by: Credential | None = None, skew: float = 300, **more: Any) -> Prepared:
    return Judge(IDENTIFIER, skew).judge(raw, by or sender(), NOW, **more)


def event(event_type: str = "domestic-abuse.recorded", **attributes: Any) -> dict[str, Any]:
    return {**examples.load(event_type), **attributes}


def refused(raw: Any, **more: Any) -> tuple[int, list[str]]:
    with pytest.raises(Problem) as problem:
        judge(raw, **more)
    return problem.value.status, [f"{e['pointer']} {e['rule']}" for e in problem.value.errors]


@pytest.mark.parametrize("kind", list(OrganisationKind))
@pytest.mark.parametrize("event_type", sorted(EVENT_TYPES))
def test_an_agency_sends_what_its_kind_may_and_nothing_else(
    kind: OrganisationKind, event_type: str
) -> None:
    raw = event(event_type, source="s")
    if event_type in sendable(kind):
        assert judge(raw, sender(kind, "s")).receipt == IDENTIFIER.receipt_of("s", raw["id"])
    else:
        assert refused(raw, by=sender(kind, "s")) == (403, ["/type type-not-allowed"])


@pytest.mark.parametrize(
    ("attributes", "status", "error"),
    [
        ({"source": "other"}, 403, "/source source-not-yours"),
        ({"type": "no.such"}, 422, "/type type-unknown"),
        ({"type": ["a"]}, 422, "/type string-type"),
        ({"source": {}}, 422, "/source string-type"),
        ({"time": "2026-06-01T12:05:01Z"}, 422, "/time time-in-future"),
        ({"time": "0001-01-01T00:00:00+14:00"}, 422, "/time time-implausible"),
        ({"duetime": "9999-12-31T23:59:59-14:00"}, 422, "/duetime time-implausible"),
        ({"supersedes": "incident-0001"}, 422, "/supersedes supersedes-itself"),
        ({"subject": "x"}, 422, "/subject not-allowed"),
        ({"extension": 1.5}, 422, "/extension attribute-type"),
        ({"extension": {"a": 1}}, 422, "/extension attribute-type"),
        ({"datacontenttype": "text/xml"}, 422, "/datacontenttype literal-error"),
        ({"specversion": "0.3"}, 422, "/specversion literal-error"),
        ({"data": "text"}, 422, "/data dict-type"),
    ],
)
def test_a_broken_rule_is_named(attributes: dict[str, Any], status: int, error: str) -> None:
    found_status, errors = refused(event(**attributes))
    assert found_status == status
    assert error in errors


def test_what_is_no_object_is_refused() -> None:
    assert refused([1]) == (422, [" object"])


def test_the_clock_skew_can_be_made_tighter() -> None:
    ahead = event(time=(NOW + timedelta(seconds=30)).isoformat())
    assert judge(ahead)
    assert refused(ahead, skew=10) == (422, ["/time time-in-future"])


def test_a_pointer_never_grows_with_what_was_sent() -> None:
    _, errors = refused({**event(), "x" * 5000: "y"})
    assert all(len(error) < 400 for error in errors)


def test_content_types_of_json_are_one() -> None:
    written = judge(event(datacontenttype="application/json; charset=UTF-8"))
    assert written.content_hash == judge(event()).content_hash


def test_the_fact_is_what_the_directory_reads() -> None:
    raw = event(
        supersedes="earlier", duetime="2026-03-03T10:00:00+01:00", traceparent="not a trace"
    )
    fact = accepted_fact(judge(raw), NOW)
    said = EventAccepted.model_validate_json(fact.payload)
    assert said.data == raw["data"]
    assert said.receipt == IDENTIFIER.receipt_of("police.example", "incident-0001")
    assert said.supersedes == IDENTIFIER.receipt_of("police.example", "earlier")
    assert said.occurred_at == datetime(2026, 3, 2, 22, 40, tzinfo=UTC)
    assert said.due_at == datetime(2026, 3, 3, 9, tzinfo=UTC)
    assert (said.accepted_at, fact.at, fact.key) == (NOW, NOW, said.key)
    assert fact.traceparent is None


def test_a_trace_is_carried_on() -> None:
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    assert judge(event(), traceparent=trace).traceparent == trace
    assert judge(event(traceparent=trace)).traceparent == trace
    assert judge(event(), traceparent="Robin Example").traceparent is None


@pytest.mark.parametrize("kind", list(OrganisationKind))
def test_another_organisation_s_record_is_stated_by_authorities_only(
    kind: OrganisationKind,
) -> None:
    raw = event("organisation.changed", source="s")
    other = sender(kind, "s", "urn-900002")
    if kind in STATES_ANY_RECORD:
        assert judge(raw, other)
    else:
        assert refused(raw, by=other) == (403, ["/data/organisation/id own-record"])
