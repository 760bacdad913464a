"""What every route of the mailbox does first: who asks, may it, and whose notice is it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, TypeVar
from uuid import UUID

from fastapi import Request
from pydantic import Field, ValidationError

from chassis.audit import write_audit
from chassis.bodies import parse_json, read_body
from chassis.clock import Clock
from chassis.credentials import Credentials
from chassis.database import Database, Session
from chassis.problems import FieldError, Problem
from schemas.model import Model
from schemas.organisations import OrganisationKind
from schemas.permissions import GIVEN_BY_NAME, Operation, may
from schemas.self_test import PROFILE as SELF_TEST
from services.notifier.bells import Bells
from services.notifier.channels import mailbox
from services.notifier.deadlines import recorded_late
from services.notifier.rules import read_rules
from services.notifier.settings import NotifierGroup
from services.notifier.tables import Audit, Credential

PURPOSE = "safeguarding a child"
"""Why a notice is read, where the reader names no other purpose."""

M = TypeVar("M", bound=Model)


class NoticeHead(Model):
    """That a notice waits: no personal data, and not of what kind."""

    id: UUID
    organisation: str
    state: str
    at: datetime
    deadline_at: datetime | None = None
    recorded_late: bool = Field(
        default=False, description="It reached the bus long after it happened (default: a day)."
    )
    shown_again: bool = Field(
        default=False, description="The school was closed; its holiday contact was told before."
    )
    stands_in_for: str | None = Field(
        default=None, description="The absent organisation for which this one is told."
    )
    url: str
    cursor: int | None = None
    test: Literal[True] | None = Field(
        default=None, description="The organisation sent it to itself; it is about nobody."
    )


@dataclass(frozen=True, slots=True)
class MailboxParts:
    """What the routes need."""

    database: Database
    bells: Bells
    clock: Clock
    settings: NotifierGroup
    notices_url: str


class Door:
    """Authenticates, asks the table of permissions, finds, records who read."""

    def __init__(self, parts: MailboxParts) -> None:
        self.parts = parts
        self._credentials = Credentials(Credential, parts.database)

    async def allow(self, authorization: str | None, operation: Operation) -> Credential:
        """The credential, if it may do that; `Problem` 401 or 403."""
        credential = await self._credentials.authenticate(authorization)
        if not may(OrganisationKind(credential.kind), operation):
            raise Problem(403, "not-permitted", "This credential may not do that.")
        if operation in GIVEN_BY_NAME and operation not in credential.rights:
            raise Problem(
                403, "right-not-given", f"This credential was not given the right {operation}."
            )
        return credential

    async def find(self, session: Session, notice: UUID, credential: Credential) -> Any:
        """A notice of the credential's organisations that still stands; `Problem` 404 or 410."""
        return standing(await mailbox.find(session, notice, credential.scopes))

    def head(self, row: Any, state: str | None = None) -> NoticeHead:
        """The head of a row; what is listed is delivered, in the commit that listed it."""
        listed = "delivered" if row.state in ("waiting", "failed") else row.state
        rules = read_rules(self.parts.settings.deadlines.table)
        late = row.accepted_at is not None and recorded_late(
            row.happened_at, row.accepted_at, rules
        )
        return NoticeHead(
            id=row.id,
            organisation=row.organisation,
            state=state or listed,
            at=row.composed_at,
            deadline_at=row.deadline_at,
            recorded_late=late,
            shown_again=row.again_of is not None,
            stands_in_for=row.stands_in_for,
            url=f"{self.parts.notices_url}/{row.id}",
            cursor=getattr(row, "number", None),
            test=True if row.profile == SELF_TEST else None,
        )


def meant(credential: Credential, organisation: str | None) -> str:
    """The organisation that is asked about: the credential's own unless another of those that it
    acts for is named; `Problem` 404 for any other."""
    name = organisation or credential.organisation
    if name not in credential.scopes:
        raise Problem(404, "no-such-organisation", "This credential acts for no such organisation.")
    return name


def standing(row: Any) -> Any:
    """A found row; `Problem` 404 where there is none, 410 where something took its place."""
    if row is None:
        raise Problem(404, "no-such-notice", "There is no such notice for this credential.")
    if row.withdrawn_at is not None or row.state == "superseded":
        raise Problem(
            410,
            "notice-withdrawn",
            "A correction, a retraction or a later event took its place; list your notices.",
        )
    return row


def check_real(row: Any) -> None:
    """`Problem` 409 for a test notice: it has no sender to ask, and nobody to be told instead."""
    if row.profile == SELF_TEST:
        raise Problem(
            409, "is-a-test", "A test is read, acknowledged or filed; there is no more to it."
        )


async def audit_notices(
    session: Session, credential: Credential, operation: str, rows: list[Any], purpose: str
) -> None:
    """One audit row for each notice, in the transaction that reads or changes it."""
    await write_audit(
        session,
        Audit,
        actor=credential.organisation,
        credential=credential.id,
        operation=operation,
        objects=[(str(row.id), str(row.child_id)) for row in rows],
        purpose=purpose,
    )


async def read_model(request: Request, model: type[M], limit_bytes: int) -> M:
    """The body as a model; `Problem` 400, 413 or 422."""
    return validated(model, parse_json(await read_body(request, limit_bytes)))


def validated(model: type[M], value: Any) -> M:
    """A JSON value as a model, or `Problem` 422 that names fields and rules, never a value."""
    try:
        return model.model_validate(value, by_alias=True, by_name=False)
    except ValidationError as error:
        errors = [
            FieldError("/" + "/".join(map(str, one["loc"])), one["type"], one["msg"])
            for one in error.errors(include_input=False, include_url=False)
        ]
        raise Problem(422, "invalid", "The body breaks a rule.", errors) from None


def body_schema(model: type[Model]) -> dict[str, Any]:
    """The body of a route that reads it by itself, for the documentation. Nothing in it refers to
    elsewhere: a reference would be looked for in the whole document."""
    schema = model.model_json_schema()
    schema = _inlined(schema, schema.pop("$defs", {}))
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": schema}}}}


def _inlined(schema: Any, definitions: dict[str, Any]) -> Any:
    """A schema without references: they would point into a document that it is no part of."""
    if isinstance(schema, list):
        return [_inlined(one, definitions) for one in schema]
    if not isinstance(schema, dict):
        return schema
    name = str(schema.get("$ref", "")).rpartition("/")[2]
    if name:
        return _inlined({**definitions[name], **schema, "$ref": ""}, definitions)
    return {key: _inlined(one, definitions) for key, one in schema.items() if key != "$ref"}
