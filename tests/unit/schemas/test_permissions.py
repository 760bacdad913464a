"""Who may do what: the whole product space, against an expectation written apart."""

from itertools import product

from schemas.catalogue import EVENT_TYPES
from schemas.organisations import OrganisationKind
from schemas.permissions import SENDERS, Operation, may, sendable

MISSING = {"missing.reported", "missing.updated", "missing.found"}
INTERVIEW = {"return-interview.offered", "return-interview.completed"}
# One line per kind: what it may send besides referrals and retractions of its own events.
MAY_SEND = {
    "police": {"domestic-abuse.recorded", *MISSING, "order.recorded"},
    "court": {"order.recorded"},
    "social-care": {
        "referral.triaged", "referral.decided", "assessment.completed",
        *INTERVIEW,
    },
    "local-authority": {"enrolment.changed", *INTERVIEW},
    "voluntary": INTERVIEW,
    "school": {"enrolment.changed"},
    "care-provider": {*MISSING, *INTERVIEW},
}  # fmt: skip
EVERYBODY_MAY_SEND = {
    "referral.submitted",
    "relationship.asserted",
    "record.answered",
    "worker.assigned",
    "event.retracted",
    "organisation.changed",  # Of its own record; intake and the directory look.
}
TYPES = (*EVENT_TYPES, "event.unheard-of", None)


def test_every_kind_operation_and_type_is_as_expected() -> None:
    tried = 0
    for kind, operation, event_type in product(OrganisationKind, Operation, TYPES):
        if operation is Operation.SEND:
            expected = event_type in EVERYBODY_MAY_SEND | MAY_SEND.get(kind.value, set())
        elif operation in (
            Operation.RESOLVE, Operation.WATCH_LADDERS, Operation.RECORD_TELEPHONE_CALLS
        ):  # fmt: skip
            expected = kind.value == "social-care"
        else:
            expected = True
        assert may(kind, operation, event_type) is expected, (kind, operation, event_type)
        tried += 1
    assert tried == len(OrganisationKind) * len(Operation) * len(TYPES)


def test_police_may_not_send_a_decision() -> None:
    assert not may(OrganisationKind.POLICE, Operation.SEND, "referral.decided")


def test_every_event_type_has_senders_and_no_other_has() -> None:
    assert SENDERS.keys() == EVENT_TYPES.keys()
    assert all(event_type.senders for event_type in EVENT_TYPES.values())


def test_what_a_kind_may_send_is_listed() -> None:
    for kind in OrganisationKind:
        assert sendable(kind) == {t for t in EVENT_TYPES if may(kind, Operation.SEND, t)}
