"""Who may do what: agency kind × operation × event type, in one table.

Everything that is not written here is refused.
"""

from __future__ import annotations

from enum import StrEnum

from schemas.organisations import OrganisationKind as Kind


class Operation(StrEnum):
    """What a credential may be used for."""

    SEND = "send"
    READ_OWN_EVENTS = "read-own-events"
    SUBSCRIBE_TO_OWN_EVENTS = "subscribe-to-own-events"
    ANSWER_QUESTIONS = "answer-questions"
    READ_NOTICES = "read-notices"
    ACKNOWLEDGE_NOTICES = "acknowledge-notices"
    RECORD_TELEPHONE_CALLS = "record-telephone-calls"
    MANAGE_CONTACTS = "manage-contacts"
    RESOLVE = "resolve"
    CONFIRM_LADDER = "confirm-ladder"
    WATCH_LADDERS = "watch-ladders"
    MANAGE_ENDPOINTS = "manage-endpoints"
    READ_DELIVERIES = "read-deliveries"
    READ_DELIVERED_BODIES = "read-delivered-bodies"
    REPLAY_NOTICES = "replay-notices"
    SEND_TEST_NOTICES = "send-test-notices"


ANY_AGENCY = frozenset(Kind)

_INTERVIEWERS = frozenset(
    {Kind.SOCIAL_CARE, Kind.LOCAL_AUTHORITY, Kind.VOLUNTARY, Kind.CARE_PROVIDER}
)
SENDERS: dict[str, frozenset[Kind]] = {
    "domestic-abuse.recorded": frozenset({Kind.POLICE}),
    "referral.submitted": ANY_AGENCY,
    "referral.triaged": frozenset({Kind.SOCIAL_CARE}),
    "referral.decided": frozenset({Kind.SOCIAL_CARE}),
    "assessment.completed": frozenset({Kind.SOCIAL_CARE}),
    "missing.reported": frozenset({Kind.POLICE, Kind.CARE_PROVIDER}),
    "missing.updated": frozenset({Kind.POLICE, Kind.CARE_PROVIDER}),
    "missing.found": frozenset({Kind.POLICE, Kind.CARE_PROVIDER}),
    "return-interview.offered": _INTERVIEWERS,
    "return-interview.completed": _INTERVIEWERS,
    "enrolment.changed": frozenset({Kind.SCHOOL, Kind.LOCAL_AUTHORITY}),
    "organisation.changed": ANY_AGENCY,  # Others than these: of its own record, see below.
    "relationship.asserted": ANY_AGENCY,
    "order.recorded": frozenset({Kind.COURT, Kind.POLICE}),
    "worker.assigned": ANY_AGENCY,  # Only its own posts: the directory compares.
    "record.answered": ANY_AGENCY,  # Only about its own records: the directory compares.
    "event.retracted": ANY_AGENCY,  # Only its own events: the source is bound to the credential.
}
"""Who may send which type of event."""

STATES_ANY_RECORD = frozenset({Kind.LOCAL_AUTHORITY, Kind.SOCIAL_CARE})
"""Who may state what any organisation is. Every other states its own record, and of that only:"""

OWN_RECORD_FIELDS = frozenset(
    {
        "opens_at", "terms", "closures", "service_hours",
        "ladder", "ladders", "quiet_hours", "absences", "holiday_contact",
    }
)  # fmt: skip
"""When it is open, and who is told next: never what it is, where it lies, its numbers, whom it
serves, or by which channel it is told."""

OPERATORS: dict[Operation, frozenset[Kind]] = {
    Operation.READ_OWN_EVENTS: ANY_AGENCY,
    Operation.SUBSCRIBE_TO_OWN_EVENTS: ANY_AGENCY,
    Operation.ANSWER_QUESTIONS: ANY_AGENCY,  # About its own events.
    Operation.READ_NOTICES: ANY_AGENCY,  # Its own only: every agency is told of its referrals.
    Operation.ACKNOWLEDGE_NOTICES: ANY_AGENCY,
    # To others, whose notice is late or on a ladder that nobody is left on; its own, anybody may.
    Operation.RECORD_TELEPHONE_CALLS: frozenset({Kind.SOCIAL_CARE}),
    Operation.MANAGE_CONTACTS: ANY_AGENCY,  # Its own only.
    Operation.RESOLVE: frozenset({Kind.SOCIAL_CARE}),
    Operation.CONFIRM_LADDER: ANY_AGENCY,  # Its own only.
    Operation.WATCH_LADDERS: frozenset({Kind.SOCIAL_CARE}),
    # Its own only, all of these.
    Operation.MANAGE_ENDPOINTS: ANY_AGENCY,
    Operation.READ_DELIVERIES: ANY_AGENCY,
    Operation.READ_DELIVERED_BODIES: ANY_AGENCY,
    Operation.REPLAY_NOTICES: ANY_AGENCY,
    Operation.SEND_TEST_NOTICES: ANY_AGENCY,
}
"""Who may do what does not depend on a type of event."""

GIVEN_BY_NAME = frozenset({Operation.MANAGE_ENDPOINTS, Operation.READ_DELIVERED_BODIES})
"""What a credential may do only if it was given this right besides: one that reads notices need not
be able to send them elsewhere."""


def may(kind: Kind, operation: Operation, event_type: str | None = None) -> bool:
    """Whether an agency of this kind may do this; to send needs the type of event."""
    if operation is Operation.SEND:
        return event_type is not None and kind in SENDERS.get(event_type, frozenset())
    return kind in OPERATORS[operation]


def sendable(kind: Kind) -> frozenset[str]:
    """The event types that an agency of this kind may send."""
    return frozenset(event_type for event_type, kinds in SENDERS.items() if kind in kinds)
