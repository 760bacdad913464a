"""The rows that the matcher reads: keys, people in a line each, and what was learnt.

Apart from `tables` for length only.
"""

from __future__ import annotations

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import BigInteger, DateTime, Identity, LargeBinary, Text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlmodel import Field, SQLModel

from services.directory.tables import SCHEMA, metadata

_OPTIONS = {"schema": SCHEMA}
_At = DateTime(timezone=True)


class MatchKey(SQLModel, table=True):
    """By what a child is looked for in spite of slips of the hand (`matching.keys`)."""

    metadata = metadata
    __tablename__ = "match_key"
    __table_args__ = _OPTIONS

    key: int = Field(primary_key=True, sa_type=BigInteger)
    child: int = Field(primary_key=True, description="The register's own number.")


class KnownPerson(SQLModel, table=True):
    """A child as the matcher reads it, in one line (`person_text`). Never a restricted child."""

    metadata = metadata
    __tablename__ = "known_person"
    __table_args__ = _OPTIONS

    number: int = Field(primary_key=True, description="The register's own.")
    person: str = Field(sa_type=Text)


class KeyedChild(SQLModel, table=True):
    """Under which keys a child stands, so that they can be taken away when it changes."""

    metadata = metadata
    __tablename__ = "keyed_child"
    __table_args__ = _OPTIONS

    number: int = Field(primary_key=True, description="The register's own.")
    keys: list[int] = Field(sa_type=ARRAY(BigInteger))
    version: int = Field(description="Of the code that made them.")
    spread: bool = Field(description="Whether they stand in `match_key`; a large file's wait.")
    stale_on: date | None = Field(default=None, description="When the child changes school.")


class KeyDue(SQLModel, table=True):
    """A child whose school or parents changed: its keys are made anew within seconds."""

    metadata = metadata
    __tablename__ = "key_due"
    __table_args__ = _OPTIONS

    line: int = Field(primary_key=True, sa_type=BigInteger, sa_column_args=(Identity(always=True),))
    child: UUID


class MatcherRow(SQLModel, table=True):
    """What the matcher decides with, by version; the newest that fits the keys is used."""

    metadata = metadata
    __tablename__ = "matcher"
    __table_args__ = _OPTIONS

    version: str = Field(primary_key=True)
    key_version: int
    people: int
    model: str
    frequencies: bytes = Field(sa_type=LargeBinary, description="Counts of names and places.")
    made_at: datetime = Field(sa_type=_At)
    size: int = Field(description="The end of the register's numbers when it was measured.")


KEY_TABLES: tuple[type[SQLModel], ...] = (MatchKey, KnownPerson, KeyedChild, KeyDue, MatcherRow)
"""Every table of this module, for the test that compares them with the database."""
