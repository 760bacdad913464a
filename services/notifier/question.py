"""A recipient asks the sender of a notice, and reads what was answered. Steps; they never commit.

A question is no acknowledgement: the ladder goes on. The texts are personal data: they stand in
these rows and in the facts' payloads, and nowhere else.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text

import bus
from chassis.database import Session
from chassis.ids import new_id
from schemas.facts import NoticeQuestioned, QuestionAnswered
from services.notifier.report import COLUMNS, notice_fact


async def ask_question(
    session: Session, notice: UUID, words: str, by: str, at: datetime
) -> tuple[UUID, list[bus.Fact]]:
    """The question's id, and the facts to append; the same words again are the same question."""
    about = {"notice": notice, "text": words, "by": by, "at": at, "id": new_id()}
    made = (await session.execute(_ASK, about)).first()
    if made is None:
        known = await session.execute(_ASKED, {"notice": notice, "text": words})
        return known.one().id, []
    row = (await session.execute(_NOTICE, {"notice": notice})).one()
    return made.id, [notice_fact(NoticeQuestioned, row, at, question=made.id, text=words)]


async def read_thread(session: Session, notice: UUID) -> list[tuple[Any, list[Any]]]:
    """The questions of a notice, oldest first, each with its answers."""
    questions = (await session.execute(_QUESTIONS, {"notice": notice})).all()
    rows = await session.execute(_ANSWERS, {"questions": [one.id for one in questions]})
    answers: dict[UUID, list[Any]] = {}
    for row in rows:
        answers.setdefault(row.question, []).append(row)
    return [(one, answers.get(one.id, [])) for one in questions]


async def hear_answers(session: Session, facts: Sequence[QuestionAnswered]) -> None:
    """Keep what senders answered, each once."""
    if not facts:
        return
    await session.execute(
        _HEAR,
        {
            "ids": [one.answer for one in facts],
            "questions": [one.question for one in facts],
            "texts": [one.text for one in facts],
            "bys": [one.answered_by for one in facts],
            "ats": [one.at for one in facts],
        },
    )


async def age_of_questions(session: Session, at: datetime) -> tuple[int, float]:
    """How many wait for an answer, and for how many seconds the oldest does."""
    count, oldest = (await session.execute(_AGE)).one()
    return int(count), (at - oldest).total_seconds() if oldest is not None else 0.0


_ASK = text("""
    insert into notifier.question (id, notice, receipt, child_id, organisation, text, asked_by,
                                   asked_at)
    select :id, id, receipt, child_id, organisation, :text, :by, :at
      from notifier.obligation where id = :notice
        on conflict (notice, md5(text)) do nothing
    returning id""")

_ASKED = text("""
    select id from notifier.question where notice = :notice and md5(text) = md5(:text)""")

_NOTICE = text(f"select {COLUMNS} from notifier.obligation o where o.id = :notice")

_QUESTIONS = text("""
    select id, text, asked_by, asked_at, answered_at from notifier.question
     where notice = :notice order by asked_at, id""")

_ANSWERS = text("""
    select id, question, text, answered_by, at from notifier.answer
     where question = any(cast(:questions as uuid[])) order by at, id""")

_HEAR = text("""
    with heard as (
        select * from unnest(cast(:ids as uuid[]), cast(:questions as uuid[]),
                             cast(:texts as text[]), cast(:bys as text[]),
                             cast(:ats as timestamptz[])) h(id, question, text, answered_by, at)),
    kept as (
        insert into notifier.answer (id, question, text, answered_by, at)
        select id, question, text, answered_by, at from heard on conflict (id) do nothing)
    update notifier.question q set answered_at = least(q.answered_at, h.at)
      from (select question, min(at) as at from heard group by question) h
     where q.id = h.question""")

_AGE = text("select count(*), min(asked_at) from notifier.question where answered_at is null")
