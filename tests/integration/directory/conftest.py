"""A directory with a synthetic area."""

from __future__ import annotations

import pytest

from chassis.database import Database
from tests.integration.directory.area import AREA
from tests.integration.directory.stage import Stage


@pytest.fixture
async def stage(database: Database) -> Stage:
    """The area's organisations are recorded; children come with each test."""
    made = Stage(database)
    await made.organisations(*AREA)
    await made.heard()
    return made
