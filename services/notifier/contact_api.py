"""Contacts over HTTP: an organisation says itself who is told that notices wait.

It adds and removes its own only; a credential that acts for others sees theirs, masked.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, time
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Header, Request, Response
from pydantic import Field

from chassis.audit import write_audit
from chassis.clock import Clock
from chassis.credentials import Credentials
from chassis.database import Database, Session
from chassis.problems import FieldError, Problem
from schemas.model import Model
from schemas.organisations import OrganisationKind, RecipientRole
from schemas.permissions import Operation, may
from services.notifier import contacts
from services.notifier.door import body_schema, read_model
from services.notifier.settings import NotifierGroup
from services.notifier.tables import Audit, Credential

BODY_LIMIT_BYTES = 4096
PURPOSE = "alerts"


class ContactBody(Model):
    """A contact as it is asked for. Without a role it is told of every notice."""

    channel: Literal["email", "sms"]
    address: str = Field(min_length=3, max_length=254, pattern=r"^[^\x00-\x1f\x7f]*$")
    role: RecipientRole | None = None
    quiet_from: time | None = Field(default=None, description="Europe/London.")
    quiet_until: time | None = Field(default=None, description="Europe/London.")


class ContactAnswer(Model):
    """A contact. The address is masked for everybody but its own organisation."""

    id: UUID
    organisation: str
    channel: Literal["email", "sms"]
    address: str
    role: str | None = None
    quiet_from: time | None = None
    quiet_until: time | None = None
    confirmed_at: datetime
    state: str = Field(
        description="confirmed, unconfirmed, failing:REASON (the last alert failed; it is told "
        "still) or disabled:REASON (it is told nothing; send it again to confirm it)."
    )


class ContactList(Model):
    """In the order of organisations, the oldest first."""

    contacts: list[ContactAnswer]


@dataclass(frozen=True, slots=True)
class ContactParts:
    """What the routes need."""

    database: Database
    clock: Clock
    settings: NotifierGroup


def create_contact_router(parts: ContactParts) -> APIRouter:
    """`/v1/contacts…`."""
    router = APIRouter(prefix="/v1/contacts", tags=["alerts"])
    credentials = Credentials(Credential, parts.database)
    days = parts.settings.alerts.confirm_days

    async def allow(authorization: str | None) -> Credential:
        credential = await credentials.authenticate(authorization)
        if not may(OrganisationKind(credential.kind), Operation.MANAGE_CONTACTS):
            raise Problem(403, "not-permitted", "This credential may not do that.")
        return credential

    @router.get("", response_model_exclude_none=True, responses={401: {}, 403: {}})
    async def list_contacts(
        response: Response, authorization: Annotated[str | None, Header()] = None
    ) -> ContactList:
        """Who is told for this credential's organisations, and how they are."""
        credential = await allow(authorization)
        response.headers["Cache-Control"] = "no-store"
        of = sorted({credential.organisation, *credential.scopes})
        async with parts.database.reading() as session:
            rows = await contacts.list_contacts(session, of, parts.clock(), days)
        return ContactList(contacts=[_answer(row, credential) for row in rows])

    @router.post(
        "",
        status_code=201,
        response_model_exclude_none=True,
        responses={
            200: {"model": ContactAnswer}, 400: {}, 401: {}, 403: {}, 413: {}, 422: {},
        },
        openapi_extra=body_schema(ContactBody),
    )  # fmt: skip
    async def add_contact(
        request: Request,
        response: Response,
        authorization: Annotated[str | None, Header()] = None,
    ) -> ContactAnswer:
        """Tell this contact too. The same again confirms it, and answers 200."""
        credential = await allow(authorization)
        body = await read_model(request, ContactBody, BODY_LIMIT_BYTES)
        new = contacts.NewContact(
            credential.organisation, body.channel, body.address, body.role,
            body.quiet_from, body.quiet_until,
        )  # fmt: skip
        at = parts.clock()
        async with parts.database.transaction() as session:
            try:
                contact, fresh = await contacts.add_contact(session, new, at, parts.settings)
            except contacts.ContactError as error:
                wrong = FieldError(
                    f"/{error.field}" if error.field else "", error.rule, error.detail
                )
                raise Problem(422, "invalid", error.detail, [wrong]) from None
            await _audit(session, credential, "add-contact", contact)
            rows = await contacts.list_contacts(session, [credential.organisation], at, days)
        response.status_code = 201 if fresh else 200
        response.headers["Cache-Control"] = "no-store"
        return next(_answer(row, credential) for row in rows if row.id == contact)

    @router.delete("/{contact}", status_code=204, responses={401: {}, 403: {}, 404: {}})
    async def remove_contact(
        contact: UUID, authorization: Annotated[str | None, Header()] = None
    ) -> Response:
        """Tell it nothing any more; its address is forgotten."""
        credential = await allow(authorization)
        async with parts.database.transaction() as session:
            if not await contacts.remove_contact(session, contact, [credential.organisation]):
                raise Problem(404, "no-such-contact", "Your organisation has no such contact.")
            await _audit(session, credential, "remove-contact", contact)
        return Response(status_code=204)

    return router


def _answer(row: Any, credential: Credential) -> ContactAnswer:
    own = row.organisation == credential.organisation
    return ContactAnswer(
        id=row.id,
        organisation=row.organisation,
        channel=row.channel,
        address=row.address if own else contacts.masked(row.channel, row.address),
        role=row.role,
        quiet_from=row.quiet_from,
        quiet_until=row.quiet_until,
        confirmed_at=row.confirmed_at,
        state=contacts.how(row),
    )


async def _audit(session: Session, credential: Credential, operation: str, contact: UUID) -> None:
    await write_audit(
        session,
        Audit,
        actor=credential.organisation,
        credential=credential.id,
        operation=operation,
        objects=[(str(contact), None)],
        purpose=PURPOSE,
    )
