"""A synthetic partnership for the notifier's tests: facts as the directory publishes them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import bus
from bus import BusSettings
from chassis.clock import Clock, now
from chassis.database import Database
from chassis.process import Service
from schemas.examples import load
from schemas.facts import (
    TOPICS,
    Addressee,
    ChildIdentity,
    EventAddressed,
    OrganisationRecorded,
    Profile,
    Sender,
)
from schemas.organisations import Organisation, OrganisationKind, RecipientRole, Rung
from services.notifier.app import build
from services.notifier.settings import NotifierGroup, SendSettings, Settings

SCHOOL, NURSE, MASH, DUTY = "urn-900001", "nursing-example", "la-example", "la-duty-example"
POLICE = Sender(organisation="police-example", name="Example Police", kind="police")
MARCH = datetime(2026, 3, 2, 22, 40, tzinfo=UTC)


def organisation(
    name: str,
    kind: OrganisationKind = OrganisationKind.SCHOOL,
    channel: Any = "mailbox",
    ladder: Sequence[tuple[str, RecipientRole]] = (),
    **more: Any,
) -> OrganisationRecorded:
    """What the directory says of an organisation."""
    return OrganisationRecorded(
        organisation=Organisation(
            id=name,
            kind=kind,
            name=f"Example {name}",
            channel=channel,
            ladder=tuple(Rung(organisation=to, role=role) for to, role in ladder),
            **more,
        ),
        at=more.pop("recorded_at", now()),
    )


def to(
    name: str,
    role: RecipientRole,
    profile: Profile,
    owner: Any = "notifier",
    withheld: str | None = None,
) -> Addressee:
    """One who must know."""
    return Addressee(
        organisation=name, name=f"Example {name}", role=role, profile=profile, owner=owner,
        rule="test", withheld=withheld,
    )  # fmt: skip


TO_SCHOOL = to(SCHOOL, RecipientRole.SCHOOL, Profile.SCHOOL_FULL)
TO_NURSE = to(NURSE, RecipientRole.SCHOOL_NURSING, Profile.HEALTH_MINIMAL)
TO_MASH = to(MASH, RecipientRole.MASH, Profile.MASH_INCIDENT)


def addressed(
    *recipients: Addressee,
    event_type: str = "domestic-abuse.recorded",
    receipt: UUID | None = None,
    child_id: UUID | None = None,
    child_index: int = 0,
    at: datetime | None = None,
    **more: Any,
) -> EventAddressed:
    """An example event of a type, addressed."""
    example = load(event_type)
    at = at or now()
    fields: dict[str, Any] = {
        "receipt": receipt or uuid4(),
        "event_type": event_type,
        "key": "key",
        "sender": POLICE,
        "occurred_at": at - timedelta(hours=1),
        "accepted_at": at,
        "child_index": child_index,
        "child_id": child_id or uuid4(),
        "identity": ChildIdentity(given_name="Robin", family_name="Example"),
        "recipients": recipients,
        "data": example["data"],
    }
    return EventAddressed(**{**fields, **more})


async def publish(database: Database, *models: Any, source: str = "directory") -> None:
    """Put facts on the bus, in order, in one commit."""
    async with database.transaction() as session:
        await bus.append(session, *(bus.fact_of(model, source) for model in models))


def group(**send: Any) -> NotifierGroup:
    """Settings that do not make a test wait."""
    quick = {
        "timeout_seconds": 0.5, "lease_seconds": 1.0, "retry_first_seconds": 0.05,
        "retry_last_seconds": 0.2, "retry_after_least_seconds": 0.0, "poll_seconds": 0.1,
        "endpoint_copy_seconds": 0.3, "pause_first_seconds": 0.05, "pause_last_seconds": 0.2,
        "allowed_networks": ("127.0.0.0/8",),
    }  # fmt: skip
    return NotifierGroup(send=SendSettings(**{**quick, **send}), sweep_seconds=0.1)


def open_notifier(
    database: Database, notifier: NotifierGroup | None = None, clock: Clock = now
) -> tuple[bus.Road, Service]:
    """A road and a notifier on it."""
    settings = Settings.model_validate(
        {
            "database": {"url": database.settings.url},
            "http": {"public_url": "http://notices.example"},
            "notifier": notifier or group(),
        }
    )
    road = bus.open_road(BusSettings(), database, TOPICS)
    return road, build(settings, database, road, clock=clock)


class SetClock:
    """A clock that a test turns."""

    def __init__(self, at: datetime) -> None:
        self.at = at

    def __call__(self) -> datetime:
        return self.at

    def forward(self, **by: float) -> None:
        self.at += timedelta(**by)
