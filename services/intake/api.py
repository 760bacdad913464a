"""The HTTP routes: `POST /v1/events`, and what a sender may read of its own events.

A 202 is written after the commit and never otherwise.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Header, Query, Request, Security
from fastapi.routing import APIRoute
from fastapi.security import HTTPBearer
from sqlalchemy.exc import SQLAlchemyError
from starlette.requests import ClientDisconnect
from starlette.responses import Response

from chassis.bodies import parse_json, read_body
from chassis.clock import Clock
from chassis.credentials import Credentials
from chassis.database import Database, is_away
from chassis.problems import FieldError, Problem, away
from schemas.organisations import OrganisationKind
from schemas.permissions import Operation, may
from services.intake import openapi
from services.intake.judge import Judge, Prepared
from services.intake.own_events import MOST_LISTED, OwnEvents, list_own_events
from services.intake.own_findings import State, list_own_findings
from services.intake.progress import read_progress
from services.intake.questions import (
    ANSWER_LIMIT_BYTES,
    Answered,
    answer_question,
    read_answer,
)
from services.intake.read_events import Encoding, Read, read_events, read_headers
from services.intake.record import Conflict, Outcome, Recorder
from services.intake.tables import Credential
from services.intake.views import Findings, Progress

DEFAULT_PURPOSE = "follow-up of the agency's own event"
FINDINGS_PURPOSE = "quality of the agency's own records"

# Between so many events of a batch, other requests get their turn.
_JUDGED_AT_ONCE = 16

_JSON = "application/json"
# For the documentation: keys are checked by `Credentials`.
_BEARER = Security(HTTPBearer(scheme_name="agency", auto_error=False))


class RawRoute(APIRoute):
    """A route whose endpoint reads the request and writes the response itself: FastAPI's own
    handling costs about as much as the whole judging of an event (measured)."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        endpoint: Callable[[Request], Coroutine[Any, Any, Response]] = self.endpoint
        return endpoint


def routes(
    credentials: Credentials[Credential],
    judge: Judge,
    recorder: Recorder,
    database: Database,
    clock: Clock,
) -> APIRouter:
    """Intake's routes."""
    door = Door(credentials, judge, recorder, clock)
    router = APIRouter(tags=["events"])
    router.add_api_route(
        "/v1/events",
        door.post_events,
        methods=["POST"],
        status_code=202,
        response_model=None,
        route_class_override=RawRoute,
        summary="Send events",
        dependencies=[_BEARER],
        openapi_extra=openapi.POST_EVENTS,
        responses=openapi.POST_RESPONSES,
    )

    async def authenticate(request: Request, operation: Operation) -> Credential:
        credential = await credentials.authenticate(request.headers.get("authorization"))
        if not may(OrganisationKind(credential.kind), operation):
            raise Problem(403, "not-allowed", f"A {credential.kind} may not do this.")
        return credential

    @router.get(
        "/v1/events/{receipt}",
        response_model_exclude_none=True,
        dependencies=[_BEARER],
        summary="What became of an event",
        responses=openapi.READ_RESPONSES,
    )
    async def get_event(
        request: Request,
        receipt: str,
        x_purpose: Annotated[str, Header(max_length=200)] = DEFAULT_PURPOSE,
    ) -> Progress:
        async with _answering():
            reader = await authenticate(request, Operation.READ_OWN_EVENTS)
            async with database.transaction() as session:
                found = await read_progress(
                    session, _receipt(receipt), reader, _purpose(x_purpose), clock()
                )
        if found is None:
            raise _no_such_event()
        return found

    @router.get(
        "/v1/events",
        response_model_exclude_none=True,
        dependencies=[_BEARER],
        summary="The sender's own events, newest first",
        responses=openapi.READ_RESPONSES,
    )
    async def get_events(
        request: Request,
        type: str | None = None,  # noqa: A002 - the parameter's public name
        since: datetime | None = None,
        limit: Annotated[int, Query(ge=1, le=MOST_LISTED)] = 50,
        after: Annotated[str | None, Query(max_length=200)] = None,
        x_purpose: Annotated[str, Header(max_length=200)] = DEFAULT_PURPOSE,
    ) -> OwnEvents:
        async with _answering():
            reader = await authenticate(request, Operation.READ_OWN_EVENTS)
            async with database.transaction() as session:
                return await list_own_events(
                    session,
                    reader,
                    _purpose(x_purpose),
                    event_type=type,
                    since=since,
                    limit=limit,
                    after=after,
                    at=clock(),
                )

    @router.post(
        "/v1/events/{receipt}/questions/{question}/answers",
        status_code=201,
        dependencies=[_BEARER],
        summary="Answer what a recipient asks",
        responses=openapi.READ_RESPONSES,
    )
    async def post_answer(
        request: Request,
        receipt: str,
        question: str,
        x_purpose: Annotated[str, Header(max_length=200)] = DEFAULT_PURPOSE,
    ) -> Answered:
        async with _answering():
            sender = await authenticate(request, Operation.ANSWER_QUESTIONS)
            said = read_answer(parse_json(await read_body(request, ANSWER_LIMIT_BYTES)))
            async with database.transaction() as session:
                answer = await answer_question(
                    session, _receipt(receipt), _receipt(question), sender, said,
                    _purpose(x_purpose), clock(),
                )  # fmt: skip
        if answer is None:
            raise _no_such_event()
        return Answered(answer=answer)

    @router.get(
        "/v1/findings",
        response_model_exclude_none=True,
        dependencies=[_BEARER],
        summary="What was found of the agency's own records",
        responses=openapi.READ_RESPONSES,
    )
    async def get_findings(
        request: Request,
        state: State = "open",
        limit: Annotated[int, Query(ge=1, le=MOST_LISTED)] = 50,
        after: UUID | None = None,
        x_purpose: Annotated[str, Header(max_length=200)] = FINDINGS_PURPOSE,
    ) -> Findings:
        async with _answering():
            reader = await authenticate(request, Operation.READ_OWN_EVENTS)
            async with database.transaction() as session:
                return await list_own_findings(
                    session, reader, _purpose(x_purpose), state=state, limit=limit, after=after
                )

    return router


