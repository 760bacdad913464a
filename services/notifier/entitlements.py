"""What an organisation may be told by the policy, and what it was told lately, each with its rule.

Steps. What was withheld from it is in no figure.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import text

from chassis.database import Session
from schemas.self_test import PROFILE as SELF_TEST
from services.notifier.policy_lines import read_lines, read_lines_for


@dataclass(frozen=True, slots=True)
class Entitlements:
    """`may`: the lines that may name an organisation of its kind. `was`: what it was told, a row
    for each rule, type, profile and way; `lines`: those of the table that caused it, by rule."""

    may: Sequence[Any]
    was: Sequence[Any]
    lines: dict[str, Any]


async def read_entitlements(session: Session, organisation: str, since: datetime) -> Entitlements:
    """Of an organisation; empty where nothing is known of it."""
    kind = (await session.execute(_KIND, {"id": organisation})).scalar()
    was = (await session.execute(_WAS, {"organisation": organisation, "since": since})).all()
    return Entitlements(
        may=await read_lines_for(session, str(kind)) if kind else (),
        was=was,
        lines=await read_lines(session, {row.rule for row in was}),
    )


_KIND = text("select kind from notifier.recipient where id = :id")


def _half(number: str) -> str:
    return f"""
        select rule, event_type, profile, composed_at,
               case when stands_in_for is not null then 'stands-in'
                    when rung > 0 then 'ladder' else 'addressed' end as how
          from notifier.obligation
         where organisation = :organisation and owner = 'notifier'
           and number is {number} and composed_at >= :since
           and state <> 'withheld' and profile <> '{SELF_TEST}'"""


# Two indexes hold all of an organisation's notices between them.
_WAS = text(f"""
    select rule, event_type, profile, how, count(*) as count, max(composed_at) as last_at
      from ({_half("null")} union all {_half("not null")}) told
     group by rule, event_type, profile, how order by event_type, rule, how""")
