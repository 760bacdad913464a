"""`GET /v1/status`: how every part of the bus does, for whoever has a key of the service asked."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Annotated

from fastapi import APIRouter, Header, Response

from bus.parts import read_status
from chassis.clock import Clock
from chassis.database import Database
from schemas.status import Status

Authenticate = Callable[[str | None], Awaitable[object]]


def status_route(database: Database, authenticate: Authenticate, clock: Clock) -> APIRouter:
    """The route. `authenticate` takes the `Authorization` header, and raises `Problem` 401."""
    router = APIRouter(tags=["status"])

    @router.get("/v1/status", response_model_exclude_none=True, responses={401: {}})
    async def read_the_status(
        response: Response, authorization: Annotated[str | None, Header()] = None
    ) -> Status:
        """Each queue, reader and task, the worst first: its state, since when, by which limit."""
        await authenticate(authorization)
        response.headers["Cache-Control"] = "no-store"
        async with database.reading() as session:
            return await read_status(session, clock())

    return router
