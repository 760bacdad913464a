"""Keeps who belongs to a child and who must keep away: `relationship.asserted`, `order.recorded`.

Each assertion is a row of its own with its sender and its dates: nothing is merged, and taking an
assertion back takes back exactly what it said. Of a restricted child no relationship is kept.
"""

from __future__ import annotations

from datetime import date
from typing import Any

from sqlalchemy import text

from bus import Publishable
from chassis.database import Session
from chassis.ids import new_id
from schemas.blocks import Child as SentChild
from schemas.events import OrderRecorded, RelationshipAsserted
from schemas.facts import EventAccepted, EventApplied
from services.directory.ask import Question, ask_people
from services.directory.doubts import note_doubt
from services.directory.key_adults import Described, write_adult_keys
from services.directory.note_links import note_link
from services.directory.partnership import Partnership
from services.directory.record_event import record_children
from services.directory.register import RegisteredChild
from services.directory.resolve import Asked, Match, resolve_children
from services.directory.write_keys import note_due

RELATIONSHIP = "relationship.asserted"
ORDER = "order.recorded"
ABOUT_LINKS = frozenset({RELATIONSHIP, ORDER})

_ADULT = text("""
    insert into directory.adult (id, given_name, family_name, date_of_birth, postcode, works_at,
        record_reference, recorded_at)
    values (:id, :given, :family, :born, :postcode, :works_at, :record_reference, :at)""")

_RELATIONSHIP = text("""
    insert into directory.relationship (receipt, adult, child, kind, parental_responsibility,
        same_household, from_date, to_date, sender, sender_kind, stated_at, recorded_at)
    values (:receipt, :id, :child, :kind, :parental_responsibility, :same_household, :starts_on,
        :ends_on, :sender, :sender_kind, :stated_at, :at)""")

_ORDER = text("""
    insert into directory.court_order (receipt, child, given_name, family_name, date_of_birth,
        kind, from_date, to_date, sender, recorded_at)
    values (:receipt, :child, :given, :family, :born, :kind, :starts_on, :ends_on, :sender, :at)
        on conflict do nothing""")

_IS_KEPT = text("select 1 from directory.relationship where receipt = :receipt")


async def take_link(
    session: Session, partnership: Partnership, event: EventAccepted
) -> list[Publishable]:
    """Find the child and keep what is said of it; else ask a person who the child is."""
    sent = SentChild.model_validate(event.data["child"], by_alias=True, by_name=False)
    (answer,) = await resolve_children(session, partnership, [Asked(sent)])
    if isinstance(answer, Match):
        return await apply_link(session, partnership, event, answer.child)
    question = Question(
        event,
        answer.reason,
        candidates=[candidate.id for candidate in answer.candidates],
        detail=note_doubt(answer),
    )
    return list(await ask_people(session, partnership, [question]))


async def apply_link(
    session: Session, partnership: Partnership, event: EventAccepted, child: RegisteredChild
) -> list[Publishable]:
    """Keep it. The answer is the same for a restricted child: nobody learns that it is one."""
    await record_children(session, {event.receipt: {0: child.id}})
    values: dict[str, Any] = {
        "receipt": event.receipt,
        "child": child.id,
        "sender": event.sender.organisation,
        "sender_kind": event.sender.kind,
        "stated_at": event.occurred_at,
        "at": partnership.clock(),
    }
    if event.event_type == ORDER:
        await _keep_order(session, event, values)
    elif not child.restricted:
        await _keep_relationship(session, event, values)
        await note_link(session, partnership, event.receipt)
    return [EventApplied(receipt=event.receipt, key=event.key, at=partnership.clock())]


async def _keep_relationship(
    session: Session, event: EventAccepted, values: dict[str, Any]
) -> None:
    if (await session.execute(_IS_KEPT, {"receipt": event.receipt})).first() is not None:
        return
    said = RelationshipAsserted.model_validate(event.data, by_alias=True, by_name=False)
    adult = said.adult
    birth = adult.date_of_birth
    born: date | None = birth.value if birth is not None and birth.precision == "exact" else None
    postcode = adult.address.normal_postcode if adult.address is not None else None
    values = {
        **values,
        "id": new_id(),
        "given": adult.name.given or "",
        "family": adult.name.family or "",
        "born": born,
        "postcode": postcode,
        "works_at": adult.works_at,
        "record_reference": adult.record_reference,
        "kind": said.kind,
        "parental_responsibility": said.parental_responsibility,
        "same_household": said.same_household,
        "starts_on": said.starts_on,
        "ends_on": said.ends_on,
    }
    await session.execute(_ADULT, values)
    said_of = Described(values["given"], values["family"], born, postcode)
    await write_adult_keys(session, values["id"], said_of)
    await session.execute(_RELATIONSHIP, values)
    await note_due(session, [values["child"]])


async def _keep_order(session: Session, event: EventAccepted, values: dict[str, Any]) -> None:
    said = OrderRecorded.model_validate(event.data, by_alias=True, by_name=False)
    birth = said.adult.date_of_birth
    values = {
        **values,
        "given": said.adult.name.given,
        "family": said.adult.name.family,
        "born": birth.value if birth is not None and birth.precision == "exact" else None,
        "kind": said.kind,
        "starts_on": said.starts_on,
        "ends_on": said.ends_on,
    }
    await session.execute(_ORDER, values)
