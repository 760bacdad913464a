"""The three qualities of recording: which fields a sender has, and how often each is wrong."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Quality:
    """Shares of queries: the first group says that a field is there, the second that it is wrong.

    Shares of errors are of the fields that are there.
    """

    name: str

    has_given: float
    has_family: float
    has_date: float
    has_sex: float
    has_nhs_number: float
    has_upn: float
    has_school: float
    has_address: float
    has_postcode: float
    has_guardian: float
    has_second: float

    wrong_given: float
    wrong_family: float
    swapped_names: float
    wrong_date: float
    wrong_sex: float
    wrong_number: float
    wrong_address: float
    wrong_postcode: float
    wrong_guardian: float
    shortened_address: float
    marks_lost: float
    another_carer: float
    in_capitals: float


SCHOOL = Quality(
    name="good",
    has_given=1.0, has_family=1.0, has_date=0.995, has_sex=0.98, has_nhs_number=0.06, has_upn=0.82,
    has_school=0.96, has_address=0.93, has_postcode=0.92, has_guardian=0.75, has_second=0.25,
    wrong_given=0.07, wrong_family=0.04, swapped_names=0.003, wrong_date=0.008, wrong_sex=0.002,
    wrong_number=0.008, wrong_address=0.01, wrong_postcode=0.012, wrong_guardian=0.05,
    shortened_address=0.25, marks_lost=0.5, another_carer=0.2, in_capitals=0.05,
)  # fmt: skip
HEALTH = Quality(
    name="good",
    has_given=1.0, has_family=1.0, has_date=0.998, has_sex=0.97, has_nhs_number=0.88, has_upn=0.0,
    has_school=0.35, has_address=0.9, has_postcode=0.93, has_guardian=0.55, has_second=0.35,
    wrong_given=0.04, wrong_family=0.04, swapped_names=0.004, wrong_date=0.006, wrong_sex=0.003,
    wrong_number=0.008, wrong_address=0.01, wrong_postcode=0.012, wrong_guardian=0.05,
    shortened_address=0.35, marks_lost=0.6, another_carer=0.25, in_capitals=0.1,
)  # fmt: skip
POLICE = Quality(
    name="middling",
    has_given=0.995, has_family=0.99, has_date=0.94, has_sex=0.95, has_nhs_number=0.02,
    has_upn=0.005, has_school=0.35, has_address=0.92, has_postcode=0.78, has_guardian=0.6,
    has_second=0.1,
    wrong_given=0.24, wrong_family=0.16, swapped_names=0.01, wrong_date=0.08, wrong_sex=0.01,
    wrong_number=0.02, wrong_address=0.04, wrong_postcode=0.05, wrong_guardian=0.15,
    shortened_address=0.45, marks_lost=0.92, another_carer=0.3, in_capitals=0.3,
)  # fmt: skip
NIGHT_PAPER = Quality(
    name="poor",
    has_given=0.98, has_family=0.98, has_date=0.8, has_sex=0.78, has_nhs_number=0.012,
    has_upn=0.003, has_school=0.4, has_address=0.8, has_postcode=0.6, has_guardian=0.5,
    has_second=0.02,
    wrong_given=0.4, wrong_family=0.3, swapped_names=0.025, wrong_date=0.15, wrong_sex=0.03,
    wrong_number=0.06, wrong_address=0.1, wrong_postcode=0.12, wrong_guardian=0.3,
    shortened_address=0.6, marks_lost=0.98, another_carer=0.4, in_capitals=0.1,
)  # fmt: skip
