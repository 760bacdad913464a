"""Intake with a real database, spoken to over HTTP."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import text

from bus import BusSettings, open_road
from chassis.database import Database
from chassis.process import Task, create_api, running
from schemas import examples
from schemas.facts import TOPICS
from schemas.organisations import OrganisationKind
from services.intake.agencies import add_agency
from services.intake.app import build
from services.intake.settings import Settings

SECRET = "a secret of the tests, thirty-two or more"
STRUCTURED = "application/cloudevents+json"
BATCH = "application/cloudevents-batch+json"

Headers = Mapping[str, str]
NONE: Headers = {}


@dataclass
class Agency:
    """An agency that sends."""

    source: str
    authorization: str


@dataclass
class Intake:
    """A running intake."""

    app: FastAPI
    client: httpx.AsyncClient
    database: Database
    tasks: list[Task]
    police: Agency
    social_care: Agency
    school: Agency

    async def post(
        self,
        content: bytes,
        kind: str = STRUCTURED,
        by: Agency | None = None,
        headers: Headers = NONE,
    ) -> httpx.Response:
        """Post a body."""
        sent = {"authorization": (by or self.police).authorization, "content-type": kind, **headers}
        return await self.client.post("/v1/events", content=content, headers=sent)

    async def get(
        self, path: str, by: Agency | None = None, query: Headers = NONE
    ) -> httpx.Response:
        """Read as an agency."""
        headers = {"authorization": (by or self.police).authorization}
        return await self.client.get(path, headers=headers, params=dict(query))

    async def count(self, table: str) -> int:
        """How many rows a table has."""
        async with self.database.reading() as session:
            return int((await session.execute(text(f"select count(*) from {table}"))).scalar_one())


def event(event_type: str = "domestic-abuse.recorded", **attributes: Any) -> dict[str, Any]:
    """An example with other attributes."""
    return {**examples.load(event_type), **attributes}


def settings_for(database: Database, **intake: Any) -> Settings:
    """Settings as `__main__` would read them."""
    return Settings.model_validate(
        {
            "database": {"url": database.settings.url.get_secret_value()},
            "intake": {"identity_secret": SECRET, **intake},
        }
    )


async def add(database: Database, name: str, kind: OrganisationKind) -> Agency:
    """Add an agency whose source is its name."""
    async with database.transaction() as session:
        key = await add_agency(
            session, name.replace(".", "-"), kind=kind, name=f"The {name}", source=name
        )
    return Agency(name, f"Bearer {key}")


@asynccontextmanager
async def open_intake(
    database: Database, *, hears: bool = False, **options: Any
) -> AsyncIterator[Intake]:
    """Intake with three agencies; with `hears` it reads the bus too."""
    road = open_road(BusSettings(), database, TOPICS)
    service = build(settings_for(database, **options), database, road)
    app = create_api([service], "intake")
    tasks = [task for task in service.tasks if hears or not task.name.startswith("bus-")]
    if hears:
        tasks = [*road.tasks(), *tasks]
    transport = httpx.ASGITransport(app)
    async with running(tasks), httpx.AsyncClient(transport=transport, base_url="http://x") as http:
        yield Intake(
            app,
            http,
            database,
            tasks,
            police=await add(database, "police.example", OrganisationKind.POLICE),
            social_care=await add(database, "mash.example", OrganisationKind.SOCIAL_CARE),
            school=await add(database, "school.example", OrganisationKind.SCHOOL),
        )


@pytest.fixture
async def intake(database: Database) -> AsyncIterator[Intake]:
    """Intake that records; it hears nothing."""
    async with open_intake(database) as opened:
        yield opened
