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
from schemas.facts import EventAccepted
from schemas.model import Model
from schemas.profiles.texts import child_item, told_texts
from services.directory.decide import possible_decisions, sent_child
from services.directory.doubts import IN_WORDS, doubt_of, noted_doubt
from services.directory.matching.explain import Step
from services.directory.partnership import Partnership
from services.directory.record_event import read_event
from services.directory.register import read_children
from services.directory.retract import IDENTITY_REASONS
from services.directory.show_adults import AdultShown, show_adults
from services.directory.show_evidence import CandidateShown, StepShown, show_candidates, show_steps
from services.directory.show_who import Who, find_who
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
    doubt: str | None = Field(description="Why a person is asked about the child, as a code.")
    doubt_words: str | None = Field(description="The same in words.")


class RecognitionShown(Model):
    """How the matcher recognised this child at the time, as it was kept: levels, no value."""

    status: str
    child_id: UUID | None
    probability: float
    margin: float
    steps: tuple[StepShown, ...]
    matcher: str = Field(description="The version that decided.")
    recognised_at: datetime


class ResolutionShown(ResolutionSummary):
    """The question with what is needed to answer it."""

    derived: bool = Field(
        description="The sender did not list this child: it was found by a link to an adult."
    )
    detail: tuple[str, ...]
    occurred_at: datetime
    sent: dict[str, Any] | None = Field(description="The sender's block about the child.")
    texts: dict[str, str] = Field(description="Held texts, by pointer.")
    shown: tuple[CandidateShown, ...] = Field(description="Who it may be, best first.")
    not_registered: float | None = Field(
        description="That it is nobody on the register, brothers and sisters of `shown` included; "
        "none where nothing was weighed."
    )
    matcher: str | None = Field(description="The version that weighed it now.")
    adults: tuple[AdultShown, ...] = Field(
        description="Of a derived child: how the adults agree through whom it was found."
    )
    kept: RecognitionShown | None = Field(
        description="How the matcher had recognised this child, if it once did."
    )
    pending: tuple[dict[str, Any], ...] = Field(description="Who is told on release.")
    decision: str | None = None
    decided_at: datetime | None = None
    reopens: UUID | None = Field(default=None, description="The resolution that was undone.")
    undone_at: datetime | None = None


_COLUMNS = """r.id, r.receipt, e.type as event_type, e.sender, r.child_index, r.reason,
    jsonb_array_length(r.candidates) as candidates, r.state, r.queued_at, r.decide_by,
    r.overdue_at is not null as overdue, r.detail"""

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
    select {_COLUMNS}, r.candidates as candidate_ids, r.pending, r.child_id, r.decision,
           r.decided_child, r.decided_at, r.reopens, r.undone_at
      from directory.resolution r join directory.event e using (receipt)
     where r.id = :id and {_MINE}""")

_SEES = text(f"select 1 from directory.resolution r where r.id = :id and {_MINE}")

_KEPT = text("""
    select g.status, g.child as child_id, g.probability, g.margin, g.steps, g.matcher,
           g.recognised_at
      from directory.recognition g join directory.child c on c.id = g.child and not c.restricted
     where g.receipt = :receipt and g.child_index = :position
     order by g.recognised_at desc limit 1""")

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
    return [
        ResolutionSummary.model_validate(_plain(row, noted_doubt(row.reason, row.detail)))
        for row in rows
    ]


async def may_see(session: Session, mine: dict[str, Any], resolution: UUID) -> bool:
    """Whether a question was put to these reviewers."""
    found = await session.execute(_SEES, {**mine, "id": resolution})
    return found.first() is not None


async def show_one(
    session: Session, partnership: Partnership, mine: dict[str, Any], resolution: UUID
) -> ResolutionShown | None:
    """One question; who it may be is looked up and weighed anew, for the register goes on.

    What was decided is shown as it stood: with those who could be chosen, and weighed no more.
    """
    row = (await session.execute(_ONE, {**mine, "id": resolution})).first()
    if row is None:
        return None
    recorded = await read_event(session, row.receipt)
    if recorded is None:
        return None
    event = recorded.event
    derived = is_derived(event, row.child_index)
    who = Who()
    adults: list[AdultShown] = []
    if derived and row.child_id is not None:
        known = await read_children(session, [row.child_id])
        who.children = [child for child in known.values() if not child.restricted]
        if who.children and row.state == "open":
            adults = await show_adults(session, partnership, event, row.child_id)
    elif row.reason in IDENTITY_REASONS:
        who = await find_who(session, partnership, event, row)
    sent = None if derived else sent_child(event, row.child_index)
    parents = () if derived else parents_of(event)
    weighed = who.weighed
    doubt = noted_doubt(row.reason, row.detail)
    if weighed is not None:
        doubt = doubt_of(row.reason, weighed.judged)
    return ResolutionShown.model_validate(
        {
            **_plain(row, doubt),
            "derived": derived,
            "detail": row.detail,
            "occurred_at": event.occurred_at,
            "sent": _sent(event, row.child_index),
            "texts": _texts(event, row.child_index, row.detail),
            "shown": await show_candidates(
                session, partnership, sent, parents, who.children, weighed
            ),
            "not_registered": round(weighed.judged.unknown, 6) if weighed is not None else None,
            "matcher": weighed.learnt.version if weighed is not None else None,
            "adults": adults,
            "kept": await _read_kept(session, row),
            "pending": row.pending,
            "decision": row.decision,
            "decided_at": row.decided_at,
            "reopens": row.reopens,
            "undone_at": row.undone_at,
        }
    )


async def _read_kept(session: Session, row: Any) -> RecognitionShown | None:
    values = {"receipt": row.receipt, "position": row.child_index or 0}
    kept = (await session.execute(_KEPT, values)).first()
    if kept is None or row.reason not in IDENTITY_REASONS:
        return None
    return RecognitionShown(
        status=kept.status,
        child_id=kept.child_id,
        probability=round(kept.probability, 6),
        margin=round(kept.margin, 6),
        steps=show_steps(Step(**one) for one in kept.steps),
        matcher=kept.matcher,
        recognised_at=kept.recognised_at,
    )


def _plain(row: Any, doubt: str | None) -> dict[str, Any]:
    names = ("id", "receipt", "event_type", "sender", "child_index", "reason", "candidates",
             "state", "queued_at", "decide_by", "overdue")  # fmt: skip
    shown = {name: getattr(row, name) for name in names}
    decisions = sorted(possible_decisions(row.reason)) if row.state == "open" else []
    return {
        **shown,
        "decisions": [decision.value for decision in decisions],
        "doubt": doubt,
        "doubt_words": IN_WORDS.get(doubt) if doubt is not None else None,
    }


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
