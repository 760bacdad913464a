"""The FHIR peer of `make run`, for tests: a real HTTP server on loopback."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from deploy.laptop.fhir_peer import FhirPeer, Received

__all__ = ["FhirPeer", "Received", "running_peer"]


@asynccontextmanager
async def running_peer(
    ods_code: str = "RXX01", token: str | None = None
) -> AsyncIterator[FhirPeer]:
    """A peer that listens inside the block."""
    peer = FhirPeer(ods_code=ods_code, token=token)
    await peer.start()
    try:
        yield peer
    finally:
        await peer.stop()
