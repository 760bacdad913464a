"""What the health broker hears: addressed events, organisations, and what became of notices.

Two groups, because the second needs one thing only: that social care has its notice.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import text

from bus import Fact, Park, Subscription, append
from chassis.database import Session
from schemas.facts import (
    FACTS,
    EventAddressed,
    EventRetracted,
    NoticeDelivered,
    NoticeSuperseded,
    OrganisationRecorded,
    ResolutionNeeded,
    ResolutionOverdue,
)
from schemas.organisations import RecipientRole
from services.health_broker.compose import Composer
from services.health_broker.standing import RESTATED, RETRACTED, stop_telling
from services.health_broker.tell import OWNER, fact_about

LINGER_SECONDS = 0.02
"""Most facts concern no health peer; those that do wait this long, so that the rest cost little."""


def _types_of(*topics: str) -> frozenset[str]:
    return frozenset(name for name, fact in FACTS.items() if fact.topic in topics)


def listen_to_events(composer: Composer) -> Subscription:
    """Group `health-broker`: what must be told, and to whom."""

    async def handle(session: Session, facts: Sequence[Fact]) -> None:
        for fact in facts:
            await _hear(session, fact, composer)

    topics = ("addressed", "organisations")
    return Subscription(
        "health-broker", topics, handle, _types_of(*topics), linger_seconds=LINGER_SECONDS
    )


def listen_to_notices() -> Subscription:
    """Group `health-broker-notices`: whether social care has its notice by now."""
    known = _types_of("notices")
    return Subscription(
        "health-broker-notices",
        ("notices",),
        _hear_notices,
        known,
        skips=known - {NoticeDelivered.fact_type},
        linger_seconds=LINGER_SECONDS,
    )


async def _hear(session: Session, fact: Fact, composer: Composer) -> None:
    if fact.type == EventAddressed.fact_type:
        addressed = EventAddressed.model_validate_json(fact.payload)
        await composer.compose_messages(session, addressed, fact.traceparent)
    elif fact.type == EventRetracted.fact_type:
        await _retract(session, EventRetracted.model_validate_json(fact.payload))
    elif fact.type == OrganisationRecorded.fact_type:
        await _remember(session, OrganisationRecorded.model_validate_json(fact.payload))
    elif fact.type in (ResolutionNeeded.fact_type, ResolutionOverdue.fact_type):
        model = ResolutionNeeded if fact.type == ResolutionNeeded.fact_type else ResolutionOverdue
        if any(one.owner == OWNER for one in model.model_validate_json(fact.payload).recipients):
            # A health system has no message that asks a person to decide who a child is.
            raise Park("resolution-recipient-is-a-health-system")


async def _retract(session: Session, retracted: EventRetracted) -> None:
    cancelled = await stop_telling(
        session,
        [retracted.retracts],
        reason=RETRACTED if retracted.replaced_by is None else RESTATED,
        by_receipt=retracted.receipt,
        at=retracted.at,
    )
    told = (
        fact_about(NoticeSuperseded, row, retracted.at, reason=row["reason"]) for row in cancelled
    )
    await append(session, *told)


async def _remember(session: Session, recorded: OrganisationRecorded) -> None:
    one = recorded.organisation
    await session.execute(
        text("""insert into health_broker.organisation (id, kind, name, ods_code, recorded_at)
                values (:id, :kind, :name, :ods, :at)
                on conflict (id) do update set kind = excluded.kind, name = excluded.name,
                    ods_code = excluded.ods_code, recorded_at = excluded.recorded_at
                 where health_broker.organisation.recorded_at <= excluded.recorded_at"""),
        {
            "id": one.id,
            "kind": one.kind.value,
            "name": one.name,
            "ods": one.ods_code,
            "at": recorded.at,
        },
    )


async def _hear_notices(session: Session, facts: Sequence[Fact]) -> None:
    delivered = [
        NoticeDelivered.model_validate_json(fact.payload)
        for fact in facts
        if fact.type == NoticeDelivered.fact_type
    ]
    told = [one for one in delivered if one.role is RecipientRole.MASH]
    if told:
        await session.execute(
            text("""insert into health_broker.informed (receipt, child_id, at)
                    select * from unnest(cast(:receipts as uuid[]), cast(:children as uuid[]),
                                         cast(:times as timestamptz[]))
                    on conflict do nothing"""),
            {
                "receipts": [one.receipt for one in told],
                "children": [one.child_id for one in told],
                "times": [one.at for one in told],
            },
        )
