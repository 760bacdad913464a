"""Judges one event: may this agency send it, is it right, and who is it; then it can be recorded.

Decides only, stores nothing. No answer repeats a value that was sent.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from chassis.problems import FieldError, Problem
from schemas.catalogue import EVENT_TYPES, Received, judge_event
from schemas.errors import InvalidData
from schemas.organisations import OrganisationKind
from schemas.permissions import STATES_ANY_RECORD, Operation, may
from services.intake.identify import Identifier, Identity
from services.intake.read_events import BINARY_TYPE, is_json
from services.intake.strict_json import is_repeated
from services.intake.tables import Credential

MOST_ERRORS = 200
FIRST_YEAR, LAST_YEAR = 1900, 2200
"""Times near the ends of the calendar can be read and yet not be turned into UTC."""

_LONGEST_POINTER = 256
_TRACEPARENT = re.compile(r"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")


@dataclass(frozen=True, slots=True)
class Prepared:
    """An event that may be recorded.

    Attributes:
        row: the event's row as a JSON object, but for `accepted_at`.
        head: its fact as a JSON object, but for `acceptedAt` and `data`.
        data: the sender's data in canonical form.
        flags: what is wrong with it nevertheless, as JSON.
    """

    receipt: UUID
    content_hash: bytes
    key: str
    row: str
    head: bytes
    data: bytes
    flags: str
    traceparent: str | None


class Judge:
    """Knows the secret of identities and how far a sender's clock may be ahead."""

    def __init__(self, identifier: Identifier, clock_skew_seconds: float) -> None:
        self._identifier = identifier
        self._skew = timedelta(seconds=clock_skew_seconds)

    def judge(
        self,
        raw: Any,
        sender: Credential,
        now: datetime,
        *,
        clean: bool = False,
        traceparent: str | None = None,
    ) -> Prepared:
        """What may be recorded; else `Problem` 403 or 422 naming every failing field.

        Args:
            raw: the event as it was read.
            clean: what reading has shown already (`strict_json.Parsed`).
            traceparent: of the request, for an event that has none.
        """
        if not isinstance(raw, dict):
            raise _invalid([FieldError("", "object", "must be an object")])
        _authorise(raw, sender)
        raw = _normalise(raw)
        try:
            received = judge_event(raw, now=now, clean=clean)
        except InvalidData as refused:
            raise _invalid(_explain(raw, refused)) from None
        envelope = received.envelope
        if envelope.time > now + self._skew:
            raise _invalid([FieldError("/time", "time-in-future", "is in the future")])
        for name, at in (("time", envelope.time), ("duetime", envelope.duetime)):
            if at is not None and not FIRST_YEAR <= at.year <= LAST_YEAR:
                raise _invalid([FieldError(f"/{name}", "time-implausible", "is not plausible")])
        if envelope.supersedes == envelope.id:
            raise _invalid([FieldError("/supersedes", "supersedes-itself", "is its own id")])
        _check_extensions(raw)
        _check_own_record(raw, sender)
        identity = self._identifier.identify(raw, envelope, clean=clean)
        trace = envelope.traceparent or traceparent
        if trace is not None and not _TRACEPARENT.fullmatch(trace):
            trace = None
        return _prepare(received, identity, sender, trace)


def _authorise(raw: dict[str, Any], sender: Credential) -> None:
    source, event_type = raw.get("source"), raw.get("type")
    if isinstance(source, str) and source != sender.source:
        raise Problem(
            403,
            "source-not-yours",
            "The source belongs to another credential.",
            [FieldError("/source", "source-not-yours", "is not the source of this credential")],
        )
    known = isinstance(event_type, str) and event_type in EVENT_TYPES
    if known and not may(OrganisationKind(sender.kind), Operation.SEND, event_type):
        raise Problem(
            403,
            "type-not-allowed",
            "This kind of agency may not send this type of event.",
            [FieldError("/type", "type-not-allowed", f"is not sent by {sender.kind}")],
        )


