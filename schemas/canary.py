"""The canary: a child, three organisations and an incident that are plainly nobody's.

They exist so that the whole way can be walked every few minutes. Whoever the incident is told to is
here: none of it reaches a real recipient, and none of it counts in a figure of performance.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from schemas.organisations import Organisation, OrganisationKind

SENDER = "canary-police"
SOURCE = "canary.safeguarding-bus"
SCHOOL = "canary-school"
NURSING = "canary-nursing"
SOCIAL_CARE = "canary-social-care"
OUTWARD = "ZY99"
"""No postcode area begins with ZY: nobody lives there, and no real organisation covers it."""

ORGANISATIONS = (
    Organisation(id=SENDER, kind=OrganisationKind.POLICE, name="Canary Test Police"),
    Organisation(
        id=SCHOOL,
        kind=OrganisationKind.SCHOOL,
        name="Canary Test School",
        local_authority=SOCIAL_CARE,
        nursing_provider=NURSING,
        channel="webhook",
    ),
    Organisation(
        id=NURSING,
        kind=OrganisationKind.SCHOOL_NURSING,
        name="Canary Test School Nursing",
        local_authority=SOCIAL_CARE,
        channel="webhook",
    ),
    Organisation(
        id=SOCIAL_CARE,
        kind=OrganisationKind.SOCIAL_CARE,
        name="Canary Test Social Care",
        local_authority=SOCIAL_CARE,
        covers_postcodes=(OUTWARD,),
        channel="webhook",
    ),
)
RECIPIENTS = (SCHOOL, NURSING, SOCIAL_CARE)
"""Who is told of a canary's incident, each by webhook. Their notices are no part of any figure."""

CHILD = {
    "register_ref": "canary-test",
    "given_name": "Canary",
    "family_name": "Test",
    "date_of_birth": "2016-05-14",
    "sex": "female",
    "nhs_number": "9999999999",
    "nhs_verified": "true",
    "address": "1 Canary Test Road",
    "postcode": f"{OUTWARD} 9ZY",
    "local_authority": SOCIAL_CARE,
    "household": "canary-test",
    "restricted": "false",
    "enrolments": f"{SCHOOL}:registered:2020-09-01:",
}
"""The line of the register, by the columns of `services.directory import`."""


def make_event(event_id: str, at: datetime) -> dict[str, Any]:
    """A whole CloudEvent: the synthetic incident, as the canary's police post it."""
    attended = at - timedelta(minutes=10)
    return {
        "specversion": "1.0",
        "id": event_id,
        "source": SOURCE,
        "type": "domestic-abuse.recorded",
        "time": at.isoformat(),
        "datacontenttype": "application/json",
        "data": {
            "policeReference": event_id,
            "attendedAt": attended.isoformat(),
            "recordedAt": at.isoformat(),
            "children": [
                {
                    "child": {
                        "name": {"given": CHILD["given_name"], "family": CHILD["family_name"]},
                        "dateOfBirth": {"value": CHILD["date_of_birth"], "precision": "exact"},
                        "nhsNumber": {"value": CHILD["nhs_number"], "status": "verified"},
                        "address": {
                            "lines": [CHILD["address"]],
                            "postcode": CHILD["postcode"],
                        },
                    },
                    "present": True,
                    "welfareCheckDone": True,
                    "voice": {
                        "captured": "not-possible",
                        "reason": "Synthetic: nobody was there.",
                    },
                }
            ],
            "textSpeaksOfChild": False,
            "adults": [],
            "narrative": "Synthetic: this did not happen.",
            "basis": {
                "lawfulBasis": "legal-obligation",
                "familyInformed": False,
                "reasonNotInformed": "risk-of-harm",
            },
            "contact": {
                "name": "Nobody",
                "role": "Synthetic sender",
                "agency": "None",
                "phone": "0121 496 0199",
            },
        },
    }
