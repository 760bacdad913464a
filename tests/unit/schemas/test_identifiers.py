"""Check digits: ours against python-stdnum, which was written by others."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stdnum.gb import nhs, upn

from schemas.identifiers import (
    format_nhs_number,
    normalise_nhs_number,
    normalise_postcode,
    normalise_upn,
    outward_code,
)


def test_nhs_numbers_are_judged_as_python_stdnum_judges_them() -> None:
    draw = random.Random(1)
    for _ in range(20_000):
        digits = f"{draw.randrange(10**10):010d}"
        assert (normalise_nhs_number(digits) is not None) == nhs.is_valid(digits)


def test_every_check_digit_of_an_nhs_number_but_one_is_refused() -> None:
    draw = random.Random(2)
    for _ in range(1_000):
        stem = f"999{draw.randrange(10**6):06d}"
        valid = [d for d in "0123456789" if normalise_nhs_number(stem + d)]
        assert valid == [d for d in "0123456789" if nhs.is_valid(stem + d)]
        assert len(valid) <= 1


def test_upn_check_letters_are_those_of_python_stdnum() -> None:
    draw = random.Random(3)
    for _ in range(5_000):
        body = f"{draw.randrange(10**11):011d}" + draw.choice("0123456789ABCDEFGHJKLMNPQRTUVWXYZ")
        letter = upn.calc_check_digit(f"A{body}")
        assert normalise_upn(letter + body) == letter + body
        wrong = "B" if letter != "B" else "C"
        assert normalise_upn(wrong + body) is None


def test_spaces_hyphens_and_case_do_not_matter() -> None:
    assert normalise_nhs_number(" 999 000-0018 ") == "9990000018"
    assert normalise_upn(" z9992 0000 1001") == "Z999200001001"
    assert normalise_postcode("zz91aa") == "ZZ9 1AA"
    assert outward_code("b91 3qb") == "B91"
    assert format_nhs_number("9990000018") == "999 000 0018"


@pytest.mark.parametrize(
    "text", ["", "999000001", "99900000188", "99900O0018", "٩٩٩٠٠٠٠٠١٨", "0" * 9]
)
def test_what_is_no_nhs_number_is_none(text: str) -> None:
    assert normalise_nhs_number(text) is None


@given(st.text(max_size=20))
def test_no_text_makes_an_identifier_raise(text: str) -> None:
    for read in (normalise_nhs_number, normalise_upn, normalise_postcode, outward_code):
        found = read(text)
        assert found is None or found == found.strip().upper() != ""
