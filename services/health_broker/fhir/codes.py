"""Code systems and codes of our messages; those of our own have no published equivalent."""

from __future__ import annotations

from typing import Any, Final

_OWN: Final = "https://safeguarding-bus.example/fhir"

EVENT_ID: Final = f"{_OWN}/Id/event"
CONCERN_ID: Final = f"{_OWN}/Id/concern"
SUBJECT_ID: Final = f"{_OWN}/Id/subject"
MESSAGE_EVENTS: Final = f"{_OWN}/CodeSystem/message-events"
CONCERNS: Final = f"{_OWN}/CodeSystem/safeguarding-concern"
CONTEXT: Final = f"{_OWN}/CodeSystem/safeguarding-context"
MISSING_RISK: Final = f"{_OWN}/CodeSystem/missing-risk"
HANDLING: Final = f"{_OWN}/CodeSystem/handling"
BIRTH_PRECISION: Final = f"{_OWN}/StructureDefinition/birth-date-precision"
EXPECTED_DELIVERY: Final = f"{_OWN}/StructureDefinition/expected-date-of-delivery"

NHS_NUMBER: Final = "https://fhir.nhs.uk/Id/nhs-number"
NHS_STATUS: Final = (
    "https://fhir.hl7.org.uk/StructureDefinition/Extension-UKCore-NHSNumberVerificationStatus"
)
NHS_STATUS_CODES: Final = "https://fhir.hl7.org.uk/CodeSystem/UKCore-NHSNumberVerificationStatus"
ODS_CODE: Final = "https://fhir.nhs.uk/Id/ods-organization-code"
MESSAGE_REASON: Final = "https://fhir.nhs.uk/CodeSystem/message-reason-bars"
FLAG_CATEGORIES: Final = "https://fhir.nhs.uk/CodeSystem/flag-categories-bars"
HTTP_ERRORS: Final = "https://fhir.nhs.uk/Codesystem/http-error-codes"
RECORD_HEADINGS: Final = "https://fhir.hl7.org.uk/CodeSystem/UKCore-RecordStandardHeadings"
COMMUNICATION_CATEGORY: Final = "http://terminology.hl7.org/CodeSystem/communication-category"
PARTICIPATION_MODE: Final = "http://terminology.hl7.org/CodeSystem/v3-ParticipationMode"
RFC_4122: Final = "https://tools.ietf.org/html/rfc4122"

DOMESTIC_ABUSE: Final = "domestic-abuse-notification"
MISSING_CHILD: Final = "missing-child-alert"
WITHDRAWAL: Final = "notice-withdrawal"

EVENTS: Final = {
    DOMESTIC_ABUSE: "Domestic abuse incident notification",
    MISSING_CHILD: "Missing child alert",
    WITHDRAWAL: "Withdrawal of a notice",
}
"""Messages that we send."""

RECEIPT_EVENTS: Final = {
    "notice-opened": "opened",
    "notice-acknowledged": "acknowledged",
    "notice-filed": "filed",
}
"""What a peer's later message can confirm of a notice; our own event code given back confirms
that a person has taken note of it."""

MISSING_CONCERN: Final = ("missing-child", "Child reported missing")
ABUSE_CONCERN: Final = ("domestic-abuse-incident", "Domestic abuse incident recorded by police")

RESTRICTED: Final = {
    "system": "http://terminology.hl7.org/CodeSystem/v3-Confidentiality",
    "code": "R",
    "display": "restricted",
}
NOT_TO_PATIENT: Final = {
    "system": "http://terminology.hl7.org/CodeSystem/v3-ActCode",
    "code": "NOPAT",
    "display": (
        "no disclosure to patient, family or caregivers without attending provider's authorization"
    ),
}
STAFFED_MAILBOX: Final = {
    "system": HANDLING,
    "code": "staffed-mailbox",
    "display": "No verified NHS number: for a person to read, not to be filed automatically",
}

NHS_STATUSES: Final = {
    "verified": ("number-present-and-verified", "Number present and verified"),
    "unverified": ("number-present-but-not-traced", "Number present but not traced"),
}
GRADES: Final = {
    "no-apparent": "No apparent risk",
    "low": "Low",
    "medium": "Medium",
    "high": "High",
}
REASONS: Final = {"new": "New", "update": "Update", "delete": "Delete"}


def concept(system: str, code: str, display: str | None = None) -> dict[str, Any]:
    """A CodeableConcept of one coding."""
    coding = {"system": system, "code": code}
    return {"coding": [coding if display is None else {**coding, "display": display}]}
