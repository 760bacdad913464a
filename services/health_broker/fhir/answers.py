"""Reading what peers answer and send, and writing what we answer; only the envelope is read.

An answer quotes nothing of the message that it answers but its id.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from services.health_broker.fhir import codes
from services.health_broker.fhir.resources import (
    Party,
    Resource,
    derive_id,
    make_bundle,
    make_header,
    make_organization,
)

_ID = re.compile(r"[A-Za-z0-9\-.]{1,64}", re.ASCII)
_ODS_CODE = re.compile(r"[A-Za-z0-9\-]{1,20}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """A peer's answer to our message: `code` is ok, transient-error or fatal-error."""

    identifier: str
    code: str


@dataclass(frozen=True, slots=True)
class MessageRead:
    """The envelope of a peer's message; `response` where it answers one of ours."""

    header_id: str
    sender_ods: str
    event: str | None
    response: Acknowledged | None


@dataclass(frozen=True, slots=True)
class NotAMessage:
    """What is missing, by place and rule."""

    fault: str


def read_acknowledgement(body: bytes) -> Acknowledged | None:
    """The acknowledgement in an answer's body; None when there is none to be found."""
    try:
        header = _find_header(json.loads(body))
    except (ValueError, RecursionError):
        return None
    return _read_response(header)


def is_duplicate(body: bytes) -> bool:
    """Whether an OperationOutcome says that the message was taken before."""
    try:
        outcome = json.loads(body)
    except (ValueError, RecursionError):
        return False
    for issue in _dicts(_get(outcome, "issue")):
        coded = {one.get("code") for one in _dicts(_get(issue.get("details"), "coding"))}
        if issue.get("code") == "duplicate" or "REC_CONFLICT" in coded:
            return True
    return False


def read_message(message: Any) -> MessageRead | NotAMessage:
    """The envelope of what a peer sent."""
    header = _find_header(message)
    if header is None:
        return NotAMessage("Bundle.entry[0]: a message begins with its MessageHeader")
    header_id = header.get("id")
    if not isinstance(header_id, str) or not _ID.fullmatch(header_id):
        return NotAMessage("Bundle.entry[0].resource.id: is required")
    sender_ods = _find_ods_code(message, _get(header.get("sender"), "reference"))
    if sender_ods is None:
        return NotAMessage("Bundle.entry[0].resource.sender: an Organization with its ODS code")
    event = _get(header.get("eventCoding"), "code")
    return MessageRead(
        header_id, sender_ods, event if isinstance(event, str) else None, _read_response(header)
    )


def make_acknowledgement(read: MessageRead, ours: Party, peer: Party, at: datetime) -> bytes:
    """Our synchronous answer: it is stored. The same message gets the same ids."""
    header_id = derive_id("Acknowledgement", read.sender_ods, read.header_id)
    sender, receiver = make_organization(ours, at), make_organization(peer, at)
    header = make_header(
        header_id,
        at,
        event=read.event or codes.WITHDRAWAL,
        display=None,
        sender=(ours, sender),
        receiver=(peer, receiver),
        response={"identifier": read.header_id, "code": "ok"},
    )
    return _as_bytes(make_bundle(header_id, at, [header, sender, receiver]))


def make_outcome(issue_code: str, error: str, diagnostics: Sequence[str]) -> bytes:
    """An OperationOutcome: an R4 issue code, a code of the NHS's list, and words."""
    coding = {"coding": [{"system": codes.HTTP_ERRORS, "code": error}]}
    issues = [
        {"severity": "error", "code": issue_code, "details": coding, "diagnostics": words}
        for words in diagnostics
    ]
    return _as_bytes({"resourceType": "OperationOutcome", "issue": issues})


def _find_header(message: Any) -> dict[str, Any] | None:
    if _get(message, "resourceType") != "Bundle" or _get(message, "type") != "message":
        return None
    entries = _dicts(_get(message, "entry"))
    header = entries[0].get("resource") if entries else None
    return header if _get(header, "resourceType") == "MessageHeader" else None


def _read_response(header: Any) -> Acknowledged | None:
    response = _get(header, "response")
    identifier, code = _get(response, "identifier"), _get(response, "code")
    if isinstance(identifier, str) and _ID.fullmatch(identifier) and isinstance(code, str):
        return Acknowledged(identifier, code)
    return None


def _find_ods_code(message: Any, sender: Any) -> str | None:
    for entry in _dicts(_get(message, "entry")):
        if isinstance(sender, str) and entry.get("fullUrl") == sender:
            for one in _dicts(_get(entry.get("resource"), "identifier")):
                value = one.get("value")
                if one.get("system") == codes.ODS_CODE and isinstance(value, str):
                    return value if _ODS_CODE.fullmatch(value) else None
    return None


def _get(value: Any, name: str) -> Any:
    return value.get(name) if isinstance(value, dict) else None


def _dicts(value: Any) -> list[dict[str, Any]]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def _as_bytes(resource: Resource) -> bytes:
    return json.dumps(resource, ensure_ascii=False, separators=(",", ":")).encode()
