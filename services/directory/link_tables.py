"""The rows about adults: who belongs to a child, who must keep away, and what a link led to.

Apart from `tables` for length only.
"""

from __future__ import annotations

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import BigInteger, DateTime, Integer
from sqlalchemy.dialects.postgresql import ARRAY
from sqlmodel import Field, SQLModel

from services.directory.tables import SCHEMA, metadata

_OPTIONS = {"schema": SCHEMA}
_At = DateTime(timezone=True)


class Adult(SQLModel, table=True):
    """An adult as one assertion names it; never merged with another's."""

    metadata = metadata
    __table_args__ = _OPTIONS

    id: UUID = Field(primary_key=True)
    given_name: str
    family_name: str
    date_of_birth: date | None = None
    postcode: str | None = None
    works_at: str | None = None
    record_reference: str | None = Field(default=None, description="The sender's; shown nowhere.")
    recorded_at: datetime = Field(sa_type=_At)
    described: int | None = Field(
        default=None, sa_type=BigInteger, description="The same for one name, birth date, postcode."
    )
    keyed: int = Field(default=0, description="For which version of the keys it has them; 0: none.")


class AdultKey(SQLModel, table=True):
    """By what an adult can be found exactly."""

    metadata = metadata
    __tablename__ = "adult_key"
    __table_args__ = _OPTIONS

    key: UUID = Field(primary_key=True)
    adult: UUID = Field(primary_key=True)


class AdultMatchKey(SQLModel, table=True):
    """By what adults so described are found in spite of slips of the hand (`matching.keys`)."""

    metadata = metadata
    __tablename__ = "adult_match_key"
    __table_args__ = _OPTIONS

    key: int = Field(primary_key=True, sa_type=BigInteger)
    described: int = Field(primary_key=True, sa_type=BigInteger)


class Relationship(SQLModel, table=True):
    """One assertion: an adult and a child, who says so, from when until when."""

    metadata = metadata
    __table_args__ = _OPTIONS

    receipt: UUID = Field(primary_key=True)
    adult: UUID
    child: UUID
    kind: str
    parental_responsibility: bool | None = None
    same_household: bool | None = None
    from_date: date | None = None
    to_date: date | None = None
    sender: str = Field(description="Whose word it is: no recipient ever learns it.")
    sender_kind: str
    stated_at: datetime = Field(sa_type=_At)
    recorded_at: datetime = Field(sa_type=_At)
    withdrawn_at: datetime | None = Field(default=None, sa_type=_At)
    withdrawn_by: UUID | None = None


class CourtOrder(SQLModel, table=True):
    """Who must not collect, or have contact with, a child."""

    metadata = metadata
    __tablename__ = "court_order"
    __table_args__ = _OPTIONS

    receipt: UUID = Field(primary_key=True)
    child: UUID
    given_name: str | None = None
    family_name: str | None = None
    date_of_birth: date | None = None
    kind: str
    from_date: date
    to_date: date | None = None
    sender: str
    recorded_at: datetime = Field(sa_type=_At)
    withdrawn_at: datetime | None = Field(default=None, sa_type=_At)
    withdrawn_by: UUID | None = None


class Derived(SQLModel, table=True):
    """A child of an event whom its sender did not name, and through which of its adults."""

    metadata = metadata
    __table_args__ = _OPTIONS

    receipt: UUID = Field(primary_key=True)
    child_id: UUID = Field(primary_key=True)
    child_index: int
    adults: list[int] = Field(sa_type=ARRAY(Integer))
    automatic: bool = Field(description="Otherwise a person is asked first.")
    recorded_at: datetime = Field(sa_type=_At)


class DerivedLink(SQLModel, table=True):
    """The assertions that a derived child rests on."""

    metadata = metadata
    __tablename__ = "derived_link"
    __table_args__ = _OPTIONS

    relationship: UUID = Field(primary_key=True)
    receipt: UUID = Field(primary_key=True)
    child_id: UUID = Field(primary_key=True)


class IncidentKey(SQLModel, table=True):
    """By what recent incidents are found that name an adult; forgotten when links reach no more."""

    metadata = metadata
    __tablename__ = "incident_key"
    __table_args__ = _OPTIONS

    key: int = Field(primary_key=True, sa_type=BigInteger)
    receipt: UUID = Field(primary_key=True)
    noted_at: datetime = Field(sa_type=_At)


class LinkNoted(SQLModel, table=True):
    """An assertion that may reach back to recent incidents, until it was looked at."""

    metadata = metadata
    __tablename__ = "link_noted"
    __table_args__ = _OPTIONS

    relationship: UUID = Field(primary_key=True)
    due_at: datetime = Field(sa_type=_At, description="From when; later, where it failed.")


LINK_TABLES: tuple[type[SQLModel], ...] = (
    Adult,
    AdultKey,
    AdultMatchKey,
    Relationship,
    CourtOrder,
    Derived,
    DerivedLink,
    IncidentKey,
    LinkNoted,
)
"""Every table of this module, for the test that compares them with the database."""
