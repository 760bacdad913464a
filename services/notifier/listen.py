"""What the notifier hears: who must know (addressed), who they are (organisations), and what the
health broker says of its own notices, and what senders answer. Entries: each batch is one
transaction of the bus."""

from __future__ import annotations

from collections.abc import Sequence

import bus
from chassis.clock import Clock
from chassis.database import Session, after_commit
from schemas.facts import (
    FINDING_FACTS,
    NOTICE_FACTS,
    ClockMissed,
    EventAddressed,
    EventApplied,
    EventRetracted,
    LadderUnconfirmed,
    MailboxNotCollected,
    OrganisationRecorded,
    PolicyRecorded,
    QuestionAnswered,
    ResolutionDecided,
    ResolutionNeeded,
    ResolutionOverdue,
    ResolutionUndone,
)
from services.notifier.bells import Bells
from services.notifier.compose import Composable, compose
from services.notifier.early import hear_notices
from services.notifier.policy_lines import record_policy
from services.notifier.question import hear_answers
from services.notifier.report import SOURCE
from services.notifier.routes import record_organisations
from services.notifier.settings import NotifierGroup

_COMPOSED: dict[
    str,
    type[
        EventAddressed | EventRetracted | ResolutionNeeded | ResolutionOverdue | ResolutionDecided
    ],
] = {
    one.fact_type: one
    for one in (
        EventAddressed,
        EventRetracted,
        ResolutionNeeded,
        ResolutionOverdue,
        ResolutionDecided,
    )
}
_NOT_TOLD = {
    EventApplied.fact_type,
    ResolutionUndone.fact_type,
    LadderUnconfirmed.fact_type,  # Our own word.
    *(one.fact_type for one in FINDING_FACTS),
}
_NOTICES = {one.fact_type: one for one in NOTICE_FACTS}


def subscriptions(clock: Clock, bells: Bells, settings: NotifierGroup) -> list[bus.Subscription]:
    """The two groups of the notifier."""

    async def hear_addressed(session: Session, facts: Sequence[bus.Fact]) -> None:
        organisations = [
            OrganisationRecorded.model_validate_json(fact.payload)
            for fact in facts
            if fact.type == OrganisationRecorded.fact_type
        ]
        if organisations:
            await record_organisations(session, organisations)
            after_commit(session, "ladders", bells.ladders.set)
        policies = [
            PolicyRecorded.model_validate_json(fact.payload)
            for fact in facts
            if fact.type == PolicyRecorded.fact_type
        ]
        if policies:
            await record_policy(session, max(policies, key=lambda one: one.at))
        read: list[Composable] = [
            _COMPOSED[fact.type].model_validate_json(fact.payload)
            for fact in facts
            if fact.type in _COMPOSED
        ]
        composed = await compose(session, read, clock(), settings.deadlines)
        if composed.to_deliver:
            after_commit(session, "deliver", bells.deliver.set)
        if composed.to_escalate:
            after_commit(session, "escalate", bells.escalate.set)
        if composed.mailboxes:
            after_commit(session, "mailboxes", lambda: bells.ring_mailboxes(composed.mailboxes))

    async def hear_broker(session: Session, facts: Sequence[bus.Fact]) -> None:
        others = [
            _NOTICES[fact.type].model_validate_json(fact.payload)
            for fact in facts
            if fact.type in _NOTICES
        ]
        if others and await hear_notices(session, others):
            after_commit(session, "escalate", bells.escalate.set)
        await hear_answers(
            session,
            [
                QuestionAnswered.model_validate_json(fact.payload)
                for fact in facts
                if fact.type == QuestionAnswered.fact_type
            ],
        )

    return [
        bus.Subscription(
            "notifier",
            ("addressed", "organisations"),
            hear_addressed,
            frozenset(
                {*_COMPOSED, *_NOT_TOLD, OrganisationRecorded.fact_type, PolicyRecorded.fact_type}
            ),
        ),
        bus.Subscription(
            "notifier-health",
            ("notices",),
            hear_broker,
            frozenset(
                {
                    *_NOTICES,
                    ClockMissed.fact_type,
                    MailboxNotCollected.fact_type,
                    QuestionAnswered.fact_type,
                }
            ),
            # What we said ourselves comes back to us; it is not news.
            skips_source=SOURCE,
        ),
    ]
