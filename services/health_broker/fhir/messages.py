"""From a profile's content to a FHIR message: the last part of composing a notice (step 5).

Each message says what its content says and nothing else; it is the same whenever it is made.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

from schemas.profiles import Content, MissingAlert, Withdrawal
from schemas.profiles.content import EventContent
from services.health_broker.fhir import codes
from services.health_broker.fhir.drafts import DRAWN, Draft
from services.health_broker.fhir.envelope import Envelope
from services.health_broker.fhir.resources import (
    Resource,
    clean,
    instant,
    make_bundle,
    make_header,
    make_organization,
    present,
    reference,
    start,
)


@dataclass(frozen=True, slots=True)
class Rendered:
    """A message: which one, as what, and its resources."""

    event: str
    reason: str
    bundle: Resource

    def as_bytes(self) -> bytes:
        """What is stored and sent."""
        return json.dumps(self.bundle, ensure_ascii=False, separators=(",", ":")).encode()


DERIVED = "Not named by the sender: added because of a known link to an adult of the event."
"""Says of a child that it was found through an adult."""


def render_message(content: Content, envelope: Envelope) -> Rendered | None:
    """The message that tells this content; None for a profile that health systems have none for."""
    draw = DRAWN.get(content.profile)
    if draw is None:
        return None
    draft = draw(content, envelope)
    at = envelope.composed_at
    sender = make_organization(envelope.sender, at)
    receiver = make_organization(envelope.receiver, at)
    communication = _make_communication(content, envelope, draft, sender, receiver)
    header = make_header(
        envelope.header,
        at,
        event=draft.event,
        display=codes.EVENTS[draft.event],
        sender=(envelope.sender, sender),
        receiver=(envelope.receiver, receiver),
        reason=codes.concept(codes.MESSAGE_REASON, draft.reason, codes.REASONS[draft.reason]),
        focus=[reference(communication)],
    )
    if not draft.verified:
        header["meta"]["tag"] = [codes.STAFFED_MAILBOX]
    optional = (*draft.flags, draft.observation, draft.patient)
    parts = [part for part in optional if part is not None]
    resources = [header, communication, *parts, sender, receiver]
    return Rendered(draft.event, draft.reason, make_bundle(envelope.notice, at, resources))


def _make_communication(
    content: Content, envelope: Envelope, draft: Draft, sender: Resource, receiver: Resource
) -> Resource:
    concern = envelope.concerns[0]
    receipt, answered = content.receipt, None
    if isinstance(content, Withdrawal) and content.withdraws is not None:
        answered = content.withdraws
    elif isinstance(content, EventContent):
        updated = content.updates if isinstance(content, MissingAlert) else None
        answered = content.corrects or updated
        if content.derived:
            draft.sentences.append(DERIVED)
        if content.held_fields:
            names = ", ".join(map(clean, content.held_fields))
            draft.sentences.append(f"To follow once a person has looked at it: {names}.")
    if not draft.verified and draft.patient is not None:
        draft.sentences.append("No verified NHS number: do not file automatically.")
    text = " ".join((*draft.sentences, content.handling))
    payload: list[Resource] = [{"contentString": text}]
    if draft.observation is not None:
        payload.append({"contentReference": reference(draft.observation)})
    return {
        **start(
            "Communication", envelope.resource_id("Communication", concern), envelope.composed_at
        ),
        "identifier": [
            {"system": codes.EVENT_ID, "value": str(receipt)},
            {"system": codes.CONCERN_ID, "value": str(envelope.concern_id(concern))},
        ],
        **present(
            inResponseTo=answered
            and [{"identifier": {"system": codes.EVENT_ID, "value": str(answered)}}],
            status=draft.status,
            category=[
                codes.concept(codes.COMMUNICATION_CATEGORY, "notification", "Notification"),
                codes.concept(codes.RECORD_HEADINGS, "safeguarding", "Safeguarding"),
            ],
            priority=draft.priority,
            medium=[codes.concept(codes.PARTICIPATION_MODE, "ELECTRONIC", "electronic data")],
            subject=draft.patient and reference(draft.patient),
            topic=codes.concept(codes.MESSAGE_EVENTS, draft.event, codes.EVENTS[draft.event]),
            about=[reference(flag) for flag in draft.flags],
            sent=instant(envelope.composed_at),
            recipient=[reference(receiver)],
            sender=reference(sender),
            reasonCode=draft.concern and [codes.concept(codes.CONCERNS, *draft.concern)],
            payload=payload,
        ),
    }
