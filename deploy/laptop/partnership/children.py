"""The synthetic register: households of children, each educated, cared for and known differently.

The first children are always the same few, so that examples can name them; the rest follow from
the seed. Nothing here is about anybody.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from random import Random

from deploy.laptop.partnership import invented
from deploy.laptop.partnership.organisations import (
    AREAS,
    DEMO_SCHOOL,
    DEMO_SECONDARY,
    OWN_COUNCIL,
    SECOND_SCHOOL,
    Area,
    School,
    academic_year,
)

TWIN_BIRTHS = 0.01368
"""Share of births that are twins, so that 2.7 % of the children are."""

_SIBLINGS = (1, 2, 3, 4)
_SIBLING_WEIGHTS = (45, 38, 13, 4)
_OWN_RESIDENTS = 0.955
"""Residents of the own area; the others live next door, many at its schools."""

_OUT_OF_AREA_SCHOOL = 0.05
_HOME_EDUCATED = 0.012
_MISSING_EDUCATION = 0.002
_UNKNOWN_EDUCATION = 0.003
_DUAL = 0.008
_IN_CARE = 0.009
_IN_CARE_ELSEWHERE = 0.4
_RESTRICTED = 0.001
_NHS_ABSENT = 0.03
_NHS_UNVERIFIED = 0.05
_UPN_ABSENT = 0.04
_OTHER_NAMES = 0.03


@dataclass(slots=True)
class RegisteredChild:
    """One line of the register."""

    register_ref: str
    given_name: str
    family_name: str
    date_of_birth: date
    sex: str
    nhs_number: str
    nhs_verified: bool
    upn: str
    address: str
    postcode: str
    local_authority: str
    household: str
    enrolments: str
    alternative_names: str = ""
    responsible_authority: str = ""
    restricted: bool = False


@dataclass(frozen=True, slots=True)
class _Household:
    name: str
    family_name: str
    address: str
    postcode: str
    area: Area


class Register:
    """Makes children in a seeded order; the same seed, count and day give the same register."""

    def __init__(self, schools: Sequence[School], seed: int, today: date) -> None:
        self._random = Random(seed)
        self._numbers = invented.nhs_numbers(self._random)
        self._schools = schools
        self._by_id = {school.organisation.id: school for school in schools}
        self._today = today
        self._serials: dict[tuple[int, int], int] = {}
        self._made = 0
        self._households = 0
        self._choices: dict[tuple[int, bool], tuple[list[School], list[int]]] = {}

    def make(self, count: int) -> Iterator[RegisteredChild]:
        """`count` children, the known few first."""
        made = 0
        for family in self._families():
            for child in family:
                if made == count:
                    return
                made += 1
                yield child

    def _families(self) -> Iterator[list[RegisteredChild]]:
        yield self._known_family("Exampleelm", [("Robin", "female", 9, DEMO_SCHOOL)])
        yield self._known_family(
            "Samplebrook",
            [
                ("Ada", "female", 8, DEMO_SCHOOL),
                ("Kit", "male", 6, DEMO_SCHOOL),
                ("Noor", "female", 13, DEMO_SECONDARY),
            ],
        )
        yield self._known_family("Specimenhill", [("Jude", "male", 15, DEMO_SECONDARY)])
        yield self._known_family("Demofield", [("Wren", "female", 7, SECOND_SCHOOL)])
        while True:
            yield self._family()

    def _known_family(
        self, family_name: str, children: Sequence[tuple[str, str, int, str]]
    ) -> list[RegisteredChild]:
        """Children of given ages (on 31 August) at given schools, every number verified."""
        household = self._household(AREAS[0], family_name)
        found = []
        for given_name, sex, age, school_id in children:
            born = date(academic_year(self._today) - age, 5, 2) + timedelta(days=age)
            child = self._child(household, born, given_name, sex)
            child.nhs_number = child.nhs_number or next(self._numbers)
            child.nhs_verified = True
            school = self._by_id[school_id]
            child.upn = self._upn(school, born)
            child.enrolments = f"{school_id}:registered:{self._joined_on(school, born)}:"
            child.alternative_names, child.responsible_authority = "", ""
            child.restricted = False
            child.local_authority = OWN_COUNCIL
            child.postcode, child.address = household.postcode, household.address
            found.append(child)
        return found

    def _family(self) -> list[RegisteredChild]:
        random = self._random
        area = AREAS[0] if random.random() < _OWN_RESIDENTS else random.choice(AREAS[1:])
        household = self._household(area, random.choice(invented.SURNAMES))
        births = random.choices(_SIBLINGS, _SIBLING_WEIGHTS)[0]
        born = self._today - timedelta(days=random.randrange(18 * 365))
        found: list[RegisteredChild] = []
        used: set[str] = set()
        for _ in range(births):
            for _ in range(2 if random.random() < TWIN_BIRTHS else 1):
                sex = random.choice(("female", "male"))
                given_name = random.choice(invented.GIVEN_NAMES[sex])
                while given_name in used:
                    given_name = random.choice(invented.GIVEN_NAMES[sex])
                used.add(given_name)
                found.append(self._child(household, born, given_name, sex))
            born += timedelta(days=random.randint(330, 1500))
            if born > self._today:
                break
        return found

    def _household(self, area: Area, family_name: str) -> _Household:
        random = self._random
        self._households += 1
        return _Household(
            name=f"household-{self._households:05d}",
            family_name=family_name,
            address=f"{random.randint(1, 180)} {random.choice(invented.STREETS)}, {area.name}",
            postcode=invented.make_postcode(random.choice(area.outward_codes), random),
            area=area,
        )

    def _child(
        self, household: _Household, born: date, given_name: str, sex: str
    ) -> RegisteredChild:
        random = self._random
        self._made += 1
        school, enrolments = self._enrol(household.area, born)
        known = random.random() >= _NHS_ABSENT
        child = RegisteredChild(
            register_ref=f"register-{self._made:06d}",
            given_name=given_name,
            family_name=household.family_name,
            date_of_birth=born,
            sex=sex,
            nhs_number=next(self._numbers) if known else "",
            nhs_verified=known and random.random() >= _NHS_UNVERIFIED,
            upn=self._upn(school, born) if school and random.random() >= _UPN_ABSENT else "",
            address=household.address,
            postcode=household.postcode,
            local_authority=household.area.council,
            household=household.name,
            enrolments=enrolments,
        )
        if random.random() < _OTHER_NAMES:
            child.alternative_names = f"{given_name} {random.choice(invented.SURNAMES)}"
        if random.random() < _IN_CARE:
            self._take_into_care(child)
        child.restricted = random.random() < _RESTRICTED
        return child

    def _take_into_care(self, child: RegisteredChild) -> None:
        """A child in care: its authority stays responsible wherever the placement is."""
        random = self._random
        child.responsible_authority = child.local_authority
        if random.random() < _IN_CARE_ELSEWHERE:
            host = random.choice([area for area in AREAS if area.council != child.local_authority])
            child.local_authority = host.council
            child.address = (
                f"{random.randint(1, 180)} {random.choice(invented.STREETS)}, {host.name}"
            )
            child.postcode = invented.make_postcode(random.choice(host.outward_codes), random)
            child.household = ""

    def _enrol(self, area: Area, born: date) -> tuple[School | None, str]:
        """The school that gave the UPN, and all enrolments as the import file writes them."""
        random = self._random
        age = self._age_at_start_of_year(born)
        if age < 4:
            return None, ""
        chance = random.random()
        for status, share in (
            ("home-educated", _HOME_EDUCATED),
            ("missing-education", _MISSING_EDUCATION),
            ("unknown", _UNKNOWN_EDUCATION),
        ):
            if chance < share:
                return None, f"-:{status}:{date(academic_year(self._today), 9, 1)}:"
            chance -= share
        out_of_area = area is AREAS[0] and random.random() < _OUT_OF_AREA_SCHOOL
        school = self._choose_school(age, out_of_area=out_of_area)
        joined = self._joined_on(school, born)
        first = f"{school.organisation.id}:registered:{joined}:"
        if random.random() >= _DUAL:
            return school, first
        second = self._choose_school(age, out_of_area=False)
        if second is school:
            return school, first
        since = date(academic_year(self._today), 9, 1)
        return school, (
            f"{school.organisation.id}:dual:{joined}:;{second.organisation.id}:dual:{since}:"
        )

    def _choose_school(self, age: int, *, out_of_area: bool) -> School:
        known = self._choices.get((age, out_of_area))
        if known is None:
            found = [
                school
                for school in self._schools
                if school.takes(age) and (school.area is not AREAS[0]) == out_of_area
            ]
            known = (found, [school.weight for school in found])
            self._choices[age, out_of_area] = known
        return self._random.choices(*known)[0]

    def _age_at_start_of_year(self, born: date) -> int:
        start = academic_year(self._today)
        return start - born.year - ((born.month, born.day) > (8, 31))

    def _joined_on(self, school: School, born: date) -> date:
        """When the child entered the school: its first year there, never before four."""
        entry_age = 11 if school.phase == "Secondary" else 4
        years_ago = max(0, self._age_at_start_of_year(born) - entry_age)
        return date(academic_year(self._today) - years_ago, 9, 1)

    def _upn(self, school: School, born: date) -> str:
        """A number of the child's first school year; a full establishment lends its neighbour's."""
        entered = academic_year(self._today) - max(0, self._age_at_start_of_year(born) - 4)
        establishment = school.establishment
        while True:
            serial = self._serials.get((establishment, entered), 0)
            if serial < 1000:
                self._serials[establishment, entered] = serial + 1
                return invented.make_upn(establishment, entered, serial)
            establishment += 1000
