"""Who decides: social care's reviewers, what each may see, and the audit of what they did."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from fastapi import Header

from chassis.audit import write_audit
from chassis.credentials import Credentials
from chassis.database import Session
from chassis.problems import Problem
from schemas.organisations import OrganisationKind
from schemas.permissions import Operation, may
from services.directory.partnership import Partnership
from services.directory.tables import Audit, Credential

PURPOSE = "review of a safeguarding event"

Authorization = Annotated[str | None, Header()]
Purpose = Annotated[str | None, Header(alias="X-Purpose", max_length=200)]


async def authenticate(
    credentials: Credentials[Credential], authorization: str | None
) -> Credential:
    """The reviewer whose key this is; raises the problem that says why not."""
    row = await credentials.authenticate(authorization)
    if not may(OrganisationKind(row.kind), Operation.RESOLVE):
        raise Problem(403, "not-permitted", "This key may not decide about children.")
    return row


def visible_to(who: Credential, partnership: Partnership) -> dict[str, object]:
    """Which questions a reviewer sees: those put to its organisation; the default one, all."""
    organisations = [who.organisation, *who.scopes]
    return {
        "organisations": organisations,
        "all": partnership.settings.default_reviewer in organisations,
    }


async def audit(
    session: Session,
    who: Credential,
    operation: str,
    objects: Sequence[tuple[str, str | None]],
    purpose: str | None,
) -> None:
    """Leave a row for each thing that was read or decided, and whose it is."""
    await write_audit(
        session,
        Audit,
        actor=who.organisation,
        credential=who.id,
        operation=operation,
        objects=list(objects),
        purpose=purpose or PURPOSE,
    )
