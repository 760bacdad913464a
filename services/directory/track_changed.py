"""The children who are new or changed, in a row: whether another is the same person is looked at.

Noted in the transaction that changes them; claimed by one process each, for a while: whoever fails
leaves them for later, and one that fails again is taken alone, so that it holds up nobody.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import timedelta
from uuid import UUID

from sqlalchemy import text

from chassis.database import Session
from services.directory.partnership import Partnership

SETTLES = timedelta(seconds=10)
"""An event that is being taken while a child becomes restricted has ended by then, either way."""

_NOTE = text("""
    insert into directory.changed (child, due_at)
    select unnest(cast(:children as uuid[])), :due""")

_CLAIM, _CLAIM_AGAIN = (
    text(f"""
        with due as (
            select line from directory.changed
             where {which} and due_at <= :now
               and not exists (select 1 from directory.keyed_child where not spread)
             order by due_at, line limit :most for update skip locked)
        update directory.changed c
           set tries = c.tries + 1,
               due_at = cast(:now as timestamptz)
                   + least(power(2, c.tries), 1024) * interval '1 minute'
          from due where c.line = due.line
        returning c.line, c.child""")
    for which in ("tries = 0", "tries > 0")
)

_DONE = text("delete from directory.changed where line = any(cast(:lines as bigint[]))")


async def note_changed(
    session: Session, partnership: Partnership, children: Collection[UUID]
) -> None:
    """Whether somebody else on the register is one of these children is looked at soon."""
    if children:
        values = {"children": sorted(children), "due": partnership.clock() + SETTLES}
        await session.execute(_NOTE, values)


async def claim_changed(session: Session, partnership: Partnership, most: int) -> dict[int, UUID]:
    """The next lines that are due, each with its child; one alone of those that failed.

    None while the keys of a large file wait to be spread: nobody would find those children.
    """
    values = {"now": partnership.clock(), "most": most}
    rows = list(await session.execute(_CLAIM, values))
    if not rows:
        rows = list(await session.execute(_CLAIM_AGAIN, {**values, "most": 1}))
    return {row.line: row.child for row in rows}


async def forget_changed(session: Session, lines: Sequence[int]) -> None:
    """These have been looked at."""
    await session.execute(_DONE, {"lines": lines})
