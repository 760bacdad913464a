"""Where webhooks may go: never behind our own walls, however an address is written or looked up."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Sequence
from datetime import UTC, datetime
from ipaddress import ip_address, ip_network
from uuid import uuid4

import pytest

from chassis.addresses import (
    AddressRefusedError,
    Guard,
    Lookup,
    Resolver,
    check_url,
    is_public,
)
from chassis.webhooks import Outcome, Refused, Unreachable
from services.notifier.channels.webhook import WebhookChannel
from services.notifier.settings import SendSettings
from services.notifier.targets import Target

AT = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
PUBLIC = "93.184.216.34"
METADATA = "169.254.169.254"
NOT_PUBLIC = (
    "0.0.0.0", "10.0.0.1",  # noqa: S104 - it is refused.
    "100.64.0.1", "100.100.100.200", "127.0.0.1", "127.255.255.254",
    "168.63.129.16", METADATA, "169.254.0.1", "172.16.0.1", "172.31.255.255", "192.0.0.192",
    "192.0.2.1", "192.88.99.1", "192.168.1.1", "198.18.0.1", "198.51.100.1", "203.0.113.1",
    "224.0.0.1", "239.255.255.250", "240.0.0.1", "255.255.255.255",
    "::", "::1", "::127.0.0.1", "::ffff:127.0.0.1", "::ffff:169.254.169.254", "::ffff:8.8.8.8",
    "64:ff9b::a9fe:a9fe", "64:ff9b:1::a00:1", "100::1", "2001::1", "2001:db8::1",
    "2002:7f00:1::1", "3fff::1", "fc00::1", "fd00:ec2::254", "fe80::1", "fec0::1", "ff02::1",
)  # fmt: skip


@pytest.mark.parametrize("address", NOT_PUBLIC)
def test_an_address_that_is_not_public_is_refused(address: str) -> None:
    assert not is_public(ip_address(address))
    for encrypted in (True, False):
        with pytest.raises(AddressRefusedError):
            Guard((), encrypted=encrypted).check(address)


@pytest.mark.parametrize("address", [PUBLIC, "8.8.8.8", "172.32.0.1", "2606:4700::1111"])
def test_a_public_address_is_reached_by_https_only(address: str) -> None:
    Guard((), encrypted=True).check(address)
    with pytest.raises(AddressRefusedError, match="https is required"):
        Guard((), encrypted=False).check(address)


def test_an_allowed_network_may_be_reached_whatever_it_is() -> None:
    guard = Guard((ip_network("10.1.0.0/16"),), encrypted=False)
    guard.check("10.1.2.3")
    for address in ("10.2.0.1", PUBLIC, "::ffff:10.1.2.3"):
        with pytest.raises(AddressRefusedError):
            guard.check(address)


def test_networks_are_read_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    from services.notifier.settings import Settings

    monkeypatch.setenv("SGB_DATABASE__URL", "postgresql://nobody@nowhere/none")
    monkeypatch.setenv("SGB_NOTIFIER__SEND__ALLOWED_NETWORKS", '["127.0.0.0/8", "fd00::/8"]')
    assert Settings().notifier.send.allowed_networks == (
        ip_network("127.0.0.0/8"),
        ip_network("fd00::/8"),
    )


def answering(*answers: Sequence[str]) -> Lookup:
    """A name server that answers so, one after the other; the last for ever."""
    left = list(answers)

    async def look(host: str, port: int) -> Sequence[str]:
        return left.pop(0) if len(left) > 1 else left[0]

    return look


async def test_a_name_with_one_private_address_among_others_is_refused() -> None:
    resolver = Resolver(Guard((), encrypted=True), answering([PUBLIC, "10.0.0.1"]))
    with pytest.raises(AddressRefusedError):
        await resolver.resolve("receiver.example", 443)


async def test_the_addresses_that_were_judged_are_those_that_are_connected_to() -> None:
    resolver = Resolver(Guard((), encrypted=True), answering([PUBLIC], [METADATA]))
    [found] = await resolver.resolve("receiver.example", 443)
    assert found["host"] == PUBLIC
    assert found["flags"] == socket.AI_NUMERICHOST | socket.AI_NUMERICSERV


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("https://127.0.0.1/hook", "not a public"),
        ("https://[::1]/hook", "not a public"),
        ("https://[::ffff:169.254.169.254]/hook", "not a public"),
        ("http://receiver.example/hook", "https is required"),
        ("https://inside.example/hook", "not a public"),
    ],
)
async def test_an_address_is_judged_when_it_is_given(url: str, why: str) -> None:
    async def look(host: str, port: int) -> Sequence[str]:
        return {"receiver.example": [PUBLIC], "inside.example": ["192.168.0.7"]}[host]

    await check_url("https://receiver.example/hook", (), look)
    with pytest.raises(AddressRefusedError, match=why):
        await check_url(url, (), look)


async def send(url: str, lookup: Lookup, settings: SendSettings) -> Outcome:
    """What comes of one webhook."""
    channel = WebhookChannel(settings, "https://notices.example", lambda: AT, lookup)
    await channel.open()
    try:
        target = Target(uuid4(), "urn-900001", url, url, (), None, 0, 0.0)
        return await channel.send(target, uuid4(), AT)
    finally:
        await channel.close()


class Listener:
    """Counts the connections to a port of this machine."""

    def __init__(self) -> None:
        self.connections = 0
        self.port = 0

    async def __aenter__(self) -> Listener:
        async def count(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            self.connections += 1
            writer.close()

        self._server = await asyncio.start_server(count, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize(
    "host", ["127.0.0.1", "localhost", "[::ffff:127.0.0.1]", "2130706433", "0x7f.1", "127.1"]
)
async def test_nothing_connects_to_an_address_that_is_refused(scheme: str, host: str) -> None:
    async with Listener() as listener:
        url = f"{scheme}://{host}:{listener.port}/hook"
        settings = SendSettings(timeout_seconds=1.0, lease_seconds=2.0)
        outcome = await send(url, answering(["127.0.0.1"]), settings)
        assert outcome == Refused("address-refused")
        assert listener.connections == 0


async def test_a_name_that_changes_its_address_between_two_sendings_is_refused() -> None:
    async with Listener() as listener:
        settings = SendSettings(
            timeout_seconds=1.0, lease_seconds=2.0, allowed_networks=("127.0.0.2/32",)
        )
        url = f"http://receiver.example:{listener.port}/hook"
        first = await send(url, answering(["127.0.0.2"]), settings)
        assert first == Unreachable("not-connected", silent=True)
        again = await send(url, answering(["127.0.0.1"]), settings)
        assert again == Refused("address-refused")
        assert listener.connections == 0


async def test_a_name_that_is_not_known_may_be_later() -> None:
    async def look(host: str, port: int) -> Sequence[str]:
        raise socket.gaierror(socket.EAI_NONAME, "unknown")

    outcome = await send("https://receiver.example/hook", look, SendSettings())
    assert outcome == Unreachable("not-connected", silent=True)
