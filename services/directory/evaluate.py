"""Who must know of one child of one event: the policy table applied to a situation (step 4).

Pure. Decides whom, how much, and who is kept out and why; never reads, stores or sends.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from schemas.facts import Addressee, Profile
from schemas.organisations import OrganisationKind, RecipientRole
from services.directory.ask import address
from services.directory.find_recipients import CONDITIONS, FINDERS, Found
from services.directory.policy import Line, Policy
from services.directory.read_family import PARENTS
from services.directory.register import same_name
from services.directory.situation import Situation

STAFF_ALLEGED = "somebody who works there is alleged to be involved"
STAFF_INVOLVED = "staff-involved"
CHILDMINDER = "childminder"
RELATIVE_WORKS_THERE = "relative-works-there"

TEXT_PROFILES = frozenset(
    {
        Profile.SCHOOL_FULL,
        Profile.LA_EDUCATION,
        Profile.MISSING_ALERT,
        Profile.REFERRER_OUTCOME,
    }
)
"""Profiles that carry free text which is searched for other people; the MASH reads all of it."""

_NEVER_REPLACED = frozenset(
    {RecipientRole.MASH, RecipientRole.OTHER_AREA, RecipientRole.RESPONSIBLE_AUTHORITY}
)
"""Social care decides about the child whoever is alleged; the designated officer sits there."""


@dataclass
class Evaluation:
    """What the table says about one child.

    Attributes:
        addressees: told now, or withheld with the reason.
        pending: told once a person has looked, with why in `checks`.
        lacking: lines whose recipient cannot be found or reached: a person is asked.
    """

    addressees: list[Addressee] = field(default_factory=list)
    pending: list[Addressee] = field(default_factory=list)
    checks: list[str] = field(default_factory=list)
    lacking: list[str] = field(default_factory=list)

    @property
    def everyone(self) -> list[Addressee]:
        """Told, withheld or waiting for a person: whoever the table names."""
        return [*self.addressees, *self.pending]

    @property
    def told(self) -> list[Addressee]:
        return [one for one in self.addressees if one.withheld is None]


def evaluate(policy: Policy, at: Situation) -> Evaluation:
    """Apply every line of the event's type, in the table's order."""
    outcome = Evaluation()
    for line in policy.lines_for(at.case.event.event_type):
        finder = FINDERS.get(line.recipient)
        if finder is None or not CONDITIONS[line.when](at):
            continue
        answer = finder(at)
        lacking = answer.lacking
        for found in answer.found:
            if found.organisation.channel == "none":
                lacking = True
            else:
                _place(outcome, line, found, at)
        if lacking and line.asks:
            outcome.lacking.append(line.id)
    outcome.addressees = [_by_assignment(one, at) for one in _once(outcome.addressees)]
    outcome.pending = [_by_assignment(one, at) for one in outcome.pending]
    told = {(one.organisation, one.profile) for one in outcome.addressees}
    outcome.pending = [
        one for one in _once(outcome.pending) if (one.organisation, one.profile) not in told
    ]
    return outcome


def wish_to_withhold(data: dict[str, Any], found: Found) -> str | None:
    """The sender's reason not to tell this recipient, if it gave one."""
    for wish in data.get("withholdFrom") or ():
        organisation, role = wish.get("organisation"), wish.get("role")
        if organisation is not None and organisation not in found.ids:
            continue
        if role is not None and role != found.role:
            continue
        if organisation is not None or role is not None:
            return str(wish.get("reason") or "withheld by the sender")
    return None


def _place(outcome: Evaluation, line: Line, found: Found, at: Situation) -> None:
    data, settings = at.case.event.data, at.settings
    roles = set(_roles_of_staff(data, found.ids))
    alleged = "alleged-perpetrator" in roles and found.role not in _NEVER_REPLACED
    withheld = wish_to_withhold(data, found) or (STAFF_ALLEGED if alleged else None)
    one = address(found.organisation, found.role, line.profile, line.id, withheld)
    if alleged:
        officer = _designated_officer(at, found)
        if officer is None or officer.organisation.channel == "none":
            outcome.lacking.append(f"{line.id}:designated-officer")
        else:
            reason = wish_to_withhold(data, officer)
            outcome.addressees.append(
                address(officer.organisation, officer.role, line.profile, line.id, reason)
            )
    if withheld is None and roles and found.role not in _NEVER_REPLACED:
        outcome.pending.append(one)
        outcome.checks.append(f"{STAFF_INVOLVED}:{one.organisation}")
    elif withheld is None and _has_relative_at(at, found) and found.role not in _NEVER_REPLACED:
        outcome.pending.append(one)
        outcome.checks.append(f"{RELATIVE_WORKS_THERE}:{one.organisation}")
    elif withheld is None and found.ids & settings.childminders:
        outcome.pending.append(one)
        outcome.checks.append(f"{CHILDMINDER}:{one.organisation}")
    else:
        outcome.addressees.append(one)


def _roles_of_staff(data: dict[str, Any], ids: frozenset[str]) -> Iterator[str]:
    """In which roles people of the event work at a recipient."""
    for adult in data.get("adults") or ():
        if adult.get("worksAt") in ids:
            yield adult.get("roleInEvent") or "other"


def _has_relative_at(at: Situation, found: Found) -> bool:
    """Whether a parent of the child, or a relative who is alleged, is known to work there."""
    alleged = [
        adult.get("name") or {}
        for adult in at.case.event.data.get("adults") or ()
        if adult.get("roleInEvent") == "alleged-perpetrator"
    ]
    return any(
        one.works_at in found.ids
        and (
            one.kind in PARENTS
            or any(
                same_name(name.get("given"), one.given_name)
                and same_name(name.get("family"), one.family_name)
                for name in alleged
            )
        )
        for one in at.family.workers
    )


def _designated_officer(at: Situation, found: Found) -> Found | None:
    for authority in (found.organisation.local_authority, at.authority):
        present = at.known.present(authority)
        if present is not None and present.organisation.kind in (
            OrganisationKind.LOCAL_AUTHORITY,
            OrganisationKind.SOCIAL_CARE,
        ):
            return Found(present.organisation, RecipientRole.DESIGNATED_OFFICER, present.ids)
    return None


def _by_assignment(one: Addressee, at: Situation) -> Addressee:
    """A worker, with the assignment that makes it one; a post of two agencies goes by neither."""
    if one.role is not RecipientRole.ALLOCATED_WORKER:
        return one
    posts = [
        worker.receipt
        for worker in at.workers
        if (present := at.known.present(worker.organisation)) is not None
        and present.organisation.id == one.organisation
    ]
    return one.model_copy(update={"assignment": posts[0]}) if len(posts) == 1 else one


def _once(addressees: list[Addressee]) -> list[Addressee]:
    """One per organisation and profile: told wins over withheld, else the table's order."""
    kept: dict[tuple[str, Profile], Addressee] = {}
    for one in addressees:
        key = (one.organisation, one.profile)
        if key not in kept or (kept[key].withheld is not None and one.withheld is None):
            kept[key] = one
    return list(kept.values())
