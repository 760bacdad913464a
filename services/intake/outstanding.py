"""Who has not got an event, and what is being done about it: asked of the read model's rows. Pure.

A ladder is answered once somebody on any of its rungs confirms. Of each that is not, one line says
how far the first notice came and what happens next.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from schemas.facts import Profile
from services.intake.views import Doing, Outstanding, Waited


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
        # A receipt asks nobody to confirm it.
        if first.rung or first.profile == Profile.RECEIPT:
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