class Door:
    """Takes events in: reads, judges, has them recorded, answers."""

    def __init__(
        self,
        credentials: Credentials[Credential],
        judge: Judge,
        recorder: Recorder,
        clock: Clock,
    ) -> None:
        self._credentials = credentials
        self._judge = judge
        self._recorder = recorder
        self._clock = clock

    async def post_events(self, request: Request) -> Response:
        """One event, or a batch of them."""
        submission = read_headers(request.scope["headers"])
        async with _answering():
            sender = await self._credentials.authenticate(submission.authorization)
        try:
            body = await read_body(request, submission.encoding.most_bytes)
        except ClientDisconnect:
            raise Problem(400, "cut-off", "The request ended before its body did.") from None
        read = read_events(submission, body)
        if submission.encoding is Encoding.BATCH:
            return await self._take_batch(read, sender)
        prepared = self._judge.judge(
            read.events[0],
            sender,
            self._clock(),
            clean=read.clean,
            traceparent=submission.traceparent,
        )
        outcome = await self._recorder.record(prepared)
        if isinstance(outcome, Conflict):
            raise _conflict()
        headers = {"Location": f"/v1/events/{prepared.receipt}"}
        if outcome.replayed:
            headers["Idempotent-Replayed"] = "true"
        body_text = (
            f'{{"receipt":"{prepared.receipt}","acceptedAt":"{outcome.accepted_at.isoformat()}",'
            f'"flags":{prepared.flags}}}'
        )
        return Response(body_text, 202, headers, _JSON)

    async def _take_batch(self, read: Read, sender: Credential) -> Response:
        """Each on its own, answered in order: 202 all accepted, 207 some, 422 none."""
        judged: list[Prepared | Problem] = []
        for position, event in enumerate(read.events):
            if position % _JUDGED_AT_ONCE == _JUDGED_AT_ONCE - 1:
                await asyncio.sleep(0)
            try:
                judged.append(self._judge.judge(event, sender, self._clock(), clean=read.clean))
            except Problem as problem:
                judged.append(problem)
        # In this order they go to the log; the recorder shares out the commits.
        outcomes = iter(
            await asyncio.gather(
                *(self._recorder.record(one) for one in judged if isinstance(one, Prepared)),
                return_exceptions=True,
            )
        )
        items = [
            _problem_item(one) if isinstance(one, Problem) else _item(one, next(outcomes))
            for one in judged
        ]
        accepted = sum(item["status"] == 202 for item in items)
        status = 202 if accepted == len(items) else 207 if accepted else _none_accepted(items)
        headers = {"Retry-After": "5"} if status == 503 else None
        return Response(json.dumps(items), status, headers, _JSON)


@asynccontextmanager
async def _answering() -> AsyncIterator[None]:
    """Turns an absent database into a 503."""
    try:
        yield
    except (SQLAlchemyError, OSError) as error:
        if is_away(error):
            raise away() from None
        raise


def _item(prepared: Prepared, outcome: Outcome | BaseException) -> dict[str, Any]:
    if isinstance(outcome, Problem):
        return _problem_item(outcome)
    if isinstance(outcome, BaseException):
        raise outcome
    if isinstance(outcome, Conflict):
        return _problem_item(_conflict())
    return {
        "status": 202,
        "receipt": str(prepared.receipt),
        "location": f"/v1/events/{prepared.receipt}",
        "replayed": outcome.replayed,
        "acceptedAt": outcome.accepted_at.isoformat(),
        "flags": json.loads(prepared.flags),
    }


def _problem_item(problem: Problem) -> dict[str, Any]:
    return {"status": problem.status, "problem": problem.body()}


def _none_accepted(items: list[dict[str, Any]]) -> int:
    """422, unless the reason is ours: a sender must send the same again then."""
    return 503 if any(item["status"] == 503 for item in items) else 422


def _conflict() -> Problem:
    return Problem(
        409,
        "id-reused",
        "An event with this id and other content is recorded. An id is never used again; to "
        "correct an event send a new one that supersedes it.",
        [FieldError("/id", "id-reused", "is the id of another event")],
    )


def _no_such_event() -> Problem:
    return Problem(
        404,
        "no-such-event",
        "No event of yours has this receipt.",
        [FieldError("receipt", "unknown", "is no receipt of yours", "parameter")],
    )


def _purpose(text: str) -> str:
    if not text.isprintable():
        raise Problem(
            422,
            "invalid-header",
            "A header breaks a rule.",
            [FieldError("X-Purpose", "printable", "must be printable", "header")],
        )
    return text


def _receipt(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise _no_such_event() from None
