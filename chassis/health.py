"""Honest health: live means the loop turns; ready means that each thing needed answers now."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from fastapi import APIRouter
from fastapi.responses import JSONResponse, PlainTextResponse
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

CHECK_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that must answer: returns, or raises when it does not."""

    name: str
    ask: Callable[[], Awaitable[None]]


def routes(checks: Sequence[Check]) -> APIRouter:
    """`/health/live`, `/health/ready` (503 with the names that failed) and `/metrics`."""
    router = APIRouter(tags=["health"])

    @router.get("/health/live")
    async def live() -> dict[str, str]:
        return {"status": "live"}

    @router.get("/health/ready")
    async def ready() -> JSONResponse:
        results = await asyncio.gather(*(_ask(check) for check in checks))
        failed = sorted({name for name, well in results if not well})
        status = {"status": "ready" if not failed else "not-ready", "failed": failed}
        return JSONResponse(status, status_code=503 if failed else 200)

    @router.get("/metrics", include_in_schema=False)
    async def metrics() -> PlainTextResponse:
        return PlainTextResponse(generate_latest().decode(), media_type=CONTENT_TYPE_LATEST)

    return router


async def _ask(check: Check) -> tuple[str, bool]:
    task = asyncio.ensure_future(check.ask())
    done, _ = await asyncio.wait({task}, timeout=CHECK_SECONDS)
    if not done:
        task.cancel()
        return check.name, False
    return check.name, task.exception() is None
