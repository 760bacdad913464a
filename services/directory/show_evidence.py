"""What speaks for and against each candidate, side by side with what was sent: for a reviewer.

The words and bits alone are also what the dry run answers (`try_api`): they hold no value. The
values stand beside them, and only here.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from pydantic import Field
from sqlalchemy import text

from chassis.database import Session
from schemas.blocks import Child as SentChild
from schemas.model import Model
from services.directory.matching.explain import Step
from services.directory.partnership import Partnership
from services.directory.register import RegisteredChild, same_name
from services.directory.resolve import contradicts
from services.directory.show_child import ChildShown, columns_of
from services.directory.weigh_candidates import Weighed


class StepShown(Model):
    """How one field agrees, and the bits that this speaks for it (one bit doubles the odds)."""

    field: str
    level: str = Field(description="The degree of agreement, as a code.")
    words: str
    bits: float
    total: float = Field(description="The sum so far: above 0 it is more probable than not.")


class FieldBeside(Model):
    """One field: what the sender wrote, and what the register holds."""

    field: str = Field(description="Named as in `steps`.")
    sent: tuple[str, ...]
    registered: tuple[str, ...]


class CandidateShown(ChildShown):
    """A child of the register beside what the sender says, and how far the two agree.

    Without a learnt matcher, and of a question that was decided, there is no probability.
    """

    agrees: dict[str, bool] = Field(description="Only fields that both sides know.")
    probability: float | None = Field(default=None, description="That it is this child.")
    relative: float | None = Field(
        default=None,
        description="That it is a brother, sister or co-twin of this one, whom the register lacks.",
    )
    beside: tuple[FieldBeside, ...] = Field(default=(), description="What either side knows.")
    steps: tuple[StepShown, ...] = Field(default=(), description="What speaks for it and against.")


_REGISTERED = text("""
    select c.id, c.address, c.guardian_given_name, c.guardian_family_name,
           array(select o.name || coalesce(' (' || o.urn || ')', '')
                   from directory.enrolment e
                   join directory.organisation o on o.id = e.organisation
                  where e.child = c.id and e.from_date <= :today
                    and (e.to_date is null or e.to_date >= :today)
                  order by e.from_date desc, e.id desc) as schools
      from unnest(cast(:ids as uuid[])) w(id)
      join directory.child c on c.id = w.id
     where not c.restricted""")


async def show_candidates(
    session: Session,
    partnership: Partnership,
    sent: SentChild | None,
    parents: Iterable[tuple[str, str]],
    children: Sequence[RegisteredChild],
    weighed: Weighed | None,
) -> list[CandidateShown]:
    """The children beside what was sent, best first; nothing was sent of one whom a link found."""
    if not children:
        return []
    values = {"ids": [child.id for child in children], "today": partnership.today()}
    held = {row.id: row for row in await session.execute(_REGISTERED, values)}
    said = _said(sent, parents)
    shown = [
        _show(child, sent, said, held[child.id], weighed)
        for child in children
        if child.id in held and not child.restricted
    ]
    return sorted(shown, key=lambda one: -(one.probability or 0.0))


def show_steps(steps: Iterable[Step]) -> tuple[StepShown, ...]:
    """A waterfall as it is answered."""
    return tuple(
        StepShown(
            field=step.field,
            level=step.level,
            words=step.words,
            bits=round(step.bits, 1),
            total=round(step.total, 1),
        )
        for step in steps
    )


def _show(
    child: RegisteredChild,
    sent: SentChild | None,
    said: dict[str, list[str]],
    held: Any,
    weighed: Weighed | None,
) -> CandidateShown:
    candidate = weighed.of(child) if weighed is not None else None
    known = _known(child, held)
    return CandidateShown(
        **columns_of(child),
        agrees=_agrees(sent, child) if sent is not None else {},
        probability=round(candidate.probability, 6) if candidate is not None else None,
        relative=round(candidate.relative, 6) if candidate is not None else None,
        beside=tuple(
            FieldBeside(field=field, sent=tuple(said[field]), registered=tuple(known[field]))
            for field in known
            if said[field] or known[field]
        ),
        steps=(
            show_steps(weighed.steps(candidate))
            if weighed is not None and candidate is not None
            else ()
        ),
    )


def _said(sent: SentChild | None, parents: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    """By field, as it was written; numbers also where their check fails."""
    one = sent if sent is not None else SentChild()
    names = [name for name in (one.name, *one.alternative_names) if name is not None]
    birth, address, school, number = one.date_of_birth, one.address, one.school, one.nhs_number
    born = ""
    if birth is not None:
        exact = birth.precision == "exact"
        born = birth.value.isoformat() + ("" if exact else f" ({birth.precision})")
    home = ", ".join((*address.lines, address.postcode or "")) if address is not None else ""
    schools: list[str | None] = []
    if school is not None:
        schools = [school.name, school.urn, school.ukprn, school.welsh_number]
    return {
        "given": _texts(name.given for name in names),
        "family": _texts(name.family for name in names),
        "birth": _texts([born]),
        "sex": _texts([one.sex]),
        "nhs-number": _texts([number.value if number is not None else None]),
        "upn": _texts([one.upn]),
        "place": _texts([home.strip(", ")]),
        "school": _texts(schools),
        "guardian": _texts(" ".join(parent) for parent in parents),
    }


def _known(child: RegisteredChild, held: Any) -> dict[str, list[str]]:
    """The same of the register. Adults whom an agency asserted are not among them: see `adults`."""
    others = child.alternative_names
    born = child.date_of_birth.isoformat() if child.date_of_birth else None
    guardian = f"{held.guardian_given_name or ''} {held.guardian_family_name or ''}"
    return {
        "given": _texts([child.given_name, *(one.get("given") for one in others)]),
        "family": _texts([child.family_name, *(one.get("family") for one in others)]),
        "birth": _texts([born]),
        "sex": _texts([child.sex]),
        "nhs-number": _texts([child.nhs_number]),
        "upn": _texts([child.upn]),
        "place": _texts([", ".join(part for part in (held.address, child.postcode) if part)]),
        "school": _texts(held.schools),
        "guardian": _texts([guardian]),
    }


def _texts(written: Iterable[str | None]) -> list[str]:
    stripped = [one.strip() for one in written if one is not None]
    return list(dict.fromkeys(one for one in stripped if one))


def _agrees(sent: SentChild, child: RegisteredChild) -> dict[str, bool]:
    name, address = sent.name, sent.address
    pairs = {
        "givenName": (name.given if name else None, child.given_name),
        "familyName": (name.family if name else None, child.family_name),
    }
    agrees = {key: same_name(*pair) for key, pair in pairs.items() if all(pair)}
    if sent.date_of_birth is not None and child.date_of_birth is not None:
        agrees["dateOfBirth"] = not contradicts(sent.date_of_birth, child.date_of_birth)
    for key, mine, theirs in (
        ("nhsNumber", sent.valid_nhs_number, child.nhs_number),
        ("upn", sent.valid_upn, child.upn),
        ("postcode", address.normal_postcode if address else None, child.postcode),
        ("sex", sent.sex, child.sex),
    ):
        if mine and theirs:
            agrees[key] = mine == theirs
    return agrees
