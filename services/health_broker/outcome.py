"""What a peer's answer means: delivered, refused for a person to look at, or not reached yet."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from services.health_broker.fhir import is_duplicate, read_acknowledgement


@dataclass(frozen=True, slots=True)
class Delivered:
    """The peer has stored it, now or at an earlier attempt."""

    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Refused:
    """The peer will not take it as it is: a person must look."""

    reason: str


@dataclass(frozen=True, slots=True)
class Unreachable:
    """It is not known to have arrived: the same bytes go again."""

    reason: str
    retry_after_seconds: float | None = None


Outcome = Delivered | Refused | Unreachable


def judge_answer(
    status: int, headers: Mapping[str, str], body: bytes, header_id: str, at: datetime
) -> Outcome:
    """The outcome of an HTTP answer to our message.

    A 2xx that does not acknowledge this very message may come from something before the peer, so
    it goes again: if the peer had it, it then answers 409.
    """
    if 200 <= status < 300:
        answer = read_acknowledgement(body)
        if answer is None or answer.identifier != header_id:
            return Unreachable("no-acknowledgement")
        if answer.code == "ok":
            return Delivered()
        if answer.code == "transient-error":
            return Unreachable("transient-error")
        return Refused("fatal-error")
    if status == 409 and is_duplicate(body):
        return Delivered("duplicate")
    if status in (408, 429) or status >= 500:
        return Unreachable(f"http-{status}", read_retry_after(headers.get("Retry-After"), at))
    return Refused(f"http-{status}")


def read_retry_after(value: str | None, at: datetime) -> float | None:
    """Seconds of a `Retry-After`, given as seconds or as a date; None for anything else."""
    if value is None:
        return None
    if value.strip().isascii() and value.strip().isdigit():
        return float(value.strip()[:9])
    try:
        then = parsedate_to_datetime(value)
    except ValueError:
        return None
    then = then if then.tzinfo else then.replace(tzinfo=UTC)
    return max(0.0, (then - at).total_seconds())


def choose_delay(
    attempt: int,
    retry_after_seconds: float | None,
    *,
    first_seconds: float,
    last_seconds: float,
    limit_seconds: float,
) -> float:
    """Seconds until the next attempt: doubling, spread by half, never before `Retry-After`."""
    delay = min(first_seconds * 2.0 ** min(attempt - 1, 32), last_seconds)
    # Spread, so that the messages of one outage do not all come at once when it ends.
    delay *= random.uniform(0.5, 1.0)  # noqa: S311 - no secret
    return max(delay, min(retry_after_seconds or 0.0, limit_seconds))
