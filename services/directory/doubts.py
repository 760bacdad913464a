"""Why a person is asked about a child: a code, and the same in words. Nothing personal."""

from __future__ import annotations

from services.directory.matching.judge import (
    AUTOMATIC,
    MARGIN,
    WORTH_ASKING,
    Judgement,
    contradiction,
)
from services.directory.resolve import Unresolved

_MARK = "doubt:"

IN_WORDS = {
    "number-contradicted": "A number agrees, but neither the name nor the birth date does.",
    "number-of-a-relative": "A number agrees, but the given name is another: it may be that of a "
    "brother, sister or co-twin.",
    "given-name-missing": "There is neither a given name nor a number: whatever else agrees is the "
    "family's.",
    "given-name-differs": "The given name is another: whatever else agrees is the family's.",
    "birth-date-differs": "The birth date is far off, and no number agrees.",
    "names-alone": "Names agree, but neither birth date nor home nor a number does: it may be a "
    "namesake.",
    "fits-another": "Another child of the same event fits this record as well or better.",
    "relative-likelier": "Probably a brother, sister or co-twin, whom the register lacks, of "
    "somebody on it.",
    "two-as-probable": "Two or more are nearly as probable.",
    "not-probable-enough": "One is probable, but not enough to be taken without a person.",
    "nobody-probable": "Nobody on the register is probable.",
    "probable-by-now": "By now one is probable enough to be taken without a person.",
    "contradicted": "A number, or name and birth date, point to a child whom something else "
    "contradicts.",
    "identifiers-disagree": "Two numbers, or a number and the name, point to different children.",
    "not-confirmed": "A number agrees that nobody has verified, and nothing confirms it.",
    "same-child-twice": "Two children of this event were taken for one child of the register.",
    "match-undone": "Who it was taken for was undone.",
    "unborn": "The child is not born yet: look by way of the mother.",
    "several-candidates": "Several children of the register fit.",
    "possible-candidates": "Family name and birth date fit; more is not known to agree.",
    "no-candidate": "Nothing that was sent points to a child of the register.",
    "adult-not-certain": "Whether an adult of the event is the one who is linked to the child.",
    "adult-in-another-part": "The adult's part in the event is another: it may be a neighbour.",
    "link-asserted-since": "The link was asserted after the event.",
    "linked-child": "Linked to an adult of the event, and not known to live in one household.",
}
"""Every code; those of `resolve` are reasons, those of the matcher and of links say more."""

_OF_LINKS = ("adult-not-certain", "adult-in-another-part", "link-asserted-since")
# What exact identifiers say outweighs what is merely likely.
_EXACT = ("contradicted", "identifiers-disagree", "same-child-twice", "match-undone", "unborn")


def doubt_of(reason: str, judged: Judgement | None) -> str | None:
    """Why it is not recognised without a person; None where identity is no question."""
    if judged is not None and judged.doubt is not None:
        return judged.doubt
    if reason in _EXACT or judged is None:
        return reason if reason in IN_WORDS else None
    return _of_probabilities(judged)


def doubt_of_judgement(judged: Judgement) -> str | None:
    """The same of the matcher alone; None where it would take the best without a person."""
    if judged.status == "match":
        return None
    return judged.doubt or _of_probabilities(judged)


def note_doubt(answer: Unresolved) -> list[str]:
    """What is kept beside the question of why it is asked; read back by `noted_doubt`."""
    doubt = doubt_of(answer.reason, answer.judged)
    return [] if doubt is None or doubt == answer.reason else [f"{_MARK}{doubt}"]


def noted_doubt(reason: str, detail: list[str]) -> str | None:
    """Why it was asked, from what is kept beside the question."""
    noted = [one.removeprefix(_MARK) for one in detail if one.startswith(_MARK)]
    noted += [one for one in _OF_LINKS if one in detail]
    return noted[0] if noted else doubt_of(reason, None)


def _of_probabilities(judged: Judgement) -> str:
    best = judged.best
    if judged.status == "match":
        return "probable-by-now"
    if best is None:
        return "nobody-probable"
    if sum(one.relative for one in judged.candidates) > max(best.probability, WORTH_ASKING):
        return "relative-likelier"
    if best.probability < WORTH_ASKING:
        return "nobody-probable"
    if judged.status == "many" or (best.probability >= AUTOMATIC and judged.margin < MARGIN):
        return "two-as-probable"
    return contradiction(best.comparison) or "not-probable-enough"
