"""What a message needs beside its content: ids, the two ends, the time."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from services.health_broker.fhir.resources import Party, derive_id


@dataclass(frozen=True, slots=True)
class Envelope:
    """What a message needs beside its content: ids, the two ends, the time. Nothing of the event.

    Attributes:
        notice: of which the message's own ids are made, so that it is the same whenever made.
        child_id: opaque; with the receiver it gives the id of the child's Patient there.
        concerns: what the message opens, changes or ends, by the receipt that first told of it.
        told_before: the receiver has, or will first have, an earlier message of the concern.
        withdrawn_event: for a withdrawal, the kind of message that went before, if known.
    """

    notice: UUID
    child_id: UUID
    organisation: str
    composed_at: datetime
    sender: Party
    receiver: Party
    concerns: tuple[UUID, ...]
    told_before: bool = False
    withdrawn_event: str | None = None

    @property
    def header(self) -> UUID:
        """The id of the MessageHeader, by which the receiver knows a repeat."""
        return derive_id("MessageHeader", self.notice)

    def resource_id(self, kind: str, concern: UUID) -> UUID:
        """The same for every message about this concern to this receiver, and for no other's."""
        return derive_id(kind, self.organisation, self.child_id, concern)

    @property
    def patient_id(self) -> UUID:
        """The same for this child at this receiver; two receivers cannot compare theirs."""
        return derive_id("Patient", self.organisation, self.child_id)

    def concern_id(self, concern: UUID) -> UUID:
        """One per child: a receipt alone would tie the siblings of one event together."""
        return self.resource_id("concern", concern)
