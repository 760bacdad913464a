"""What each word of the policy table means: conditions, and who is behind a recipient's name.

Pure functions of one child's situation; one of each for every word that `policy` knows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple

from schemas.organisations import Organisation, OrganisationKind, RecipientRole
from services.directory.organisations import Present
from services.directory.policy import Recipient, When
from services.directory.situation import Situation


class Found(NamedTuple):
    """An organisation in a role; `ids` are all under which it was ever known."""

    organisation: Organisation
    role: RecipientRole
    ids: frozenset[str]


class Answer(NamedTuple):
    """Who was found for a line, and whether somebody is lacking."""

    found: list[Found]
    lacking: bool


def _find_schools(at: Situation) -> Answer:
    return Answer(_in_role(at.schools, RecipientRole.SCHOOL), at.has_unknown_school)


def _find_education_officer(at: Situation) -> Answer:
    home = [one.organisation for one in at.enrolments if one.organisation and at.home_educated]
    for authority in (at.child.local_authority, *home, at.authority):
        present = at.known.present(authority)
        if present is not None and present.organisation.kind in _AUTHORITIES:
            return _all([present], RecipientRole.EDUCATION_OFFICER)
    return Answer([], lacking=True)


def _find_school_nursing(at: Situation) -> Answer:
    providers: list[Present] = []
    by_residence = not at.schools
    for school in at.schools:
        provider = at.known.present(school.organisation.nursing_provider)
        if provider is not None:
            providers.append(provider)
        else:
            by_residence = True
    if by_residence:
        providers += _by_residence(at, OrganisationKind.SCHOOL_NURSING)
    return _all(providers, RecipientRole.SCHOOL_NURSING)


def _find_health_visiting(at: Situation) -> Answer:
    return _all(_by_residence(at, OrganisationKind.HEALTH_VISITING), RecipientRole.HEALTH_VISITING)


def _find_mash(at: Situation) -> Answer:
    return _all(_presents(at, [at.mash]), RecipientRole.MASH)


def _find_other_area(at: Situation) -> Answer:
    return _all(_presents(at, [at.social_care]), RecipientRole.OTHER_AREA)


def _find_responsible_authority(at: Situation) -> Answer:
    found = at.known.social_care_of(at.responsible_authority)
    return _all(_presents(at, [found]), RecipientRole.RESPONSIBLE_AUTHORITY)


def _find_exploitation_team(at: Situation) -> Answer:
    team = at.settings.exploitation_teams.get(at.mash.id) if at.mash else None
    present = at.known.present(team)
    return _all([present] if present else [], RecipientRole.EXPLOITATION_TEAM)


def _find_emergency_departments(at: Situation) -> Answer:
    hospitals = at.known.covering(at.outward, OrganisationKind.HOSPITAL)
    areas = {at.child.local_authority}
    if at.social_care is not None:
        areas |= {at.social_care.id, at.social_care.local_authority}
    for authority in sorted(area for area in areas if area):
        hospitals += at.known.within(authority, OrganisationKind.HOSPITAL)
    listed = [one for one in hospitals if one.emergency_department]
    return _all(_presents(at, listed), RecipientRole.EMERGENCY_DEPARTMENT)


def _find_early_years(at: Situation) -> Answer:
    signed = [one for one in at.early_years if one.ids & at.settings.agreements]
    return _all(signed, RecipientRole.EARLY_YEARS)


def _find_general_practice(at: Situation) -> Answer:
    practice = at.known.numbered((at.sent.get("gp") or {}).get("odsCode"))
    signed = practice is not None and bool(practice.ids & at.settings.agreements)
    return _all([practice] if practice and signed else [], RecipientRole.GENERAL_PRACTICE)


def _find_worker(at: Situation) -> Answer:
    presents = [at.known.present(one.organisation) for one in at.workers]
    told = [one for one in presents if one is not None and one.organisation.kind in _AUTHORITIES]
    found = {one.organisation.id: one for one in told}
    return Answer(
        _in_role(found.values(), RecipientRole.ALLOCATED_WORKER), lacking=None in presents
    )


FINDERS: dict[Recipient, Callable[[Situation], Answer]] = {
    Recipient.SCHOOLS: _find_schools,
    Recipient.EDUCATION_OFFICER: _find_education_officer,
    Recipient.SCHOOL_NURSING: _find_school_nursing,
    Recipient.HEALTH_VISITING: _find_health_visiting,
    Recipient.MASH: _find_mash,
    Recipient.OTHER_AREA: _find_other_area,
    Recipient.RESPONSIBLE_AUTHORITY: _find_responsible_authority,
    Recipient.EXPLOITATION_TEAM: _find_exploitation_team,
    Recipient.EMERGENCY_DEPARTMENTS: _find_emergency_departments,
    Recipient.EARLY_YEARS: _find_early_years,
    Recipient.GENERAL_PRACTICE: _find_general_practice,
    Recipient.WORKER: _find_worker,
}
"""Who is found by what the register knows; others by what happened: `referrer`, `referrer's
manager`, `everyone who was told`, `whoever is assigned`, in `answer_referral`, `track_missing`,
`retract` and `record_worker`."""


def _lives_in_another_area(at: Situation) -> bool:
    return at.mash is None and (at.social_care is not None or at.outward is not None)


CONDITIONS: dict[When, Callable[[Situation], bool]] = {
    When.ALWAYS: lambda _: True,
    When.SCHOOL_EXPECTED: lambda at: at.school_expected,
    When.HOME_EDUCATED: lambda at: at.home_educated,
    When.SCHOOL_AGE: lambda at: at.school_age,
    When.UNDER_SCHOOL_ENTRY: lambda at: at.under_school_entry,
    When.OTHER_AREA: _lives_in_another_area,
    When.NOT_OTHER_AREA: lambda at: not _lives_in_another_area(at),
    When.IN_CARE: lambda at: at.responsible_authority is not None,
    When.GRADED: lambda at: at.case.event.data.get("grade") in ("medium", "high"),
    When.AGREEMENT: lambda at: bool(at.settings.agreements),
    When.ALLOCATED: lambda at: bool(at.workers),
    When.OWN_TEAM: lambda at: at.mash is not None and at.mash.id in at.settings.exploitation_teams,
}
"""Whether a line applies to a child's situation."""

_AUTHORITIES = (OrganisationKind.LOCAL_AUTHORITY, OrganisationKind.SOCIAL_CARE)


def _by_residence(at: Situation, kind: OrganisationKind) -> list[Present]:
    covering = at.known.covering(at.outward, kind) or at.known.within(at.authority, kind)
    return _presents(at, covering)


def _presents(at: Situation, organisations: Iterable[Organisation | None]) -> list[Present]:
    found = (at.known.present(one.id) for one in organisations if one is not None)
    return [one for one in found if one is not None]


def _in_role(present: Iterable[Present], role: RecipientRole) -> list[Found]:
    return [Found(one.organisation, role, one.ids) for one in present]


def _all(present: Iterable[Present], role: RecipientRole) -> Answer:
    found = {one.organisation.id: one for one in present}
    return Answer(_in_role(found.values(), role), lacking=not found)
