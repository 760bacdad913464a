"""The rows about the quality of records: what agencies are told, and who must still be compared.

Apart from `tables` for length only.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, DateTime, Identity, Integer, Text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlmodel import Field, SQLModel

from services.directory.tables import SCHEMA, metadata

_OPTIONS = {"schema": SCHEMA}
_At = DateTime(timezone=True)


class FindingRow(SQLModel, table=True):
    """What was found of an agency's own record, until the agency answers.

    Of a restricted child there is no row: those that stand go when it becomes one.
    """

    metadata = metadata
    __tablename__ = "finding"
    __table_args__ = _OPTIONS

    finding: UUID = Field(primary_key=True)
    kind: str = Field(description="The type of its fact.")
    agency: str | None = Field(default=None, description="None: the partnership's reviewers see.")
    reviewers: str | None = Field(default=None, description="Whose, where no agency is told.")
    receipt: UUID | None = Field(default=None, description="The agency's event, if it is of one.")
    child_id: UUID
    other: UUID | None = Field(default=None, description="Of two taken for one, the greater id.")
    child_index: int | None = None
    adults: list[int] = Field(sa_type=ARRAY(Integer))
    records: list[str] = Field(sa_type=ARRAY(Text), description="The agency's own references.")
    evidence: list[dict[str, Any]] = Field(sa_type=JSONB, description="Codes, no values.")
    key: str
    state: str
    answer: str | None = None
    answered_reason: str | None = Field(default=None, description="The reviewer's words.")
    answered_by: str | None = Field(default=None, description="The reviewer, if it was one.")
    raised_at: datetime = Field(sa_type=_At)
    ended_at: datetime | None = Field(default=None, sa_type=_At)


class Changed(SQLModel, table=True):
    """A child that is new or changed: whether another is the same person is to be looked at."""

    metadata = metadata
    __table_args__ = _OPTIONS

    line: int = Field(primary_key=True, sa_type=BigInteger, sa_column_args=(Identity(always=True),))
    child: UUID
    due_at: datetime = Field(sa_type=_At)
    tries: int


FINDING_TABLES: tuple[type[SQLModel], ...] = (FindingRow, Changed)
"""Every table of this module, for the test that compares them with the database."""
