"""Whoever refers gets a receipt with a reference at once, whether or not a child is resolved yet.

A part of addressing (step 4). The receipt stands for the referral as a whole, so it is told of none
of its children; a correction has no second one.
"""

from __future__ import annotations

from collections.abc import Sequence

from bus import Publishable
from chassis.database import Session
from schemas.facts import EventAccepted, EventAddressed
from schemas.organisations import RecipientRole
from services.directory.address import record_addressed
from services.directory.answer_referral import unresolved_id
from services.directory.ask import address, head_of
from services.directory.evaluate import wish_to_withhold
from services.directory.find_recipients import Found
from services.directory.organisations import Needs, read_organisations
from services.directory.partnership import Partnership
from services.directory.policy import Recipient

REFERRAL = "referral.submitted"
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
        if present is None or present.organisation.channel == "none":
            continue  # The 202 said the same.
        found = Found(present.organisation, RecipientRole.REFERRER, present.ids)
        reason = wish_to_withhold(event.data, found)
        facts.append(
            EventAddressed(
                **head_of(event),
                child_index=0,
                child_id=unresolved_id(event.receipt, WHOLE),
                recipients=(
                    address(found.organisation, found.role, line.profile, line.id, reason),
                ),
                data=event.data,
            )
        )
    return list(await record_addressed(session, partnership, facts))
