"""The organisations that a batch needs, read at once: successors followed, areas by postcode."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date
from typing import NamedTuple

from sqlalchemy import text

from chassis.database import Session
from schemas.organisations import Organisation, OrganisationKind

_READ = text("""
    with recursive wanted as (
        select id, successor, nursing_provider, local_authority from directory.organisation
         where id = any(cast(:ids as text[]))
        union
        select id, successor, nursing_provider, local_authority from directory.organisation
         where urn = any(cast(:numbers as text[]))
        union
        select id, successor, nursing_provider, local_authority from directory.organisation
         where ukprn = any(cast(:numbers as text[]))
        union
        select id, successor, nursing_provider, local_authority from directory.organisation
         where ods_code = any(cast(:ods_codes as text[]))
        union
        select id, successor, nursing_provider, local_authority from directory.organisation
         where covers_postcodes && cast(:outwards as text[]) and kind <> 'school'
        union
        select id, successor, nursing_provider, local_authority from directory.organisation
         where local_authority = any(cast(:authorities as text[])) and kind <> 'school'
        union
        select id, successor, nursing_provider, local_authority from directory.organisation
         where kind <> 'school' and local_authority in (
            select unnest(array[id, local_authority]) from directory.organisation
             where covers_postcodes && cast(:outwards as text[]) and kind = 'social-care')
        union
        select o.id, o.successor, o.nursing_provider, o.local_authority
          from wanted w cross join lateral (
               select id, successor, nursing_provider, local_authority from directory.organisation
                where id = any(array[w.successor, w.nursing_provider, w.local_authority])
               union all
               select id, successor, nursing_provider, local_authority from directory.organisation
                where successor = w.id
               union all
               select id, successor, nursing_provider, local_authority from directory.organisation
                where kind = 'social-care' and local_authority = w.local_authority) o)
    select o.detail from wanted w join directory.organisation o on o.id = w.id order by o.id""")


class Present(NamedTuple):
    """The organisation that now stands for one, with every id under which it was known."""

    organisation: Organisation
    ids: frozenset[str]


@dataclass
class Needs:
    """What must be known before anybody can be addressed."""

    ids: set[str] = field(default_factory=set)
    numbers: set[str] = field(default_factory=set)
    ods_codes: set[str] = field(default_factory=set)
    outwards: set[str] = field(default_factory=set)
    authorities: set[str] = field(default_factory=set)

    def authority(self, authority: str | None) -> None:
        """An authority by its id, with what lies in its area."""
        if authority:
            self.ids.add(authority)
            self.authorities.add(authority)


class Organisations:
    """What was read, with the questions that the policy asks of it."""

    def __init__(self, organisations: Iterable[Organisation], today: date | None = None) -> None:
        """`today` decides which successions count; None: all of them."""
        self.by_id = {one.id: one for one in organisations}
        self._today = today
        self._by_number: dict[str, list[str]] = {}
        self._known_as: dict[str, list[str]] = {}
        for one in self.by_id.values():
            for number in (one.urn, one.ukprn, one.ods_code):
                if number:
                    self._by_number.setdefault(number, []).append(one.id)
            last = self._last(one.id)
            if last is not None:
                self._known_as.setdefault(last.id, []).append(one.id)

    def present(self, id_: str | None) -> Present | None:
        """The organisation of this id, or the one that took its place in the end.

        None where several did, or where nobody can say: a person must.
        """
        last = self._last(id_)
        return None if last is None else Present(last, frozenset(self._known_as[last.id]))

    def told(self, id_: str) -> Present | None:
        """Who stands for one that was told before: if nobody does, it speaks for itself."""
        itself = self.by_id.get(id_)
        return self.present(id_) or (Present(itself, frozenset({id_})) if itself else None)

    def numbered(self, *numbers: str | None) -> Present | None:
        """The organisation with one of these numbers (URN, UKPRN, ODS code).

        None where a number is that of two that both stand.
        """
        for number in numbers:
            ids = self._by_number.get(number.strip(), []) if number else []
            if ids:
                found = {id_: self.present(id_) for id_ in ids}
                lasts = {one.organisation.id if one else None for one in found.values()}
                return found[ids[0]] if len(lasts) == 1 else None
        return None

    def _last(self, id_: str | None) -> Organisation | None:
        seen: set[str] = set()
        at = self.by_id.get(id_ or "")
        while at is not None and at.id not in seen:
            seen.add(at.id)
            if not self._is_succeeded(at):
                return at
            if at.split_into:
                return None
            if at.successor not in self.by_id:
                return at
            at = self.by_id[at.successor]
        # A ring of successors stands for nobody.
        return None

    def _is_succeeded(self, one: Organisation) -> bool:
        if not (one.successor or one.split_into):
            return False
        begins = one.successor_from
        return begins is None or self._today is None or begins <= self._today

    def first(self, number: str) -> str | None:
        """The id of one that has or had this number, though nobody may stand for it."""
        return next(iter(self._by_number.get(number.strip(), [])), None)

    def covering(self, outward: str | None, *kinds: OrganisationKind) -> list[Organisation]:
        """Who serves a postcode."""
        if outward is None:
            return []
        return [one for one in self._of(kinds) if outward in one.covers_postcodes]

    def within(self, authority: str | None, *kinds: OrganisationKind) -> list[Organisation]:
        """Who lies in an authority's area."""
        if authority is None:
            return []
        return [one for one in self._of(kinds) if one.local_authority == authority]

    def social_care_of(self, authority: str | None) -> Organisation | None:
        """The social care of an authority: its own row, one in its area, or the authority."""
        here = self.present(authority)
        if here is None:
            return None
        if here.organisation.kind is OrganisationKind.SOCIAL_CARE:
            return here.organisation
        inside = self.within(here.organisation.id, OrganisationKind.SOCIAL_CARE)
        if inside:
            # Its teams lie there as well; who serves the area is the one that is meant.
            return next((one for one in inside if one.covers_postcodes), inside[0])
        local = here.organisation.kind is OrganisationKind.LOCAL_AUTHORITY
        return here.organisation if local else None

    def _of(self, kinds: tuple[OrganisationKind, ...]) -> Iterator[Organisation]:
        return (
            one for one in self.by_id.values() if one.kind in kinds and not self._is_succeeded(one)
        )


async def read_organisations(
    session: Session, needs: Needs, today: date | None = None
) -> Organisations:
    """All that is needed, with what came before and after it, providers, authorities: one query."""
    rows = await session.execute(
        _READ,
        {
            "ids": sorted(needs.ids),
            "numbers": sorted(needs.numbers),
            "ods_codes": sorted(needs.ods_codes),
            "outwards": sorted(needs.outwards),
            "authorities": sorted(needs.authorities),
        },
    )
    return Organisations((Organisation.model_validate(row.detail) for row in rows), today)
