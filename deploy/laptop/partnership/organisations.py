"""The synthetic partnership's organisations: one own area, three neighbours, sixty schools."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, time, timedelta

from schemas.organisations import DateRange, Organisation, OrganisationKind, RecipientRole, Rung

OWN_COUNCIL = "council-solihull-example"
OWN_MASH = "la-solihull-example"
POLICE = "police-example"
CARE_HOME = "care-home-example"
DEMO_SCHOOL = "urn-900001"
SECOND_SCHOOL = "urn-900002"
DEMO_SECONDARY = "urn-900031"
OWN_NURSING = "nursing-solihull-example"
OWN_HEALTH_VISITING = "health-visiting-solihull-example"
FHIR_HOSPITAL = "ods-zza01"
FHIR_NURSING = "nursing-northtown-example"

_FIRST_URN = 900001


@dataclass(frozen=True, slots=True)
class Area:
    """A local authority's area: its council, its front door, which postcodes it covers."""

    council: str
    mash: str
    name: str
    outward_codes: tuple[str, ...]
    nursing: str
    health_visiting: str


AREAS = (
    Area(
        OWN_COUNCIL,
        OWN_MASH,
        "Solihull Example",
        tuple(f"ZS{number}" for number in range(1, 10)),
        OWN_NURSING,
        OWN_HEALTH_VISITING,
    ),
    Area(
        "council-northtown-example",
        "la-northtown-example",
        "Northtown Example",
        ("ZN1", "ZN2", "ZN3"),
        FHIR_NURSING,
        "health-visiting-northtown-example",
    ),
    Area(
        "council-eastshire-example",
        "la-eastshire-example",
        "Eastshire Example",
        ("ZX1", "ZX2"),
        "nursing-eastshire-example",
        "health-visiting-eastshire-example",
    ),
    Area(
        "council-westborough-example",
        "la-westborough-example",
        "Westborough Example",
        ("ZW1", "ZW2"),
        "nursing-eastshire-example",
        "health-visiting-eastshire-example",
    ),
)
"""The own area first."""


@dataclass(frozen=True, slots=True)
class School:
    """A school of the partnership, with what the register needs to fill it."""

    organisation: Organisation
    area: Area
    phase: str
    weight: int

    @property
    def establishment(self) -> int:
        """Its four digits within a UPN."""
        return int(self.organisation.id.removeprefix("urn-")) % 10_000

    def takes(self, age_at_start_of_year: int) -> bool:
        """Whether a child of this age on 31 August is in its years."""
        first, last = _YEARS[self.phase]
        return first <= age_at_start_of_year <= last


_YEARS = {"Primary": (4, 10), "Secondary": (11, 17), "Special": (4, 17), "Independent": (4, 17)}

# (area, phase, how many, how large beside the others)
_SCHOOL_PLAN = (
    (0, "Primary", 30, 10),
    (0, "Secondary", 12, 28),
    (0, "Special", 4, 3),
    (0, "Independent", 2, 4),
    (1, "Primary", 4, 1),
    (1, "Secondary", 3, 3),
    (2, "Primary", 2, 1),
    (2, "Secondary", 1, 3),
    (3, "Primary", 1, 1),
    (3, "Secondary", 1, 3),
)


def make_schools(today: date) -> list[School]:
    """Sixty schools, 48 of them in the own area, with this and the next year's terms."""
    schools: list[School] = []
    for area_number, phase, count, weight in _SCHOOL_PLAN:
        area = AREAS[area_number]
        for number in range(1, count + 1):
            urn = _FIRST_URN + len(schools)
            shift = timedelta(days=0 if area_number == 0 else 7 * area_number)
            organisation = Organisation(
                id=f"urn-{urn}",
                kind=OrganisationKind.SCHOOL,
                name=f"{area.name} {phase} School {number}",
                urn=str(urn),
                local_authority=area.council,
                opens_at=time(8, 30) if phase != "Special" else time(9, 0),
                terms=tuple(_terms(today, shift)),
                closures=tuple(_half_terms(today, shift)),
                nursing_provider=area.nursing,
                channel="webhook" if f"urn-{urn}" == DEMO_SCHOOL else "mailbox",
                ladder=(
                    Rung(organisation=f"urn-{urn}", role=RecipientRole.DEPUTY),
                    Rung(organisation=area.mash, role=RecipientRole.DUTY_OFFICER),
                ),
            )
            schools.append(School(organisation, area, phase, weight))
    return schools


