"""The matcher of this process: the model and the frequencies that it decides with, by version.

They are measured on the register (`learn_matcher`), kept in `directory.matcher`, and read again
when a newer version is there. Without one, only exact matches are made.
"""

from __future__ import annotations

import asyncio
import zlib
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

from sqlalchemy import text

from chassis.database import Session
from services.directory.judge_adults import AdultWeights, weigh_adults
from services.directory.matching.choose import Weights
from services.directory.matching.frequencies import Frequencies, name_of
from services.directory.matching.model import Model
from services.directory.measure_register import Measured
from services.directory.person_text import VERSION

_NEWEST = text("""
    select version from directory.matcher where key_version = :keys
     order by made_at desc, version limit 1""")

_READ = text("""
    select version, people, model, frequencies, made_at from directory.matcher
     where version = :version""")

_WRITE = text("""
    insert into directory.matcher (version, key_version, people, model, frequencies, made_at, size)
    values (:version, :keys, :people, :model, :frequencies, :at, :size)
        on conflict (version) do update set made_at = excluded.made_at, size = excluded.size""")


@dataclass(frozen=True)
class Learnt:
    """What decisions are made with. The same version, the same decisions."""

    version: str
    model: Model
    weights: Weights
    common: Frequencies

    @property
    def people(self) -> int:
        """How many the register held when it was measured."""
        return self.common.people

    @cached_property
    def adults(self) -> AdultWeights:
        """What the adults of assertions are weighed with; made once a version."""
        return weigh_adults(self.model, self.common)


class Matcher:
    """Holds the newest that was read; `learnt` is None until there is one."""

    def __init__(self) -> None:
        self.learnt: Learnt | None = None

    async def get(self, session: Session) -> Learnt | None:
        """What is decided with now; a process that has just started reads it first."""
        if self.learnt is None:
            await self.read_newest(session)
        return self.learnt

    async def read_newest(self, session: Session) -> None:
        """Take the newest version that fits the keys of this code, if it is not here yet."""
        version = (await session.execute(_NEWEST, {"keys": VERSION})).scalar()
        if version is None or (self.learnt is not None and self.learnt.version == version):
            return
        row = (await session.execute(_READ, {"version": version})).one()
        # The counts of a million children are some megabytes of text.
        self.learnt = await asyncio.to_thread(_read, version, row.model, row.frequencies)


def _read(version: str, written: str, counted: bytes) -> Learnt:
    model = Model.from_json(written)
    common = Frequencies.from_json(zlib.decompress(counted).decode())
    common.prepare()
    return Learnt(version, model, Weights.of(model), common)


async def keep_learnt(session: Session, measured: Measured, size: int, at: datetime) -> str:
    """Store a new version, learnt when the register's numbers ended at `size`; returns its name."""
    version = f"{name_of(measured.model)}-{name_of(measured.frequencies)}"
    await session.execute(
        _WRITE,
        {
            "version": version,
            "keys": VERSION,
            "people": measured.people,
            "model": measured.model,
            "frequencies": zlib.compress(measured.frequencies.encode()),
            "at": at,
            "size": size,
        },
    )
    return version
