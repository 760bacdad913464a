"""Questions to the sender of a notice, over HTTP: asked, and read with what was answered."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Header, Request, Response
from pydantic import Field

import bus
from schemas.model import Model
from schemas.permissions import Operation
from schemas.receipts import QUESTION_LENGTH
from services.notifier.door import PURPOSE, Door, audit_notices, body_schema, check_real, read_model
from services.notifier.question import ask_question, read_thread

BODY_LIMIT_BYTES = 16_384


class Question(Model):
    """What a recipient asks. `by` is a role. Say no more of the child than the sender needs."""

    text: str = Field(min_length=1, max_length=QUESTION_LENGTH, pattern=r"^[^\x00]*$")
    by: str = Field(default="recipient", min_length=1, max_length=100, pattern=r"^[^\x00-\x1f]*$")


class Asked(Model):
    """The question's id; the same words again are the same question."""

    question: UUID


class AnswerShown(Model):
    """What the sender said."""

    text: str
    by: str
    at: datetime


class QuestionShown(Model):
    """A question; while nobody answered, how long it waits."""

    question: UUID
    text: str
    by: str
    asked_at: datetime
    waiting_minutes: int | None = None
    answers: list[AnswerShown]


class Thread(Model):
    """Oldest first."""

    questions: list[QuestionShown]


def add_routes(router: APIRouter, door: Door) -> None:
    """`/v1/notices/{notice}/questions`."""
    parts = door.parts

    @router.post(
        "/{notice}/questions",
        status_code=201,
        responses={400: {}, 401: {}, 403: {}, 404: {}, 410: {}, 413: {}, 422: {}},
        openapi_extra=body_schema(Question),
    )
    async def ask(
        notice: UUID,
        request: Request,
        authorization: Annotated[str | None, Header()] = None,
        x_purpose: Annotated[str, Header(max_length=200)] = PURPOSE,
    ) -> Asked:
        """Ask the sender. It is no acknowledgement: silence still escalates."""
        credential = await door.allow(authorization, Operation.ACKNOWLEDGE_NOTICES)
        asked = await read_model(request, Question, BODY_LIMIT_BYTES)
        async with parts.database.transaction() as session:
            row = await door.find(session, notice, credential)
            check_real(row)
            question, facts = await ask_question(
                session, row.id, asked.text, asked.by, parts.clock()
            )
            await audit_notices(session, credential, "ask-question", [row], x_purpose)
            await bus.append(session, *facts)
        return Asked(question=question)

    @router.get(
        "/{notice}/questions",
        response_model_exclude_none=True,
        responses={401: {}, 403: {}, 404: {}, 410: {}},
    )
    async def read_questions(
        notice: UUID,
        response: Response,
        authorization: Annotated[str | None, Header()] = None,
        x_purpose: Annotated[str, Header(max_length=200)] = PURPOSE,
    ) -> Thread:
        """What was asked and answered. Every reading is recorded."""
        credential = await door.allow(authorization, Operation.READ_NOTICES)
        response.headers["Cache-Control"] = "no-store"
        at = parts.clock()
        async with parts.database.transaction() as session:
            row = await door.find(session, notice, credential)
            thread = await read_thread(session, row.id)
            await audit_notices(session, credential, "read-questions", [row], x_purpose)
        return Thread(
            questions=[
                QuestionShown(
                    question=one.id,
                    text=one.text,
                    by=one.asked_by,
                    asked_at=one.asked_at,
                    waiting_minutes=int((at - one.asked_at).total_seconds() // 60)
                    if one.answered_at is None
                    else None,
                    answers=[
                        AnswerShown(text=said.text, by=said.answered_by, at=said.at)
                        for said in answers
                    ],
                )
                for one, answers in thread
            ]
        )
