"""Keys of recipients' systems: added, rotated, revoked and listed by command.

One key may serve many schools (the supplier of their management system): its scopes name them.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import text

from chassis.clock import now
from chassis.credentials import make_key, revoke_keys
from chassis.database import Session
from schemas.organisations import OrganisationKind
from services.notifier.tables import Credential

ROTATION_HOURS = 24.0
"""How long the old key is still taken beside the new one."""


async def add_credential(
    session: Session,
    organisation: str,
    kind: OrganisationKind,
    *,
    name: str = "",
    scopes: Sequence[str] = (),
    rights: Sequence[str] = (),
) -> str:
    """A key that reads the notices of `scopes`, or of the organisation itself; shown once.

    `rights`: what it may do besides, of `permissions.GIVEN_BY_NAME`.
    """
    return await make_key(
        session,
        Credential,
        organisation=organisation,
        name=name or organisation,
        kind=str(kind),
        scopes=list(scopes) or [organisation],
        rights=[str(one) for one in rights],
    )


async def rotate_credential(
    session: Session, organisation: str, hours: float = ROTATION_HOURS
) -> str | None:
    """A new key like the newest; the old ones end later. None when there is none."""
    found = (
        await session.execute(
            text("""select name, kind, scopes, rights from notifier.credential
                     where organisation = :organisation and expires_at is null
                     order by created_at desc limit 1"""),
            {"organisation": organisation},
        )
    ).first()
    if found is None:
        return None
    await revoke_keys(session, Credential, organisation, now() + timedelta(hours=hours))
    return await add_credential(
        session,
        organisation,
        OrganisationKind(found.kind),
        name=found.name,
        scopes=found.scopes,
        rights=found.rights,
    )


async def revoke_credential(session: Session, organisation: str) -> int:
    """End every key of an organisation now; returns how many."""
    done = await session.execute(
        text("""update notifier.credential set expires_at = :at
                 where organisation = :organisation
                   and (expires_at is null or expires_at > :at)"""),
        {"organisation": organisation, "at": now()},
    )
    return int(done.rowcount)


async def list_credentials(session: Session) -> list[tuple[str, str, list[str], datetime | None]]:
    """(organisation, id, scopes, expiry) of every key, never the key."""
    rows = await session.execute(
        text("""select organisation, id, scopes, expires_at from notifier.credential
                 order by organisation, created_at""")
    )
    return [(row.organisation, row.id, row.scopes, row.expires_at) for row in rows]
