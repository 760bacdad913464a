"""Whoever refers gets a receipt with a reference at once, whether or not a child is resolved yet.

A part of addressing (step 4). The receipt stands for the referral as a whole, so it is told of none
of its children; a correction has no second one.
"""

from __future__ import annotations

from collections.abc import Sequence

from bus import Publishable
from chassis.database import Session
from schemas.facts import EventAccepted, EventAddressed
from services.directory.address import record_addressed
from services.directory.answer_referral import address_referrer, unresolved_id
from services.directory.ask import head_of
from services.directory.organisations import Needs, read_organisations
from services.directory.partnership import Partnership
from services.directory.policy import Recipient

REFERRAL = "referral.submitted"
CHANNELS = ("webhook", "mailbox")
"""By which a receipt can be told: there is no FHIR message for it."""

WHOLE = -1
"""Stands for the referral itself where a child's position is asked for."""


async def receive_referrals(
    session: Session, partnership: Partnership, events: Sequence[EventAccepted]
) -> list[Publishable]:
    """A receipt to the referrer of each referral that restates none."""
    referrals = [
        event for event in events if event.event_type == REFERRAL and event.supersedes is None
    ]
    if not referrals:
        return []
    line = next(
        one for one in partnership.policy.lines_for(REFERRAL) if one.recipient is Recipient.REFERRER
    )
    senders = {event.sender.organisation for event in referrals}
    known = await read_organisations(session, Needs(ids=senders), partnership.today())
    facts: list[EventAddressed] = []
    for event in referrals:
        present = known.present(event.sender.organisation)
        if present is None or present.organisation.channel not in CHANNELS:
            continue  # The 202 said the same.
        facts.append(
            EventAddressed(
                **head_of(event),
                child_index=0,
                child_id=unresolved_id(event.receipt, WHOLE),
                recipients=(address_referrer(present, event, line),),
                data=event.data,
            )
        )
    return list(await record_addressed(session, partnership, facts))
