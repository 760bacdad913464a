"""How a sender writes a child down: what is left out, and what goes wrong with the rest.

The order is that of life: who is written about, what is known, then the slips of writing.
"""

from __future__ import annotations

from datetime import date
from random import Random

from tests.support.synthetic_children.dates import mistake_date
from tests.support.synthetic_children.model import Child, Query
from tests.support.synthetic_children.names_muslim import PREFIXES
from tests.support.synthetic_children.naming import feminine
from tests.support.synthetic_children.qualities import Quality
from tests.support.synthetic_children.short_forms import SHORT_FORMS
from tests.support.synthetic_children.spelling import (
    respell,
    respell_name,
    slip,
    without_marks,
    wrong_digit,
)

_SHORT_WORDS = {
    "Street": "St", "Road": "Rd", "Avenue": "Ave", "Close": "Cl", "Lane": "Ln", "Drive": "Dr",
    "Crescent": "Cres", "Gardens": "Gdns", "Court": "Ct", "House": "Hse",
}  # fmt: skip


def record(random: Random, query: str, child: Child, quality: Quality, day: date) -> Query:
    """The child as it is on a day, except for what this sender leaves out or gets wrong."""
    written = Query(query, child.given, child.family)
    _write_names(random, written, child, quality)
    if random.random() < quality.has_date:
        wrong = random.random() < quality.wrong_date
        born = mistake_date(random, child.born, day) if wrong else child.born
        written.date_of_birth = born.isoformat()
    if random.random() < quality.has_sex:
        wrong = random.random() < quality.wrong_sex
        written.sex = child.sex if not wrong else "male" if child.sex == "female" else "female"
    written.nhs_number = _number(random, child.nhs_number, quality.has_nhs_number, quality)
    written.upn = _number(random, child.upn, quality.has_upn, quality)
    if random.random() < quality.has_school:
        written.school_urn = child.school
    _write_home(random, written, child, quality)
    _write_guardian(random, written, child, quality)
    if random.random() < quality.marks_lost:
        for field in ("given_name", "family_name", "guardian_given_name", "guardian_family_name"):
            setattr(written, field, without_marks(getattr(written, field)))
    if random.random() < quality.in_capitals:
        written.family_name = written.family_name.upper()
        written.guardian_family_name = written.guardian_family_name.upper()
    _keep_identifiable(written, child)
    return written


def _write_names(random: Random, written: Query, child: Child, quality: Quality) -> None:
    given, family = child.given, child.family
    if random.random() < quality.wrong_given:
        given = _mistake_given(random, child)
    elif child.second and random.random() < quality.has_second:
        given = f"{given} {child.second}"
    if random.random() < quality.wrong_family:
        family = _mistake_family(random, child)
    if random.random() < quality.swapped_names:
        given, family = family, given
    if random.random() >= quality.has_given:
        given = ""
    elif random.random() >= quality.has_family:
        family = ""
    written.given_name, written.family_name = given, family


