"""What a push says: the lines of an event's progress that its receiver does not certainly have.

Pure. A line is a recipient, a question, a clock … with its state now, in codes: no name of anybody,
no words, no reason. Whoever wants more asks `GET /v1/events/{receipt}`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID, uuid5

from services.intake.views import Contradiction, LinkMissing, Progress, Recipient

TYPE = "progress.changed"
WHOLE = "event"

Line = dict[str, Any]
Digests = dict[str, str]


class Composed(NamedTuple):
    """One push: its id, its body, and the digests of the lines that it tells."""

    id: str
    body: str
    digests: Digests


def compose_push(
    push: UUID,
    version: int,
    changed_at: datetime,
    progress: Progress,
    told: Mapping[str, str],
    url: str,
) -> Composed | None:
    """The push of one version, the same at every retry; None where the receiver has it all.

    Args:
        push: the id of its row on the queue.
        told: the digests of what the receiver has, by line.
        url: of intake, as senders reach it.
    """
    lines = dict(find_lines(progress))
    digests = {key: _digest(line) for key, line in lines.items()}
    counts = progress.counts.model_dump(by_alias=True)
    # A state that is told late may change the counts and no line.
    digests[WHOLE] = _digest({**lines[WHOLE], **counts})
    new = {key: digest for key, digest in digests.items() if told.get(key) != digest}
    if not new:
        return None
    said = {
        "type": TYPE,
        "timestamp": changed_at.isoformat(timespec="milliseconds"),
        "data": {
            **({"sandbox": True} if progress.sandbox else {}),
            "receipt": str(progress.receipt),
            "version": version,
            "state": progress.state,
            "counts": counts,
            "changes": [lines[key] for key in new],
            "url": f"{url}/v1/events/{progress.receipt}",
        },
    }
    return Composed(str(uuid5(push, str(version))), json.dumps(said), new)


def find_lines(progress: Progress) -> Iterator[tuple[str, Line]]:
    """Every line of an event's progress, each under a key that it keeps."""
    yield WHOLE, {"what": "event", "state": progress.state}
    for child in progress.children:
        at = child.addressed_at if child.state == "addressed" else None
        yield (
            f"child {child.index}",
            _line("child", child.state, at, child=child.index),
        )
        for one in child.recipients:
            yield f"recipient {one.line}", _recipient(child.index, one)
    for asked in progress.resolutions:
        at = asked.undone_at or asked.decided_at or asked.overdue_at or asked.since
        yield (
            f"resolution {asked.child_index} {asked.reason} {asked.since}",
            _line("resolution", asked.state, at, child=asked.child_index),
        )
    for question in progress.questions:
        yield (
            f"question {question.question}",
            _line(
                "question", "asked", question.asked_at, child=question.child_index,
                question=str(question.question), role=question.role,
            ),
        )  # fmt: skip
    for step in progress.escalations:
        yield (
            f"escalation {step.child_index} {step.from_role} {step.to_role} {step.at}",
            _line(
                "escalation", "escalated", step.at, child=step.child_index, role=step.from_role,
                toRole=step.to_role,
            ),
        )  # fmt: skip
    for clock in progress.clocks:
        yield (
            f"clock {clock.clock}",
            _line("clock", "missed", clock.missed_at, clock=clock.clock),
        )
    findings: list[LinkMissing | Contradiction] = [*progress.links_missing]
    findings += progress.contradictions
    for finding in findings:
        at = finding.withdrawn_at or finding.answered_at or finding.raised_at
        yield (
            f"finding {finding.finding}",
            _line(
                "finding", finding.state, at, child=finding.child_index,
                finding=str(finding.finding),
            ),
        )  # fmt: skip


def _recipient(child: int, one: Recipient) -> Line:
    return _line(
        "recipient", one.state, one.times.get(one.state), child=child, line=one.line,
        role=one.role, profile=one.profile, part=one.part, rung=one.rung,
    )  # fmt: skip


def _line(what: str, state: str, at: datetime | None, **codes: Any) -> Line:
    """A line without what is not known."""
    whole = {"what": what, **codes, "state": state, "at": at.isoformat() if at else None}
    return {name: value for name, value in whole.items() if value is not None}


def _digest(line: Line) -> str:
    said = json.dumps(line, sort_keys=True).encode()
    return hashlib.blake2s(said, digest_size=8).hexdigest()
