"""Takes what becomes of a referral back to who referred, without anybody asking (step 4).

Only a social care that was itself told of the referral may decide about it; another's decision
waits for a person.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple
from uuid import UUID, uuid5

from sqlalchemy import text

from bus import Park, Publishable, Retry
from chassis.database import Session
from schemas.disclosure import find_third_parties
from schemas.facts import Addressee, EventAccepted, EventAddressed
from schemas.organisations import RecipientRole
from services.directory.address import NO_ROUTE, TEXT_NAMES_OTHERS, record_addressed
from services.directory.ask import Question, address, ask_people, head_of
from services.directory.evaluate import wish_to_withhold
from services.directory.find_recipients import Found
from services.directory.organisations import Needs, Organisations, Present, read_organisations
from services.directory.own_posts import is_own_post
from services.directory.partnership import Partnership
from services.directory.policy import Line, Recipient, When
from services.directory.record_event import Recorded, read_event
from services.directory.register import RegisteredChild, read_children

ANSWERS = frozenset({"referral.triaged", "referral.decided", "assessment.completed"})
"""What social care says of a referral; only the decision ends its notices and its clock."""

DECISION = "referral.decided"
DECIDER_NOT_ADDRESSED = "decider-not-addressed"
MANAGER_OF_ANOTHER = "manager-of-another"
RETRY_SECONDS = 5.0

_CHAIN = text("""
    with recursive chain(receipt) as (
        select cast(:receipt as uuid)
        union
        select case when t.receipt = c.receipt then t.by_receipt else t.receipt end
          from chain c join directory.tombstone t
            on t.replaced and (t.receipt = c.receipt or t.by_receipt = c.receipt))
    select c.receipt from chain c join directory.event e using (receipt)
     where e.type = 'referral.submitted' order by e.occurred_at desc, e.recorded_at desc""")

_MAY_DECIDE = text("""
    select 1 from directory.addressed
     where receipt = any(cast(:receipts as uuid[])) and organisation = :organisation
       and withheld is null and withdrawn_at is null and profile <> 'withdrawal'
       and role in ('mash', 'other-area', 'responsible-authority') limit 1""")


_KEEP = text("""
    insert into directory.answered (child_id, receipt, child_index)
    select c.child, :receipt, c.position
      from unnest(cast(:children as uuid[]), cast(:positions as int[])) c(child, position)
        on conflict do nothing""")


class _Answered(NamedTuple):
    position: int
    child_id: UUID
    child: RegisteredChild | None


async def answer_referral(
    session: Session, partnership: Partnership, event: EventAccepted, *, checked: bool = False
) -> list[Publishable]:
    """The referrer learns how far the referral is, per child of it.

    `checked`: a person has said that this sender may decide. Raises `bus.Retry` while the referral
    is not known: it may be on its way.
    """
    named = UUID(event.data["referral"])
    chain = [row.receipt for row in await session.execute(_CHAIN, {"receipt": named})]
    if not chain:
        if await read_event(session, named) is not None:
            raise Park("decides-about-no-referral")
        raise Retry("referral-not-known-yet", after_seconds=RETRY_SECONDS)
    referral = await read_event(session, chain[0])
    if referral is None:
        raise Retry("referral-not-known-yet", after_seconds=RETRY_SECONDS)
    values = {"receipts": chain, "organisation": event.sender.organisation}
    if not checked and (await session.execute(_MAY_DECIDE, values)).first() is None:
        question = Question(event, DECIDER_NOT_ADDRESSED)
        return list(await ask_people(session, partnership, [question]))
    return await _tell_referrer(session, partnership, event, referral, tuple(chain))


async def _tell_referrer(
    session: Session,
    partnership: Partnership,
    event: EventAccepted,
    referral: Recorded,
    closes: tuple[UUID, ...],
) -> list[Publishable]:
    sender = referral.event.sender.organisation
    known = await _read_referrer(session, partnership, referral.event)
    present = known.present(sender)
    registered = await read_children(session, referral.children.values())
    answered = list(_answered(event, referral, registered))
    if not answered:
        question = Question(event, "referral-child-unknown")
        return list(await ask_people(session, partnership, [question]))
    await session.execute(
        _KEEP,
        {
            "receipt": event.receipt,
            "children": [one.child_id for one in answered],
            "positions": [one.position for one in answered],
        },
    )
    recipients: tuple[Addressee, ...] = ()
    questions: list[Question] = []
    # A member of the public is told that it was received, and no more.
    if referral.event.data.get("referrerIsPublic") is not True:
        if present is None or present.organisation.channel == "none":
            question = Question(event, f"{NO_ROUTE}-referrer")
            return list(await ask_people(session, partnership, [question]))
        manager, is_own = _find_manager(partnership, referral.event, known)
        recipients = _address(partnership, event, present, manager if is_own else None)
        if not is_own and event.event_type == DECISION:
            questions.append(Question(event, MANAGER_OF_ANOTHER))
    carries = any(one.withheld is None for one in recipients)
    decided = event.event_type == DECISION
    facts: list[EventAddressed] = []
    for one in answered:
        held = _find_held(event, referral, registered, one) if carries else ()
        facts.append(
            EventAddressed(
                **head_of(event),
                child_index=one.position,
                child_id=one.child_id,
                identity=one.child.identity if one.child else None,
                held=held,
                recipients=recipients,
                closes=closes if decided else (),
                regards=() if decided else closes,
                data=event.data,
            )
        )
        if held:
            questions.append(
                Question(event, TEXT_NAMES_OTHERS, one.position, one.child, detail=held)
            )
    facts = await record_addressed(session, partnership, facts)
    return [*facts, *await ask_people(session, partnership, questions)]


def _answered(
    event: EventAccepted, referral: Recorded, registered: dict[UUID, RegisteredChild]
) -> Iterator[_Answered]:
    """Which children of the referral are decided about; one may not be resolved yet."""
    children = range(len(referral.event.data["children"]))
    for position in event.data.get("childPositions") or children:
        if position in children:
            child_id = referral.children.get(position)
            if child_id is None:
                yield _Answered(position, unresolved_id(referral.event.receipt, position), None)
            else:
                yield _Answered(position, child_id, registered.get(child_id))


async def _read_referrer(
    session: Session, partnership: Partnership, referral: EventAccepted
) -> Organisations:
    """The agency that referred and, where one is named, its manager's mailbox."""
    sender, named = referral.sender.organisation, referral.data.get("referrerManager")
    ids = {sender, named} if named else {sender}
    known = await read_organisations(session, Needs(ids=ids), partnership.today())
    present = known.present(sender)
    of_record = present.organisation.manager if present is not None else None
    if named or of_record is None:
        return known
    return await read_organisations(session, Needs(ids={*ids, of_record}), partnership.today())


