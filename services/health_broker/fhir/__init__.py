"""FHIR R4 messages: written from a profile's content, checked, and read back."""

from services.health_broker.fhir.answers import (
    Acknowledged,
    MessageRead,
    NotAMessage,
    is_duplicate,
    make_acknowledgement,
    make_outcome,
    read_acknowledgement,
    read_message,
)
from services.health_broker.fhir.check import find_faults, warm_up
from services.health_broker.fhir.envelope import Envelope
from services.health_broker.fhir.messages import Rendered, render_message
from services.health_broker.fhir.resources import Party

MEDIA_TYPE = "application/fhir+json; fhirVersion=4.0"

__all__ = [
    "MEDIA_TYPE",
    "Acknowledged",
    "Envelope",
    "MessageRead",
    "NotAMessage",
    "Party",
    "Rendered",
    "find_faults",
    "is_duplicate",
    "make_acknowledgement",
    "make_outcome",
    "read_acknowledgement",
    "read_message",
    "render_message",
    "warm_up",
]
