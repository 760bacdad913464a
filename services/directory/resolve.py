"""Who a sender's child is: an exact match, a recognised one, or a question to a person (step 4).

Recognises only above the matcher's threshold: a wrong match tells a stranger about a child. Never
uses a number whose check digit fails, never names a restricted child as a possibility.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import NamedTuple

from chassis.database import Session
from schemas.blocks import Child as SentChild
from schemas.blocks import PartialDate
from services.directory.find_candidates import Candidates, find_candidates, find_possible
from services.directory.matching.compare_names import could_be_siblings
from services.directory.matching.judge import Judgement, worth_showing
from services.directory.partnership import Partnership
from services.directory.read_people import person_sent
from services.directory.recognise import Asked as ToRecognise
from services.directory.recognise import recognise_children
from services.directory.register import (
    RegisteredChild,
    read_children_by_number,
    same_name,
    sent_exact_keys,
)

ESTIMATE_YEARS = 2
"""An estimated birth date further off than this is another person's."""


class Match(NamedTuple):
    """Exactly one child, and by what."""

    child: RegisteredChild
    by: str
    judged: Judgement | None = None


class Unresolved(NamedTuple):
    """A person must say who it is; `candidates` are whom they may look at first.

    `judged`: what the matcher says of it, where it was asked.
    """

    reason: str
    candidates: tuple[RegisteredChild, ...] = ()
    judged: Judgement | None = None


class Asked(NamedTuple):
    """A sender's child; children of one `group` are of one event. `parents`: given, family."""

    child: SentChild
    group: int = 0
    parents: tuple[tuple[str, str], ...] = ()


async def resolve_children(
    session: Session, partnership: Partnership, asked: Sequence[Asked]
) -> list[Match | Unresolved]:
    """The answer for each child of a batch, with a handful of queries.

    Exact identifiers first; whom they do not find, the matcher looks for.
    """
    found = await find_candidates(session, [one.child for one in asked])
    answers = [match_child(one.child, found) for one in asked]
    open_ones = [
        position
        for position, answer in enumerate(answers)
        if isinstance(answer, Unresolved) and answer.reason in _LOOKED_FOR
    ]
    if open_ones:
        await _recognise(session, partnership, asked, answers, open_ones)
    return await _show_possible(session, [one.child for one in asked], answers)


async def resolve_exactly(session: Session, asked: Sequence[SentChild]) -> list[Match | Unresolved]:
    """The same by exact identifiers alone: for files, whose lines must not change another child."""
    found = await find_candidates(session, asked)
    answers = [match_child(child, found) for child in asked]
    return await _show_possible(session, asked, answers)


async def _show_possible(
    session: Session, asked: Sequence[SentChild], answers: list[Match | Unresolved]
) -> list[Match | Unresolved]:
    """Whom a person may look at first, for those of whom nobody has been found."""
    open_ones = [
        position
        for position, answer in enumerate(answers)
        if isinstance(answer, Unresolved) and answer.reason == "no-candidate"
    ]
    if open_ones:
        possible = await find_possible(session, [asked[position] for position in open_ones])
        for position, candidates in zip(open_ones, possible, strict=True):
            if candidates:
                judged = answers[position].judged
                answers[position] = Unresolved("possible-candidates", candidates, judged)
    return answers


_LOOKED_FOR = frozenset({"no-candidate", "not-confirmed"})


async def _recognise(
    session: Session,
    partnership: Partnership,
    asked: Sequence[Asked],
    answers: list[Match | Unresolved],
    open_ones: Sequence[int],
) -> None:
    learnt = await partnership.matcher.get(session)
    if learnt is None:
        return
    people = [
        ToRecognise(person_sent(asked[at].child, asked[at].parents), asked[at].group)
        for at in open_ones
    ]
    known = {
        one.group: [answer.child.number for other, answer in zip(asked, answers, strict=True)
                    if isinstance(answer, Match) and other.group == one.group]
        for one in people
    }  # fmt: skip
    judged = await recognise_children(session, learnt, people, known)
    shown = {int(one.person.ref) for answer in judged for one in worth_showing(answer)}
    children = await read_children_by_number(session, shown)
    for at, judgement in zip(open_ones, judged, strict=True):
        answers[at] = _answer(judgement, children, answers[at])


def _answer(
    judged: Judgement, children: dict[int, RegisteredChild], before: Match | Unresolved
) -> Match | Unresolved:
    shown = [
        children[number]
        for number in (int(one.person.ref) for one in worth_showing(judged))
        if number in children and not children[number].restricted
    ]
    if judged.status == "match" and shown:
        return Match(shown[0], "likeness", judged)
    if not isinstance(before, Unresolved):
        return before
    if not shown or judged.status == "none":
        return before._replace(judged=judged)
    reason = "several-candidates" if judged.status == "many" else "possible-candidates"
    if judged.doubt in _NUMBER_DOUBTED:
        reason = "contradicted"
    everyone = {child.id: child for child in (*shown, *before.candidates)}
    return Unresolved(reason, tuple(everyone.values()), judged)


