"""One child of one event, with what the register knows: what the policy's conditions ask.

Pure: everything was read before. Nothing here sends, stores or decides who is told.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property
from typing import Any, NamedTuple
from uuid import UUID

from schemas.blocks import EducationStatus as Status
from schemas.facts import EventAccepted
from schemas.identifiers import outward_code
from schemas.organisations import Organisation, OrganisationKind
from schemas.profiles.texts import child_item
from services.directory.allocations import Allocation
from services.directory.organisations import Needs, Organisations, Present
from services.directory.read_family import Family
from services.directory.register import RegisteredChild
from services.directory.settings import DirectorySettings

INCIDENTS = frozenset({"domestic-abuse.recorded"})
"""Events that concern every child of the adults they name, listed or not. A referral or a missing
child is about the children named."""

NOT_PARENTS = frozenset({"sibling", "brother", "sister", "neighbour", "friend", "professional"})
"""Relationships, as senders write them, that are no parent's or carer's."""

OLDEST_FOR_SCHOOL_NURSING = 19
"""School nursing serves ages 5 to 19."""

_AT_SCHOOL = (Status.REGISTERED, Status.DUAL, Status.OTHER_PROVISION)
_AT_HOME = (Status.HOME_EDUCATED, Status.MISSING_EDUCATION)


class Enrolment(NamedTuple):
    """Where a child is educated today."""

    child: UUID
    organisation: str | None
    status: str


class Case(NamedTuple):
    """One child of one event, known by the register."""

    event: EventAccepted
    child_index: int
    child: RegisteredChild

    @property
    def derived(self) -> bool:
        """Whether the sender did not list this child: it was found through an adult."""
        return is_derived(self.event, self.child_index)


def parents_of(event: EventAccepted) -> tuple[tuple[str, str], ...]:
    """The names (given, family) of the adults of an event who may be parents or carers."""
    named = []
    for adult in event.data.get("adults") or ():
        name = adult.get("name") or {}
        said = (adult.get("relationship") or "").lower()
        if name and said not in NOT_PARENTS:
            named.append((name.get("given") or "", name.get("family") or ""))
    return tuple(named)


@dataclass
class Situation:
    """A case with everything that decides who must know."""

    case: Case
    enrolments: list[Enrolment]
    known: Organisations
    settings: DirectorySettings
    today: date
    family: Family = field(default_factory=Family)
    workers: tuple[Allocation, ...] = ()

    @property
    def child(self) -> RegisteredChild:
        return self.case.child

    @cached_property
    def sent(self) -> Mapping[str, Any]:
        """The sender's own words about the child."""
        child = child_item(self.case.event.data, self.case.child_index).get("child")
        return child if isinstance(child, dict) else {}

    @cached_property
    def outward(self) -> str | None:
        """By which part of a postcode residence is decided: the register's, else the sender's."""
        return outward_code(self.child.postcode or "") or sent_outward(self.sent)

    @cached_property
    def schools(self) -> list[Present]:
        """The schools of today, successors followed, each once."""
        found: dict[str, Present] = {}
        for one in self.enrolments:
            school = self.known.present(one.organisation)
            if school is not None and self._is_at_school(one):
                found.setdefault(school.organisation.id, school)
        return list(found.values())

    @cached_property
    def has_unknown_school(self) -> bool:
        """Whether a school should be told that nobody can name."""
        for one in self.enrolments:
            if one.status == Status.UNKNOWN:
                return True
            if one.status in _AT_SCHOOL and self.known.present(one.organisation) is None:
                return True
        return self.school_expected and not self.schools

    @cached_property
    def school_expected(self) -> bool:
        """Unknown never means home-educated: without a reason otherwise there is a school."""
        statuses = {one.status for one in self.enrolments}
        if statuses & {*_AT_SCHOOL, Status.UNKNOWN} or self.schools:
            return True
        return not (self.home_educated or self.under_school_entry)

    @cached_property
    def home_educated(self) -> bool:
        return any(one.status in _AT_HOME for one in self.enrolments)

    @cached_property
    def under_school_entry(self) -> bool:
        """At no school, and before the September in which reception starts."""
        born = self.child.date_of_birth
        at_school = any(self._is_at_school(one) for one in self.enrolments)
        if born is None:
            return not at_school and self.sent.get("expectedDateOfDelivery") is not None
        return not at_school and self.today < school_entry(born)

    @cached_property
    def school_age(self) -> bool:
        born = self.child.date_of_birth
        too_old = born is not None and age(born, self.today) > OLDEST_FOR_SCHOOL_NURSING
        return not (too_old or self.under_school_entry)

    @cached_property
    def early_years(self) -> list[Present]:
        """Nurseries and childminders; a school's own nursery class is the school."""
        found = [
            self.known.present(one.organisation)
            for one in self.enrolments
            if one.status == Status.EARLY_YEARS and not self._is_at_school(one)
        ]
        return [one for one in found if one is not None]

    @cached_property
    def responsible_authority(self) -> str | None:
        """Of a child in care: the register's word, else the sender's."""
        care = self.sent.get("inCare")
        sent = care.get("responsibleAuthority") if isinstance(care, dict) else None
        return self.child.responsible_authority or sent

    @cached_property
    def social_care(self) -> Organisation | None:
        """The social care of where the child lives, on this bus or another area's."""
        for outward in (outward_code(self.child.postcode or ""), None, sent_outward(self.sent)):
            if outward is None:
                found = self.known.social_care_of(self.child.local_authority)
                if found is not None:
                    return found
            else:
                covering = self.known.covering(outward, OrganisationKind.SOCIAL_CARE)
                if covering:
                    return covering[0]
        return None

    @cached_property
    def mash(self) -> Organisation | None:
        """The MASH of residence, if it is one of this bus."""
        found = self.social_care
        return found if found is not None and is_mash(found, self.settings) else None

    @cached_property
    def authority(self) -> str | None:
        """The home authority: the register's word, else the one where the MASH is."""
        if self.child.local_authority:
            return self.child.local_authority
        found = self.social_care
        return (found.local_authority or found.id) if found is not None else None

    def _is_at_school(self, one: Enrolment) -> bool:
        if one.status in _AT_SCHOOL:
            return True
        place = self.known.present(one.organisation)
        return (
            one.status == Status.EARLY_YEARS
            and place is not None
            and place.organisation.kind is OrganisationKind.SCHOOL
        )


