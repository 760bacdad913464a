"""The far ends of a demonstration, connected: the receiver of webhooks and two FHIR peers.

Their addresses depend on the port of this run, so they are told anew at each start.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from chassis.database import Database
from deploy.laptop.fhir_peer import FhirPeer
from deploy.laptop.keys import Keys
from deploy.laptop.partnership import FHIR_HOSPITAL, FHIR_NURSING
from deploy.laptop.receiver import Receiver
from schemas.organisations import OrganisationKind
from services.health_broker.peers import add_peer
from services.notifier.endpoints import add_endpoint, list_endpoints

# Organisation, its kind, its ODS code in the synthetic partnership, its name.
_PEERS = (
    (FHIR_HOSPITAL, OrganisationKind.HOSPITAL, "ZZA01", "Specimen Hospital 1"),
    (FHIR_NURSING, OrganisationKind.SCHOOL_NURSING, "ZZS02", "Northtown Example School Nursing"),
)


@asynccontextmanager
async def start_peers(first_port: int) -> AsyncIterator[dict[str, FhirPeer]]:
    """The FHIR peers by organisation, on ports in a row, until the block ends."""
    async with AsyncExitStack() as stack:
        peers: dict[str, FhirPeer] = {}
        for port, (organisation, _, ods_code, name) in enumerate(_PEERS, first_port):
            peer = FhirPeer(port=port, ods_code=ods_code, name=name)
            await peer.start()
            stack.push_async_callback(peer.stop)
            peers[organisation] = peer
        yield peers


async def connect_recipients(
    owner: Database, keys: Keys, receiver: Receiver, peers: dict[str, FhirPeer]
) -> dict[str, str]:
    """Say where webhooks and FHIR messages go; returns the peers' keys, made anew each time."""
    found: dict[str, str] = {}
    async with owner.transaction() as session:
        known = {
            one.organisation: one.url
            for one in await list_endpoints(session)
            if not one.state.startswith("disabled")
        }
        for organisation, secret in keys.webhook_secrets.items():
            url = receiver.hook_url(organisation)
            if known.get(organisation) != url:
                await add_endpoint(session, organisation, url, secret)
        for organisation, kind, ods_code, _ in _PEERS:
            found[organisation] = await add_peer(
                session, organisation, peers[organisation].url, ods_code=ods_code, kind=kind.value
            )
    return found
