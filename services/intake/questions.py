"""What recipients ask about an event, and what its sender answers: back over the bus.

The texts are personal data: they stand in rows and in the facts' payloads, never in a log or a URL.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import Field
from sqlalchemy import text

import bus
from chassis.audit import write_audit
from chassis.database import Session
from chassis.ids import new_id
from schemas.facts import QuestionAnswered
from schemas.model import Model
from schemas.receipts import QUESTION_LENGTH
from services.intake.asking import read_said
from services.intake.tables import Audit, Credential

ANSWER_LIMIT_BYTES = 16_384
SOURCE = "intake"


class AnswerGiven(Model):
    """What a sender answers. `by` is a role."""

    text: str = Field(min_length=1, max_length=QUESTION_LENGTH, pattern=r"^[^\x00]*$")
    by: str = Field(default="sender", min_length=1, max_length=100, pattern=r"^[^\x00-\x1f]*$")


class Answered(Model):
    """The answer's id; the same words again are the same answer."""

    answer: UUID


def read_answer(value: Any) -> AnswerGiven:
    """A JSON value as an answer; `Problem` 422 names fields and rules, never a value."""
    return read_said(AnswerGiven, value, "The answer breaks a rule.")


async def read_threads(
    session: Session, receipts: Sequence[UUID]
) -> dict[UUID, list[tuple[Any, list[Any]]]]:
    """The questions about events, by receipt and oldest first, each with its answers."""
    about = {"receipts": list(receipts)}
    questions = (await session.execute(_QUESTIONS, about)).all()
    if not questions:
        return {}
    answers: dict[UUID, list[Any]] = {}
    for row in await session.execute(_ANSWERS, about):
        answers.setdefault(row.question, []).append(row)
    threads: dict[UUID, list[tuple[Any, list[Any]]]] = {}
    for one in questions:
        threads.setdefault(one.receipt, []).append((one, answers.get(one.question, [])))
    return threads


async def answer_question(
    session: Session,
    receipt: UUID,
    question: UUID,
    sender: Credential,
    given: AnswerGiven,
    purpose: str,
    at: datetime,
) -> UUID | None:
    """Answer a question about the sender's own event, with an audit row and the fact.

    None if it has no such event or the event no such question. A repeat changes nothing.
    """
    about = {"receipt": receipt, "question": question, "organisation": sender.organisation}
    asked = (await session.execute(_ASKED, about)).first()
    if asked is None:
        return None
    await write_audit(
        session,
        Audit,
        actor=sender.organisation,
        credential=sender.id,
        operation="answer-question",
        objects=[(str(question), str(asked.child_id))],
        purpose=purpose,
    )
    answer = new_id()
    row = {**about, "answer": answer, "text": given.text, "by": given.by, "at": at}
    if (await session.execute(_ANSWER, row)).first() is None:
        known = await session.execute(_KNOWN, {"question": question, "text": given.text})
        found: UUID = known.one().answer
        return found
    fact = QuestionAnswered(
        answer=answer,
        question=question,
        notice=asked.notice,
        receipt=receipt,
        child_id=asked.child_id,
        text=given.text,
        answered_by=given.by,
        at=at,
    )
    await bus.append(session, bus.fact_of(fact, SOURCE))
    return answer


_QUESTIONS = text("""
    select receipt, question, notice, text, asked_at from intake.question
     where receipt = any(cast(:receipts as uuid[])) order by asked_at, question""")

_ANSWERS = text("""
    select question, text, answered_by, at from intake.answer
     where receipt = any(cast(:receipts as uuid[])) order by at, answer""")

_ASKED = text("""
    select q.notice, q.child_id from intake.question q
      join intake.event e on e.receipt = q.receipt
     where q.question = :question and q.receipt = :receipt
       and e.organisation = :organisation""")

_ANSWER = text("""
    insert into intake.answer (answer, question, receipt, text, answered_by, at)
    values (:answer, :question, :receipt, :text, :by, :at)
        on conflict (question, md5(text)) do nothing
    returning answer""")

_KNOWN = text("""
    select answer from intake.answer where question = :question and md5(text) = md5(:text)""")
