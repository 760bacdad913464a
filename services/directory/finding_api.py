"""What no agency could be told, over HTTP: two records that seem to be one person's, for reviewers.

Every look and every answer leaves audit rows in the same transaction.
"""

from __future__ import annotations

from typing import Any, Literal
from uuid import UUID

from fastapi import APIRouter, Request
from pydantic import ConfigDict, Field

from chassis.credentials import Credentials
from chassis.database import Database, Session
from chassis.problems import Problem
from schemas.model import Model
from schemas.reading import Text
from services.directory.keep_findings import take_reviewers_answer
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
from services.directory.show_finding import (
    FindingShown,
    FindingSummary,
    find_for,
    list_findings,
    show_finding,
)
from services.directory.tables import Credential


class FindingAnswer(Model):
    """What was done about it, in the words of `record.answered`."""

    model_config = ConfigDict(extra="forbid")

    answer: Literal["record-corrected", "known-already", "disputed"] = Field(
        description="`disputed`: they are two people, and nobody is told of them again."
    )
    reason: Text = Field(description="Kept beside it.")


class FindingKept(Model):
    """The finding as it stands."""

    finding: UUID
    state: str
    answer: str


class FindingPage(Model):
    """Open findings; `next` is the `after` of the next page."""

    findings: tuple[FindingSummary, ...]
    next: UUID | None


def create_finding_router(
    database: Database, partnership: Partnership, credentials: Credentials[Credential]
) -> APIRouter:
    """The routes; each authenticates and asks the table of permissions."""
    router = review_router("/v1/directory/findings")

    @router.get("")
    async def list_open_findings(
        authorization: Authorization = None,
        purpose: Purpose = None,
        after: After = None,
        limit: Limit = 50,
    ) -> FindingPage:
        """Records that seem to be of one person and belong to no agency that may be told."""
        who = await authenticate(credentials, authorization)
        async with database.transaction() as session:
            page = await list_findings(session, visible_to(who, partnership), after, limit)
            seen = [(str(one.finding), None) for one in page]
            await audit(session, who, "list-findings", seen, purpose)
        more = len(page) == limit
        return FindingPage(findings=tuple(page), next=page[-1].finding if more else None)

    @router.get("/{finding}")
    async def read_finding(
        finding: UUID,
        authorization: Authorization = None,
        purpose: Purpose = None,
    ) -> FindingShown:
        """The two children side by side, and how each field agrees."""
        who = await authenticate(credentials, authorization)
        async with database.transaction() as session:
            row = await find_for(session, visible_to(who, partnership), finding)
            if row is None:
                raise _unknown()
            shown = await show_finding(session, row)
            seen = [(str(finding), str(one.child_id)) for one in shown.children]
            await audit(session, who, "read-finding", seen or [(str(finding), None)], purpose)
        return shown

    @router.post("/{finding}/answer")
    async def answer_finding(
        finding: UUID,
        request: Request,
        authorization: Authorization = None,
        purpose: Purpose = None,
    ) -> FindingKept:
        """Say what was done about it; the same answer again is no other."""
        who = await authenticate(credentials, authorization)
        body = await read_body_of(request, FindingAnswer)
        async with database.transaction() as session:
            mine = visible_to(who, partnership)
            row = await find_for(session, mine, finding)
            if row is None:
                raise _unknown()
            facts = await take_reviewers_answer(
                session,
                partnership,
                finding,
                body.answer,
                body.reason,
                name_of(who),
            )
            await publish(session, facts, {})
            await audit(session, who, "answer-finding", [(str(finding), None)], purpose)
            return _kept(row if facts else await _again(session, mine, finding), body, bool(facts))

    return router


async def _again(session: Session, mine: dict[str, object], finding: UUID) -> Any:
    """As it stands now: somebody may have answered since it was read."""
    row = await find_for(session, mine, finding)
    if row is None:
        raise _unknown()
    return row


def _kept(row: Any, body: FindingAnswer, answered: bool) -> FindingKept:
    if not answered and row.state != "answered":
        raise Problem(409, "withdrawn", "It does not hold any more: nothing is left to answer.")
    if not answered and row.answer != body.answer:
        raise Problem(409, "answered-already", "Somebody has answered otherwise already.")
    return FindingKept(finding=row.finding, state="answered", answer=body.answer)


def _unknown() -> Problem:
    return Problem(404, "not-found", "There is no such finding, or it is not yours to see.")
