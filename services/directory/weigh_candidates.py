"""Weighs the candidates of a question for a reviewer, as the matcher weighs them now.

The same judgement that decides (`resolve`), widened to whoever else the reviewer is shown. Nobody
restricted is weighed: they are never read here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from chassis.database import Session
from services.directory.matcher import Learnt
from services.directory.matching.explain import Step, explain
from services.directory.matching.judge import Candidate, Judgement, judge
from services.directory.partnership import Partnership
from services.directory.read_people import person_sent, read_people
from services.directory.recognise import Asked as ToRecognise
from services.directory.recognise import recognise_children
from services.directory.register import RegisteredChild
from services.directory.resolve import Asked, is_unborn


@dataclass(frozen=True)
class Weighed:
    """A judgement of everybody who is shown, and by whom it was made."""

    judged: Judgement
    learnt: Learnt

    def of(self, child: RegisteredChild) -> Candidate | None:
        """What it says of one child; None where the child is found no more."""
        ref = str(child.number)
        return next((one for one in self.judged.candidates if one.person.ref == ref), None)

    def steps(self, candidate: Candidate) -> list[Step]:
        """Why, from the prior to the evidence; no value of either side."""
        return explain(candidate.comparison, self.learnt.weights, self.learnt.people)


async def weigh_candidates(
    session: Session,
    partnership: Partnership,
    asked: Asked,
    shown: Sequence[RegisteredChild],
    judged: Judgement | None,
) -> Weighed | None:
    """`judged` where it speaks of all who are shown; None without a matcher, and of an unborn."""
    learnt = await partnership.matcher.get(session)
    if learnt is None or is_unborn(asked.child):
        return None
    person = person_sent(asked.child, asked.parents)
    if judged is None:
        (judged,) = await recognise_children(session, learnt, [ToRecognise(person, 0)], {})
    weighed = {one.person.ref for one in judged.candidates}
    lacking = [child.number for child in shown if str(child.number) not in weighed]
    if lacking:
        more = await read_people(session, lacking)
        found = [*(one.person for one in judged.candidates), *more.values()]
        judged = judge(person, found, learnt.common, learnt.weights)
    return Weighed(judged, learnt)
