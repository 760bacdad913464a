"""What a reviewer is shown: open questions, and one of them side by side with who it may be.

Nothing of a restricted child is shown. The caller writes the audit rows.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import Field
from sqlalchemy import text

from chassis.database import Session
from schemas.blocks import Child as SentChild
from schemas.facts import EventAccepted
from schemas.model import Model
from schemas.profiles.texts import child_item, told_texts
from services.directory.decide import possible_decisions, sent_child
from services.directory.partnership import Partnership
from services.directory.record_event import read_event
from services.directory.register import RegisteredChild, read_children, same_name
from services.directory.resolve import Asked, Match, contradicts, resolve_children
from services.directory.retract import IDENTITY_REASONS
from services.directory.situation import is_derived, parents_of


class ResolutionSummary(Model):
    """One question of the list: nothing personal."""

    id: UUID
    receipt: UUID
    event_type: str
    sender: str
    child_index: int | None
    reason: str
    candidates: int
    state: str
    queued_at: datetime
    decide_by: datetime
    overdue: bool
    decisions: tuple[str, ...] = Field(description="What may be answered.")


class CandidateShown(Model):
    """A child of the register beside what the sender says: which fields agree."""

    child_id: UUID
    given_name: str
    family_name: str
    date_of_birth: str | None
    sex: str | None
    nhs_number: str | None
    upn: str | None
    postcode: str | None
    agrees: dict[str, bool] = Field(description="Only fields that both sides know.")


class ResolutionShown(ResolutionSummary):
    """The question with what is needed to answer it."""

    derived: bool = Field(
        description="The sender did not list this child: it was found by a link to an adult."
    )
    detail: tuple[str, ...]
    occurred_at: datetime
    sent: dict[str, Any] | None = Field(description="The sender's block about the child.")
    texts: dict[str, str] = Field(description="Held texts, by pointer.")
    shown: tuple[CandidateShown, ...]
    pending: tuple[dict[str, Any], ...] = Field(description="Who is told on release.")
    decision: str | None = None
    decided_at: datetime | None = None


_COLUMNS = """r.id, r.receipt, e.type as event_type, e.sender, r.child_index, r.reason,
    jsonb_array_length(r.candidates) as candidates, r.state, r.queued_at, r.decide_by,
    r.overdue_at is not null as overdue"""

_MINE = """(r.recipients = '[]' or cast(:all as boolean)
    or exists (select 1 from jsonb_array_elements(r.recipients) one
                where one->>'organisation' = any(cast(:organisations as text[]))))"""

_LIST = text(f"""
    select {_COLUMNS} from directory.resolution r join directory.event e using (receipt)
     where r.state = 'open' and {_MINE}
       and (cast(:after_at as timestamptz) is null
            or (r.decide_by, r.id) > (cast(:after_at as timestamptz), cast(:after_id as uuid)))
     order by r.decide_by, r.id limit :most""")

_ONE = text(f"""
    select {_COLUMNS}, r.detail, r.candidates as candidate_ids, r.pending, r.child_id, r.decision,
           r.decided_at
      from directory.resolution r join directory.event e using (receipt)
     where r.id = :id and {_MINE}""")

_SEES = text(f"select 1 from directory.resolution r where r.id = :id and {_MINE}")

_PLACE = text("select decide_by from directory.resolution where id = :id")


async def list_open(
    session: Session, mine: dict[str, Any], after: UUID | None, most: int
) -> list[ResolutionSummary]:
    """Open questions, the oldest deadline first; `after` is the last of the page before."""
    at = None
    if after is not None:
        at = (await session.execute(_PLACE, {"id": after})).scalar()
    rows = await session.execute(
        _LIST, {**mine, "after_at": at, "after_id": after if at else None, "most": most}
    )
    return [ResolutionSummary.model_validate(_plain(row)) for row in rows]


async def may_see(session: Session, mine: dict[str, Any], resolution: UUID) -> bool:
    """Whether a question was put to these reviewers."""
    found = await session.execute(_SEES, {**mine, "id": resolution})
    return found.first() is not None


async def show_one(
    session: Session, partnership: Partnership, mine: dict[str, Any], resolution: UUID
) -> ResolutionShown | None:
    """One question; who it may be is looked up anew, for the register goes on."""
    row = (await session.execute(_ONE, {**mine, "id": resolution})).first()
    if row is None:
        return None
    recorded = await read_event(session, row.receipt)
    if recorded is None:
        return None
    event = recorded.event
    derived = is_derived(event, row.child_index)
    about_identity = row.reason in IDENTITY_REASONS
    children: list[RegisteredChild] = []
    if derived and row.child_id is not None:
        known = await read_children(session, [row.child_id])
        children = [child for child in known.values() if not child.restricted]
    elif about_identity:
        ids = [UUID(one) for one in row.candidate_ids]
        known = await read_children(session, ids)
        children = [known[one] for one in ids if one in known and not known[one].restricted]
        (answer,) = await resolve_children(
            session, partnership, [Asked(sent_child(event, row.child_index), 0, parents_of(event))]
        )
        found = (answer.child,) if isinstance(answer, Match) else answer.candidates
        seen = {child.id for child in children}
        children += [one for one in found if one.id not in seen and not one.restricted]
    return ResolutionShown.model_validate(
        {
            **_plain(row),
            "derived": derived,
            "detail": row.detail,
            "occurred_at": event.occurred_at,
            "sent": _sent(event, row.child_index),
            "texts": _texts(event, row.child_index, row.detail),
            "shown": [_beside(event, row.child_index, child) for child in children],
            "pending": row.pending,
            "decision": row.decision,
            "decided_at": row.decided_at,
        }
    )


def _plain(row: Any) -> dict[str, Any]:
    names = ("id", "receipt", "event_type", "sender", "child_index", "reason", "candidates",
             "state", "queued_at", "decide_by", "overdue")  # fmt: skip
    shown = {name: getattr(row, name) for name in names}
    decisions = sorted(possible_decisions(row.reason)) if row.state == "open" else []
    return {**shown, "decisions": [decision.value for decision in decisions]}


def _sent(event: EventAccepted, position: int | None) -> dict[str, Any] | None:
    if position is not None:
        return child_item(event.data, position) or None
    child = event.data.get("child")
    return child if isinstance(child, dict) else None


def _texts(event: EventAccepted, position: int | None, held: list[str]) -> dict[str, str]:
    """The held texts themselves; a question about none of them shows none."""
    if position is None:
        return {}
    told = told_texts(event.event_type, event.data, position)
    return {pointer: said for pointer, said in told if pointer in held}


def _beside(event: EventAccepted, position: int | None, child: RegisteredChild) -> CandidateShown:
    sent = SentChild() if is_derived(event, position) else sent_child(event, position)
    name, address = sent.name, sent.address
    pairs = {
        "givenName": (name.given if name else None, child.given_name),
        "familyName": (name.family if name else None, child.family_name),
    }
    agrees = {key: same_name(*pair) for key, pair in pairs.items() if all(pair)}
    if sent.date_of_birth is not None and child.date_of_birth is not None:
        agrees["dateOfBirth"] = not contradicts(sent.date_of_birth, child.date_of_birth)
    for key, mine, theirs in (
        ("nhsNumber", sent.valid_nhs_number, child.nhs_number),
        ("upn", sent.valid_upn, child.upn),
        ("postcode", address.normal_postcode if address else None, child.postcode),
        ("sex", sent.sex, child.sex),
    ):
        if mine and theirs:
            agrees[key] = mine == theirs
    return CandidateShown(
        child_id=child.id,
        given_name=child.given_name,
        family_name=child.family_name,
        date_of_birth=child.date_of_birth.isoformat() if child.date_of_birth else None,
        sex=child.sex,
        nhs_number=child.nhs_number,
        upn=child.upn,
        postcode=child.postcode,
        agrees=agrees,
    )
