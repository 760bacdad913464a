"""Identifiers of people and places: how each is written, and whether its check digit holds.

Every function answers None for text that is not a valid identifier; none of them raises.
"""

import re

_NHS_WEIGHTS = range(10, 1, -1)
_UPN_LETTERS = "ABCDEFGHJKLMNPQRTUVWXYZ"
_UPN = re.compile(r"[A-HJ-NP-RT-Z]\d{11}[\dA-HJ-NP-RT-Z]", re.ASCII)
_POSTCODE = re.compile(r"[A-Z]{1,2}\d[A-Z\d]?\d[A-Z]{2}", re.ASCII)
_SPACING = re.compile(r"[\s\-‐-―]+")


def normalise_nhs_number(text: str) -> str | None:
    """Ten digits, or None if the text is no NHS number (modulus 11, NHS Data Dictionary)."""
    digits = _SPACING.sub("", text)
    if len(digits) != 10 or not (digits.isascii() and digits.isdigit()):
        return None
    total = sum(weight * int(digit) for weight, digit in zip(_NHS_WEIGHTS, digits[:9], strict=True))
    check = (11 - total % 11) % 11
    return digits if check != 10 and check == int(digits[9]) else None


def format_nhs_number(digits: str) -> str:
    """As people read it: 3 3 4."""
    return f"{digits[:3]} {digits[3:6]} {digits[6:]}"


def normalise_upn(text: str) -> str | None:
    """A unique pupil number of 13 characters, or None (check letter first, DfE UPN guide)."""
    upn = _SPACING.sub("", text).upper()
    if not _UPN.fullmatch(upn):
        return None
    total = sum(
        weight * (int(mark) if mark.isdigit() else _UPN_LETTERS.index(mark))
        for weight, mark in enumerate(upn[1:], start=2)
    )
    return upn if _UPN_LETTERS[total % 23] == upn[0] else None


def normalise_postcode(text: str) -> str | None:
    """Outward and inward code with one space, or None if it does not look like a postcode."""
    squeezed = _SPACING.sub("", text).upper()
    if not _POSTCODE.fullmatch(squeezed):
        return None
    return f"{squeezed[:-3]} {squeezed[-3:]}"


def outward_code(text: str) -> str | None:
    """The area part of a postcode (B91 of B91 3QB), by which residence is decided."""
    postcode = normalise_postcode(text)
    return postcode.split(" ")[0] if postcode else None
