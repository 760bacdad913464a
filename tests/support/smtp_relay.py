"""A real SMTP relay for tests: it keeps what it took, and every byte of both sides."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import trustme
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

AUTHORITY = trustme.CA()


def authority_file(folder: Path) -> str:
    """The authority's certificate as a file, for `ca_file`."""
    path = folder / "authority.pem"
    AUTHORITY.cert_pem.write_to_path(path)
    return str(path)


@dataclass
class Relay:
    """What it does, by what a test sets, and what it saw.

    `answers` are taken in turn for RCPT; `None` accepts. With none left, `refuses` says how an
    address is answered. `hold` and `hold_quit` are waited for before DATA and QUIT are answered;
    one that `drops` ends the connection at RCPT.
    """

    port: int = 0
    envelopes: list[Envelope] = field(default_factory=list)
    answers: list[str | None] = field(default_factory=list)
    refuses: dict[str, str] = field(default_factory=dict)
    data_answer: str = "250 taken"
    conversation: list[bytes] = field(default_factory=list)
    encrypted: list[bool] = field(default_factory=list)
    mail_answer: str = ""
    hold: asyncio.Event | None = None
    hold_quit: asyncio.Event | None = None
    drops: bool = False
    has_data: bool = False

    @property
    def seen(self) -> bytes:
        """Every byte that either side said, as it was before encryption."""
        return b"".join(self.conversation)

    async def handle_MAIL(  # noqa: N802 - aiosmtpd's name
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if self.mail_answer:
            return self.mail_answer
        envelope.mail_from = address
        return "250 OK"

    async def handle_QUIT(  # noqa: N802 - aiosmtpd's name
        self, server: SMTP, session: Session, envelope: Envelope
    ) -> str:
        if self.hold_quit is not None:
            await self.hold_quit.wait()
        return "221 Bye"

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's name
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if self.drops:
            assert isinstance(server.transport, asyncio.WriteTransport)
            server.transport.abort()
        answer = self.answers.pop(0) if self.answers else self.refuses.get(address)
        if answer is not None:
            return answer
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(  # noqa: N802 - aiosmtpd's name
        self, server: SMTP, session: Session, envelope: Envelope
    ) -> str:
        self.has_data = True
        if self.hold is not None:
            await self.hold.wait()
        self.envelopes.append(envelope)
        self.encrypted.append(session.ssl is not None)
        return self.data_answer


class _Recorded(SMTP):
    """aiosmtpd, with what it reads and writes kept: after STARTTLS as well, in the clear."""

    def __init__(self, relay: Relay, **more: Any) -> None:
        super().__init__(relay, **more)
        self._relay = relay

    def data_received(self, data: bytes) -> None:
        if not (self.transport is not None and data[:1] == b"\x16"):
            self._relay.conversation.append(data)
        super().data_received(data)

    async def push(self, status: Any) -> None:
        said = status if isinstance(status, bytes) else status.encode()
        self._relay.conversation.append(said + b"\r\n")
        await super().push(status)


@asynccontextmanager
async def open_relay(
    *, tls: bool = True, host: str = "localhost", password: str | None = None
) -> AsyncIterator[Relay]:
    """A relay on this machine, with a certificate of `AUTHORITY` for `host`."""
    context: ssl.SSLContext | None = None
    if tls:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        AUTHORITY.issue_cert(host).configure_cert(context)
    relay = Relay()

    def authenticate(_: Any, __: Any, ___: Any, mechanism: str, data: Any) -> AuthResult:
        right = isinstance(data, LoginPassword) and data.password == (password or "").encode()
        return AuthResult(success=right, handled=right)

    loop = asyncio.get_running_loop()
    server = await loop.create_server(
        lambda: _Recorded(
            relay,
            tls_context=context,
            require_starttls=tls,
            hostname="relay.example",
            ident="relay",
            loop=loop,
            authenticator=authenticate if password is not None else None,
            auth_required=password is not None,
        ),
        "127.0.0.1",
        0,
    )
    relay.port = server.sockets[0].getsockname()[1]
    try:
        yield relay
    finally:
        for hold in (relay.hold, relay.hold_quit):
            if hold is not None:
                hold.set()
        server.close()
