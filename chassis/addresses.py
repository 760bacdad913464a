"""Which addresses a webhook may go to: public ones over https, and others where settings allow it.

A receiver's address is given by outsiders, so it could name a machine behind our own walls. A name
is resolved once, every address it stands for is judged, and the connection is made to one of these:
there is no second look-up that could answer otherwise. The socket is judged again as it is made,
because an address written as numbers is never looked up.
"""

from __future__ import annotations

import asyncio
import errno
import socket
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Any
from urllib.parse import urlsplit

from aiohttp.abc import AbstractResolver, ResolveResult

Network = IPv4Network | IPv6Network
Lookup = Callable[[str, int], Awaitable[Sequence[str]]]
"""From a host's name and a port to its addresses; raises OSError when there is none."""

LOOKUPS_AT_ONCE = 32
"""A name server that does not answer holds a thread; other names must not wait for it."""


class AddressRefusedError(OSError):
    """Nothing is sent to this address; the message says why."""

    def __init__(self, why: str) -> None:
        super().__init__(errno.EACCES, why)


class Guard:
    """Judges addresses for one scheme.

    Args:
        allowed: networks that may be reached though they are not public, and without https.
        encrypted: False for plain http, which reaches the allowed networks only.
    """

    def __init__(self, allowed: Sequence[Network], *, encrypted: bool) -> None:
        self._allowed = tuple(allowed)
        self._encrypted = encrypted

    def check(self, address: str) -> None:
        """Raise `AddressRefusedError` unless a webhook may go to this address."""
        try:
            found = ip_address(address)
        except ValueError:
            raise AddressRefusedError("not an address") from None
        if any(found in network for network in self._allowed):
            return
        if not self._encrypted:
            raise AddressRefusedError("https is required")
        if not is_public(found):
            raise AddressRefusedError("not a public address")

    def make_socket(self, info: tuple[Any, ...]) -> socket.socket:
        """A socket for exactly the address that is about to be connected to."""
        family, kind, protocol, _, address = info
        self.check(address[0])
        return socket.socket(family=family, type=kind, proto=protocol)


class Resolver(AbstractResolver):
    """Looks a name up, and lets none of its addresses pass if one of them is refused."""

    def __init__(self, guard: Guard, lookup: Lookup) -> None:
        self._guard = guard
        self._lookup = lookup

    async def resolve(
        self,
        host: str,
        port: int = 0,
        family: socket.AddressFamily = socket.AF_UNSPEC,  # noqa: ARG002 - any family will do.
    ) -> list[ResolveResult]:
        """The addresses of a host, all of them judged."""
        found = await self._lookup(host, port)
        for address in found:
            self._guard.check(address)
        return [
            ResolveResult(
                hostname=host,
                host=address,
                port=port,
                family=socket.AF_INET6 if ":" in address else socket.AF_INET,
                proto=0,
                flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV,
            )
            for address in found
        ]

    async def close(self) -> None:
        """Nothing is held."""


class SystemLookup:
    """The system's own look-up, in threads of its own."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(LOOKUPS_AT_ONCE, thread_name_prefix="lookup")

    async def __call__(self, host: str, port: int) -> Sequence[str]:
        """The addresses of a host."""

        def look() -> list[str]:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
            return list(dict.fromkeys(str(address[0]) for *_, address in found))

        return await asyncio.get_running_loop().run_in_executor(self._threads, look)

    def close(self) -> None:
        """Let the threads go; one that still waits for an answer ends by itself."""
        self._threads.shutdown(wait=False, cancel_futures=True)


async def check_url(url: str, allowed: Sequence[Network], lookup: Lookup) -> None:
    """Raise `AddressRefusedError` unless webhooks may go to this URL; OSError if it has no address.

    What is sent is judged again each time: a name may stand for something else by then.
    """
    parts = urlsplit(url)
    guard = Guard(allowed, encrypted=parts.scheme == "https")
    host = parts.hostname or ""
    try:
        found: Sequence[str] = [str(ip_address(host))]
    except ValueError:
        found = await lookup(host, parts.port or (443 if parts.scheme == "https" else 80))
    for address in found:
        guard.check(address)


def is_public(address: IPv4Address | IPv6Address) -> bool:
    """Whether an address belongs to the public internet and stands for nothing else.

    After the special-purpose registries of IANA (RFC 6890 and what updates it); written out,
    because the standard library's own answer differs between its versions.
    """
    if isinstance(address, IPv4Address):
        return not any(address in network for network in _NOT_PUBLIC)
    return address in _GLOBAL_UNICAST and not any(address in net for net in _NOT_PUBLIC_6)


_NOT_PUBLIC = tuple(
    IPv4Network(one)
    for one in (
        "0.0.0.0/8",  # Unspecified, "this network".
        "10.0.0.0/8",
        "100.64.0.0/10",  # Shared by carriers; a cloud's metadata too.
        "127.0.0.0/8",
        "168.63.129.16/32",  # A cloud's own services, reached from inside its machines.
        "169.254.0.0/16",  # Link-local: 169.254.169.254 gives out a cloud machine's keys.
        "172.16.0.0/12",
        "192.0.0.0/24",
        "192.0.2.0/24",
        "192.88.99.0/24",  # Relays from IPv6.
        "192.168.0.0/16",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/3",  # Multicast, reserved, broadcast.
    )
)

# Outside it: loopback, unspecified, link-local, unique local, multicast, IPv4 written as IPv6
# (::ffff:0:0/96) and NAT64 (64:ff9b::/96, 64:ff9b:1::/48), which would reach IPv4 unjudged.
_GLOBAL_UNICAST = IPv6Network("2000::/3")
_NOT_PUBLIC_6 = tuple(
    IPv6Network(one)
    for one in (
        "2001::/23",  # Protocol assignments; Teredo wraps an IPv4 address.
        "2001:db8::/32",
        "2002::/16",  # 6to4 wraps an IPv4 address.
        "3fff::/20",
    )
)
