"""`POST /v1/events`: takes events in.

A 202 is written after the commit and never otherwise.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Coroutine
from typing import Any, NamedTuple

from fastapi import APIRouter, Request
from fastapi.routing import APIRoute
from sqlalchemy.exc import SQLAlchemyError
from starlette.requests import ClientDisconnect
from starlette.responses import Response

from chassis.bodies import read_body
from chassis.clock import Clock
from chassis.credentials import Credentials
from chassis.problems import FieldError, Problem
from services.intake import openapi
from services.intake.asking import BEARER, answering, mark
from services.intake.judge import Judge, Prepared
from services.intake.note_rejections import RejectionNotes
from services.intake.read_events import Encoding, Read, Submission, read_events, read_headers
from services.intake.record import Conflict, Outcome, Recorder
from services.intake.tables import Credential

# Between so many events of a batch, other requests get their turn.
_JUDGED_AT_ONCE = 16

_JSON = "application/json"
_SANDBOX = '"sandbox":true,'


class RawRoute(APIRoute):
    """A route whose endpoint reads the request and writes the response itself: FastAPI's own
    handling costs about as much as the whole judging of an event (measured)."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        endpoint: Callable[[Request], Coroutine[Any, Any, Response]] = self.endpoint
        return endpoint


def routes(
    credentials: Credentials[Credential],
    ways: Ways,
    rejections: RejectionNotes,
    clock: Clock,
) -> APIRouter:
    """The door."""
    door = Door(credentials, ways, rejections, clock)
    router = APIRouter(tags=["events"])
    router.add_api_route(
        "/v1/events",
        door.post_events,
        methods=["POST"],
        status_code=202,
        response_model=None,
        route_class_override=RawRoute,
        summary="Send events",
        dependencies=[BEARER],
        openapi_extra=openapi.POST_EVENTS,
        responses=openapi.POST_RESPONSES,
    )
    return router


class Way(NamedTuple):
    """How events are judged, and where they are recorded."""

    judge: Judge
    recorder: Recorder


class Ways(NamedTuple):
    """The way of what is real, and of the sandbox: they share nothing."""

    real: Way
    sandbox: Way

    def of(self, sender: Credential) -> Way:
        """The way of what this credential sends."""
        return self.sandbox if sender.sandbox else self.real


class Door:
    """Takes events in: reads, judges, has them recorded, answers."""

    def __init__(
        self,
        credentials: Credentials[Credential],
        ways: Ways,
        rejections: RejectionNotes,
        clock: Clock,
    ) -> None:
        self._credentials = credentials
        self._ways = ways
        self._rejections = rejections
        self._clock = clock

    async def post_events(self, request: Request) -> Response:
        """One event, or a batch of them; what is refused is noted for its sender."""
        try:
            submission = read_headers(request.scope["headers"])
        except Problem as problem:
            await self._note_unread(request.headers.get("authorization"), problem)
            raise
        async with answering(request):
            sender = await self._credentials.authenticate(submission.authorization)
        event: Any = None
        try:
            read = await _read(request, submission)
            if submission.encoding is Encoding.BATCH:
                return await self._take_batch(read, sender)
            event = read.events[0]
            return await self._take_one(event, read.clean, submission.traceparent, sender)
        except Problem as problem:
            self._rejections.note(sender, problem, event)
            raise mark(problem, sandbox=sender.sandbox) from None

    async def _note_unread(self, authorization: str | None, problem: Problem) -> None:
        """Note what was refused before it was asked who sends it, if that can be said at all."""
        try:
            sender = await self._credentials.authenticate(authorization)
        except (Problem, SQLAlchemyError, OSError):
            return
        self._rejections.note(sender, mark(problem, sandbox=sender.sandbox))

    async def _take_one(
        self, event: Any, clean: bool, traceparent: str | None, sender: Credential
    ) -> Response:
        way = self._ways.of(sender)
        prepared = way.judge.judge(
            event, sender, self._clock(), clean=clean, traceparent=traceparent
        )
        outcome = await way.recorder.record(prepared)
        if isinstance(outcome, Conflict):
            raise _conflict()
        headers = {"Location": f"/v1/events/{prepared.receipt}"}
        if outcome.replayed:
            headers["Idempotent-Replayed"] = "true"
        body_text = (
            f'{{"receipt":"{prepared.receipt}","acceptedAt":"{outcome.accepted_at.isoformat()}",'
            f'{_SANDBOX if sender.sandbox else ""}"flags":{prepared.flags}}}'
        )
        return Response(body_text, 202, headers, _JSON)

    async def _take_batch(self, read: Read, sender: Credential) -> Response:
        """Each on its own, answered in order: 202 all accepted, 207 some, 422 none."""
        way = self._ways.of(sender)
        judged: list[Prepared | Problem] = []
        for position, event in enumerate(read.events):
            if position % _JUDGED_AT_ONCE == _JUDGED_AT_ONCE - 1:
                await asyncio.sleep(0)
            try:
                judged.append(way.judge.judge(event, sender, self._clock(), clean=read.clean))
            except Problem as problem:
                judged.append(problem)
        # In this order they go to the log; the recorder shares out the commits.
        outcomes = iter(
            await asyncio.gather(
                *(way.recorder.record(one) for one in judged if isinstance(one, Prepared)),
                return_exceptions=True,
            )
        )
        items = []
        for event, one in zip(read.events, judged, strict=True):
            item = one if isinstance(one, Problem) else _item(one, next(outcomes))
            if isinstance(item, Problem):
                self._rejections.note(sender, item, event)
                item = {"status": item.status, "problem": item.body()}
            if sender.sandbox:
                item["sandbox"] = True
            items.append(item)
        accepted = sum(item["status"] == 202 for item in items)
        status = 202 if accepted == len(items) else 207 if accepted else _none_accepted(items)
        headers = {"Retry-After": "5"} if status == 503 else None
        return Response(json.dumps(items), status, headers, _JSON)


async def _read(request: Request, submission: Submission) -> Read:
    try:
        body = await read_body(request, submission.encoding.most_bytes)
    except ClientDisconnect:
        raise Problem(400, "cut-off", "The request ended before its body did.") from None
    return read_events(submission, body)


def _item(prepared: Prepared, outcome: Outcome | BaseException) -> dict[str, Any] | Problem:
    if isinstance(outcome, Problem):
        return outcome
    if isinstance(outcome, BaseException):
        raise outcome
    if isinstance(outcome, Conflict):
        return _conflict()
    return {
        "status": 202,
        "receipt": str(prepared.receipt),
        "location": f"/v1/events/{prepared.receipt}",
        "replayed": outcome.replayed,
        "acceptedAt": outcome.accepted_at.isoformat(),
        "flags": json.loads(prepared.flags),
    }


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
