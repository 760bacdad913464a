"""Who an event is: its receipt, the key that orders it, and the hash that tells same from other.

All three are derived from what the sender states, so that the same event sent again, in whichever
encoding and to whichever process, is the same. Needs no database; must never give away a sender's
own ids, which may be crime numbers.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple
from uuid import UUID

from schemas.envelope import TRACE_ATTRIBUTES, CloudEvent
from services.intake.strict_json import write_canonical

KEY_BYTES = 16

_NO_PART_OF_IT = frozenset({*TRACE_ATTRIBUTES, "data", "datacontenttype", "time", "duetime"})


class Identity(NamedTuple):
    """Who one event is; `data` is its canonical form."""

    receipt: UUID
    key: str
    content_hash: bytes
    supersedes: UUID | None
    data: bytes


class Identifier:
    """Derives identities from the secret of the installation."""

    def __init__(self, secret: str) -> None:
        self._secret = secret.encode()

    @property
    def mark(self) -> str:
        """Tells one secret from another, and nothing about it."""
        return self._derive("mark", "", "").hex()

    def for_sandbox(self) -> Identifier:
        """Derives others, so that an event of the sandbox never meets a real one."""
        return Identifier(self._derive("sandbox", "", "").hex())

    def receipt_of(self, source: str, sender_id: str) -> UUID:
        """The receipt of a sender's event, whether or not it has arrived (RFC 9562, version 8)."""
        value = int.from_bytes(self._derive("receipt", source, sender_id)[:16], "big")
        value = (value & ~(0xF << 76)) | (0x8 << 76)
        value = (value & ~(0x3 << 62)) | (0x2 << 62)
        return UUID(int=value)

    def key_of(self, source: str, case: str) -> str:
        """What keeps the facts of one case in order: 128 bits in hexadecimal."""
        return self._derive("key", source, case)[:KEY_BYTES].hex()

    def identify(
        self, raw: Mapping[str, Any], envelope: CloudEvent, *, clean: bool = False
    ) -> Identity:
        """The identity of an event as it was read (`clean`: see `strict_json`) and judged."""
        source = envelope.source
        earlier = envelope.supersedes
        data = write_canonical(raw["data"], clean=clean)
        return Identity(
            receipt=self.receipt_of(source, envelope.id),
            key=self.key_of(source, envelope.correlationid or envelope.id),
            content_hash=hash_content(raw, envelope, data),
            supersedes=self.receipt_of(source, earlier) if earlier is not None else None,
            data=data,
        )

    def _derive(self, purpose: str, source: str, name: str) -> bytes:
        # No part can hold U+0000: it is refused in every text of an event.
        return hmac.digest(self._secret, f"{purpose}\0{source}\0{name}".encode(), "sha256")


def hash_content(raw: Mapping[str, Any], envelope: CloudEvent, data: bytes) -> bytes:
    """SHA-256 of the canonical form of `{"attributes": …, "data": …}`.

    Headers carry text only, so attributes that are numbers or truth values count as their text
    (CloudEvents 1.0, type system). Times count as instants. Trace attributes do not count, nor does
    `datacontenttype`, which can only be JSON.
    """
    attributes = {
        name: value if isinstance(value, str) else text_of(value)
        for name, value in raw.items()
        if value is not None and name not in _NO_PART_OF_IT
    }
    attributes["time"] = _instant(envelope.time)
    if envelope.duetime is not None:
        attributes["duetime"] = _instant(envelope.duetime)
    whole = b'{"attributes":%b,"data":%b}' % (write_canonical(attributes, clean=True), data)
    return hashlib.sha256(whole).digest()


def text_of(value: bool | int) -> str:
    """An attribute's value as CloudEvents writes it in a header."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def _instant(at: datetime) -> str:
    return at.astimezone(UTC).isoformat()
