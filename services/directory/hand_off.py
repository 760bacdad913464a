"""A child whom a person said lives elsewhere and whom no register row stands for: handed off."""

from __future__ import annotations

from bus import Publishable
from chassis.database import Session
from schemas.blocks import Child as SentChild
from schemas.facts import Addressee, EventAccepted, EventAddressed
from schemas.profiles.texts import child_item
from services.directory.address import NO_ROUTE, read_situations, record_addressed
from services.directory.answer_referral import unresolved_id
from services.directory.ask import Question, address, ask_people, head_of
from services.directory.evaluate import wish_to_withhold
from services.directory.find_recipients import FINDERS
from services.directory.partnership import Partnership
from services.directory.policy import Recipient
from services.directory.register import RegisteredChild
from services.directory.situation import Case

NO_OTHER_AREA = f"{NO_ROUTE}-other-area"


async def hand_off_unresolved(
    session: Session, partnership: Partnership, event: EventAccepted, position: int
) -> list[Publishable]:
    """Tell social care where the child lives; if nobody is known there, a person is asked."""
    sent = SentChild.model_validate(
        child_item(event.data, position)["child"], by_alias=True, by_name=False
    )
    case = Case(event, position, _unregistered(event, position, sent))
    (at,) = await read_situations(session, partnership, [case])
    lines = partnership.policy.lines_for(event.event_type)
    line = next((one for one in lines if one.recipient is Recipient.OTHER_AREA), None)
    told: list[Addressee] = []
    if line is not None:
        told = [
            address(
                found.organisation,
                found.role,
                line.profile,
                line.id,
                wish_to_withhold(event.data, found),
            )
            for found in FINDERS[Recipient.OTHER_AREA](at).found
            if found.organisation.channel != "none"
        ]
    if not told:
        question = Question(event, NO_OTHER_AREA, position)
        return list(await ask_people(session, partnership, [question]))
    fact = EventAddressed(
        **head_of(event),
        child_index=position,
        child_id=case.child.id,
        recipients=tuple(told),
        data=event.data,
    )
    return list(await record_addressed(session, partnership, [fact]))


def _unregistered(event: EventAccepted, position: int, sent: SentChild) -> RegisteredChild:
    """What a sender says, in the shape of a register row that does not exist."""
    return RegisteredChild(
        id=unresolved_id(event.receipt, position),
        given_name="",
        family_name="",
        alternative_names=[],
        date_of_birth=sent.exact_date_of_birth,
        sex=sent.sex,
        nhs_number=None,
        nhs_verified=False,
        upn=None,
        postcode=sent.address.normal_postcode if sent.address else None,
        local_authority=None,
        responsible_authority=None,
        restricted=False,
    )