def _check_own_record(raw: dict[str, Any], sender: Credential) -> None:
    """Who may not state any organisation states its own; which fields of it, the directory knows,
    because it compares."""
    if raw["type"] != "organisation.changed" or sender.kind in STATES_ANY_RECORD:
        return
    if raw["data"]["organisation"]["id"] != sender.organisation:
        raise Problem(
            403,
            "record-not-yours",
            "An organisation states its own record; its local authority states any.",
            [
                FieldError(
                    "/data/organisation/id", "own-record", "is not the organisation of this key"
                )
            ],
        )


def _normalise(raw: dict[str, Any]) -> dict[str, Any]:
    """The event with its content type in the one form that is judged."""
    stated = raw.get("datacontenttype")
    if isinstance(stated, str) and stated != BINARY_TYPE and is_json(stated):
        return {**raw, "datacontenttype": BINARY_TYPE}
    return raw


def _check_extensions(raw: dict[str, Any]) -> None:
    """Attributes that no schema knows are kept out of the log, and count for the hash: they must
    be of a type that a header can carry too."""
    wrong = [
        FieldError(f"/{name}", "attribute-type", "must be text, a whole number, true or false")
        for name, value in raw.items()
        if name != "data" and value is not None and not isinstance(value, str | int)
    ]
    if wrong:
        raise _invalid(wrong)


def _prepare(
    received: Received, identity: Identity, sender: Credential, trace: str | None
) -> Prepared:
    envelope, version, judged = received
    flags = json.dumps([flag.model_dump(by_alias=True) for flag in judged.flags])
    receipt = str(identity.receipt)
    occurred_at = envelope.time.isoformat()
    due_at = envelope.duetime.isoformat() if envelope.duetime is not None else None
    supersedes = str(identity.supersedes) if identity.supersedes is not None else None
    row = {
        "receipt": receipt,
        "organisation": sender.organisation,
        "credential": sender.id,
        "source": envelope.source,
        "sender_id": envelope.id,
        "type": envelope.type,
        "version": version,
        "occurred_at": occurred_at,
        "due_at": due_at,
        "content_hash": f"\\x{identity.content_hash.hex()}",
        "key": identity.key,
        "supersedes": supersedes,
    }
    head = {
        "receipt": receipt,
        "eventType": envelope.type,
        "version": version,
        "key": identity.key,
        "sender": {
            "organisation": sender.organisation,
            "name": sender.name,
            "kind": sender.kind,
        },
        "occurredAt": occurred_at,
        "dueAt": due_at,
        "supersedes": supersedes,
    }
    return Prepared(
        receipt=identity.receipt,
        content_hash=identity.content_hash,
        key=identity.key,
        row=_with_flags(row, flags),
        head=_with_flags(head, flags).encode(),
        data=identity.data,
        flags=flags,
        traceparent=trace,
    )


def _with_flags(columns: dict[str, Any], flags: str) -> str:
    return f'{json.dumps(columns)[:-1]},"flags":{flags}}}'


def _explain(raw: dict[str, Any], refused: InvalidData) -> Iterator[FieldError]:
    for pointer, rule, message in refused.errors[:MOST_ERRORS]:
        if rule == "forbidden-text" and is_repeated(raw, pointer):
            yield FieldError(_shorten(pointer), "repeated-name", "is given twice")
        else:
            yield FieldError(_shorten(pointer), rule, message)


def _shorten(pointer: str) -> str:
    """A pointer that is too long to be a place in a schema names what is around it instead."""
    if len(pointer) <= _LONGEST_POINTER:
        return pointer
    return pointer[: pointer.rfind("/", 0, _LONGEST_POINTER)] if "/" in pointer[1:] else ""


def _invalid(errors: Iterable[FieldError]) -> Problem:
    return Problem(422, "invalid-event", "The event breaks a rule.", list(errors))
