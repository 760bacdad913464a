"""The demonstration's receiver accepts what is signed, refuses the rest, and keeps both in view."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime
from pathlib import Path

import aiohttp
from standardwebhooks import Webhook

from deploy.laptop.receiver import Receiver

SECRET = "whsec_" + base64.b64encode(b"a secret for a test, 32 bytes ok").decode()
BODY = json.dumps({"type": "notice.ready", "data": {"notice": "0190-example"}})


def _signed(secret: str = SECRET) -> dict[str, str]:
    at = datetime.now(UTC)
    return {
        "webhook-id": "msg_1",
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": Webhook(secret).sign("msg_1", at, BODY),
    }


async def test_a_signed_webhook_is_taken_logged_and_shown(tmp_path: Path) -> None:
    said: list[str] = []
    log_file = tmp_path / "receiver.log"
    async with (
        Receiver(0, {"urn-900001": SECRET}, log_file, said.append) as receiver,
        aiohttp.ClientSession() as client,
    ):
        url = receiver.hook_url("urn-900001")
        async with client.post(url, data=BODY, headers=_signed()) as answer:
            assert answer.status == 204
        async with client.get(f"{receiver.url}/received") as answer:
            received = (await answer.json())["received"]
        async with client.get(receiver.url) as answer:
            shown = await answer.text()
    assert [(one["message"], one["verified"]) for one in received] == [("msg_1", True)]
    assert received[0]["body"] == json.loads(BODY)
    assert "msg_1" in shown
    assert said == ["webhook received for urn-900001: signed, message msg_1"]
    assert json.loads(log_file.read_text())["message"] == "msg_1"


async def test_a_wrong_or_missing_signature_is_refused(tmp_path: Path) -> None:
    other = "whsec_" + base64.b64encode(b"another secret of thirty-two byt").decode()
    said: list[str] = []
    async with (
        Receiver(0, {"urn-900001": SECRET}, tmp_path / "receiver.log", said.append) as receiver,
        aiohttp.ClientSession() as client,
    ):
        for headers in (_signed(other), {}):
            url = receiver.hook_url("urn-900001")
            async with client.post(url, data=BODY, headers=headers) as answer:
                assert answer.status == 401
        async with client.post(receiver.hook_url("urn-900002"), data=BODY) as answer:
            assert answer.status == 404
    assert [one["verified"] for one in receiver.received] == [False, False]
    assert all("REFUSED" in line for line in said)


async def test_the_page_says_when_nothing_has_come(tmp_path: Path) -> None:
    async with (
        Receiver(0, {}, tmp_path / "receiver.log") as receiver,
        aiohttp.ClientSession() as client,
        client.get(receiver.url) as answer,
    ):
        assert "None yet" in await answer.text()
