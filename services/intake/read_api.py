"""What a sender may read of its own events, and answer: `GET /v1/events…`, `GET /v1/findings`.

Every look leaves an audit row.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import partial
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request

from chassis.bodies import parse_json, read_body
from chassis.clock import Clock
from chassis.credentials import Credentials
from chassis.database import Database
from schemas.permissions import Operation
from services.intake import openapi
from services.intake.asking import (
    BEARER,
    Purpose,
    answering,
    authenticate,
    no_such_event,
    read_purpose,
    read_receipt,
)
from services.intake.keep_rejections import list_rejections
from services.intake.own_events import MOST_LISTED, OwnEvents, list_own_events
from services.intake.own_findings import State, list_own_findings
from services.intake.own_flagged import list_own_flagged
from services.intake.progress import read_progress
from services.intake.questions import (
    ANSWER_LIMIT_BYTES,
    Answered,
    answer_question,
    read_answer,
)
from services.intake.read_sandbox import read_sandbox
from services.intake.settings import IntakeSettings
from services.intake.tables import Credential
from services.intake.views import Findings, FlaggedEvents, Progress, Rejections

USUAL_PURPOSE = "follow-up of the agency's own event"
QUALITY_PURPOSE = "quality of the agency's own records"


def reading_routes(
    credentials: Credentials[Credential],
    database: Database,
    clock: Clock,
    settings: IntakeSettings,
) -> APIRouter:
    """The routes of a sender that reads."""
    router = APIRouter(tags=["events"])
    read_of_sandbox = partial(read_sandbox, settings=settings.sandbox)

    @router.get(
        "/v1/events/rejected",
        response_model_exclude_none=True,
        dependencies=[BEARER],
        summary="What you sent and was refused, and what to mend",
        responses=openapi.READ_RESPONSES,
    )
    async def get_rejected(
        request: Request,
        limit: Annotated[int, Query(ge=1, le=MOST_LISTED)] = 50,
        after: int | None = None,
        x_purpose: Purpose = QUALITY_PURPOSE,
    ) -> Rejections:
        async with answering(request):
            reader = await authenticate(credentials, request, Operation.READ_OWN_EVENTS)
            async with database.transaction() as session:
                return await list_rejections(
                    session,
                    reader,
                    read_purpose(x_purpose),
                    since=clock() - timedelta(days=settings.rejections.days),
                    limit=limit,
                    after=after,
                )

    @router.get(
        "/v1/events/flagged",
        response_model_exclude_none=True,
        dependencies=[BEARER],
        summary="What was accepted although something is wrong with it, and what to mend",
        responses=openapi.READ_RESPONSES,
    )
    async def get_flagged(
        request: Request,
        limit: Annotated[int, Query(ge=1, le=MOST_LISTED)] = 50,
        after: Annotated[str | None, Query(max_length=200)] = None,
        x_purpose: Purpose = QUALITY_PURPOSE,
    ) -> FlaggedEvents:
        async with answering(request):
            reader = await authenticate(credentials, request, Operation.READ_OWN_EVENTS)
            async with database.transaction() as session:
                return await list_own_flagged(
                    session, reader, read_purpose(x_purpose), limit=limit, after=after
                )

    @router.get(
        "/v1/events/{receipt}",
        response_model_exclude_none=True,
        dependencies=[BEARER],
        summary="What became of an event",
        responses=openapi.READ_RESPONSES,
    )
    async def get_event(
        request: Request,
        receipt: str,
        x_purpose: Purpose = USUAL_PURPOSE,
    ) -> Progress:
        async with answering(request):
            reader = await authenticate(credentials, request, Operation.READ_OWN_EVENTS)
            async with database.transaction() as session:
                found = await (read_of_sandbox if reader.sandbox else read_progress)(
                    session, read_receipt(receipt), reader, read_purpose(x_purpose), clock()
                )
            if found is None:
                raise no_such_event()
        return found

    @router.get(
        "/v1/events",
        response_model_exclude_none=True,
        dependencies=[BEARER],
        summary="The sender's own events, newest first",
        responses=openapi.READ_RESPONSES,
    )
    async def get_events(
        request: Request,
        type: str | None = None,  # noqa: A002 - the parameter's public name
        since: datetime | None = None,
        limit: Annotated[int, Query(ge=1, le=MOST_LISTED)] = 50,
        after: Annotated[str | None, Query(max_length=200)] = None,
        x_purpose: Purpose = USUAL_PURPOSE,
    ) -> OwnEvents:
        async with answering(request):
            reader = await authenticate(credentials, request, Operation.READ_OWN_EVENTS)
            async with database.transaction() as session:
                return await list_own_events(
                    session,
                    reader,
                    read_purpose(x_purpose),
                    event_type=type,
                    since=since,
                    limit=limit,
                    after=after,
                    at=clock(),
                )

    @router.post(
        "/v1/events/{receipt}/questions/{question}/answers",
        status_code=201,
        dependencies=[BEARER],
        summary="Answer what a recipient asks",
        responses=openapi.READ_RESPONSES,
    )
    async def post_answer(
        request: Request,
        receipt: str,
        question: str,
        x_purpose: Purpose = USUAL_PURPOSE,
    ) -> Answered:
        async with answering(request):
            sender = await authenticate(credentials, request, Operation.ANSWER_QUESTIONS)
            if sender.sandbox:
                raise no_such_event()
            said = read_answer(parse_json(await read_body(request, ANSWER_LIMIT_BYTES)))
            async with database.transaction() as session:
                answer = await answer_question(
                    session, read_receipt(receipt), read_receipt(question), sender, said,
                    read_purpose(x_purpose), clock(),
                )  # fmt: skip
            if answer is None:
                raise no_such_event()
        return Answered(answer=answer)

    @router.get(
        "/v1/findings",
        response_model_exclude_none=True,
        dependencies=[BEARER],
        summary="What was found of the agency's own records",
        responses=openapi.READ_RESPONSES,
    )
    async def get_findings(
        request: Request,
        state: State = "open",
        limit: Annotated[int, Query(ge=1, le=MOST_LISTED)] = 50,
        after: UUID | None = None,
        x_purpose: Purpose = QUALITY_PURPOSE,
    ) -> Findings:
        async with answering(request):
            reader = await authenticate(credentials, request, Operation.READ_OWN_EVENTS)
            if reader.sandbox:
                return Findings(sandbox=True, findings=())
            async with database.transaction() as session:
                return await list_own_findings(
                    session,
                    reader,
                    read_purpose(x_purpose),
                    state=state,
                    limit=limit,
                    after=after,
                )

    return router