def make_agencies() -> list[Organisation]:
    """Everyone but the schools: front doors, councils, police, health, a care home."""
    agencies = [
        Organisation(
            id=POLICE,
            kind=OrganisationKind.POLICE,
            name="Example Police",
            covers_postcodes=tuple(code for area in AREAS for code in area.outward_codes),
        ),
        Organisation(
            id=CARE_HOME,
            kind=OrganisationKind.CARE_PROVIDER,
            name="Sample House Children's Home",
            local_authority=OWN_COUNCIL,
        ),
    ]
    for area in AREAS:
        agencies.append(
            Organisation(
                id=area.mash,
                kind=OrganisationKind.SOCIAL_CARE,
                name=f"{area.name} Children's Social Care (MASH)",
                local_authority=area.council,
                covers_postcodes=area.outward_codes,
                ladder=(
                    Rung(organisation=area.mash, role=RecipientRole.DUTY_OFFICER),
                    Rung(organisation=area.council, role=RecipientRole.DUTY_OFFICER),
                ),
            )
        )
        agencies.append(
            Organisation(
                id=area.council,
                kind=OrganisationKind.LOCAL_AUTHORITY,
                name=f"{area.name} Council",
                local_authority=area.council,
                covers_postcodes=area.outward_codes,
            )
        )
    agencies += _health_providers("nursing", OrganisationKind.SCHOOL_NURSING, "School Nursing")
    agencies += _health_providers(
        "health_visiting", OrganisationKind.HEALTH_VISITING, "Health Visiting"
    )
    for number, (code, area) in enumerate(
        (("ZZA01", AREAS[0]), ("ZZA02", AREAS[0]), ("ZZB01", AREAS[1]), ("ZZC01", AREAS[2])), 1
    ):
        agencies.append(
            Organisation(
                id=f"ods-{code.lower()}",
                kind=OrganisationKind.HOSPITAL,
                name=f"Specimen Hospital {number}",
                ods_code=code,
                local_authority=area.council,
                covers_postcodes=area.outward_codes,
                emergency_department=True,
                ladder=(Rung(organisation=area.mash, role=RecipientRole.DUTY_OFFICER),),
                channel="fhir" if f"ods-{code.lower()}" == FHIR_HOSPITAL else "mailbox",
            )
        )
    return agencies


def _health_providers(field: str, kind: OrganisationKind, name: str) -> list[Organisation]:
    """One per provider, covering every area that it serves."""
    served: dict[str, list[Area]] = {}
    for area in AREAS:
        served.setdefault(getattr(area, field), []).append(area)
    return [
        Organisation(
            id=provider,
            kind=kind,
            name=f"{areas[0].name} {name}",
            ods_code=f"ZZ{kind[0].upper()}{number:02d}",
            local_authority=areas[0].council,
            covers_postcodes=tuple(code for area in areas for code in area.outward_codes),
            channel="fhir" if provider == FHIR_NURSING else "mailbox",
            ladder=(Rung(organisation=areas[0].mash, role=RecipientRole.DUTY_OFFICER),),
        )
        for number, (provider, areas) in enumerate(served.items(), 1)
    ]


def academic_year(day: date) -> int:
    """The year in which the school year of a day began (1 September)."""
    return day.year if day >= date(day.year, 9, 1) else day.year - 1


def _terms(today: date, shift: timedelta) -> list[DateRange]:
    found = []
    for year in (academic_year(today), academic_year(today) + 1):
        found += [
            DateRange(first=date(year, 9, 2), last=date(year, 12, 18)),
            DateRange(first=date(year + 1, 1, 5), last=date(year + 1, 3, 26)),
            DateRange(first=date(year + 1, 4, 12) + shift, last=date(year + 1, 7, 20)),
        ]
    return found


def _half_terms(today: date, shift: timedelta) -> list[DateRange]:
    found = []
    for year in (academic_year(today), academic_year(today) + 1):
        for start in (date(year, 10, 26), date(year + 1, 2, 15), date(year + 1, 5, 31)):
            monday = start - timedelta(days=start.weekday()) + shift
            found.append(DateRange(first=monday, last=monday + timedelta(days=4)))
    return found
