"""The story of a sandbox event goes forward only, and says the same between two steps."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import pytest

from services.intake.progress import describe_progress
from services.intake.simulate import simulate

START = datetime(2026, 3, 2, 23, tzinfo=UTC)


def an_event(children: int) -> Any:
    return SimpleNamespace(
        receipt=UUID(int=1), type="domestic-abuse.recorded", version=1, occurred_at=START,
        accepted_at=START, due_at=None, supersedes=None, flags=[], children=children,
    )  # fmt: skip


@pytest.mark.parametrize("children", [0, 1, 3])
def test_versions_rise_and_each_has_one_content(children: int) -> None:
    event = an_event(children)
    shown: dict[int, Any] = {}
    version, steps = 0, 0
    for tenth in range(100):
        story = simulate(event, START + timedelta(seconds=tenth / 10), 1.0)
        assert story.version >= version
        version = story.version
        progress = describe_progress(story.rows, story.at)
        assert shown.setdefault(version, progress) == progress
        steps += story.next_at is None
    assert steps
    assert len(shown) == (7 if children else 2)
    assert shown[1].state == "accepted"
    assert shown[version].state == ("addressed" if children else "applied")
    assert len(shown[version].children) == children


def test_at_the_end_nothing_is_outstanding_that_is_not_confirmed_above() -> None:
    story = simulate(an_event(2), START + timedelta(hours=1), 1.0)
    progress = describe_progress(story.rows, story.at)
    doing = {line.doing for child in progress.children for line in child.outstanding}
    assert doing == {"confirmed-on-its-ladder"}
    assert progress.counts.confirmed == 4