_NUMBER_DOUBTED = ("number-contradicted", "number-of-a-relative")


def match_child(asked: SentChild, found: Candidates) -> Match | Unresolved:
    """Verified NHS number, else UPN, else exact name, birth date and postcode; else a person."""
    if is_unborn(asked):
        return Unresolved("unborn")
    trusted: dict[str, RegisteredChild] = {}
    doubted: list[RegisteredChild] = []
    for by, hits in (
        ("nhs-number", found.by_number.get(asked.valid_nhs_number or "", [])),
        ("upn", found.by_upn.get(asked.valid_upn or "", [])),
    ):
        surely = by == "upn" or _is_verified(asked)
        if len(hits) > 1 and surely:
            return _unsure("several-candidates", hits)
        for hit in hits:
            if surely and (by == "upn" or hit.nhs_verified):
                if contradicts(asked.date_of_birth, hit.date_of_birth):
                    return _unsure("contradicted", hits)
                trusted[by] = hit
            elif _agrees(asked, hit) and not hit.restricted and len(hits) == 1:
                trusted[by] = hit
            else:
                doubted.append(hit)
    named = {hit.id: hit for key in sent_exact_keys(asked) for hit in found.by_key.get(key, [])}
    return _judge(asked, trusted, named=list(named.values()), doubted=doubted)


def _judge(
    asked: SentChild,
    trusted: dict[str, RegisteredChild],
    named: list[RegisteredChild],
    doubted: list[RegisteredChild],
) -> Match | Unresolved:
    identified = {child.id: child for child in trusted.values()}
    everyone = {**identified, **{child.id: child for child in named}}
    if identified:
        # A name that finds somebody else doubts the number: it may be a twin's or a sibling's.
        if len(identified) == 1 and (len(everyone) == 1 or len(named) > 1):
            by, child = next(iter(trusted.items()))
            if not named and not child.restricted and _is_named_like_a_sibling(asked, child):
                # A co-twin's number on a child's form is a classic.
                return _unsure("contradicted", [child])
            if not named or child.id in {one.id for one in named}:
                return Match(child, by)
        return _unsure("identifiers-disagree", list(everyone.values()))
    if len(named) > 1:
        return _unsure("several-candidates", named)
    if named:
        if _has_other_numbers(asked, named[0]):
            return _unsure("identifiers-disagree", named)
        return Match(named[0], "name")
    return _unsure("not-confirmed", doubted)


def contradicts(sent: PartialDate | None, known: date | None) -> bool:
    """Whether two birth dates cannot be one child's, as exactly as the sender knows."""
    if sent is None or known is None:
        return False
    if sent.precision == "exact":
        return sent.value != known
    if sent.precision == "month":
        return (sent.value.year, sent.value.month) != (known.year, known.month)
    if sent.precision == "year":
        return sent.value.year != known.year
    return abs((sent.value - known).days) > ESTIMATE_YEARS * 366


def _is_named_like_a_sibling(asked: SentChild, hit: RegisteredChild) -> bool:
    """Whether only the family name agrees, whichever of their names are compared."""
    mine = [name for name in (asked.name, *asked.alternative_names) if name is not None]
    theirs = [(hit.given_name, hit.family_name)]
    theirs += [(one.get("given", ""), one.get("family", "")) for one in hit.alternative_names]
    return bool(mine) and all(
        could_be_siblings((one.given or "", one.family or ""), other)
        for one in mine
        for other in theirs
    )


def is_unborn(asked: SentChild) -> bool:
    """Whether the child is expected; a person looks, by way of the mother."""
    if asked.expected_date_of_delivery is not None:
        return True
    number = asked.nhs_number
    return asked.date_of_birth is None and number is not None and number.reason_absent == "unborn"


def _is_verified(asked: SentChild) -> bool:
    return asked.nhs_number is not None and asked.nhs_number.status == "verified"


def _agrees(asked: SentChild, hit: RegisteredChild) -> bool:
    """What an unverified number needs beside it: the birth date and the family name."""
    family = asked.name.family if asked.name is not None else None
    return (
        asked.exact_date_of_birth is not None
        and asked.exact_date_of_birth == hit.date_of_birth
        and same_name(family, hit.family_name)
    )


def _has_other_numbers(asked: SentChild, hit: RegisteredChild) -> bool:
    number, upn = asked.valid_nhs_number, asked.valid_upn
    if _is_verified(asked) and number and hit.nhs_verified and hit.nhs_number != number:
        return True
    return bool(upn and hit.upn and hit.upn != upn)


def _unsure(reason: str, hits: Sequence[RegisteredChild]) -> Unresolved:
    shown = {hit.id: hit for hit in hits if not hit.restricted}
    if not shown:
        # That a restricted child was nearly found is itself something nobody may learn.
        return Unresolved("no-candidate")
    if reason == "identifiers-disagree" and len(shown) == 1 and len(hits) > 1:
        reason = "contradicted"
    return Unresolved(reason, tuple(shown.values()))
