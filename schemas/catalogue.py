"""Every type of event: its models by version, who may send it, and how its data is judged.

The last word before an event is recorded: what is refused here is named field by field, what is
accepted although it is wrong is flagged. No message repeats a value.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

from pydantic import TypeAdapter, ValidationError

from schemas import events, rules
from schemas.envelope import CloudEvent, find_forbidden_text, read_envelope
from schemas.errors import FieldError, InvalidData
from schemas.events import Event
from schemas.facts import Flag
from schemas.ladders import judge_ladders
from schemas.organisations import OrganisationKind
from schemas.permissions import SENDERS
from schemas.reading import read_errors
from schemas.rules import Rule, Weight
from schemas.unknown_fields import (
    Known,
    find_unknown_fields,
    is_wish_to_withhold,
    known_fields,
)

SCHEMA_ROOT = "https://safeguarding-bus.example/schemas"
MOST_FLAGS = 100
"""Past this many, unknown fields are no longer reported one by one."""

_SCHEMA_URI = re.compile(re.escape(SCHEMA_ROOT) + r"/([a-z][a-z0-9.-]*)/([1-9][0-9]{0,3})")


class Judged(NamedTuple):
    """Data that is accepted, with what is wrong with it nevertheless."""

    data: Event
    flags: tuple[Flag, ...]


class Received(NamedTuple):
    """A whole event that is accepted."""

    envelope: CloudEvent
    version: int
    judged: Judged


@dataclass(frozen=True)
class EventType:
    """One type of event. Urgent: a bad identifier or a missing block never stops it."""

    name: str
    models: Mapping[int, type[Event]]
    summary: str
    rules: tuple[Rule, ...] = ()
    urgent: bool = False
    needs_supersedes: bool = False
    readers: Mapping[int, TypeAdapter[Event]] = field(init=False, repr=False)
    known: Mapping[int, Known] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        readers = {version: TypeAdapter[Event](model) for version, model in self.models.items()}
        object.__setattr__(self, "readers", readers)
        known = {version: known_fields(model) for version, model in self.models.items()}
        object.__setattr__(self, "known", known)

    @property
    def senders(self) -> frozenset[OrganisationKind]:
        """Which kinds of agency may send it."""
        return SENDERS[self.name]

    @property
    def newest(self) -> int:
        return max(self.models)


def _judge_missing(said_at: str) -> tuple[Rule, ...]:
    """A report and its update differ in when they were said."""
    return (
        rules.judge_contact,
        rules.judge_children,
        rules.judge_adults,
        rules.judge_basis,
        rules.judge_times(said_at, "*lastSeenAt"),
    )


EVENT_TYPES: dict[str, EventType] = {
    event_type.name: event_type
    for event_type in (
        EventType(
            "domestic-abuse.recorded",
            {1: events.DomesticAbuseRecorded},
            "Police attended domestic abuse; a child may be a victim (Operation Encompass).",
            (
                rules.judge_contact,
                rules.judge_incident,
                rules.judge_children,
                rules.judge_adults,
                rules.judge_voices,
                rules.judge_basis,
                rules.judge_times("attendedAt", "recordedAt"),
            ),
            urgent=True,
        ),
        EventType(
            "referral.submitted",
            {1: events.ReferralSubmitted},
            "A concern about children is brought to children's social care.",
            (
                rules.judge_contact,
                rules.judge_children,
                rules.judge_adults,
                rules.judge_voices,
                rules.judge_basis,
            ),
        ),
        EventType(
            "referral.triaged",
            {1: events.ReferralTriaged},
            "The MASH graded a referral; its clock runs from when it was received.",
            (rules.judge_contact, rules.judge_times("triagedAt")),
        ),
        EventType(
            "referral.decided",
            {1: events.ReferralDecided},
            "Social care decided about a referral; the referrer is told without asking.",
            (rules.judge_contact, rules.judge_times("decidedAt")),
        ),
        EventType(
            "assessment.completed",
            {1: events.AssessmentCompleted},
            "What came of the assessment; the referrer is told without asking.",
            (rules.judge_contact, rules.judge_times("completedAt")),
        ),
        EventType(
            "missing.reported",
            {1: events.MissingReported},
            "Children are missing.",
            _judge_missing("reportedAt"),
            urgent=True,
        ),
        EventType(
            "missing.updated",
            {1: events.MissingUpdated},
            "Missing children are still missing; what is known of them, or the grade, has changed.",
            _judge_missing("updatedAt"),
            urgent=True,
        ),
        EventType(
            "missing.found",
            {1: events.MissingFound},
            "Missing children are found: stop looking.",
            (rules.judge_contact, rules.judge_children, rules.judge_times("foundAt")),
            urgent=True,
        ),
        EventType(
            "return-interview.offered",
            {1: events.ReturnInterviewOffered},
            "A return home interview was offered to a child who was found.",
            (rules.judge_contact, rules.judge_times("offeredAt")),
        ),
        EventType(
            "return-interview.completed",
            {1: events.ReturnInterviewCompleted},
            "A child who was found has had its return home interview.",
            (rules.judge_contact, rules.judge_times("completedAt")),
        ),
        EventType(
            "enrolment.changed",
            {1: events.EnrolmentChanged},
            "Where a child is educated, from a day on.",
            (rules.judge_contact, rules.judge_one_child, rules.judge_enrolment),
        ),
        EventType(
            "relationship.asserted",
            {1: events.RelationshipAsserted},
            "An agency knows an adult to be linked to a child.",
            (
                rules.judge_contact,
                rules.judge_one_child,
                rules.judge_one_adult,
                rules.judge_findable,
                rules.judge_period,
            ),
        ),
        EventType(
            "order.recorded",
            {1: events.OrderRecorded},
            "A court's order: an adult must not collect, or have contact with, a child.",
            (
                rules.judge_contact,
                rules.judge_one_child,
                rules.judge_one_adult,
                rules.judge_period,
            ),
        ),
        EventType(
            "record.answered",
            {1: events.RecordAnswered},
            "An agency answers what was found of its own record.",
            (rules.judge_contact,),
        ),
        EventType(
            "worker.assigned",
            {1: events.WorkerAssigned},
            "An agency says which of its posts has a child's case, or that none has any more.",
            (
                rules.judge_contact,
                rules.judge_one_child,
                rules.judge_assignment,
                rules.judge_times("assignedAt"),
            ),
        ),
        EventType(
            "organisation.changed",
            {1: events.OrganisationChanged},
            "An organisation restated in full.",
            (rules.judge_contact, judge_ladders),
        ),
        EventType(
            "event.retracted",
            {1: events.EventRetracted},
            "An earlier event of the same sender is taken back.",
            (rules.judge_contact,),
            needs_supersedes=True,
        ),
    )
}
"""Every event type that an agency may send, by name."""


def dataschema_of(event_type: str, version: int = 1) -> str:
    """The `dataschema` that names one version of one type."""
    return f"{SCHEMA_ROOT}/{event_type}/{version}"


def version_of(envelope: CloudEvent) -> int:
    """The version that an envelope asks for: 1 where it names no schema.

    Raises `InvalidData` for a type or version that is not served.
    """
    event_type = EVENT_TYPES.get(envelope.type)
    if event_type is None:
        raise InvalidData([FieldError("/type", "type-unknown", "is no event type of this bus")])
    if envelope.dataschema is None:
        return 1
    named = _SCHEMA_URI.fullmatch(envelope.dataschema)
    if named is None or named[1] != envelope.type or int(named[2]) not in event_type.models:
        served = ", ".join(dataschema_of(envelope.type, version) for version in event_type.models)
        raise InvalidData(
            [FieldError("/dataschema", "schema-unknown", f"must be one of: {served}")]
        )
    return int(named[2])


def read_data(event_type: str, version: int, data: Mapping[str, Any]) -> Event:
    """The data of an accepted event as its model, for readers further on: it is not judged again.

    Raises KeyError for an unknown type or version, ValidationError for another shape.
    """
    return (
        EVENT_TYPES[event_type].readers[version].validate_python(data, by_alias=True, by_name=False)
    )


def validate_data(event_type: str, version: int, data: Any, *, now: datetime) -> Judged:
    """The data as its model, with flags; or `InvalidData` naming every failing field.

    Pointers start at the data ("/children/0/child/upn"). `now` is aware. Unknown type or version:
    KeyError (`version_of` refuses them first).
    """
    described = EVENT_TYPES[event_type]
    refused: list[FieldError] = []
    flags: list[Flag] = []
    model: Event | None = None
    try:
        model = described.readers[version].validate_python(data, by_alias=True, by_name=False)
    except ValidationError as failure:
        refused.extend(read_errors(failure))
    if isinstance(data, dict):
        for rule in described.rules:
            for finding in rule(data, now):
                if finding.weight is Weight.FLAG or (
                    described.urgent and finding.weight is Weight.REFUSE_UNLESS_URGENT
                ):
                    flags.append(
                        Flag(code=finding.rule, pointer=finding.pointer, detail=finding.message)
                    )
                else:
                    refused.append(FieldError(finding.pointer, finding.rule, finding.message))
        for pointer in find_unknown_fields(data, described.known[version]):
            if is_wish_to_withhold(pointer):
                refused.append(
                    FieldError(pointer, "withhold-misspelt", "is not how `withhold` is written")
                )
            elif len(flags) < MOST_FLAGS:
                flags.append(Flag(code="unknown-field", pointer=pointer, detail="is ignored"))
    if refused or model is None:
        raise InvalidData(refused)
    return Judged(model, tuple(flags))


def judge_event(raw: Mapping[str, Any], *, now: datetime, clean: bool = False) -> Received:
    """One whole event: forbidden text, envelope, type, version, data; all failing fields at once.

    Pointers start at the event ("/data/children/0/child/upn"). `clean`: whoever read the bytes
    knows already that nothing forbidden is in them; looking again is a third of the judging.
    """
    forbidden = None if clean else find_forbidden_text(raw)
    if forbidden is not None:
        raise InvalidData(
            [FieldError(forbidden, "forbidden-text", "holds text or a number that cannot be kept")]
        )
    errors: list[FieldError] = []
    envelope: CloudEvent | None = None
    try:
        envelope = read_envelope(raw, now=now)
        version = version_of(envelope)
    except InvalidData as refusal:
        errors.extend(refusal.errors)
        version = 1
    event_type = EVENT_TYPES.get(str(raw.get("type")))
    if event_type is None or "data" not in raw:
        raise InvalidData(errors)
    if event_type.needs_supersedes and raw.get("supersedes") is None:
        errors.append(FieldError("/supersedes", "missing", "is required: which event is meant"))
    judged: Judged | None = None
    try:
        judged = validate_data(event_type.name, version, raw["data"], now=now)
    except InvalidData as refusal:
        known = {error.pointer for error in errors}
        errors.extend(
            FieldError(f"/data{error.pointer}", error.rule, error.message)
            for error in refusal.errors
            if f"/data{error.pointer}" not in known
        )
    if errors or envelope is None or judged is None:
        raise InvalidData(errors)
    return Received(envelope, version, judged)
