"""What people decide: the review queue over HTTP, for social care's reviewers only.

Every read of a child's data, and every decision, leaves an audit row in the same transaction.
"""

from __future__ import annotations

from uuid import UUID

from fastapi import APIRouter, Request
from pydantic import ConfigDict, Field

from chassis.credentials import Credentials
from chassis.database import Database
from chassis.problems import FieldError, Problem
from schemas.model import Model
from schemas.reading import Text
from services.directory.decide import (
    Decided,
    Decision,
    NotPossible,
    Verdict,
    decide_resolution,
)
from services.directory.listen import publish
from services.directory.partnership import Partnership
from services.directory.reviewer import (
    After,
    Authorization,
    Limit,
    Purpose,
    audit,
    authenticate,
    name_of,
    read_body_of,
    review_router,
    visible_to,
)
from services.directory.show import ResolutionShown, ResolutionSummary, list_open, may_see, show_one
from services.directory.tables import Credential

BODY_LIMIT_BYTES = 64 * 1024


class DecisionBody(Model):
    """An answer to a question, with the reason that is kept beside it."""

    model_config = ConfigDict(extra="forbid")

    decision: Decision
    child_id: UUID | None = Field(default=None, description="Which child, for `this-child`.")
    reason: Text


class DecisionKept(Model):
    """The answer as it stands."""

    resolution: UUID
    decision: str
    child_id: UUID | None
    decided_at: str


class ResolutionPage(Model):
    """Open questions; `next` is the `after` of the next page."""

    resolutions: tuple[ResolutionSummary, ...]
    next: UUID | None


def create_router(
    database: Database, partnership: Partnership, credentials: Credentials[Credential]
) -> APIRouter:
    """The routes; each authenticates and asks the table of permissions."""
    router = review_router("/v1/resolutions")

    @router.get("")
    async def list_resolutions(
        authorization: Authorization = None,
        purpose: Purpose = None,
        after: After = None,
        limit: Limit = 50,
    ) -> ResolutionPage:
        """Open questions of your area, the oldest deadline first."""
        who = await authenticate(credentials, authorization)
        async with database.transaction() as session:
            page = await list_open(session, visible_to(who, partnership), after, limit)
            seen = [(str(one.id), None) for one in page]
            await audit(session, who, "list-resolutions", seen, purpose)
        more = len(page) == limit
        return ResolutionPage(resolutions=tuple(page), next=page[-1].id if more else None)

    @router.get("/{resolution}")
    async def read_resolution(
        resolution: UUID,
        authorization: Authorization = None,
        purpose: Purpose = None,
    ) -> ResolutionShown:
        """One question: what the sender says beside whom it may be about."""
        who = await authenticate(credentials, authorization)
        async with database.transaction() as session:
            shown = await show_one(session, partnership, visible_to(who, partnership), resolution)
            if shown is None:
                raise _unknown()
            seen: list[tuple[str, str | None]] = [(str(resolution), None)]
            about = {one.child_id for one in shown.shown}
            if shown.kept is not None and shown.kept.child_id is not None:
                about.add(shown.kept.child_id)
            seen += [(str(resolution), str(child)) for child in sorted(about)]
            await audit(session, who, "read-resolution", seen, purpose)
        return shown

    @router.post("/{resolution}/decision")
    async def decide(
        resolution: UUID,
        request: Request,
        authorization: Authorization = None,
        purpose: Purpose = None,
    ) -> DecisionKept:
        """Decide; the event goes on its way in the same transaction."""
        who = await authenticate(credentials, authorization)
        body = await read_body_of(request, DecisionBody)
        async with database.transaction() as session:
            if not await may_see(session, visible_to(who, partnership), resolution):
                raise _unknown()
            verdict = Verdict(body.decision, body.child_id, body.reason, name_of(who))
            outcome, facts = await decide_resolution(session, partnership, resolution, verdict)
            if isinstance(outcome, NotPossible):
                raise _refused(outcome)
            subject = str(outcome.child_id) if outcome.child_id else None
            await audit(session, who, "decide", [(str(resolution), subject)], purpose)
            await publish(session, facts, {})
        return _kept(resolution, outcome)

    return router


def _kept(resolution: UUID, outcome: Decided) -> DecisionKept:
    return DecisionKept(
        resolution=resolution,
        decision=outcome.decision,
        child_id=outcome.child_id,
        decided_at=outcome.decided_at.isoformat(),
    )


def _unknown() -> Problem:
    return Problem(404, "not-found", "There is no such question, or it is another area's.")


_WORDS = {
    "decided-already": "Somebody has decided otherwise already; read it again.",
    "registered-since": "The child is on the register by now; read the question again.",
    "decision-not-possible": "This question does not allow that answer.",
    "child-missing": "`this-child` needs a childId.",
    "child-unknown": "The register has no such child.",
    "child-at-another-position": "Another child of this event is that child already.",
    "undone": "It was undone, and asked again: answer the question that reopened it.",
    "not-found": "There is no such question.",
}


def _refused(outcome: NotPossible) -> Problem:
    detail = _WORDS[outcome.code]
    if outcome.conflict:
        return Problem(409, outcome.code, detail)
    if outcome.code == "not-found":
        return _unknown()
    pointer = "/childId" if outcome.code.startswith("child") else "/decision"
    return Problem(422, outcome.code, detail, [FieldError(pointer, outcome.code, detail)])
