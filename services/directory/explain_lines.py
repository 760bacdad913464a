"""Why the policy table tells an organisation of a child, or does not: each line, in words. Pure."""

from __future__ import annotations

from enum import StrEnum

from schemas.facts import Addressee
from schemas.model import Model
from schemas.organisations import Organisation
from services.directory.evaluate import Evaluation, evaluate
from services.directory.find_recipients import CONDITIONS, FINDERS
from services.directory.policy import KINDS, Line, Policy
from services.directory.situation import Situation


class Outcome(StrEnum):
    """What a line comes to for one organisation."""

    TOLD = "told"
    WITHHELD = "withheld"
    ASKED = "a-person-is-asked"
    NO_WAY = "cannot-be-reached"
    CONDITION = "condition-does-not-hold"
    ANOTHER = "another-recipient"
    BEFORE = "by-what-happened-before"


class LineSaid(Model):
    """A line of the table, and what it comes to."""

    rule: str
    recipient: str
    when: str
    profile: str
    outcome: Outcome
    words: str


_WORDS = {
    Outcome.TOLD: "The condition holds ({when}), and it is {recipient}.",
    Outcome.WITHHELD: "It is {recipient}, and it is withheld from it.",
    Outcome.ASKED: "It is {recipient}; a person looks before it is told.",
    Outcome.NO_WAY: "It is {recipient}, and there is no way to tell it.",
    Outcome.CONDITION: "The condition does not hold: {when}.",
    Outcome.ANOTHER: "The condition holds ({when}), but it is not {recipient} for this child.",
    Outcome.BEFORE: "It depends on what happened before: {recipient}, {when}.",
}


def explain_lines(
    policy: Policy, at: Situation, organisation: Organisation
) -> tuple[LineSaid, ...]:
    """The lines of the event's type that may name an organisation of this kind, or do name this
    one, in the table's order, as they are today."""
    evaluation = evaluate(policy, at)
    said = []
    for line in policy.lines_for(at.case.event.event_type):
        outcome = _outcome_of(line, at, organisation.id, evaluation)
        names_it = outcome not in (Outcome.CONDITION, Outcome.ANOTHER, Outcome.BEFORE)
        if names_it or organisation.kind in KINDS[line.recipient]:
            said.append(_say(line, outcome))
    return tuple(said)


def _say(line: Line, outcome: Outcome) -> LineSaid:
    return LineSaid(
        rule=line.id,
        recipient=line.recipient,
        when=line.when,
        profile=line.profile,
        outcome=outcome,
        words=_WORDS[outcome].format(when=line.when, recipient=line.recipient),
    )


def _outcome_of(line: Line, at: Situation, organisation: str, outcome: Evaluation) -> Outcome:
    finder = FINDERS.get(line.recipient)
    if finder is None:
        return Outcome.BEFORE
    if not CONDITIONS[line.when](at):
        return Outcome.CONDITION
    found = next((one for one in finder(at).found if organisation in one.ids), None)
    ids = {organisation} | ({found.organisation.id} if found else set())

    def is_it(addressee: Addressee) -> bool:
        return addressee.rule == line.id and addressee.organisation in ids

    # A designated officer is told by the line of the one whose staff are alleged.
    placed = next((one for one in outcome.addressees if is_it(one)), None)
    if placed is not None:
        return Outcome.TOLD if placed.withheld is None else Outcome.WITHHELD
    if any(is_it(one) for one in outcome.pending):
        return Outcome.ASKED
    if found is None:
        return Outcome.ANOTHER
    return Outcome.NO_WAY if found.organisation.channel == "none" else Outcome.TOLD
