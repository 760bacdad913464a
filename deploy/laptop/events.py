"""One event of every type that agencies send, about children of the synthetic register.

They are made anew at each start, with new ids and present times, so that each can be posted as is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from deploy.laptop.agencies import AGENCIES
from schemas.catalogue import dataschema_of
from schemas.organisations import DateRange, Organisation

FIRST_EVENT = "domestic-abuse.recorded"
"""The type of the event that `make run` prints as a `curl` line."""

Row = Mapping[str, str]
"""A line of `children.csv`."""

_SENT_BY = {
    "domestic-abuse.recorded": "police",
    "referral.submitted": "school",
    "referral.triaged": "social-care",
    "referral.decided": "social-care",
    "assessment.completed": "social-care",
    "missing.reported": "police",
    "missing.updated": "police",
    "missing.found": "police",
    "return-interview.offered": "social-care",
    "return-interview.completed": "social-care",
    "enrolment.changed": "school",
    "organisation.changed": "council",
    "relationship.asserted": "social-care",
    "order.recorded": "police",
    "record.answered": "police",
    "worker.assigned": "social-care",
    "event.retracted": "police",
}
_CONTACTS: dict[str, dict[str, str]] = {
    "police": {
        "name": "PC Sam Sampleton",
        "role": "Domestic abuse desk",
        "agency": "Example Police",
        "phone": "0121 496 0101",
        "email": "desk@police.example",
    },
    "school": {
        "name": "Alex Samplewright",
        "role": "Designated safeguarding lead",
        "agency": "Solihull Example Primary School 1",
        "phone": "0121 496 0102",
        "email": "dsl@school.example",
    },
    "social-care": {
        "name": "Jo Samplesmith",
        "role": "MASH team manager",
        "agency": "Solihull Example Children's Social Care",
        "phone": "0121 496 0103",
        "email": "mash@social-care.example",
    },
    "council": {
        "name": "Chris Samplecroft",
        "role": "School data",
        "agency": "Solihull Example Council",
        "email": "data@council.example",
    },
}
"""Telephone numbers of the range that Ofcom keeps for fiction."""

_BASIS = {
    "lawfulBasis": "legal-obligation",
    "familyInformed": False,
    "reasonNotInformed": "risk-of-harm",
}


def make_events(
    children: Sequence[Row],
    school: Organisation,
    now: datetime,
    receipt_of: Callable[[str, str], UUID],
) -> dict[str, dict[str, Any]]:
    """`{type: {"as": credential, "body": a whole CloudEvent}}`, in an order that makes sense.

    Args:
        children: the register's first lines, the known few.
        school: an organisation to restate.
        now: when they are stated.
        receipt_of: the receipt that intake will give to (source, id).
    """
    run = f"{now:%Y%m%d%H%M%S}"
    pupil, teenager = children[0], children[4]

    def receipt(event_type: str) -> UUID:
        return receipt_of(_source(event_type), _id(event_type, run))

    referral, report = receipt("referral.submitted"), receipt("missing.reported")
    found = {"found": str(receipt("missing.found"))}
    data = {
        "domestic-abuse.recorded": _incident(pupil, now),
        "referral.submitted": _referral(pupil),
        "referral.triaged": {
            "referral": str(referral),
            "grade": "amber",
            "triagedAt": _at(now - timedelta(minutes=2)),
        },
        "referral.decided": _decision(referral, now),
        "assessment.completed": _assessment(referral, now),
        "missing.reported": _missing(teenager, now),
        "missing.updated": _regraded(teenager, report, now),
        "missing.found": _found(teenager, report, now),
        "return-interview.offered": {
            **found,
            "offeredAt": _at(now - timedelta(minutes=1)),
            "outcome": "accepted",
        },
        "return-interview.completed": {**found, "completedAt": _at(now)},
        "enrolment.changed": _enrolment(pupil),
        "organisation.changed": {"organisation": _with_inset_day(school, now)},
        "relationship.asserted": _relationship(pupil),
        "order.recorded": _order(pupil, now),
        "record.answered": {"finding": str(UUID(int=0)), "answer": "record-corrected"},
        "worker.assigned": {
            "child": _child(pupil),
            "reason": "allocated",
            "worker": {
                "role": "social-worker",
                "organisation": AGENCIES["social-care"].organisation,
            },
            "assignedAt": _at(now),
        },
        "event.retracted": {"reason": "sent-in-error", "detail": "Entered on the wrong system."},
    }
    return {
        event_type: {
            "as": _SENT_BY[event_type],
            "body": {
                "specversion": "1.0",
                "id": _id(event_type, run),
                "source": _source(event_type),
                "type": event_type,
                "time": _at(now),
                "datacontenttype": "application/json",
                "dataschema": dataschema_of(event_type),
                # An incident of its own is retracted, so that nothing shown here disappears.
                **({"supersedes": f"demo-{run}-error"} if event_type == "event.retracted" else {}),
                "data": {**content, "contact": _CONTACTS[_SENT_BY[event_type]]},
            },
        }
        for event_type, content in data.items()
    }


def _with_inset_day(school: Organisation, now: datetime) -> dict[str, Any]:
    """The school restated, closed on one more day in four weeks."""
    day = (now + timedelta(weeks=4)).date()
    closed = (*school.closures, DateRange(first=day, last=day))
    restated = school.model_copy(update={"closures": closed})
    return restated.model_dump(mode="json", by_alias=True, exclude_none=True)


def _source(event_type: str) -> str:
    return AGENCIES[_SENT_BY[event_type]].source


def _id(event_type: str, run: str) -> str:
    return f"demo-{run}-{event_type}"


def _at(moment: datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}"


def _child(row: Row) -> dict[str, Any]:
    """The child block of a line of the register."""
    school = row["enrolments"].partition(":")[0].removeprefix("urn-")
    street, town = row["address"].split(", ")
    return {
        "name": {"given": row["given_name"], "family": row["family_name"]},
        "dateOfBirth": {"value": row["date_of_birth"], "precision": "exact"},
        "sex": row["sex"],
        "nhsNumber": {"value": row["nhs_number"], "status": "verified"},
        "upn": row["upn"],
        "address": {"lines": [street, town], "postcode": row["postcode"]},
        "school": {"urn": school},
        "educationStatus": "registered",
    }


def _incident(row: Row, now: datetime) -> dict[str, Any]:
    attended = now - timedelta(hours=2, minutes=35)
    return {
        "policeReference": f"EX-{now:%Y%m%d}-0001",
        "attendedAt": _at(attended),
        "recordedAt": _at(now - timedelta(minutes=10)),
        "children": [
            {
                "child": _child(row),
                "present": True,
                "whereInIncident": "In an upstairs bedroom; heard shouting downstairs.",
                "welfareCheckDone": True,
                "circumstances": "Officers were called by a neighbour. The child was awake.",
                "voice": {
                    "captured": "spoken-to",
                    "words": "I put my pillow over my ears.",
                    "observations": "Quiet and tired; no injuries seen.",
                    "by": "The attending officer",
                    "at": _at(attended + timedelta(minutes=20)),
                },
            }
        ],
        "adults": [
            {
                "name": {"given": "Morgan", "family": row["family_name"]},
                "relationship": "mother",
                "roleInEvent": "victim",
                "parentalResponsibility": True,
            },
            {
                "name": {"given": "Lee", "family": "Specimenward"},
                "relationship": "mother's partner",
                "roleInEvent": "alleged-perpetrator",
                "parentalResponsibility": False,
            },
        ],
        "narrative": "Synthetic narrative, for the MASH alone.",
        "grade": "medium",
        "basis": _BASIS,
    }


def _referral(row: Row) -> dict[str, Any]:
    return {
        "referralSource": "2A",
        "reason": "Synthetic reason: the pupil said that home is frightening at night.",
        "statements": [
            {"kind": "reported", "text": "Home is frightening at night.", "source": "The pupil"},
            {"kind": "opinion", "text": "More withdrawn than last term.", "source": "Teacher"},
        ],
        "children": [
            {
                "child": _child(row),
                "circumstances": "Withdrawn in class for two weeks.",
                "voice": {"captured": "spoken-to", "words": "I do not like the nights."},
            }
        ],
        "urgency": "urgent",
        "basis": {"lawfulBasis": "public-task", "familyInformed": True},
    }


def _decision(referral: UUID, now: datetime) -> dict[str, Any]:
    return {
        "referral": str(referral),
        "outcome": "assessment",
        "decidedAt": _at(now - timedelta(minutes=1)),
        "rationaleShareable": "An assessment will look at what support is needed.",
        "rationaleInternal": "Synthetic internal rationale.",
        "actions": [
            {
                "description": "Meet at school.",
                "owner": "Social worker",
                "dueOn": f"{(now + timedelta(days=7)).date()}",
            }
        ],
    }


def _assessment(referral: UUID, now: datetime) -> dict[str, Any]:
    return {
        "referral": str(referral),
        "outcome": "child-in-need-plan",
        "completedAt": _at(now),
        "rationaleShareable": "A plan has been agreed.",
        "rationaleInternal": "Synthetic internal rationale.",
    }


def _missing(row: Row, now: datetime) -> dict[str, Any]:
    return {
        "policeReference": f"EX-{now:%Y%m%d}-0002",
        "reportedAt": _at(now - timedelta(minutes=30)),
        "grade": "high",
        "children": [
            {
                "child": _child(row),
                "description": "About 170 cm, short dark hair, grey school jumper.",
                "lastSeenAt": _at(now - timedelta(hours=5)),
                "lastSeenPlace": "The bus station",
                "ifSeen": "Call 999 and quote the police reference.",
                "circumstances": "Did not come back after school.",
            }
        ],
        "basis": {"lawfulBasis": "vital-interests", "familyInformed": True},
    }


def _regraded(row: Row, report: UUID, now: datetime) -> dict[str, Any]:
    """The report restated with another grade."""
    restated = _missing(row, now)
    del restated["reportedAt"]
    updated_at = _at(now - timedelta(minutes=10))
    return {**restated, "report": str(report), "updatedAt": updated_at, "grade": "medium"}


def _found(row: Row, report: UUID, now: datetime) -> dict[str, Any]:
    return {
        "report": str(report),
        "policeReference": f"EX-{now:%Y%m%d}-0002",
        "foundAt": _at(now - timedelta(minutes=1)),
        "children": [{"child": _child(row), "condition": "Well."}],
        "basis": {"lawfulBasis": "vital-interests", "familyInformed": True},
    }


def _enrolment(row: Row) -> dict[str, Any]:
    school, status, since, _ = row["enrolments"].split(":")
    return {
        "child": _child(row),
        "organisation": school,
        "status": status,
        "startsOn": f"{date.fromisoformat(since)}",
    }


def _relationship(row: Row) -> dict[str, Any]:
    return {
        "adult": {
            "name": {"given": "Morgan", "family": row["family_name"]},
            "dateOfBirth": {"value": "1988-04-09", "precision": "exact"},
        },
        "child": _child(row),
        "kind": "mother",
        "sameHousehold": True,
    }


def _order(row: Row, now: datetime) -> dict[str, Any]:
    return {
        "child": _child(row),
        "adult": {"name": {"given": "Lee", "family": "Specimenward"}},
        "kind": "non-molestation",
        "startsOn": f"{now.date()}",
        "endsOn": f"{(now + timedelta(days=365)).date()}",
    }
