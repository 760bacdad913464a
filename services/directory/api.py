"""What people decide: the review queue over HTTP, for social care's reviewers only.

Every read of a child's data, and every decision, leaves an audit row in the same transaction.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Header, Query, Request, Response
from pydantic import ConfigDict, Field, ValidationError

from chassis.audit import write_audit
from chassis.bodies import parse_json, read_body
from chassis.credentials import Credentials
from chassis.database import Database, Session
from chassis.problems import FieldError, Problem
from schemas.model import Model
from schemas.organisations import OrganisationKind
from schemas.permissions import Operation, may
from schemas.reading import Text, read_errors
from services.directory.decide import (
    Decided,
    Decision,
    NotPossible,
    Verdict,
    decide_resolution,
)
from services.directory.listen import publish
from services.directory.partnership import Partnership
from services.directory.show import ResolutionShown, ResolutionSummary, list_open, may_see, show_one
from services.directory.tables import Audit, Credential

BODY_LIMIT_BYTES = 64 * 1024
LONGEST_PAGE = 200
PURPOSE = "review of a safeguarding event"

Authorization = Annotated[str | None, Header()]
Purpose = Annotated[str | None, Header(alias="X-Purpose", max_length=200)]


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
    router = APIRouter(prefix="/v1/resolutions", tags=["review"])

    async def reviewer(authorization: str | None) -> Credential:
        row = await credentials.authenticate(authorization)
        if not may(OrganisationKind(row.kind), Operation.RESOLVE):
            raise Problem(403, "not-permitted", "This key may not decide about children.")
        return row

    @router.get("")
    async def list_resolutions(
        response: Response,
        authorization: Authorization = None,
        purpose: Purpose = None,
        after: Annotated[UUID | None, Query()] = None,
        limit: Annotated[int, Query(ge=1, le=LONGEST_PAGE)] = 50,
    ) -> ResolutionPage:
        """Open questions of your area, the oldest deadline first."""
        who = await reviewer(authorization)
        async with database.transaction() as session:
            page = await list_open(session, _mine(who, partnership), after, limit)
            seen = [(str(one.id), None) for one in page]
            await _audit(session, who, "list-resolutions", seen, purpose)
        response.headers["Cache-Control"] = "no-store"
        more = len(page) == limit
        return ResolutionPage(resolutions=tuple(page), next=page[-1].id if more else None)

    @router.get("/{resolution}")
    async def read_resolution(
        resolution: UUID,
        response: Response,
        authorization: Authorization = None,
        purpose: Purpose = None,
    ) -> ResolutionShown:
        """One question: what the sender says beside whom it may be about."""
        who = await reviewer(authorization)
        async with database.transaction() as session:
            shown = await show_one(session, partnership, _mine(who, partnership), resolution)
            if shown is None:
                raise _unknown()
            seen: list[tuple[str, str | None]] = [(str(resolution), None)]
            seen += [(str(resolution), str(one.child_id)) for one in shown.shown]
            await _audit(session, who, "read-resolution", seen, purpose)
        response.headers["Cache-Control"] = "no-store"
        return shown

    @router.post("/{resolution}/decision")
    async def decide(
        resolution: UUID,
        request: Request,
        authorization: Authorization = None,
        purpose: Purpose = None,
    ) -> DecisionKept:
        """Decide; the event goes on its way in the same transaction."""
        who = await reviewer(authorization)
        body = _read_decision(parse_json(await read_body(request, BODY_LIMIT_BYTES)))
        async with database.transaction() as session:
            if not await may_see(session, _mine(who, partnership), resolution):
                raise _unknown()
            verdict = Verdict(
                body.decision, body.child_id, body.reason, f"{who.organisation}/{who.name}"
            )
            outcome, facts = await decide_resolution(session, partnership, resolution, verdict)
            if isinstance(outcome, NotPossible):
                raise _refused(outcome)
            subject = str(outcome.child_id) if outcome.child_id else None
            await _audit(session, who, "decide", [(str(resolution), subject)], purpose)
            await publish(session, facts, {})
        return _kept(resolution, outcome)

    return router


def _mine(who: Credential, partnership: Partnership) -> dict[str, object]:
    """Which questions a reviewer sees: those put to its organisation; the default one, all."""
    organisations = [who.organisation, *who.scopes]
    return {
        "organisations": organisations,
        "all": partnership.settings.default_reviewer in organisations,
    }


async def _audit(
    session: Session,
    who: Credential,
    operation: str,
    objects: Sequence[tuple[str, str | None]],
    purpose: str | None,
) -> None:
    await write_audit(
        session,
        Audit,
        actor=who.organisation,
        credential=who.id,
        operation=operation,
        objects=list(objects),
        purpose=purpose or PURPOSE,
    )


def _read_decision(raw: object) -> DecisionBody:
    try:
        return DecisionBody.model_validate(raw, by_alias=True, by_name=False)
    except ValidationError as failure:
        errors = [
            FieldError(error.pointer, error.rule, error.message) for error in read_errors(failure)
        ]
        raise Problem(422, "invalid", "The decision breaks a rule.", errors) from None


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
