"""A small real FHIR peer over HTTP, for `make run` and for the tests: the far end of the messages.

It validates with `fhir.resources` alone, keeps what it took in memory, answers as the Booking and
Referral Standard does, and shows ids only: never what a message says.
"""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import NAMESPACE_URL, uuid5

import aiohttp
from aiohttp import web
from fhir.resources.R4B.bundle import Bundle
from pydantic import ValidationError

_ODS_CODE = "https://fhir.nhs.uk/Id/ods-organization-code"
_ERRORS = "https://fhir.nhs.uk/Codesystem/http-error-codes"
_EVENTS = "https://safeguarding-bus.example/fhir/CodeSystem/message-events"
_MEDIA_TYPE = "application/fhir+json"
_PATH = "/FHIR/R4"


@dataclass(frozen=True, slots=True)
class Received:
    """One message, raw, with the headers that it came with."""

    header_id: str
    sender_ods: str
    body: bytes
    headers: Mapping[str, str]

    @property
    def message(self) -> Any:
        """Its JSON."""
        return json.loads(self.body)


@dataclass(slots=True)
class FhirPeer:
    """A health system that takes `$process-message`.

    Args:
        port: 0 takes a free one.
        ods_code: who it says it is in its answers.
        token: the bearer token that it asks for, if any.
    """

    host: str = "127.0.0.1"
    port: int = 0
    ods_code: str = "RXX01"
    name: str = "Example Children's Hospital"
    token: str | None = None
    received: list[Received] = field(default_factory=list)
    posts: int = 0
    _next: deque[tuple[int, dict[str, str]]] = field(default_factory=deque)
    _hanging: asyncio.Event | None = None
    _runner: web.AppRunner | None = None

    async def start(self) -> None:
        """Listen; `url` is then its base URL."""
        app = web.Application(client_max_size=8 * 1024 * 1024)
        app.router.add_post(f"{_PATH}/$process-message", self._process)
        app.router.add_get("/received", self._show)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
        await self._runner.setup()
        site = web.TCPSite(self._runner, self.host, self.port)
        await site.start()
        addresses = self._runner.addresses
        self.port = int(addresses[0][1])

    async def stop(self) -> None:
        """Close the port; `start` opens the same one again."""
        self.let_go()
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    @property
    def url(self) -> str:
        """The base URL to add as a peer."""
        return f"http://{self.host}:{self.port}{_PATH}"

    def answer_next(
        self, status: int, *, times: int = 1, headers: dict[str, str] | None = None
    ) -> None:
        """Answer the next messages with this status, and take none of them."""
        self._next.extend([(status, headers or {})] * times)

    def forget_errors(self) -> None:
        """Take messages again."""
        self._next.clear()

    def hang(self) -> None:
        """Take messages, and give no answer until `let_go`."""
        self._hanging = asyncio.Event()

    def let_go(self) -> None:
        """Answer again."""
        if self._hanging is not None:
            self._hanging.set()
            self._hanging = None

    def write_answer(
        self, header_id: str, *, event: str, code: str = "ok", message_id: str | None = None
    ) -> bytes:
        """A later message of this peer's own, about a message that it took."""
        its_id = message_id or str(uuid5(NAMESPACE_URL, f"{self.ods_code}/{header_id}/{event}"))
        return _write_message(its_id, self, header_id, event, code)

    async def send_answer(
        self, url: str, key: str, header_id: str, *, event: str = "notice-acknowledged"
    ) -> int:
        """Send that message to our `$process-message`, with the peer's key; returns the status."""
        headers = {"Authorization": f"Bearer {key}", "Content-Type": _MEDIA_TYPE}
        async with (
            aiohttp.ClientSession() as http,
            http.post(
                url, data=self.write_answer(header_id, event=event), headers=headers
            ) as answer,
        ):
            return answer.status

    async def _show(self, _: web.Request) -> web.Response:
        return web.json_response([one.header_id for one in self.received])

    async def _process(self, request: web.Request) -> web.Response:
        self.posts += 1
        if self._next:
            status, headers = self._next.popleft()
            answer = _outcome(status, "transient", "REC_UNAVAILABLE", "told to answer so")
            answer.headers.update(headers)
            return answer
        if self.token and request.headers.get("Authorization") != f"Bearer {self.token}":
            return _outcome(401, "login", "REC_UNAUTHORIZED", "show the token")
        answer = self._take(await request.read(), request.headers)
        if self._hanging is not None:
            await self._hanging.wait()
        return answer

    def _take(self, body: bytes, headers: Mapping[str, str]) -> web.Response:
        try:
            message = json.loads(body)
            Bundle.model_validate(message)
            header_id, sender_ods, event = _read_header(message)
        except (ValidationError, ValueError, LookupError, TypeError):
            return _outcome(422, "invalid", "REC_UNPROCESSABLE_ENTITY", "no valid FHIR R4 message")
        if any((one.sender_ods, one.header_id) == (sender_ods, header_id) for one in self.received):
            return _outcome(409, "duplicate", "REC_CONFLICT", "message already processed")
        self.received.append(Received(header_id, sender_ods, body, headers))
        its_id = str(uuid5(NAMESPACE_URL, f"{self.ods_code}/{header_id}"))
        answer = _write_message(its_id, self, header_id, event, "ok")
        return web.Response(body=answer, content_type=_MEDIA_TYPE)


def _read_header(message: Any) -> tuple[str, str, str]:
    header = message["entry"][0]["resource"]
    if header["resourceType"] != "MessageHeader":
        raise ValueError("a message begins with its MessageHeader")
    by_url = {entry["fullUrl"]: entry["resource"] for entry in message["entry"]}
    sender = by_url[header["sender"]["reference"]]
    codes = {one["system"]: one["value"] for one in sender["identifier"]}
    return header["id"], codes[_ODS_CODE], header["eventCoding"]["code"]


def _write_message(its_id: str, peer: FhirPeer, answered: str, event: str, code: str) -> bytes:
    at = datetime.now(UTC).isoformat()
    organization = str(uuid5(NAMESPACE_URL, peer.ods_code))
    header = {
        "resourceType": "MessageHeader",
        "id": its_id,
        "eventCoding": {"system": _EVENTS, "code": event},
        "sender": {"reference": f"urn:uuid:{organization}", "type": "Organization"},
        "source": {"name": peer.name, "endpoint": f"{peer.url}/$process-message"},
        "response": {"identifier": answered, "code": code},
    }
    sender = {
        "resourceType": "Organization",
        "id": organization,
        "identifier": [{"system": _ODS_CODE, "value": peer.ods_code}],
        "name": peer.name,
    }
    bundle = {
        "resourceType": "Bundle",
        "id": str(uuid5(NAMESPACE_URL, f"bundle/{its_id}")),
        "identifier": {"system": "https://tools.ietf.org/html/rfc4122", "value": its_id},
        "type": "message",
        "timestamp": at,
        "entry": [
            {"fullUrl": f"urn:uuid:{one['id']}", "resource": one} for one in (header, sender)
        ],
    }
    return json.dumps(bundle).encode()


def _outcome(status: int, issue: str, error: str, diagnostics: str) -> web.Response:
    outcome = {
        "resourceType": "OperationOutcome",
        "issue": [
            {
                "severity": "error",
                "code": issue,
                "details": {"coding": [{"system": _ERRORS, "code": error}]},
                "diagnostics": diagnostics,
            }
        ],
    }
    return web.Response(status=status, body=json.dumps(outcome).encode(), content_type=_MEDIA_TYPE)
