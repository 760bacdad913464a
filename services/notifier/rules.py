"""Reads the table of deadlines: which rule counts for what, and since when. Part of composing.

The table is data (`deadlines.toml`); this module knows its words and refuses any other, with the
line, so that a rule which nobody can carry out never waits for a child to find that out.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, time, timedelta
from enum import StrEnum
from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    ValidationInfo,
    field_validator,
)

from schemas.catalogue import EVENT_TYPES
from schemas.facts import Profile, ResolutionNeeded, ResolutionOverdue
from schemas.organisations import RecipientRole

EVENTS = frozenset({*EVENT_TYPES, ResolutionNeeded.fact_type, ResolutionOverdue.fact_type})
"""What is told of: events, and questions to those who decide."""
CLOCKS = (
    "referral-decision",
    "mash-grade-red",
    "mash-grade-amber",
    "mash-grade-green",
    "return-interview",
)
"""The clocks that are asked for; a table names each."""


class BadTableError(ValueError):
    """A table that cannot be carried out; the message says which line, and why."""


class Calendar(StrEnum):
    """In which time a limit is counted."""

    SCHOOL_DAYS = "school-days"
    WORKING_DAYS = "england-working-days"
    SERVICE_HOURS = "service-hours"
    ELAPSED = "elapsed"


Until = Literal["next opening", "next working morning", "decide-by", "duration", "working days"]

_FITTING: dict[Until, tuple[Calendar, ...]] = {
    "next opening": (Calendar.SCHOOL_DAYS, Calendar.SERVICE_HOURS),
    "next working morning": (Calendar.WORKING_DAYS,),
    "working days": (Calendar.WORKING_DAYS,),
    "duration": (Calendar.ELAPSED, Calendar.SERVICE_HOURS),
    "decide-by": (Calendar.ELAPSED,),
}
_COUNTED = re.compile(r"([1-9][0-9]{0,3}) (minute|hour|working day)s?")
_WORDS: tuple[Until, ...] = ("next opening", "next working morning", "decide-by")


@dataclass(frozen=True, slots=True)
class Limit:
    """Until when, as the table says it; `duration` or `days` with the kinds of those names."""

    said: str
    kind: Until
    duration: timedelta = timedelta()
    days: int = 0


def _read_limit(said: Any) -> Limit:
    if said in _WORDS:
        return Limit(said, said)
    counted = _COUNTED.fullmatch(said) if isinstance(said, str) else None
    if counted is None:
        raise ValueError(f"is one of {', '.join(_WORDS)}, N minutes, N hours, N working days")
    number = int(counted[1])
    if counted[2] == "working day":
        return Limit(said, "working days", days=number)
    return Limit(said, "duration", timedelta(**{f"{counted[2]}s": number}))


def _known(event: str) -> str:
    if event not in EVENTS:
        raise ValueError(f'there is no event "{event}"')
    return event


LimitText = Annotated[Limit, BeforeValidator(_read_limit)]
Event = Annotated[str, AfterValidator(_known)]


class _Entry(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True)


class Closed(_Entry):
    """A school without a day for longer: its limit, and when before opening it is shown again."""

    more_than_days: int = Field(ge=0, alias="more-than-days")
    until: LimitText
    shown_again_minutes: int = Field(ge=0, le=24 * 60, alias="shown-again-minutes")

    @field_validator("until")
    @classmethod
    def _counts_working_days(cls, until: Limit) -> Limit:
        if until.kind != "working days":
            raise ValueError("is N working days for a school that is closed")
        return until


class Clock(_Entry):
    """One clock, and what a rule of a notice has as well."""

    id: str = Field(pattern=r"^[a-z][a-z-]*$")
    in_force_from: date | None = Field(default=None, alias="in-force-from")
    calendar: Calendar
    until: LimitText

    @field_validator("until")
    @classmethod
    def _fits_the_calendar(cls, until: Limit, info: ValidationInfo) -> Limit:
        calendar = info.data.get("calendar")
        if calendar is not None and calendar not in _FITTING[until.kind]:
            raise ValueError(f'"{until.said}" is not counted in {calendar}')
        return until


class Rule(Clock):
    """One rule of one kind of notice, in one version."""

    events: tuple[Event, ...] = ()
    roles: tuple[RecipientRole, ...] = ()
    profiles: tuple[Profile, ...] = ()
    grace_minutes: int = Field(ge=0, alias="grace-minutes")
    overtakes: bool = False
    closed: Closed | None = None

    @field_validator("closed")
    @classmethod
    def _is_of_a_school(cls, closed: Closed | None, info: ValidationInfo) -> Closed | None:
        if closed is not None and info.data.get("calendar") is not Calendar.SCHOOL_DAYS:
            raise ValueError("only a rule that is counted in school-days has it")
        return closed

    @property
    def fits_everything(self) -> bool:
        """Whether any notice is under it."""
        return not (self.events or self.roles or self.profiles)

    def fits(self, event_type: str, role: str, profile: str) -> bool:
        """Whether a notice is under it."""
        return (
            (not self.events or event_type in self.events)
            and (not self.roles or role in self.roles)
            and (not self.profiles or profile in self.profiles)
        )


Version = TypeVar("Version", bound=Clock)


class Defaults(_Entry):
    """What counts where an organisation says nothing of its own; local times are Europe/London."""

    school_opens_at: time = Field(alias="school-opens-at")
    school_day_ends_at: time = Field(alias="school-day-ends-at")
    working_morning_at: time = Field(alias="working-morning-at")
    rung_least_minutes: int = Field(ge=0, alias="rung-least-minutes")
    recorded_late_after_hours: int = Field(gt=0, alias="recorded-late-after-hours")


class Table(_Entry):
    """The whole file."""

    defaults: Defaults
    rule: tuple[Rule, ...] = Field(min_length=1)
    clock: tuple[Clock, ...]

    def rule_for(self, event_type: str, role: str, profile: str, day: date) -> Rule:
        """The first rule in force on the day of arrival that fits."""
        return _choose(self, event_type, role, profile, day)

    def clock_for(self, name: str, day: date) -> Clock:
        """A clock as it was in force on the day on which it started."""
        return next(one for one in _in_force(self.clock, day) if one.id == name)

    def closed_days(self, day: date) -> int | None:
        """After how many days without school a school counts as closed, where a rule says so."""
        closed = (one.closed for one in self.in_force(day) if one.closed is not None)
        return min((one.more_than_days for one in closed), default=None)

    def in_force(self, day: date) -> list[Rule]:
        """The rules of a day, in order."""
        return list(_in_force(self.rule, day))

    def __hash__(self) -> int:
        return id(self)


@lru_cache(maxsize=4096)
def _choose(table: Table, event_type: str, role: str, profile: str, day: date) -> Rule:
    return next(one for one in table.in_force(day) if one.fits(event_type, role, profile))


def _in_force(versions: Sequence[Version], day: date) -> Iterator[Version]:
    """Of each id, in the order of the table, the newest version that had begun by a day."""
    for name in dict.fromkeys(one.id for one in versions):
        begun = [
            one for one in versions if one.id == name and (one.in_force_from or date.min) <= day
        ]
        if begun:
            yield max(begun, key=lambda one: one.in_force_from or date.min)


@lru_cache(maxsize=8)
def read_rules(path: Path | None = None) -> Table:
    """The table of a file, by default of the one beside this module; read once.

    Raises `BadTableError` naming every line that cannot be carried out; `OSError`.
    """
    if path is not None:
        return parse_rules(path.read_text("utf-8"), path.name)
    text = files("services.notifier").joinpath("deadlines.toml").read_text("utf-8")
    return parse_rules(text, "deadlines.toml")


def parse_rules(text: str, name: str = "deadlines.toml") -> Table:
    """A table from TOML text. Raises `BadTableError`."""
    try:
        table = Table.model_validate(tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        raise BadTableError(f"{name}: {error}") from None
    except ValidationError as error:
        raise BadTableError(
            "\n".join(
                f"{name}, line {_line_of(text, one['loc'])}: "
                f"{'.'.join(map(str, one['loc'][2:] or one['loc']))}: "
                f"{one['msg'].removeprefix('Value error, ')}"
                for one in error.errors(include_url=False, include_input=False)
            )
        ) from None
    faults = [*_faults("rule", table.rule), *_faults("clock", table.clock), *_unreached(table)]
    if faults:
        raise BadTableError(
            "\n".join(f"{name}, line {_line_of(text, loc)}: {said}" for loc, said in faults)
        )
    return table


_Fault = tuple[tuple[str | int, ...], str]


def _faults(kind: str, versions: Sequence[Clock]) -> Iterator[_Fault]:
    seen: set[tuple[str, date | None]] = set()
    for number, one in enumerate(versions):
        if (one.id, one.in_force_from) in seen:
            yield (kind, number, "id"), f'"{one.id}" is there twice for the same day'
        seen.add((one.id, one.in_force_from))


def _unreached(table: Table) -> Iterator[_Fault]:
    names = list(dict.fromkeys(one.id for one in table.rule))
    for number, one in enumerate(table.rule):
        if one.id == names[-1] and not one.fits_everything:
            yield ("rule", number, "id"), "the last rule must fit everything"
        elif one.id != names[-1] and one.fits_everything:
            yield ("rule", number, "id"), "it fits everything: no rule after it is ever reached"
    always = {one.id for one in (*table.rule, *table.clock) if one.in_force_from is None}
    if names[-1] not in always:
        yield ("rule", len(table.rule) - 1, "in-force-from"), "the last rule must always hold"
    for number, clock in enumerate(table.clock):
        if clock.id not in CLOCKS:
            yield ("clock", number, "id"), f'there is no clock "{clock.id}"'
        if clock.calendar not in (Calendar.WORKING_DAYS, Calendar.ELAPSED) or (
            clock.until.kind not in ("working days", "duration")
        ):
            yield ("clock", number, "until"), "a clock counts working days, or elapsed time"
    for name in CLOCKS:
        if name not in always:
            yield (), f'the clock "{name}" is missing, or does not always hold'


def _line_of(text: str, loc: Sequence[str | int]) -> int:
    """Where in the file something stands that the reader knows by its path."""
    lines = text.splitlines()
    first, last = 0, len(lines)
    for step in loc:
        inside = range(first, last)
        if isinstance(step, int):
            heads = [n for n in inside if _head(lines[n]) == f"[[{loc[0]}]]"]
            if step >= len(heads):
                break
            first = heads[step]
            others = (n for n in range(first + 1, last) if lines[n].lstrip().startswith("[["))
            last = next(others, last)
            continue
        path = ".".join(str(one) for one in loc[: loc.index(step) + 1] if not isinstance(one, int))
        found = [
            n
            for n in inside
            if _head(lines[n]) in (f"[{path}]", f"[[{path}]]")
            or re.match(rf"\s*{re.escape(step)}\s*=", lines[n])
        ]
        if not found:
            break
        if _head(lines[found[0]]) != f"[[{path}]]":
            first = found[0]
    return first + 1


def _head(line: str) -> str:
    return line.partition("#")[0].strip()


def as_table(rules: Sequence[Rule]) -> str:
    """Rules as the Markdown table of the documentation."""
    rows = ["| Rule | Events | To | Counted in | Until | Grace |", "|---|---|---|---|---|---|"]
    for one in rules:
        until = one.until.said
        if one.closed is not None:
            until += (
                f"; closed for more than {one.closed.more_than_days} days: {one.closed.until.said},"
                f" and shown again {one.closed.shown_again_minutes} minutes before it opens"
            )
        rows.append(
            f"| {one.id} | {_any(one.events)} | {_any(one.roles)} | {one.calendar} | {until}"
            f" | {one.grace_minutes} minutes |"
        )
    return "\n".join(rows)


def _any(words: Sequence[str]) -> str:
    return ", ".join(words) or "any"
