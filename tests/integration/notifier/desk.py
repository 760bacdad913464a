"""A recipient organisation at its own desk: its keys, the API, and the part that sends."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx
from sqlalchemy import text

from chassis.clock import Clock, now
from chassis.database import Database
from chassis.process import Task, create_api
from schemas.organisations import OrganisationKind
from schemas.permissions import GIVEN_BY_NAME
from services.notifier.credentials import add_credential
from services.notifier.settings import NotifierGroup
from tests.integration.notifier.world import SCHOOL, open_notifier

ME = "/v1/organisations/me"


@dataclass(frozen=True, slots=True)
class Desk:
    """What a person at the organisation can do."""

    database: Database
    client: httpx.AsyncClient
    key: dict[str, str]
    tasks: dict[str, Task]

    @property
    def sending(self) -> Sequence[Task]:
        """The part of the notifier that sends."""
        return [self.tasks["notifier-deliver"]]

    async def get(self, path: str, **more: Any) -> Any:
        """What is there, from an answer that must be 200."""
        answer = await self.client.get(f"{ME}{path}", headers=self.key, **more)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def ask(self, method: str, path: str, **more: Any) -> httpx.Response:
        """Any answer."""
        return await self.client.request(method, f"{ME}{path}", headers=self.key, **more)

    async def rows(self, sql: str, **values: Any) -> list[Any]:
        """What is in the database."""
        async with self.database.reading() as session:
            return list((await session.execute(text(sql), values)).all())


async def make_key(
    database: Database, name: str, *scopes: str, rights: Sequence[str] = tuple(GIVEN_BY_NAME)
) -> dict[str, str]:
    """The header with a key of a school's."""
    async with database.transaction() as session:
        made = await add_credential(
            session, name, OrganisationKind.SCHOOL, scopes=scopes, rights=rights
        )
    return {"Authorization": f"Bearer {made}"}


@asynccontextmanager
async def open_desk(
    database: Database, settings: NotifierGroup | None = None, clock: Clock = now
) -> AsyncIterator[Desk]:
    """The school's desk, with a key of every right."""
    _, notifier = open_notifier(database, settings, clock)
    transport = httpx.ASGITransport(create_api([notifier], "test"))
    tasks = {one.name: one for one in notifier.tasks}
    async with httpx.AsyncClient(transport=transport, base_url="http://bus", timeout=30) as client:
        yield Desk(database, client, await make_key(database, SCHOOL), tasks)
