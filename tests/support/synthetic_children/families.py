"""Families one after the other: parents, home, births, half-siblings, twins and cousins."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from random import Random

from tests.support.synthetic_children.births import Calendar
from tests.support.synthetic_children.model import Child, Family, Home, Person
from tests.support.synthetic_children.naming import (
    Line,
    name_alike,
    name_child,
    name_line,
    name_second,
)
from tests.support.synthetic_children.numbers import NumberOffice, establishment_of
from tests.support.synthetic_children.origins import ORIGINS, Origin, pick_origin
from tests.support.synthetic_children.places import Area, entry_year, school_of
from tests.support.synthetic_children.settings import GeneratorSettings

_STEPFAMILY_SHARE = 0.12
_FATHER_ELSEWHERE_SHARE = 0.03
_LONE_PARENT_SHARE = 0.2
_ALIKE_TWINS_SHARE = 0.3
_SAME_SCHOOL_SHARE = 0.93
_SHARED_HOUSEHOLD_OF_COUSINS = 0.12


class World:
    """Makes the families of one area; everything is drawn from one source of chance."""

    def __init__(self, settings: GeneratorSettings, random: Random) -> None:
        self.random = random
        self.area = Area(settings.children, random)
        self.calendar = Calendar(settings)
        self._settings = settings
        self._numbers = NumberOffice(random)
        self._lately: deque[tuple[Origin, Line, Family]] = deque(maxlen=60)
        self._households = 0

    def make_families(self) -> Iterator[Family]:
        """Without an end; each has a child at least."""
        while True:
            births = self.calendar.plan_births(self.random)
            if births:
                yield self._make_family([(birth.day, birth.twins) for birth in births])

    def make_stranger(self, origin: str | None = None, year: int | None = None) -> Child:
        """A child of a family of whom nobody is on the register; both are drawn if not given."""
        day = self.calendar.find_day(self.random)
        if year:
            day = min(day.replace(year=year, day=min(day.day, 28)), self.calendar.last)
        return self._make_family([(day, False)], ORIGINS[origin] if origin else None).children[0]

    def add_sibling(self, family: Family, model: Child) -> Child | None:
        """A brother or sister of the model who lives with it; None where no birth date fits."""
        day = self.calendar.fit_between(self.random, [child.born for child in family.children])
        return None if day is None else self._like(family, model, day)

    def add_twin(self, family: Family, model: Child) -> Child:
        """A co-twin of the model, with the number that was issued after it."""
        twin = self._like(family, model, model.born)
        twin.twin, twin.nhs_number = True, self._numbers.issue_beside(model.nhs_number)
        return twin

    def _like(self, family: Family, model: Child, day: date) -> Child:
        random = self.random
        origin = ORIGINS[family.origin]
        sex = random.choice(("female", "male"))
        if day == model.born and random.random() < self._settings.twins_same_sex_share:
            sex = model.sex
        # A girl of a family with two forms of its surname may be written with the boy's.
        surname = next((c.family for c in family.children if c.sex == sex), model.family)
        surname = surname if model.carers == family.children[0].carers else model.family
        taken = [child.given for child in family.children]
        line = Line(model.carers[0], model.carers[-1], surname, surname, family.given)
        given = name_child(random, origin, sex, taken, line)
        if day == model.born and random.random() < _ALIKE_TWINS_SHARE:
            given = name_alike(random, origin, sex, [*taken, model.given], line)
        child = replace(model, given=given, family=surname, sex=sex, born=day, number=-1)
        child.second = name_second(random, origin, sex, given, surname, line)
        child.twin = False
        self._enrol(child, *self._schools_near(model))
        child.nhs_number = self._numbers.issue_nhs_numbers(1)[0]
        return child

    def _make_family(self, births: list[tuple[date, bool]], origin: Origin | None = None) -> Family:
        random, settings = self.random, self._settings
        origin = origin or pick_origin(random)
        cousin = self._find_cousin(origin)
        surname = cousin[1].father.family if cousin else None
        line = name_line(random, origin, settings.double_barrelled_share, surname=surname)
        home = self._find_home(origin)
        if cousin and random.random() < _SHARED_HOUSEHOLD_OF_COUSINS:
            other = cousin[2].children[0].home
            home = Home(other.address, other.postcode, other.place, home.household)
        family = Family(origin.name, line.given)
        schools = self.area.find_schools(random, home.place)
        lone = random.random() < _LONE_PARENT_SHARE
        stepfamily = len(births) > 1 and random.random() < _STEPFAMILY_SHARE
        change = random.randrange(1, len(births)) if stepfamily else len(births)
        for index, (day, twins) in enumerate(births):
            if index == change:
                line = name_line(random, origin, settings.double_barrelled_share, line.mother)
            carers = (line.mother,) if lone else (line.mother, line.father)
            self._bear(family, origin, line, day, 2 if twins else 1, home, carers, schools)
        if cousin:
            _share_given_name(family, cousin[2])
        if random.random() < _FATHER_ELSEWHERE_SHARE:
            self._add_half_sibling(family, origin, line)
        if random.random() < 0.5:
            self._lately.append((origin, line, family))
        return family

    def _bear(
        self,
        family: Family,
        origin: Origin,
        line: Line,
        day: date,
        count: int,
        home: Home,
        carers: tuple[Person, ...],
        schools: tuple[int, int],
    ) -> None:
        random = self.random
        primary, secondary = schools
        if random.random() > _SAME_SCHOOL_SHARE:
            primary, secondary = self.area.find_schools(random, home.place)
        numbers = self._numbers.issue_nhs_numbers(count)
        sex = "male" if random.random() < 0.513 else "female"
        for index, number in enumerate(numbers):
            taken = [child.given for child in family.children]
            if index and random.random() >= self._settings.twins_same_sex_share:
                sex = "male" if sex == "female" else "female"
            given = name_child(random, origin, sex, taken, line)
            if index and random.random() < _ALIKE_TWINS_SHARE:
                given = name_alike(random, origin, sex, taken, line)
            surname = line.surname(sex)
            second = name_second(random, origin, sex, given, surname, line)
            child = Child(given, second, surname, sex, day, origin.name, home, carers)
            child.twin, child.nhs_number = count > 1, number
            self._enrol(child, primary, secondary)
            family.children.append(child)

    def _enrol(self, child: Child, primary: int, secondary: int) -> None:
        child.school = school_of(child.born, self.calendar.last, primary, secondary)
        child.upn = self._numbers.issue_upn(primary, entry_year(child.born)) if child.school else ""

    def _schools_near(self, model: Child) -> tuple[int, int]:
        """The primary school that numbered the model, and the secondary it goes to or would."""
        primary, secondary = self.area.find_schools(self.random, model.home.place)
        if model.upn:
            primary = establishment_of(model.upn)
        if model.school.startswith("98"):
            secondary = int(model.school) - 980_000
        return primary, secondary

    def _add_half_sibling(self, family: Family, origin: Origin, line: Line) -> None:
        """A child of the father, who lives with another mother."""
        other = name_line(self.random, origin, 0.0, surname=line.father.family)
        home = self._find_home(origin)
        carers = (other.mother, line.father)
        schools = self.area.find_schools(self.random, home.place)
        day = self.calendar.find_day(self.random)
        if all(child.born != day for child in family.children):
            self._bear(family, origin, other, day, 1, home, carers, schools)

    def _find_home(self, origin: Origin) -> Home:
        home = self.area.find_home(self.random, origin.name)
        self._households += 1
        home.household = f"H{self._households:07d}"
        return home

    def _find_cousin(self, origin: Origin) -> tuple[Origin, Line, Family] | None:
        if self.random.random() >= self._settings.cousin_share:
            return None
        alike = [lately for lately in self._lately if lately[0] is origin]
        return self.random.choice(alike) if alike else None


def _share_given_name(family: Family, other: Family) -> None:
    """The first child who can gets the name of a cousin, as after a grandparent."""
    taken = {child.given for child in family.children}
    for child in family.children:
        for cousin in other.children:
            if cousin.sex == child.sex and cousin.given not in taken:
                child.given = cousin.given
                return
