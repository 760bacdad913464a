"""What the partnership's register holds of a child: nearly everything, nearly all right."""

from __future__ import annotations

from math import gcd
from random import Random

from tests.support.synthetic_children.dates import mistake_date
from tests.support.synthetic_children.model import Child, RegisterRow
from tests.support.synthetic_children.places import Area
from tests.support.synthetic_children.settings import GeneratorSettings
from tests.support.synthetic_children.spelling import respell, slip, without_marks

_MISSING_NHS_NUMBER = 0.03
_MISSING_UPN = 0.02
_MISSING_SCHOOL = 0.015
_MISSING_GUARDIAN = 0.06
_MISSING_ADDRESS = 0.012
_MISSING_HOUSEHOLD = 0.02
_MISSING_SEX = 0.004
_OLD_ADDRESS = 0.03
_SECOND_NAME_KEPT = 0.35
_MARKS_LOST = 0.3
_NAME_MISTAKEN = 0.006
_DATE_MISTAKEN = 0.002


class Registrar:
    """Writes rows; their ids are scattered, so that siblings cannot be told by them."""

    def __init__(self, settings: GeneratorSettings, area: Area, random: Random) -> None:
        children = settings.children
        self._children, self._day = children, settings.reference_day
        self._area = area
        self._random = random
        self._digits = max(6, len(str(children)))
        self._step = next(step for step in _steps(children) if gcd(step, children) == 1)

    def id_of(self, number: int) -> str:
        scattered = (number * self._step + self._children // 3) % self._children
        return f"C{scattered + 1:0{self._digits}d}"

    def register(self, child: Child) -> RegisterRow:
        random = self._random
        given, family = child.given, child.family
        if child.second and random.random() < _SECOND_NAME_KEPT:
            given = f"{given} {child.second}"
        if random.random() < _MARKS_LOST:
            given, family = without_marks(given), without_marks(family)
        if random.random() < _NAME_MISTAKEN:
            given = slip(random, given)
        if random.random() < _NAME_MISTAKEN:
            family = (slip if random.random() < 0.5 else respell)(random, family)
        born = child.born
        if random.random() < _DATE_MISTAKEN:
            born = mistake_date(random, born, self._day)
        home, address, postcode = child.home, child.home.address, child.home.postcode
        if random.random() < _OLD_ADDRESS:
            old = self._area.find_home(random, child.origin, near=home.place)
            address, postcode = old.address, old.postcode
        if random.random() < _MISSING_ADDRESS:
            address, postcode = "", postcode if random.random() < 0.5 else ""
        guardian = child.carers[0] if random.random() < 0.78 else child.carers[-1]
        without_guardian = random.random() < _MISSING_GUARDIAN
        return RegisterRow(
            self.id_of(child.number),
            given,
            family,
            born.isoformat(),
            self._unless(_MISSING_SEX, child.sex),
            self._unless(_MISSING_NHS_NUMBER, child.nhs_number),
            self._unless(_MISSING_UPN, child.upn),
            address,
            postcode,
            self._unless(_MISSING_SCHOOL, child.school),
            self._unless(_MISSING_HOUSEHOLD, home.household),
            "" if without_guardian else guardian.given,
            "" if without_guardian else guardian.family,
        )

    def _unless(self, share: float, text: str) -> str:
        return "" if self._random.random() < share else text


def _steps(children: int) -> range:
    start = max(1, int(children * 0.618))
    return range(start, start + children + 1)
