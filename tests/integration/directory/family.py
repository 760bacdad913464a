"""A synthetic adult, and what agencies say of it: relationships, orders, incidents that name it."""

from __future__ import annotations

from typing import Any

from schemas.facts import EventAccepted
from tests.integration.directory.area import Pupil
from tests.integration.directory.stage import Stage

HEALTH = "trust-quillmark"
HEALTH_NAME = "Quillmark Trust"
SECRETS = (HEALTH, HEALTH_NAME, "mental-health", "zqrecord", "Wexford Marsh", "zqclerk")
"""What nobody but the health agency and the directory may ever read."""

FATHER: dict[str, Any] = {
    "name": {"given": "Sandy", "family": "Specimen"},
    "dateOfBirth": {"value": "1986-02-11", "precision": "exact"},
}
TRUST = {"id": HEALTH, "kind": "mental-health", "name": HEALTH_NAME}


def asserted(stage: Stage, pupil: Pupil, **changes: Any) -> EventAccepted:
    """Health knows the father; `adult` changes his block, the rest the event's data."""
    adult = {**FATHER, "recordReference": "zqrecord-17", **changes.pop("adult", {})}
    supersedes = changes.pop("supersedes", None)
    sender = changes.pop("sender", HEALTH)
    kind = changes.pop("sender_kind", "mental-health")
    data = {
        "adult": {name: value for name, value in adult.items() if value is not None},
        "child": pupil.sent(),
        "kind": "father",
        "sameHousehold": True,
        "contact": {"name": "zqclerk", "role": "Records", "agency": HEALTH_NAME, "phone": "0"},
        **changes,
    }
    return stage.event(
        "relationship.asserted", data, sender=sender, kind=kind, supersedes=supersedes
    )


def incident(stage: Stage, *children: dict[str, Any], **changes: Any) -> EventAccepted:
    """Police name the father, whatever children they list."""
    father = {**FATHER, "roleInEvent": "alleged-perpetrator", **changes.pop("father", {})}
    father = {name: value for name, value in father.items() if value is not None}
    return stage.abuse(*children, **{"adults": [father], **changes})


def order(stage: Stage, pupil: Pupil, **changes: Any) -> EventAccepted:
    """A court orders the father to keep away."""
    data = {
        "child": pupil.sent(),
        "adult": FATHER,
        "kind": "prohibited-steps",
        "startsOn": "2026-01-01",
        **changes,
    }
    return stage.event("order.recorded", data, sender="court-example", kind="court")
