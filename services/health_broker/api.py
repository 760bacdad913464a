"""`POST /fhir/R4/$process-message`: what peers send us, answered as FHIR answers.

200 means committed. Errors are OperationOutcomes that name a place and a rule, never a value.
"""

from __future__ import annotations

from collections.abc import Sequence

from fastapi import APIRouter, Request, Response
from sqlalchemy.exc import SQLAlchemyError

from chassis.bodies import parse_json, read_body
from chassis.clock import Clock, now
from chassis.credentials import Credentials
from chassis.database import Database, is_away
from chassis.problems import Problem
from chassis.telemetry import logger
from schemas.organisations import OrganisationKind
from schemas.permissions import Operation, may
from services.health_broker.collect import Duplicate, keep_refused, take_message, tell_taken
from services.health_broker.fhir import (
    MEDIA_TYPE,
    NotAMessage,
    Party,
    find_faults,
    make_acknowledgement,
    make_outcome,
    read_message,
)
from services.health_broker.peers import KnownPeer, find_peers
from services.health_broker.tables import Credential

log = logger("health_broker.api")

_ERRORS = {
    400: ("structure", "REC_BAD_REQUEST"),
    401: ("login", "REC_UNAUTHORIZED"),
    403: ("forbidden", "REC_FORBIDDEN"),
    409: ("duplicate", "REC_CONFLICT"),
    413: ("too-long", "REC_BAD_REQUEST"),
    422: ("invalid", "REC_UNPROCESSABLE_ENTITY"),
    503: ("transient", "REC_UNAVAILABLE"),
}
"""R4 issue type and code of the NHS's list, by HTTP status."""


def make_router(
    database: Database, ours: Party, *, body_limit_bytes: int, clock: Clock = now
) -> APIRouter:
    """The route, for messages to this end."""
    router = APIRouter(tags=["health"])
    credentials = Credentials(Credential, database)

    @router.post("/fhir/R4/$process-message", name="process_message")
    async def process_message(request: Request) -> Response:
        """Take a FHIR R4 message: a receipt, or an answer to a message of ours."""
        try:
            credential = await credentials.authenticate(request.headers.get("authorization"))
            peer = await _find_peer(database, credential)
            body = await read_body(request, body_limit_bytes)
            return await _take(database, ours, peer, body, clock)
        except Problem as problem:
            return _refuse(problem.status, [problem.detail], problem.headers)
        except (SQLAlchemyError, OSError) as error:
            if not is_away(error):
                raise
            log.warning("storage_away", next="answered 503; the peer sends the same again")
            detail = "Storage does not answer; send the same message again."
            return _refuse(503, [detail], {"Retry-After": "5"})

    return router


async def _find_peer(database: Database, credential: Credential) -> KnownPeer:
    if not may(OrganisationKind(credential.kind), Operation.ACKNOWLEDGE_NOTICES):
        raise Problem(403, "not-permitted", "This credential may not answer notices.")
    async with database.reading() as session:
        peers = await find_peers(session, [credential.organisation])
    if credential.organisation not in peers:
        raise Problem(403, "no-peer", "This organisation is no peer.")
    return peers[credential.organisation]


async def _take(
    database: Database, ours: Party, peer: KnownPeer, body: bytes, clock: Clock
) -> Response:
    message = parse_json(body)
    read = read_message(message)
    if isinstance(read, NotAMessage):
        return _refuse(422, [read.fault])
    if read.sender_ods != peer.ods_code:
        return _refuse(403, ["The message's sender is not the organisation of the credential."])
    at, organisation = clock(), peer.organisation
    faults = find_faults(message)
    if faults:
        async with database.transaction() as session:
            await keep_refused(session, organisation, read.sender_ods, body, at)
        tell_taken(organisation, "refused", "not-valid")
        return _refuse(422, faults)
    async with database.transaction() as session:
        result = await take_message(session, organisation, read, body, at)
    if isinstance(result, Duplicate):
        return _refuse(409, ["message already processed"])
    tell_taken(organisation, "parked" if result.parked else "taken", result.parked)
    answer = make_acknowledgement(read, ours, peer.as_party(), at)
    return Response(answer, media_type=MEDIA_TYPE)


def _refuse(
    status: int, diagnostics: Sequence[str], headers: dict[str, str] | None = None
) -> Response:
    issue, error = _ERRORS[status]
    outcome = make_outcome(issue, error, diagnostics)
    return Response(outcome, status_code=status, headers=headers, media_type=MEDIA_TYPE)
