"""Events in which every text is a mark of its own, so that a rendering shows what it took."""

from typing import Any
from uuid import UUID

EARLIER = UUID("00000000-0000-5000-8000-000000000002")


def numbers(prefix: str) -> str:
    """A different valid NHS number for each child: the marks of digits."""
    return {"c0": "9990000018", "c1": "9990000026"}[prefix]


def marked_child(prefix: str) -> dict[str, Any]:
    year = {"c0": "2014", "c1": "2013"}[prefix]
    return {
        "name": {"given": f"{prefix}given", "family": f"{prefix}family"},
        "alternativeNames": [{"given": f"{prefix}altgiven", "family": f"{prefix}altfamily"}],
        "dateOfBirth": {"value": f"{year}-03-04"},
        "nhsNumber": {"value": numbers(prefix), "status": "verified"},
        "upn": f"{prefix}upn",
        "language": "cy",
        "address": {"lines": [f"{prefix}line"], "postcode": f"{prefix}postcode", "withhold": True},
        "school": {"name": f"{prefix}school"},
        "gp": {"odsCode": f"{prefix}gp", "name": f"{prefix}practice"},
        "inCare": {
            "responsibleAuthority": f"{prefix}authority",
            "workerName": f"{prefix}worker",
            "reviewingOfficerName": f"{prefix}reviewer",
            "placementAddress": {"lines": [f"{prefix}placement"]},
        },
        "unknownField": f"{prefix}unknown",
    }


COMMON: dict[str, Any] = {
    "adults": [
        {
            "name": {"given": "adultgiven", "family": "adultfamily"},
            "relationship": "adultrelationship",
            "address": {"lines": ["adultline"]},
            "worksAt": "adultworks",
        }
    ],
    "narrative": "narrative",
    "statements": [{"kind": "fact", "text": "statementtext", "source": "statementsource"}],
    "contact": {
        "name": "contactname", "role": "contactrole", "agency": "contactagency",
        "phone": "contactphone",
    },
    "withholdFrom": [{"organisation": "withheldorg", "reason": "withheldreason"}],
    "somethingElse": "unknowntop",
}  # fmt: skip

MARKED: dict[str, dict[str, Any]] = {
    "domestic-abuse.recorded": {
        **COMMON,
        "policeReference": "policeref",
        "attendedAt": "2001-01-01T01:01:01Z",
        "recordedAt": "2002-02-02T02:02:02Z",
        "place": {"lines": ["placeline"], "withhold": True},
        "grade": "high",
        "children": [
            {
                "child": marked_child(prefix),
                "present": True,
                "whereInIncident": f"{prefix}where",
                "welfareCheckDone": True,
                "circumstances": f"{prefix}circumstances",
                "voice": {
                    "captured": "spoken-to",
                    "reason": f"{prefix}voicereason",
                    "words": f"{prefix}words",
                    "observations": f"{prefix}observations",
                    "othersPresent": f"{prefix}otherspresent",
                    "by": f"{prefix}voiceby",
                },
            }
            for prefix in ("c0", "c1")
        ],
    },
    "missing.reported": {
        **COMMON,
        "policeReference": "policeref",
        "reportedAt": "2001-01-01T01:01:01Z",
        "grade": "high",
        "children": [
            {
                "child": marked_child(prefix),
                "description": f"{prefix}description",
                "lastSeenAt": "2003-03-03T03:03:03Z",
                "lastSeenPlace": f"{prefix}lastplace",
                "ifSeen": f"{prefix}ifseen",
                "circumstances": f"{prefix}circumstances",
                "exploitationMarkers": [f"{prefix}exploitation"],
            }
            for prefix in ("c0", "c1")
        ],
    },
    "missing.found": {
        **COMMON,
        "report": str(EARLIER),
        "policeReference": "policeref",
        "foundAt": "2001-01-01T01:01:01Z",
        "children": [
            {
                "child": marked_child(prefix),
                "whereFound": f"{prefix}wherefound",
                "withWhom": f"{prefix}withwhom",
                "condition": f"{prefix}condition",
            }
            for prefix in ("c0", "c1")
        ],
    },
    "referral.decided": {
        **COMMON,
        "referral": str(EARLIER),
        "childPositions": [0],
        "outcome": "assessment",
        "decidedAt": "2004-04-04T04:04:04Z",
        "rationaleShareable": "rationaleshareable",
        "rationaleInternal": "rationaleinternal",
        "actions": [{"description": "actiontext", "owner": "actionowner", "dueOn": "2005-05-05"}],
    },
}