def _mistake_given(random: Random, child: Child) -> str:
    given, chance = child.given, random.random()
    words = given.split(" ")
    if len(words) > 1 and chance < 0.6:
        # Of Muhammad Ibrahim, the family says Ibrahim; a clerk files him under Muhammad.
        return words[1] if chance < 0.45 else random.choice((words[0], f"{words[1]} {words[0]}"))
    if words[0] in PREFIXES and chance < 0.3 and child.second:
        return child.second
    short = SHORT_FORMS.get(given)
    if short and chance < 0.4:
        return random.choice(short)
    if "-" in given and chance < 0.5:
        return given.split("-")[0] if chance < 0.3 else given.replace("-", " ")
    if chance < 0.46:
        return slip(random, given)
    if chance < 0.78:
        return respell_name(random, given)
    if chance < 0.86 and child.second:
        return child.second
    if chance < 0.91:
        return given[0]
    if chance < 0.95:
        return respell(random, slip(random, given))
    return given[: max(3, len(given) * 2 // 3)]


def _mistake_family(random: Random, child: Child) -> str:
    family, chance = child.family, random.random()
    for mark in ("-", " "):
        if mark in family and chance < 0.75:
            first, last = family.split(mark)[0], family.split(mark)[-1]
            options = (first, last, last, f"{last}{mark}{first}", f"{first} {last}")
            return random.choice(options)
    if chance < 0.4 and family.startswith(("O'", "Mc", "Mac")):
        # O'Neill is also written O Neill or Oneill, McCann also Mc Cann.
        head = "Mac" if family.startswith("Mac") else family[:2]
        rest = family.removeprefix(head)
        return head.strip("'") + random.choice((f" {rest}", rest.lower()))
    if child.origin == "eastern" and chance < 0.3 and feminine(family) != family:
        return feminine(family)
    if chance < 0.18:
        return random.choice(child.carers).family
    if chance < 0.24 and child.second:
        return f"{child.second} {family}"
    if chance < 0.3 and child.origin in {"muslim", "african"}:
        return child.carers[-1].given
    if chance < 0.6:
        return slip(random, family)
    if chance < 0.94:
        return respell_name(random, family)
    return respell(random, slip(random, family))


def _number(random: Random, number: str, share: float, quality: Quality) -> str:
    if not number or random.random() >= share:
        return ""
    if random.random() >= quality.wrong_number:
        return number
    # The check letter of a UPN stays; its digits are what goes wrong.
    letter, digits = (number[0], number[1:]) if number[0].isalpha() else ("", number)
    return letter + wrong_digit(random, digits)


def _write_home(random: Random, written: Query, child: Child, quality: Quality) -> None:
    if random.random() < quality.has_address:
        written.address = _write_address(random, child.home.address, quality)
    if random.random() < quality.has_postcode:
        written.postcode = child.home.postcode
        if random.random() < quality.wrong_postcode:
            written.postcode = _mistake_postcode(random, written.postcode)


def _write_address(random: Random, address: str, quality: Quality) -> str:
    if random.random() < quality.wrong_address:
        if random.random() < 0.5:
            digits = [place for place, mark in enumerate(address) if mark.isdigit()]
            place = random.choice(digits)
            address = address[:place] + str(random.randint(1, 9)) + address[place + 1 :]
        else:
            words = address.split(" ")
            index = random.randrange(len(words))
            words[index] = random.choice((slip, respell))(random, words[index])
            address = " ".join(words)
    if random.random() >= quality.shortened_address:
        return address
    parts = address.split(", ")
    if len(parts) > 1 and random.random() < 0.3:
        # The flat, the building or the town is left out.
        del parts[0 if random.random() < 0.4 else -1 if parts[-1][0].isalpha() else 0]
    words = ", ".join(parts).split(" ")
    shorter = " ".join(_SHORT_WORDS.get(word.rstrip(","), word) for word in words)
    return shorter.replace("Flat ", "Flt ") if random.random() < 0.2 else shorter


def _mistake_postcode(random: Random, postcode: str) -> str:
    chance = random.random()
    if chance < 0.15:
        return postcode.split(" ")[0]
    place = len(postcode) - random.randint(1, 3)
    if chance < 0.35:
        return postcode[: place - 1] + postcode[place] + postcode[place - 1] + postcode[place + 1 :]
    other = random.choice("0123456789" if postcode[place].isdigit() else "ABDEFGHJLNPQRSTUWXYZ")
    return postcode[:place] + other + postcode[place + 1 :]


def _write_guardian(random: Random, written: Query, child: Child, quality: Quality) -> None:
    if random.random() >= quality.has_guardian:
        return
    another = random.random() < quality.another_carer
    carer = child.carers[-1] if another else child.carers[0]
    given, family = carer
    if random.random() < quality.wrong_guardian:
        given = random.choice((slip, respell))(random, SHORT_FORMS.get(given, (given,))[0])
    if random.random() < quality.wrong_guardian:
        family = respell_name(random, family)
    if quality.name == "poor" and random.random() < 0.2:
        given = ""
    written.guardian_given_name, written.guardian_family_name = given, family


def _keep_identifiable(written: Query, child: Child) -> None:
    """Nobody asks about a child of whom only a name is known; some of the rest is known then."""
    known = written.nhs_number or written.upn
    if known or (written.date_of_birth and (written.given_name or written.address)):
        return
    if not written.date_of_birth and not (written.address or written.postcode):
        written.date_of_birth = date.isoformat(child.born)
    if not written.given_name:
        written.address = written.address or child.home.address
        written.sex = child.sex
