"""Keys of both kinds of Standard Webhooks, and what their signatures verify with."""

from __future__ import annotations

import base64
from datetime import UTC, datetime

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from standardwebhooks import Webhook

from chassis.webhook_keys import UnusableKeyError, kind_of, make_key, read_signer, shown

AT = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)


def test_an_hmac_secret_is_shown_to_both_sides() -> None:
    key = make_key("hmac")
    assert kind_of(key) == "hmac"
    assert shown(key) == key
    assert len(base64.b64decode(key.removeprefix("whsec_"))) == 32
    assert read_signer(key).sign("m", AT, "{}") == Webhook(key).sign("m", AT, "{}")


def test_of_an_ed25519_key_only_the_public_half_is_shown() -> None:
    key = make_key("ed25519")
    assert kind_of(key) == "ed25519"
    assert key.startswith("whsk_")
    public = Ed25519PublicKey.from_public_bytes(
        base64.b64decode(shown(key).removeprefix("whpk_"), validate=True)
    )
    version, signature = read_signer(key).sign("m", AT, "{}").split(",")
    assert version == "v1a"
    public.verify(base64.b64decode(signature), f"m.{int(AT.timestamp())}.{{}}".encode())
    with pytest.raises(InvalidSignature):
        public.verify(base64.b64decode(signature), b"another")


def test_a_key_with_its_public_half_after_it_signs_the_same() -> None:
    key = make_key("ed25519")
    both = base64.b64decode(key.removeprefix("whsk_"))
    both += base64.b64decode(shown(key).removeprefix("whpk_"))
    long = "whsk_" + base64.b64encode(both).decode()
    assert read_signer(long).sign("m", AT, "{}") == read_signer(key).sign("m", AT, "{}")


@pytest.mark.parametrize("key", ["whsec_", "whsec_!", "whsk_", "whsk_AAAA", "whsk_?"])
def test_a_key_that_cannot_sign_is_refused(key: str) -> None:
    with pytest.raises(UnusableKeyError):
        read_signer(key)
