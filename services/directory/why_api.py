"""Why an organisation was told of an event, or was not, over HTTP: for social care's reviewers."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query

from chassis.credentials import Credentials
from chassis.database import Database
from chassis.problems import Problem
from services.directory.explain_why import Why, explain_why
from services.directory.partnership import Partnership
from services.directory.reviewer import (
    Authorization,
    Purpose,
    audit,
    authenticate,
    review_router,
    visible_to,
)
from services.directory.show_event import concerns
from services.directory.tables import Credential

OrganisationId = Annotated[str, Query(pattern=r"^[a-z0-9][a-z0-9-]{1,62}$")]


def create_why_router(
    database: Database, partnership: Partnership, credentials: Credentials[Credential]
) -> APIRouter:
    """`/v1/directory/why`."""
    router = review_router()

    @router.get("/v1/directory/why", response_model_exclude_none=True)
    async def read_why(
        receipt: UUID,
        organisation: OrganisationId,
        authorization: Authorization = None,
        purpose: Purpose = None,
    ) -> Why:
        """Why this organisation was told of this event, or was not: the lines of the policy table
        that name it, or the condition that does not hold. Of an event, and of children, of which
        you were told or asked."""
        who = await authenticate(credentials, authorization)
        mine = visible_to(who, partnership)
        async with database.transaction() as session:
            seen = await concerns(session, mine, receipt)
            why = (
                await explain_why(session, partnership, mine, receipt, organisation)
                if seen
                else None
            )
            if why is None:
                raise Problem(
                    404,
                    "not-found",
                    "There is no such event or organisation, or it is not yours to see.",
                )
            await audit(session, who, "read-why", [(str(receipt), None)], purpose)
        return why

    return router
