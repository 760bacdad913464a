"""Agencies and their keys: added, rotated, revoked and listed by command.

A key is shown once, when it is made; only its hash is stored.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import text

from chassis.clock import now
from chassis.credentials import make_key
from chassis.database import Session
from schemas.organisations import OrganisationKind
from services.intake.tables import Credential

_ADD = text("""
    insert into intake.agency (organisation, name, kind, source, added_at)
    values (:organisation, :name, :kind, :source, :at) on conflict do nothing""")
_FIND = text("select name, kind, source from intake.agency where organisation = :organisation")
_END = text("""
    update intake.credential set expires_at = :at
     where organisation = :organisation and (expires_at is null or expires_at > :at)
       and (sandbox or not :only_sandbox) and (not sandbox or not :only_real)""")
_LIST = text("""
    select a.organisation, a.name, a.kind, a.source,
           count(c.id) filter (where not c.sandbox and (c.expires_at is null or c.expires_at > :at))
               as keys,
           count(c.id) filter (where c.sandbox and (c.expires_at is null or c.expires_at > :at))
               as sandbox_keys,
           max(c.created_at) filter (where not c.sandbox) as newest_key_at
      from intake.agency a left join intake.credential c using (organisation)
     group by a.organisation order by a.organisation""")


class AgencyError(Exception):
    """An agency cannot be added or found; the message says why."""


class AgencyLine(NamedTuple):
    """One agency, and how many keys of it are valid."""

    organisation: str
    name: str
    kind: str
    source: str
    keys: int
    sandbox_keys: int
    newest_key_at: datetime | None


async def add_agency(
    session: Session, organisation: str, *, kind: OrganisationKind, name: str, source: str
) -> str:
    """Add an agency with its source; returns its first key.

    Raises `AgencyError` when the organisation is known or the source belongs to another.
    """
    if not source or not source.isprintable() or len(source) > 256:
        raise AgencyError("a source has 1 to 256 printable characters")
    added = await session.execute(
        _ADD,
        {
            "organisation": organisation,
            "name": name,
            "kind": kind.value,
            "source": source,
            "at": now(),
        },
    )
    if added.rowcount != 1:
        raise AgencyError(
            f"{organisation} is known already, or its source belongs to another agency; "
            "`agency list` shows them, `agency rotate` gives a new key"
        )
    return await _make_key(session, organisation, kind.value, name, source)


async def add_sandbox_key(session: Session, organisation: str) -> str:
    """A key whose events are judged as the agency's own are, and reach the sandbox only.

    `AgencyError` if the agency is not known.
    """
    found = await _find(session, organisation)
    return await _make_key(
        session, organisation, found.kind, found.name, found.source, sandbox=True
    )


async def rotate_key(session: Session, organisation: str, overlap: timedelta) -> str:
    """A new key; the ones before it end after the overlap, those of the sandbox do not.

    `AgencyError` if the agency is not known.
    """
    found = await _find(session, organisation)
    await _end(session, organisation, now() + overlap, only_real=True)
    return await _make_key(session, organisation, found.kind, found.name, found.source)


async def revoke_agency(session: Session, organisation: str, *, only_sandbox: bool = False) -> int:
    """End every key now, those in their overlap and of the sandbox too; returns how many."""
    return await _end(session, organisation, now(), only_sandbox=only_sandbox)


async def list_agencies(session: Session) -> list[AgencyLine]:
    """Every agency, by organisation."""
    return [AgencyLine(*row) for row in await session.execute(_LIST, {"at": now()})]


async def _find(session: Session, organisation: str) -> Any:
    found = (await session.execute(_FIND, {"organisation": organisation})).one_or_none()
    if found is None:
        raise AgencyError(f"{organisation} is not known; `agency list` shows who is")
    return found


async def _end(
    session: Session,
    organisation: str,
    at: datetime,
    *,
    only_real: bool = False,
    only_sandbox: bool = False,
) -> int:
    which = {"only_real": only_real, "only_sandbox": only_sandbox}
    done = await session.execute(_END, {"organisation": organisation, "at": at, **which})
    return int(done.rowcount)


async def _make_key(
    session: Session, organisation: str, kind: str, name: str, source: str, *, sandbox: bool = False
) -> str:
    return await make_key(
        session, Credential, organisation=organisation, kind=kind, name=name, source=source,
        sandbox=sandbox,
    )  # fmt: skip
