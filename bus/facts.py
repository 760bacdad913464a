"""What travels on the bus: opaque bytes beside the few columns that routing needs."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar, NamedTuple, Protocol
from uuid import UUID

from chassis.clock import now
from chassis.database import Session
from chassis.ids import new_id


class Fact(NamedTuple):
    """One message.

    Attributes:
        id: told apart by this; a repeat has the same.
        key: order is kept among equal keys; opaque, never personal.
        payload: JSON bytes that the bus does not read.
        source: the service that says it.
    """

    id: UUID
    type: str
    topic: str
    key: str
    payload: bytes
    source: str
    at: datetime
    traceparent: str | None = None


class Publishable(Protocol):
    """A contract model that can become a fact (see `schemas.facts`)."""

    fact_type: ClassVar[str]
    topic: ClassVar[str]

    def bus_key(self) -> str: ...

    def model_dump_json(self, *, by_alias: bool, exclude_none: bool) -> str: ...


def fact_of(model: Publishable, source: str, traceparent: str | None = None) -> Fact:
    """The fact that carries a contract model."""
    return Fact(
        id=new_id(),
        type=model.fact_type,
        topic=model.topic,
        key=model.bus_key(),
        payload=model.model_dump_json(by_alias=True, exclude_none=True).encode(),
        source=source,
        at=now(),
        traceparent=traceparent,
    )


class BusError(Exception):
    """The root of what the bus and its handlers raise."""


class Retry(BusError):  # noqa: N818 - what a handler asks for, in the bus's own word
    """Raised by a handler: not now; the same again later, nothing of the same key before it.

    After the limit (two minutes) the message is parked, which lets the key go on.
    """

    def __init__(self, reason: str, after_seconds: float = 1.0) -> None:
        super().__init__(reason)
        self.reason = reason
        self.after_seconds = after_seconds


class Park(BusError):  # noqa: N818 - the same
    """Raised by a handler: never by itself; a person must look. The next message flows."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Backlog(NamedTuple):
    """What a group has not handled yet.

    Attributes:
        waiting: how many facts, at most some thousand; None while its reader cannot be asked.
        oldest_seconds: for how long the first of them waits.
        still_seconds: for how long the group's mark has not moved.
    """

    group: str
    waiting: int | None
    oldest_seconds: float
    still_seconds: float


Handler = Callable[[Session, Sequence[Fact]], Awaitable[None]]
"""Handles facts in order inside one transaction; on any exception all of it is rolled back and
each fact is given alone."""


@dataclass(frozen=True, slots=True)
class Subscription:
    """What a consumer group hears.

    Attributes:
        group: each group gets one copy of every fact.
        known: the fact types that the handler understands; any other is parked.
        skips: types that it knows and has no use for: passed over without a transaction.
        skips_source: facts said by this service are passed over too.
        linger_seconds: how long to let facts gather where nobody waits for the effect: a fact
            alone costs as much as thirty together.
    """

    group: str
    topics: tuple[str, ...]
    handle: Handler
    known: frozenset[str]
    skips: frozenset[str] = frozenset()
    skips_source: str = ""
    linger_seconds: float = 0.0

    def wants(self, fact: Fact) -> bool:
        """Whether the fact is this group's business."""
        return fact.type not in self.skips and fact.source != self.skips_source
