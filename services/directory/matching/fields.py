"""What is compared, in which levels, and what is believed of each before anything was measured.

`own` is how often the level is seen between two records of one child, `relative` between a child
and a brother or sister, `other` between two strangers. The first two are starting points that the
register and the queries then move (`train`); the last is measured (`train.measure_others`).
"""

from __future__ import annotations

from typing import NamedTuple


class Level(NamedTuple):
    """One degree of agreement. Shares are relative: they are made to add up to 1 per field."""

    name: str
    own: float
    relative: float
    other: float
    words: str


class Field(NamedTuple):
    """One thing that is compared."""

    name: str
    words: str
    levels: tuple[Level, ...]

    def at(self, level: str) -> int:
        """The position of a level by its name."""
        return next(at for at, one in enumerate(self.levels) if one.name == level)


# An initial is weighed by its letter alone (`compare`), whatever the shares below.
GIVEN = Field(
    "given",
    "given name",
    (
        Level("same", 0.83, 0.003, 0.004, "the same"),
        Level("first-only", 0.004, 0.004, 0.001, "the same, with another second name"),
        Level("other-part", 0.02, 0.004, 0.001, "the same as another given name"),
        Level("familiar", 0.03, 0.004, 0.003, "a short or long form of it"),
        Level("close", 0.06, 0.012, 0.004, "a slip of the hand apart"),
        Level("sound", 0.03, 0.05, 0.03, "sounds alike"),
        Level("initial", 0.01, 0.001, 0.001, "an initial that fits"),
        Level("resembles", 0.006, 0.02, 0.02, "many letters in common"),
        Level("same-initial", 0.004, 0.07, 0.06, "different, same initial"),
        Level("different", 0.012, 0.85, 0.89, "different"),
    ),
)
FAMILY = Field(
    "family",
    "family name",
    (
        Level("same", 0.86, 0.80, 0.004, "the same"),
        Level("part", 0.03, 0.03, 0.001, "shares a part"),
        Level("close", 0.05, 0.04, 0.003, "a slip of the hand apart"),
        Level("sound", 0.02, 0.02, 0.02, "sounds alike"),
        Level("initial", 0.002, 0.001, 0.001, "an initial that fits"),
        Level("resembles", 0.006, 0.006, 0.02, "many letters in common"),
        Level("different", 0.03, 0.11, 0.97, "different"),
    ),
)
BIRTH = Field(
    "birth",
    "birth date",
    (
        Level("same", 0.90, 0.03, 0.00015, "the same"),
        Level("turned", 0.01, 0.0003, 0.0001, "day and month turned round"),
        Level("one-off", 0.04, 0.004, 0.0012, "one digit apart"),
        Level("known-part", 0.01, 0.005, 0.005, "the same as far as it is known"),
        Level("day-month", 0.008, 0.004, 0.0025, "same day and month, another year"),
        Level("placeholder", 0.004, 0.002, 0.002, "same year, one is 1 January"),
        Level("month-year", 0.006, 0.005, 0.0045, "same month and year, another day"),
        Level("two-off", 0.006, 0.02, 0.012, "two digits apart"),
        Level("near", 0.006, 0.30, 0.13, "within a year and a half"),
        Level("different", 0.01, 0.63, 0.84, "different"),
    ),
)
SEX = Field(
    "sex",
    "sex",
    (
        Level("same", 0.99, 0.5, 0.5, "the same"),
        Level("different", 0.01, 0.5, 0.5, "different"),
    ),
)
NHS_NUMBER = Field(
    "nhs-number",
    "NHS number",
    (
        Level("same", 0.97, 0.004, 1e-7, "the same"),
        Level("one-off", 0.015, 0.004, 1e-6, "one digit apart"),
        Level("different", 0.015, 0.992, 1.0, "different"),
    ),
)
UPN = Field(
    "upn",
    "UPN",
    (
        Level("same", 0.97, 0.003, 1e-7, "the same"),
        Level("one-off", 0.015, 0.01, 1e-6, "one character apart"),
        Level("different", 0.015, 0.987, 1.0, "different"),
    ),
)
PLACE = Field(
    "place",
    "home",
    (
        Level("same-home", 0.55, 0.55, 0.00002, "the same house"),
        Level("same-postcode", 0.15, 0.15, 0.0003, "the same postcode"),
        Level("neighbour", 0.01, 0.01, 0.0003, "the same postcode and street, another house"),
        Level("same-area", 0.01, 0.01, 0.0003, "the same postcode, another street"),
        Level("same-address", 0.04, 0.04, 0.00005, "the same house and street"),
        Level("turned-postcode", 0.02, 0.02, 0.0001, "two characters of the postcode turned round"),
        Level("near-postcode", 0.04, 0.04, 0.0002, "one character of the postcode apart"),
        Level("same-street", 0.01, 0.01, 0.002, "the same street"),
        Level("same-district", 0.09, 0.09, 0.06, "the same postcode district"),
        Level("different", 0.10, 0.10, 0.93, "different"),
    ),
)
SCHOOL = Field(
    "school",
    "school",
    (
        Level("same", 0.90, 0.6, 0.01, "the same"),
        Level("different", 0.10, 0.4, 0.99, "different"),
    ),
)
GUARDIAN = Field(
    "guardian",
    "parent or carer",
    (
        Level("same", 0.60, 0.50, 0.0005, "the same"),
        Level("given-same", 0.05, 0.06, 0.006, "the same given name"),
        Level("given-alike", 0.12, 0.10, 0.03, "a similar given name"),
        Level("family-only", 0.15, 0.20, 0.01, "the same family name only"),
        Level("different", 0.08, 0.14, 0.95, "different"),
    ),
)

FIELDS = (GIVEN, FAMILY, BIRTH, SEX, NHS_NUMBER, UPN, PLACE, SCHOOL, GUARDIAN)
AT_GIVEN, AT_FAMILY, AT_BIRTH, AT_SEX, AT_NHS, AT_UPN, AT_PLACE, AT_SCHOOL, AT_GUARDIAN = range(9)
MOST_LEVELS = max(len(field.levels) for field in FIELDS)
MISSING = MOST_LEVELS
"""The level of a field that one of the two records lacks: it says nothing either way."""
