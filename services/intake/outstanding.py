"""Who has not got this, and what is being done about it: reckoned from progress. Pure.

One line for each notice whose recipient has not got it, or has and nobody confirmed. A ladder that
somebody confirmed on any rung asks for nothing more.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from schemas.facts import Profile
from services.intake.views import Counts, Outstanding

CONFIRMED = ("telephoned", "acknowledged", "filed")
TOLD = ("delivered", "opened")
SETTLED = ("withheld", "confirmed-on-its-ladder")
"""Of outstanding lines: nothing more is to come."""


def confirmed(row: Any) -> bool:
    """A person there has it; what was declined since is not confirmed any more."""
    if not any(getattr(row, f"{one}_at") for one in CONFIRMED):
        return False
    return not declined(row)


def declined(row: Any) -> bool:
    """The recipient's last word is that it does not take it on."""
    if row.declined_at is None:
        return False
    last = row.confirmed_last_at
    return last is None or last < (row.declined_last_at or row.declined_at)


def find_outstanding(
    rows: Sequence[Any], named: Callable[[Any], bool]
) -> tuple[dict[int, tuple[Outstanding, ...]], Counts]:
    """For each child, by its index, who is outstanding; and the counts of every notice."""
    ladders = _Ladders(rows)
    lines: dict[int, list[Outstanding]] = {}
    counts = dict.fromkeys(Counts.model_fields, 0)
    for row in rows:
        # A receipt asks nobody to confirm it.
        if row.profile == Profile.RECEIPT:
            continue
        has, doing, reason, until = _judge(row, ladders)
        counts["notices"] += 1
        counts[has.replace("-", "_")] += 1
        if doing is None:
            continue
        shown = named(row)
        lines.setdefault(row.child_index, []).append(
            Outstanding(
                role=row.role,
                organisation=row.organisation if shown else None,
                name=row.name if shown else None,
                profile=row.profile,
                part=row.part,
                rung=row.rung,
                has=has,
                doing=doing,
                reason=reason,
                until=until,
                next_role=row.next_role if doing == "next-told" else None,
                next_organisation=row.next_organisation if doing == "next-told" and shown else None,
            )
        )
    return {index: tuple(found) for index, found in lines.items()}, Counts(**counts)


class _Ladders:
    """Which notice was told in whose place. A rung may be on the ladders of two recipients."""

    def __init__(self, rows: Sequence[Any]) -> None:
        self._by_id = {row.notice: row for row in rows}
        self._below: dict[UUID, list[Any]] = {}
        for row in rows:
            if row.next_notice is not None:
                self._below.setdefault(row.next_notice, []).append(row)

    def from_here(self, row: Any) -> list[Any]:
        """A notice and those that were told in its place, upwards."""
        found = [row]
        while (further := self._by_id.get(row.next_notice)) is not None and further not in found:
            found.append(row := further)
        return found

    def is_confirmed(self, row: Any) -> bool:
        """Somebody from here upwards confirmed it; or everybody in whose place it was told did."""
        if any(confirmed(one) for one in self.from_here(row)):
            return True
        below = self._below.get(row.notice, ())
        return bool(below) and all(confirmed(one) or self._done_below(one) for one in below)

    def _done_below(self, row: Any) -> bool:
        below = [one for one in self._below.get(row.notice, ()) if one.rung < row.rung]
        return bool(below) and all(confirmed(one) or self._done_below(one) for one in below)


_Judged = tuple[str, str | None, str | None, datetime | None]


def _judge(row: Any, ladders: _Ladders) -> _Judged:
    """(what the recipient has, what is being done, why, until when); nothing is done: None."""
    if row.withdrawn_at is not None:
        return "ended", None, None, None
    if confirmed(row):
        return "confirmed", None, None, None
    if row.superseded_at is not None and not _told(row):
        return "ended", None, None, None
    if row.withheld_at is not None and not _told(row):
        return "not-delivered", "withheld", row.reasons.get("withheld"), None
    has = "unconfirmed" if _told(row) else "not-delivered"
    why = _why(row)
    if ladders.is_confirmed(row):
        return has, "confirmed-on-its-ladder", why, None
    if any(one.exhausted_at is not None for one in ladders.from_here(row)):
        return has, "person-must-telephone", why, None
    if row.escalated_at is not None:
        return has, "next-told", why, None
    if why is not None:
        return has, "climbing", why, None
    return has, "waiting-for-deadline", None, row.deadline_at


def _told(row: Any) -> bool:
    return any(getattr(row, f"{one}_at") is not None for one in TOLD)


def _why(row: Any) -> str | None:
    if declined(row):
        return row.reasons.get("declined") or "declined"
    if row.failed_at is not None and not _told(row):
        return row.reasons.get("failed") or "failed"
    if row.undelivered_at is not None:
        return row.reasons.get("undelivered") or "undelivered"
    return None
