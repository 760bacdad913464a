"""The statements that keep progress: one a table, for a whole batch, whatever order it came in.

Rows come as JSON; a row only gains: the earliest time of each state, and what was not known.
"""

from __future__ import annotations

from sqlalchemy import text

from services.intake.load_progress import STATES

_TIMES = (
    *(f"{state}_at" for state in (*STATES, "escalated", "exhausted", "reminded")),
    "deadline_at",
)
LATEST = ("confirmed_last_at", "declined_last_at")
"""The times of which the latest is kept, not the earliest."""

_ALL_TIMES = (*_TIMES, *LATEST)

TELL_CHILDREN = text("""
    insert into intake.progress_child as p (receipt, child_index, child_id, named, listed,
           addressed_at)
    select receipt, child_index, child_id, named, listed, addressed_at
      from json_to_recordset(cast(:rows as json))
           as r(receipt uuid, child_index int, child_id uuid, named boolean, listed boolean,
                addressed_at timestamptz)
     order by receipt, child_index, child_id
    on conflict (receipt, child_index, child_id) do update
       set named = p.named and excluded.named,
           listed = p.listed and excluded.listed,
           addressed_at = least(p.addressed_at, excluded.addressed_at)""")

TELL_NOTICES = text(f"""
    insert into intake.progress_notice as p
           (notice, receipt, child_index, child_id, part, rung, organisation, name, role, profile,
            {", ".join(_ALL_TIMES)}, next_notice, next_organisation, next_role, reasons)
    select notice, receipt, child_index, child_id, part, rung, organisation, name, role, profile,
           {", ".join(_ALL_TIMES)}, next_notice, next_organisation, next_role, reasons
      from json_to_recordset(cast(:rows as json))
           as r(notice uuid, receipt uuid, child_index int, child_id uuid, part text, rung int,
                organisation text, name text, role text, profile text,
                {", ".join(f"{name} timestamptz" for name in _ALL_TIMES)},
                next_notice uuid, next_organisation text, next_role text, reasons jsonb)
     order by notice
    on conflict (notice) do update
       set {", ".join(f"{name} = least(p.{name}, excluded.{name})" for name in _TIMES)},
           {", ".join(f"{name} = greatest(p.{name}, excluded.{name})" for name in LATEST)},
           next_notice = coalesce(p.next_notice, excluded.next_notice),
           next_organisation = coalesce(p.next_organisation, excluded.next_organisation),
           next_role = coalesce(p.next_role, excluded.next_role),
           reasons = excluded.reasons || p.reasons""")

TELL_QUESTIONS = text("""
    insert into intake.question (question, notice, receipt, child_id, text, asked_at)
    select question, notice, receipt, child_id, text, asked_at
      from json_to_recordset(cast(:rows as json))
           as r(question uuid, notice uuid, receipt uuid, child_id uuid, text text,
                asked_at timestamptz)
    on conflict (question) do nothing""")

TELL_RESOLUTIONS = text("""
    insert into intake.progress_resolution as p
           (resolution, receipt, child_index, reason, needed_at, decide_by, overdue_at, decided_at,
            undone_at, decision)
    select resolution, receipt, child_index, reason, needed_at, decide_by, overdue_at, decided_at,
           undone_at, decision
      from json_to_recordset(cast(:rows as json))
           as r(resolution uuid, receipt uuid, child_index int, reason text, needed_at timestamptz,
                decide_by timestamptz, overdue_at timestamptz, decided_at timestamptz,
                undone_at timestamptz, decision text)
     order by resolution
    on conflict (resolution) do update
       set child_index = coalesce(p.child_index, excluded.child_index),
           reason = coalesce(p.reason, excluded.reason),
           needed_at = least(p.needed_at, excluded.needed_at),
           decide_by = least(p.decide_by, excluded.decide_by),
           overdue_at = least(p.overdue_at, excluded.overdue_at),
           decided_at = least(p.decided_at, excluded.decided_at),
           undone_at = least(p.undone_at, excluded.undone_at),
           decision = coalesce(p.decision, excluded.decision)""")

TELL_OUTCOMES = text("""
    insert into intake.progress_outcome as p (receipt, kind, by_receipt, at, outcome, replaced_by)
    select receipt, kind, by_receipt, at, outcome, replaced_by
      from json_to_recordset(cast(:rows as json))
           as r(receipt uuid, kind text, by_receipt uuid, at timestamptz, outcome text,
                replaced_by uuid)
     order by receipt, kind, by_receipt
    on conflict (receipt, kind, by_receipt) do update
       set at = least(p.at, excluded.at),
           outcome = coalesce(p.outcome, excluded.outcome),
           replaced_by = coalesce(p.replaced_by, excluded.replaced_by)""")

TELL_CLOCKS = text("""
    insert into intake.progress_clock as p (receipt, clock, started_at, due_at, missed_at)
    select receipt, clock, started_at, due_at, missed_at
      from json_to_recordset(cast(:rows as json))
           as r(receipt uuid, clock text, started_at timestamptz, due_at timestamptz,
                missed_at timestamptz)
     order by receipt, clock
    on conflict (receipt, clock) do update
       set missed_at = least(p.missed_at, excluded.missed_at)""")


# A withdrawal, whenever it comes, leaves nothing of what was found.
TELL_FINDINGS = text("""
    insert into intake.finding as p (finding, kind, agency, receipt, child_index, adults, records,
           evidence, raised_at, answered_at, withdrawn_at)
    select finding, kind, agency, receipt, child_index, adults,
           case when withdrawn_at is null then records else '[]' end,
           case when withdrawn_at is null then evidence else '[]' end,
           open_at, answered_at, withdrawn_at
      from json_to_recordset(cast(:rows as json))
           as r(finding uuid, kind text, agency text, receipt uuid, child_index int, adults jsonb,
                records jsonb, evidence jsonb, open_at timestamptz, answered_at timestamptz,
                withdrawn_at timestamptz)
     order by finding
    on conflict (finding) do update
       set records = case when coalesce(p.withdrawn_at, excluded.withdrawn_at) is not null
                          then '[]' else p.records end,
           evidence = case when coalesce(p.withdrawn_at, excluded.withdrawn_at) is not null
                           then '[]' else p.evidence end,
           raised_at = least(p.raised_at, excluded.raised_at),
           answered_at = least(p.answered_at, excluded.answered_at),
           withdrawn_at = least(p.withdrawn_at, excluded.withdrawn_at)""")