def _find_manager(
    partnership: Partnership, referral: EventAccepted, known: Organisations
) -> tuple[Present | None, bool]:
    """Who else of the agency is told what became of a referral, and whether it is its own.

    Whom the referral names, which must be of the agency; else whom the agency's record names.
    """
    agency = known.present(referral.sender.organisation)
    of_record = agency.organisation.manager if agency is not None else None
    named = referral.data.get("referrerManager")
    manager = known.present(named or of_record)
    if manager is None or agency is None:
        return None, True
    own = named is None or named == of_record
    return manager, own or is_own_post(agency, manager, partnership.settings)


def _address(
    partnership: Partnership, event: EventAccepted, present: Present, manager: Present | None
) -> tuple[Addressee, ...]:
    """The referrer, and its manager where that is another mailbox that can be told."""
    lines = {
        line.recipient: line
        for line in partnership.policy.lines_for(event.event_type)
        if line.when is When.PROFESSIONAL
    }
    told = [address_referrer(present, event, lines[Recipient.REFERRER])]
    line = lines.get(Recipient.MANAGER)
    if (
        line is not None
        and manager is not None
        and manager.organisation.channel != "none"
        and manager.organisation.id != present.organisation.id
    ):
        told.append(address_referrer(manager, event, line, RecipientRole.REFERRER_MANAGER))
    return tuple(told)


def address_referrer(
    present: Present,
    event: EventAccepted,
    line: Line,
    role: RecipientRole = RecipientRole.REFERRER,
) -> Addressee:
    """Who referred, as a line of the policy tells them; withheld where the event asks for it."""
    found = Found(present.organisation, role, present.ids)
    reason = wish_to_withhold(event.data, found)
    return address(found.organisation, found.role, line.profile, line.id, reason)


def unresolved_id(receipt: UUID, position: int) -> UUID:
    """An opaque id for a child whom nobody has resolved, the same whenever it is asked for."""
    return uuid5(receipt, str(position))


def _find_held(
    event: EventAccepted,
    referral: Recorded,
    registered: dict[UUID, RegisteredChild],
    one: _Answered,
) -> tuple[str, ...]:
    """What the decision says of anybody else of the referral must not reach the referrer."""
    data = referral.event.data
    own = data["children"][one.position]["child"]
    others = [item["child"] for n, item in enumerate(data["children"]) if n != one.position]
    names = [_name(person.get("name")) for person in (*others, *(data.get("adults") or ()))]
    names += [_name(name) for other in others for name in other.get("alternativeNames") or ()]
    for child in registered.values():
        if child.id != one.child_id:
            names += [child.name, *child.other_names]
        elif child.restricted:
            names += [*child.other_names, _name(own.get("name"))]
    return find_third_parties(
        event.data,
        one.position,
        [name for name in names if name],
        event_type=event.event_type,
        own_name=(one.child.name if one.child else "") or _name(own.get("name")) or None,
    )


def _name(name: Any) -> str:
    parts = (name.get("given"), name.get("family")) if isinstance(name, dict) else ()
    return " ".join(part for part in parts if part)
