"""Undoing over HTTP: a wrong decision, a person's or the directory's, by a reviewer with a reason.

What became of an event can be looked at first. Every look and every undoing leaves audit rows.
"""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Path, Request
from pydantic import ConfigDict, Field

from bus import Publishable
from chassis.credentials import Credentials
from chassis.database import Database, Session
from chassis.problems import Problem
from schemas.model import Model
from schemas.reading import Text
from services.directory.decide import NotPossible
from services.directory.listen import publish
from services.directory.partnership import Partnership
from services.directory.reviewer import (
    Authorization,
    Purpose,
    audit,
    authenticate,
    name_of,
    read_body_of,
    review_router,
    visible_to,
)
from services.directory.show import may_see
from services.directory.show_event import EventShown, concerns, show_event
from services.directory.tables import Credential
from services.directory.undo import Plea, Undone, undo_match, undo_resolution


class UndoBody(Model):
    """Why a decision is undone; kept beside it, shown to reviewers only."""

    model_config = ConfigDict(extra="forbid")

    reason: Text


class UndoMatchBody(UndoBody):
    """The same, with the child whom the caller means: what was decided since stays."""

    child_id: UUID = Field(description="Whom the event's child was wrongly taken for.")


class UndoKept(Model):
    """The decision as it stands: undone, and asked again unless nothing is told of it any more."""

    resolution: UUID
    child_id: UUID | None
    undone_at: str
    reopened: UUID | None = Field(description="The question that asks it again.")
    withdrawn: int = Field(description="Notices that this call took back.")


Position = Annotated[int, Path(ge=0, le=10_000)]


def create_undo_router(
    database: Database, partnership: Partnership, credentials: Credentials[Credential]
) -> APIRouter:
    """The routes; each authenticates and asks the table of permissions."""
    router = review_router()

    @router.get("/v1/directory/events/{receipt}")
    async def read_event(
        receipt: UUID,
        authorization: Authorization = None,
        purpose: Purpose = None,
    ) -> EventShown:
        """Who each child was taken for, who was told, and what was withdrawn and when."""
        who = await authenticate(credentials, authorization)
        async with database.transaction() as session:
            mine = visible_to(who, partnership)
            seen = await concerns(session, mine, receipt)
            shown = await show_event(session, mine, receipt) if seen else None
            if shown is None:
                raise _unknown()
            about: list[tuple[str, str | None]] = [
                (str(receipt), str(place.child_id) if place.child_id else None)
                for place in shown.children
            ]
            await audit(session, who, "read-event", about or [(str(receipt), None)], purpose)
        return shown

    @router.post("/v1/resolutions/{resolution}/undo")
    async def undo_decision(
        resolution: UUID,
        request: Request,
        authorization: Authorization = None,
        purpose: Purpose = None,
    ) -> UndoKept:
        """Undo a decision: what went out because of it is withdrawn, and it is asked again."""
        who = await authenticate(credentials, authorization)
        body = await read_body_of(request, UndoBody)
        async with database.transaction() as session:
            if not await may_see(session, visible_to(who, partnership), resolution):
                raise _unknown()
            outcome, facts = await undo_resolution(
                session, partnership, resolution, _plea(who, body)
            )
            return await _finish(session, who, outcome, facts, "undo-decision", purpose)

    @router.post("/v1/directory/events/{receipt}/children/{position}/undo")
    async def undo_matched(
        receipt: UUID,
        position: Position,
        request: Request,
        authorization: Authorization = None,
        purpose: Purpose = None,
    ) -> UndoKept:
        """Undo who a child of an event was taken for, also where no person decided it."""
        who = await authenticate(credentials, authorization)
        body = await read_body_of(request, UndoMatchBody)
        async with database.transaction() as session:
            mine = visible_to(who, partnership)
            if not await concerns(session, mine, receipt, body.child_id):
                raise _unknown()
            outcome, facts = await undo_match(
                session, partnership, receipt, position, body.child_id, _plea(who, body)
            )
            return await _finish(session, who, outcome, facts, "undo-match", purpose)

    return router


async def _finish(
    session: Session,
    who: Credential,
    outcome: Undone | NotPossible,
    facts: list[Publishable],
    operation: str,
    purpose: str | None,
) -> UndoKept:
    """Audit and publish in the caller's transaction; raises the problem if it was not possible."""
    if isinstance(outcome, NotPossible):
        raise _refused(outcome)
    subject = str(outcome.child_id) if outcome.child_id else None
    await audit(session, who, operation, [(str(outcome.resolution), subject)], purpose)
    await publish(session, facts, {})
    return UndoKept(
        resolution=outcome.resolution,
        child_id=outcome.child_id,
        undone_at=outcome.undone_at.isoformat(),
        reopened=outcome.reopened,
        withdrawn=outcome.withdrawn,
    )


def _plea(who: Credential, body: UndoBody) -> Plea:
    return Plea(body.reason, name_of(who), who.organisation)


def _unknown() -> Problem:
    return Problem(404, "not-found", "There is no such decision, or it is another area's.")


_WORDS = {
    "not-decided": "Nobody has decided it yet: answer it.",
    "superseded": "No person's answer ended it, but what happened since: nothing can be undone.",
    "another-child": "The event's child is not taken for that one; read the event again.",
}


def _refused(outcome: NotPossible) -> Problem:
    if outcome.code == "not-found":
        return _unknown()
    return Problem(409, outcome.code, _WORDS[outcome.code])
