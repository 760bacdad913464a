"""What is wrong with an organisation's ladders, seen when they are recorded and not at night. Pure.

Defects are codes: `no-ladder` (its silence about some profile goes to nobody), `loops` (somebody is
named twice, or itself again), `unknown-organisation` (a rung, or who stands in, is nobody that the
directory has told of), `stands-in-for-itself` (also in a ring of two), `faulty` (it breaks a rule
that is judged at the door; it is climbed without telling anybody more).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from schemas.ladders import find_ladder_faults
from schemas.organisations import Organisation, OrganisationKind, Post, RecipientRole, Rung

NEEDS_LADDER = frozenset(
    {
        OrganisationKind.SCHOOL, OrganisationKind.EARLY_YEARS, OrganisationKind.SCHOOL_NURSING,
        OrganisationKind.HEALTH_VISITING, OrganisationKind.HOSPITAL, OrganisationKind.SOCIAL_CARE,
    }
)  # fmt: skip
"""Whom the policy names: their silence must go to somebody. A duty officer's own is the last."""

_FURTHER = frozenset(
    {
        RecipientRole.DEPUTY, RecipientRole.TEAM, RecipientRole.DUTY_OFFICER,
        RecipientRole.DESIGNATED_OFFICER, RecipientRole.EDUCATION_OFFICER,
    }
)  # fmt: skip
"""The roles in which an organisation may be on its own ladder: others than it is told in."""


def find_defects(organisation: Organisation, known: Mapping[str, Organisation]) -> tuple[str, ...]:
    """The defects of one, in order; `known` are those that it names and the directory knows."""
    found = set[str]()
    ladders = [organisation.ladder, *(one.rungs for one in organisation.ladders)]
    if organisation.kind in NEEDS_LADDER and not all(ladders):
        found.add("no-ladder")
    if any(_loops(organisation.id, ladder) for ladder in ladders):
        found.add("loops")
    if not set(names_in(organisation)) <= known.keys():
        found.add("unknown-organisation")
    if _stands_in_for_itself(organisation, known):
        found.add("stands-in-for-itself")
    if any(find_ladder_faults(organisation)):
        found.add("faulty")
    return tuple(sorted(found))


def names_in(organisation: Organisation) -> Iterator[str]:
    """Every organisation that its ladders, calendars and absences name."""
    for ladder in (organisation.ladder, *(one.rungs for one in organisation.ladders)):
        for rung in ladder:
            yield rung.organisation
            if rung.calendar is not None:
                yield rung.calendar
    for absence in organisation.absences:
        yield absence.stand_in.organisation
    if organisation.holiday_contact is not None:
        yield organisation.holiday_contact.organisation


def _loops(organisation: str, ladder: tuple[Rung, ...]) -> bool:
    posts = [_key(rung) for rung in ladder]
    itself = any(rung.organisation == organisation and rung.role not in _FURTHER for rung in ladder)
    return itself or len(set(posts)) < len(posts)


def _stands_in_for_itself(organisation: Organisation, known: Mapping[str, Organisation]) -> bool:
    for absence in organisation.absences:
        itself = absence.stand_in.organisation == organisation.id
        if itself and absence.role is absence.stand_in.role:
            return True
        other = known.get(absence.stand_in.organisation)
        for theirs in other.absences if other else ():
            back = theirs.stand_in.organisation == organisation.id
            if back and theirs.first <= absence.last and absence.first <= theirs.last:
                return True
    return False


def _key(post: Post) -> tuple[str, str]:
    return post.organisation, post.role