def is_derived(event: EventAccepted, child_index: int | None) -> bool:
    """Whether a position of an event is past the children that its sender listed."""
    if child_index is None or event.event_type not in INCIDENTS:
        return False
    return child_index >= len(event.data.get("children") or ())


def is_mash(organisation: Organisation, settings: DirectorySettings) -> bool:
    """Whether a social-care organisation is a MASH of this bus, rather than another area's."""
    if settings.areas:
        return organisation.id in settings.areas or organisation.local_authority in settings.areas
    return (
        organisation.kind is OrganisationKind.SOCIAL_CARE and len(organisation.covers_postcodes) > 0
    )


def needs_of(case: Case, enrolments: list[Enrolment], needs: Needs) -> None:
    """Note which organisations a case needs."""
    child = case.child
    sent = child_item(case.event.data, case.child_index).get("child") or {}
    needs.ids.update(one.organisation for one in enrolments if one.organisation)
    needs.ids.add(case.event.sender.organisation)
    needs.authority(child.local_authority)
    needs.authority(child.responsible_authority)
    needs.authority((sent.get("inCare") or {}).get("responsibleAuthority"))
    code = (sent.get("gp") or {}).get("odsCode")
    if code:
        needs.ods_codes.add(code.strip())
    for outward in (outward_code(child.postcode or ""), sent_outward(sent)):
        if outward:
            needs.outwards.add(outward)


def sent_outward(sent: Mapping[str, Any]) -> str | None:
    """The outward code of the address that a sender gives."""
    address = sent.get("address")
    postcode = address.get("postcode") if isinstance(address, dict) else None
    return outward_code(postcode) if isinstance(postcode, str) else None


def school_entry(born: date) -> date:
    """The September in which reception starts: of the school year in which the child is five."""
    return date(born.year + (5 if born.month >= 9 else 4), 9, 1)


def age(born: date, today: date) -> int:
    """Whole years."""
    return today.year - born.year - ((today.month, today.day) < (born.month, born.day))
