"""The keys that sign webhooks, of both kinds that Standard Webhooks knows.

`whsec_…` is a secret that both sides hold (HMAC, signatures `v1`). `whsk_…` is an ed25519 key that
only we hold (signatures `v1a`); the receiver is given `whpk_…`, with which nobody can sign.
"""

from __future__ import annotations

import base64
import binascii
import secrets
from datetime import datetime
from typing import Literal, Protocol, get_args

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from standardwebhooks import Webhook
from standardwebhooks.webhooks import EmptyWebhookSecretError

Kind = Literal["hmac", "ed25519"]
KINDS: tuple[Kind, ...] = get_args(Kind)

_HMAC, _PRIVATE, _PUBLIC = "whsec_", "whsk_", "whpk_"
_SEED_BYTES = 32


class UnusableKeyError(ValueError):
    """A key that cannot sign; the message says what one looks like."""


class Signer(Protocol):
    """Signs one webhook: `v1,…` or `v1a,…`, for the header `webhook-signature`."""

    def sign(self, msg_id: str, timestamp: datetime, data: str) -> str: ...


class Ed25519Signer:
    """Signs with a key that the receiver does not have."""

    def __init__(self, key: Ed25519PrivateKey) -> None:
        self._key = key

    def sign(self, msg_id: str, timestamp: datetime, data: str) -> str:
        """The signature of `id.timestamp.body`."""
        said = f"{msg_id}.{int(timestamp.timestamp())}.{data}".encode()
        return "v1a," + base64.b64encode(self._key.sign(said)).decode()


def make_key(kind: Kind) -> str:
    """A new key, as it is kept."""
    if kind == "hmac":
        return _HMAC + base64.b64encode(secrets.token_bytes(32)).decode()
    return _PRIVATE + base64.b64encode(Ed25519PrivateKey.generate().private_bytes_raw()).decode()


def kind_of(key: str) -> Kind:
    """Of which kind a kept key is."""
    return "ed25519" if key.startswith(_PRIVATE) else "hmac"


def shown(key: str) -> str:
    """What the receiver is given to verify with: the secret itself, or the public key."""
    if kind_of(key) == "hmac":
        return key
    public = _private(key).public_key().public_bytes_raw()
    return _PUBLIC + base64.b64encode(public).decode()


def read_signer(key: str) -> Signer:
    """What signs with a kept key; raises `UnusableKeyError`."""
    if kind_of(key) == "ed25519":
        return Ed25519Signer(_private(key))
    try:
        return Webhook(key)
    except (ValueError, RuntimeError, EmptyWebhookSecretError) as error:
        raise UnusableKeyError("A secret is whsec_ and base64.") from error


def _private(key: str) -> Ed25519PrivateKey:
    """The key of its seed; other software writes the public half after it."""
    try:
        found = base64.b64decode(key.removeprefix(_PRIVATE), validate=True)
        return Ed25519PrivateKey.from_private_bytes(found[:_SEED_BYTES])
    except (ValueError, binascii.Error) as error:
        raise UnusableKeyError("A private key is whsk_ and base64 of an ed25519 key.") from error
