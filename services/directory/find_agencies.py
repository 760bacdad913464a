"""Whose records two children of the register are, and who may be told that they seem to be one.

Files belong to whom the partnership names; what an event put on the register, to its sender. Whom
no agency may be told is for the reviewers of the area: nothing is found in silence.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import text

from chassis.database import Session
from schemas.identifiers import outward_code
from schemas.organisations import OrganisationKind
from services.directory.organisations import Needs, Organisations, read_organisations
from services.directory.partnership import Partnership
from services.directory.register import RegisteredChild
from services.directory.situation import is_mash

# What stands behind the first "|" of a reference are names, which no agency files by.
_RECORDS = text("""
    select c.id as child, 'register' as source, cast(null as text) as agency,
           c.register_ref as record
      from unnest(cast(:children as uuid[])) w(id) join directory.child c on c.id = w.id
     where c.register_ref is not null
    union all
    select f.child, split_part(f.ref, ':', 1), null,
           split_part(substr(f.ref, strpos(f.ref, ':') + 1), '|', 1)
      from unnest(cast(:children as uuid[])) w(id)
      join directory.child_ref f on f.child = w.id
    union all
    select r.decided_child, 'event', e.sender, cast(r.receipt as text)
      from unnest(cast(:children as uuid[])) w(id)
      join directory.resolution r on r.decided_child = w.id
                                 and r.decision = 'new-child' and r.state = 'decided'
      join directory.event e on e.receipt = r.receipt
    union all
    select n.child, 'event', e.sender, cast(n.receipt as text)
      from unnest(cast(:children as uuid[])) w(id)
      join directory.enrolment n on n.child = w.id and n.receipt is not null
      join directory.event e on e.receipt = n.receipt
     order by child, source, record""")

Owners = Mapping[str, Sequence[str]]
"""By agency: how it calls its records of one child, as `source:reference`."""


@dataclass(frozen=True)
class Told:
    """Who sees a pair: an agency with its own references, else a reviewing organisation."""

    agency: str | None
    records: tuple[str, ...] = ()
    reviewers: str | None = None


async def find_agencies(
    session: Session,
    partnership: Partnership,
    pairs: Sequence[tuple[RegisteredChild, RegisteredChild]],
) -> list[list[Told]]:
    """For each pair everyone who is told; never nobody."""
    owners = await _read_owners(session, partnership, {one.id for pair in pairs for one in pair})
    needs = Needs(ids={agency for owned in owners.values() for agency in owned})
    if partnership.settings.default_reviewer:
        needs.ids.add(partnership.settings.default_reviewer)
    for child in (one for pair in pairs for one in pair):
        needs.authority(child.local_authority)
        needs.outwards |= {outward_code(child.postcode or "") or ""} - {""}
    known = await read_organisations(session, needs, partnership.today())
    told: list[list[Told]] = []
    for first, second in pairs:
        mine, theirs = owners.get(first.id, {}), owners.get(second.id, {})
        agencies = _agencies(partnership, known, mine, theirs)
        if not agencies:
            agencies = [Told(None, reviewers=_reviewers(partnership, known, (first, second)))]
        told.append(agencies)
    return told


async def _read_owners(
    session: Session, partnership: Partnership, children: set[UUID]
) -> dict[UUID, dict[str, list[str]]]:
    owners: dict[UUID, dict[str, list[str]]] = {}
    for row in await session.execute(_RECORDS, {"children": sorted(children)}):
        agency = row.agency or partnership.settings.record_owners.get(row.source)
        if agency is not None:
            records = owners.setdefault(row.child, {}).setdefault(agency, [])
            records.append(f"{row.source}:{row.record}")
    return owners


def _agencies(
    partnership: Partnership, known: Organisations, mine: Owners, theirs: Owners
) -> list[Told]:
    """Whoever holds both records; else whoever may know of another agency's by an agreement."""
    both = [
        Told(agency, tuple(dict.fromkeys([*mine[agency], *theirs[agency]])))
        for agency in sorted(mine.keys() & theirs.keys())
    ]
    if both:
        return both
    return [
        Told(agency, tuple(records))
        for own, others in ((mine, theirs), (theirs, mine))
        for agency, records in sorted(own.items())
        if partnership.may_share(_called(known, others), _called(known, [agency]))
    ]


def _called(known: Organisations, agencies: Sequence[str] | Owners) -> list[str]:
    """Agencies by their ids and their kinds, as an agreement may name them."""
    kinds = [known.by_id[agency].kind.value for agency in agencies if agency in known.by_id]
    return [*agencies, *kinds]


def _reviewers(
    partnership: Partnership, known: Organisations, children: Sequence[RegisteredChild]
) -> str | None:
    """The MASH of the area, else whom the partnership names; None: every reviewer sees it."""
    for child in children:
        outward = outward_code(child.postcode or "")
        options = known.covering(outward, OrganisationKind.SOCIAL_CARE) if outward else []
        for option in (*options, known.social_care_of(child.local_authority)):
            if option is not None and is_mash(option, partnership.settings):
                return option.id
    default = known.present(partnership.settings.default_reviewer)
    return default.organisation.id if default is not None else None
