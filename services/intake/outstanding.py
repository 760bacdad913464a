"""Who has not got an event, and what is being done about it: asked of the read model's rows. Pure.

A ladder is answered once somebody on any of its rungs confirms. Of each that is not, one line says
how far the first notice came and what happens next.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from pydantic import Field

from schemas.model import Model

Doing = Literal[
    "being-delivered",
    "waiting-for-confirmation",
    "next-is-told",
    "person-must-telephone",
    "nothing-more",
]


class Waited(Model):
    """One recipient from whom a confirmation is still to come, or who will not be told."""

    child_index: int
    role: str
    organisation: str | None = Field(
        default=None, description="Absent where only the class of recipient may be shown."
    )
    name: str | None = None
    profile: str
    part: str
    has_it: bool = Field(description="Its system has the notice. Not yet that a person knows.")
    state: str
    reason: str | None = None
    since: datetime
    doing: Doing = Field(
        description="being-delivered: it is sent, again and again where need be; "
        "waiting-for-confirmation: until its deadline, then the next on its ladder is told; "
        "next-is-told: `nextRole` has been told instead; person-must-telephone: nobody is left on "
        "the ladder; nothing-more: withheld."
    )
    next_role: str | None = None
    next_organisation: str | None = None


class Outstanding(Model):
    """Who has not got it. A recipient of two profiles or parts counts for each."""

    confirmed: int = Field(description="Somebody confirmed, the recipient or one further up.")
    has_it: int = Field(description="Has it, and nobody has confirmed.")
    has_not_got_it: int
    withheld: int
    ended: int = Field(description="Taken back, restated, or overtaken before it was sent.")
    waited_for: tuple[Waited, ...] = ()


def find_outstanding(
    notices: Sequence[Any],
    state_of: Mapping[UUID, str],
    named: Mapping[tuple[int, UUID], bool],
) -> Outstanding:
    """What is open of one event.

    Args:
        notices: rows of `intake.progress_notice`, rungs included.
        state_of: each notice's state, by its id.
        named: by child, whether the sender may see which organisations are told.
    """
    counts: Counter[str] = Counter()
    waited: list[Waited] = []
    for first in notices:
        if first.rung:
            continue
        climb = _climb(first, notices)
        state = state_of[first.notice]
        if state in ("superseded", "withdrawn"):
            counts["ended"] += 1
        elif any(one.acknowledged_at or one.filed_at for one in climb):
            counts["confirmed"] += 1
        else:
            has_it = first.delivered_at is not None or first.opened_at is not None
            counts["withheld" if state == "withheld" else "has_it" if has_it else "not"] += 1
            shown = named.get((first.child_index, first.child_id), False)
            waited.append(_wait(first, climb, state, has_it, shown))
    waited.sort(key=lambda one: (_URGENT.index(one.doing), one.since, one.organisation or ""))
    return Outstanding(
        confirmed=counts["confirmed"],
        has_it=counts["has_it"],
        has_not_got_it=counts["not"],
        withheld=counts["withheld"],
        ended=counts["ended"],
        waited_for=tuple(waited),
    )


_URGENT: tuple[Doing, ...] = (
    "person-must-telephone",
    "being-delivered",
    "next-is-told",
    "waiting-for-confirmation",
    "nothing-more",
)
"""In which order a person wants to read them."""


def _climb(first: Any, notices: Sequence[Any]) -> list[Any]:
    """The first notice of a ladder and those that followed for it, rung by rung."""
    climb = [first]
    while climb[-1].next_organisation is not None:
        last = climb[-1]
        further = [
            one
            for one in notices
            if one.rung > last.rung
            and one.organisation == last.next_organisation
            and (one.child_index, one.child_id, one.part)
            == (first.child_index, first.child_id, first.part)
        ]
        if not further:
            break
        climb.append(min(further, key=lambda one: one.rung))
    return climb


def _wait(first: Any, climb: Sequence[Any], state: str, has_it: bool, shown: bool) -> Waited:
    last = climb[-1]
    # Nothing came of it (a notice that cannot be delivered waits for no deadline), nobody is next.
    silent = last.undelivered_at is not None or (
        last.failed_at is not None and last.delivered_at is None
    )
    doing: Doing
    if state == "withheld":
        doing = "nothing-more"
    elif silent and last.escalated_at is None:
        doing = "person-must-telephone"
    elif first.escalated_at is not None:
        doing = "next-is-told"
    else:
        doing = "waiting-for-confirmation" if has_it else "being-delivered"
    told = first.escalated_at is not None
    times = [getattr(first, f"{name}_at") for name in ("accepted", state, "escalated")]
    return Waited(
        child_index=first.child_index,
        role=first.role,
        organisation=first.organisation if shown else None,
        name=first.name if shown else None,
        profile=first.profile,
        part=first.part,
        has_it=has_it,
        state=state,
        reason=first.reasons.get(state),
        since=max(at for at in times if at is not None),
        doing=doing,
        next_role=_next(climb, "role") if told else None,
        next_organisation=_next(climb, "organisation") if told and shown else None,
    )


def _next(climb: Sequence[Any], what: str) -> str | None:
    """Who was told last."""
    last = climb[-1]
    told = getattr(last, f"next_{what}")
    return str(told if told is not None else getattr(last, what))
