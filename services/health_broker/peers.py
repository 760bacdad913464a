"""The health systems that take FHIR messages: added, rotated and removed by command."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy import text
from yarl import URL

from chassis.clock import now
from chassis.credentials import make_key, revoke_keys
from chassis.database import Session
from schemas.organisations import OrganisationKind
from services.health_broker.fhir import Party
from services.health_broker.tables import Credential

DEFAULT_KIND = OrganisationKind.HOSPITAL


class PeerError(ValueError):
    """What the command was told cannot be done; the message says why."""


@dataclass(frozen=True, slots=True)
class KnownPeer:
    """Where a peer is and who it is."""

    organisation: str
    name: str
    base_url: str
    ods_code: str
    token: str | None = field(repr=False)
    queue_opened_at: datetime | None

    @property
    def endpoint(self) -> str:
        """Its `$process-message`."""
        return f"{self.base_url}/$process-message"

    def as_party(self) -> Party:
        """As an end of a message."""
        return Party(self.name, self.ods_code, self.endpoint)


async def find_peers(
    session: Session, organisations: Sequence[str] | None = None
) -> dict[str, KnownPeer]:
    """The peers of these organisations (of all), by organisation."""
    rows = await session.execute(
        text("""select p.organisation, coalesce(o.name, p.organisation), p.base_url, p.ods_code,
                       p.token, p.queue_opened_at
                  from health_broker.peer p
                  left join health_broker.organisation o on o.id = p.organisation
                 where cast(:organisations as text[]) is null
                    or p.organisation = any(:organisations)
                 order by p.organisation"""),
        {"organisations": None if organisations is None else list(organisations)},
    )
    return {row[0]: KnownPeer(*row) for row in rows}


async def add_peer(
    session: Session,
    organisation: str,
    base_url: str,
    *,
    ods_code: str | None = None,
    kind: str | None = None,
    token: str | None = None,
) -> str:
    """Add a peer, or change it; returns the bearer key with which it answers us, shown once.

    `ods_code` and `kind` default to what the directory has said of the organisation. `token` is
    what we show the peer. Keys that it had before end, and what
    waits for it is due at once. Raises `PeerError`.
    """
    url = URL(base_url)
    if url.scheme not in ("http", "https") or not url.host or url.query_string or url.user:
        raise PeerError(
            "The address must be http(s)://host[:port]/path, with nothing secret in it."
        )
    known = (
        await session.execute(
            text("select kind, ods_code from health_broker.organisation where id = :id"),
            {"id": organisation},
        )
    ).first()
    ods_code = ods_code or (known.ods_code if known else None)
    if not ods_code:
        raise PeerError(f"No ODS code is known for {organisation}: give it with --ods-code.")
    await session.execute(
        text("""insert into health_broker.peer (organisation, base_url, ods_code, token, added_at)
                values (:organisation, :url, :ods, :token, :at)
                on conflict (organisation) do update
                   set base_url = :url, ods_code = :ods, token = :token"""),
        {
            "organisation": organisation,
            "url": base_url.rstrip("/"),
            "ods": ods_code,
            "token": token,
            "at": now(),
        },
    )
    await session.execute(
        text("""update health_broker.message set due_at = clock_timestamp()
                 where organisation = :organisation and state = 'waiting'"""),
        {"organisation": organisation},
    )
    await revoke_keys(session, Credential, organisation, now())
    chosen = OrganisationKind(kind or (known.kind if known else DEFAULT_KIND))
    return await make_key(
        session, Credential, organisation=organisation, name=organisation, kind=chosen.value
    )


async def rotate_peer(session: Session, organisation: str, *, overlap: timedelta) -> str:
    """A new key for a peer; its present ones end after the overlap. Raises `PeerError`."""
    kind = (
        await session.execute(
            text("""select kind from health_broker.credential where organisation = :organisation
                     order by created_at desc limit 1"""),
            {"organisation": organisation},
        )
    ).scalar()
    if kind is None or organisation not in await find_peers(session, [organisation]):
        raise PeerError(f"{organisation} is no peer.")
    await revoke_keys(session, Credential, organisation, now() + overlap)
    return await make_key(
        session, Credential, organisation=organisation, name=organisation, kind=kind
    )


async def remove_peer(session: Session, organisation: str) -> None:
    """No message goes there any more: what still waits fails, visibly. Raises `PeerError`."""
    done = await session.execute(
        text("delete from health_broker.peer where organisation = :organisation"),
        {"organisation": organisation},
    )
    if done.rowcount != 1:
        raise PeerError(f"{organisation} is no peer.")
    await revoke_keys(session, Credential, organisation, now())
