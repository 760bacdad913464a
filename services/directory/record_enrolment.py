"""Keeps where a child is educated, as schools and authorities restate it: `enrolment.changed`.

Several enrolments may hold at once; unknown never means home-educated. A school speaks of its own
pupils only.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from uuid import UUID

from sqlalchemy import text

from bus import Publishable
from chassis.database import Session
from schemas.blocks import Child as SentChild
from schemas.blocks import EducationStatus as Status
from schemas.facts import EventAccepted, EventApplied
from schemas.organisations import OrganisationKind
from services.directory.ask import Question, ask_people
from services.directory.doubts import note_doubt
from services.directory.organisations import Needs, Present, read_organisations
from services.directory.partnership import Partnership
from services.directory.record_event import record_children
from services.directory.register import RegisteredChild
from services.directory.register_child import register_child
from services.directory.resolve import Asked, Match, Unresolved, resolve_children
from services.directory.write_keys import note_due

UNKNOWN_ORGANISATION = "unknown-organisation"
ENROLMENT_OF_ANOTHER = "enrolment-of-another"

_NEEDS_PLACE = (Status.REGISTERED, Status.DUAL, Status.OTHER_PROVISION, Status.EARLY_YEARS)

_AT_PLACE = """(organisation = any(cast(:ids as text[]))
        or (organisation is null and cast(:organisation as text) is null))"""
"""The place under every id it was ever known by: an academy's pupil was its predecessor's."""

_END = text(f"""
    update directory.enrolment
       set to_date = cast(:starts_on as date) - 1, ended_by = :receipt, ended_before = to_date
     where child = :child and from_date < :starts_on
       and (to_date is null or to_date >= :starts_on)
       and ({_AT_PLACE}
            or status in ('home-educated', 'missing-education', 'none', 'unknown')
            or organisation in (
                select id from directory.organisation
                 where detail->'splitInto' <> '[]'
                   and detail->'splitInto' @> to_jsonb(cast(:organisation as text))))""")

_REPLACE = text(f"""
    delete from directory.enrolment
     where child = :child and {_AT_PLACE} and from_date = :starts_on""")

_INSERT = text(f"""
    insert into directory.enrolment (child, organisation, status, from_date, to_date, receipt,
        recorded_at)
    select :child, :organisation, :status, :starts_on,
           least(cast(:ends_on as date), (
               select min(from_date) - 1 from directory.enrolment
                where child = :child and {_AT_PLACE} and from_date > :starts_on)),
           :receipt, :at""")

_FORGET = text("delete from directory.enrolment where receipt = :receipt returning child")

_RESTORE = text("""
    update directory.enrolment set to_date = ended_before, ended_by = null, ended_before = null
     where ended_by = :receipt""")

_MOVED = text("""
    insert into directory.moved (child, moved_at)
    select unnest(cast(:children as uuid[])), :at""")


async def take_enrolment(
    session: Session, partnership: Partnership, event: EventAccepted
) -> list[Publishable]:
    """Find the child and apply; a new pupil with a number of its own is registered."""
    sent = SentChild.model_validate(event.data["child"], by_alias=True, by_name=False)
    (answer,) = await resolve_children(session, partnership, [Asked(sent)])
    if isinstance(answer, Match):
        return await apply_enrolment(session, partnership, event, answer.child)
    if _is_new(sent, answer):
        child = await register_child(session, partnership, sent)
        return await apply_enrolment(session, partnership, event, child)
    question = Question(
        event,
        answer.reason,
        candidates=[candidate.id for candidate in answer.candidates],
        detail=note_doubt(answer),
    )
    return list(await ask_people(session, partnership, [question]))


async def apply_enrolment(
    session: Session,
    partnership: Partnership,
    event: EventAccepted,
    child: RegisteredChild,
    *,
    checked: bool = False,
) -> list[Publishable]:
    """Restate from a day on where this child is educated.

    `checked`: a person has said that this school may speak of this pupil.
    """
    data = event.data
    status = Status(data["status"])
    place = await _find_place(session, partnership, event)
    problem = None
    if place is None and (status in _NEEDS_PLACE or data.get("organisation")):
        problem = UNKNOWN_ORGANISATION
    elif not checked and _is_of_another(event, place):
        problem = ENROLMENT_OF_ANOTHER
    await record_children(session, {event.receipt: {0: child.id}})
    if problem is not None:
        return list(await ask_people(session, partnership, [Question(event, problem, child=child)]))
    await write_enrolment(
        session,
        partnership,
        event,
        child,
        place,
        status,
        date.fromisoformat(data["startsOn"]),
        date.fromisoformat(data["endsOn"]) if data.get("endsOn") else None,
    )
    return [EventApplied(receipt=event.receipt, key=event.key, at=partnership.clock())]


async def write_enrolment(
    session: Session,
    partnership: Partnership,
    event: EventAccepted,
    child: RegisteredChild,
    place: Present | None,
    status: Status,
    starts_on: date,
    ends_on: date | None,
) -> None:
    """One enrolment, ending what it replaces."""
    values = {
        "child": child.id,
        "organisation": place.organisation.id if place is not None else None,
        "ids": sorted(place.ids) if place is not None else [],
        "status": status.value,
        "starts_on": starts_on,
        "ends_on": ends_on,
        "receipt": event.receipt,
        "at": partnership.clock(),
    }
    for statement in (_END, _REPLACE, _INSERT):
        await session.execute(statement, values)
    await note_moved(session, partnership, [child.id])
    await note_due(session, [child.id])


async def forget_enrolments(session: Session, partnership: Partnership, receipt: UUID) -> bool:
    """What an event said of enrolments no longer holds; what it had ended holds again."""
    rows = await session.execute(_FORGET, {"receipt": receipt})
    children = sorted({row.child for row in rows})
    await session.execute(_RESTORE, {"receipt": receipt})
    await note_moved(session, partnership, children)
    await note_due(session, children)
    return bool(children)


async def note_moved(session: Session, partnership: Partnership, children: Sequence[UUID]) -> None:
    """Whether recent events about these children must be told to others is looked at soon."""
    if children:
        await session.execute(_MOVED, {"children": children, "at": partnership.clock()})


async def _find_place(
    session: Session, partnership: Partnership, event: EventAccepted
) -> Present | None:
    """By the organisation's id, else by the school's number."""
    school = event.data.get("school") or {}
    numbers = [school.get(name) for name in ("urn", "ukprn", "welshNumber")]
    needs = Needs(numbers={number.strip() for number in numbers if number})
    if event.data.get("organisation"):
        needs.ids.add(event.data["organisation"])
    known = await read_organisations(session, needs, partnership.today())
    return known.present(event.data.get("organisation")) or known.numbered(*numbers)


def _is_of_another(event: EventAccepted, place: Present | None) -> bool:
    """A school that enrolled somebody else's pupil would be told what is not its business."""
    is_school = event.sender.kind == OrganisationKind.SCHOOL
    return is_school and (place is None or event.sender.organisation not in place.ids)


def _is_new(sent: SentChild, answer: Unresolved) -> bool:
    """Nobody on the register comes near, and the child can be told from others from now on."""
    name = sent.name
    named = name is not None and bool(name.given and name.family)
    numbered = sent.valid_upn is not None or (
        sent.valid_nhs_number is not None
        and sent.nhs_number is not None
        and sent.nhs_number.status == "verified"
    )
    born = sent.exact_date_of_birth is not None
    return answer.reason == "no-candidate" and named and numbered and born
