"""What the directory says the policy table is: kept, and said in words. Nothing here decides."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, Literal

from sqlalchemy import text

from chassis.database import Session
from schemas.facts import PolicyRecorded

How = Literal["addressed", "ladder", "stands-in"]
"""By which way somebody is told: named by a line, next on a ladder, or for one who is away."""

_NOT_OF_THE_TABLE = {
    "reviewer": "Something of an event waits for a person of your organisation to decide.",
    "test": "Your organisation sent it to itself.",
}
_WAYS: dict[How, str] = {
    "addressed": "",
    "ladder": "Nobody confirmed it in time, and you are next on the ladder. What began it: ",
    "stands-in": "You stand in for an organisation that is away. What began it: ",
}


async def record_policy(session: Session, fact: PolicyRecorded) -> None:
    """Keep the table in place of the one before; an older one changes nothing."""
    await session.execute(_LOCK)
    newer = await session.execute(_IS_NEWER, {"at": fact.at})
    if newer.first() is not None:
        return
    await session.execute(_FORGET)
    await session.execute(
        _RECORD,
        {
            "rules": [one.rule for one in fact.lines],
            "types": [one.event_type for one in fact.lines],
            "recipients": [one.recipient for one in fact.lines],
            "conditions": [one.when for one in fact.lines],
            "profiles": [str(one.profile) for one in fact.lines],
            "kinds": [",".join(one.kinds) for one in fact.lines],
            "at": fact.at,
        },
    )


async def read_lines(session: Session, rules: Collection[str]) -> dict[str, Any]:
    """The lines with these ids that are in the table now."""
    rows = await session.execute(_BY_RULE, {"rules": list(rules)})
    return {row.rule: row for row in rows}


async def read_lines_for(session: Session, kind: str) -> Sequence[Any]:
    """The lines that may name an organisation of this kind."""
    return (await session.execute(_BY_KIND, {"kind": kind})).all()


def how_of(row: Any) -> How:
    """By which way the notice of a row came to its recipient."""
    if row.stands_in_for is not None:
        return "stands-in"
    return "ladder" if row.rung > 0 else "addressed"


def say_why(rule: str, line: Any | None, how: How) -> str:
    """Why somebody is told, in words."""
    if line is None:
        began = _NOT_OF_THE_TABLE.get(rule, f"The line {rule}, which is in the table no more.")
    else:
        began = f"The policy tells {line.recipient}, where: {line.condition}."
    return _WAYS[how] + began


_LOCK = text("select pg_advisory_xact_lock(hashtextextended('policy of the notifier', 0))")

_IS_NEWER = text("select 1 from notifier.policy_line where recorded_at > :at limit 1")

_FORGET = text("delete from notifier.policy_line")

_RECORD = text("""
    insert into notifier.policy_line
        (rule, event_type, recipient, condition, profile, kinds, recorded_at)
    select rule, type, recipient, condition, profile, string_to_array(kinds, ','), :at
      from unnest(cast(:rules as text[]), cast(:types as text[]), cast(:recipients as text[]),
                  cast(:conditions as text[]), cast(:profiles as text[]), cast(:kinds as text[]))
           l(rule, type, recipient, condition, profile, kinds)""")

_COLUMNS = "rule, event_type, recipient, condition, profile"

_BY_RULE = text(f"select {_COLUMNS} from notifier.policy_line where rule = any(:rules)")

_BY_KIND = text(f"""
    select {_COLUMNS} from notifier.policy_line where :kind = any(kinds)
     order by event_type, rule""")
