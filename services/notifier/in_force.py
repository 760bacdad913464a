"""When a change of an endpoint is in force everywhere: nothing is sent by what it was before.

Any number of processes send, each by a copy of the endpoints that it never uses for longer than
`endpoint_copy_seconds`. So after that time nobody begins a request by what was changed; what began
before is still claimed until it ends, or was cancelled, and ends within its time-out.
"""

from __future__ import annotations

import asyncio
import time
from uuid import UUID

from sqlalchemy import text

from chassis.database import Database
from services.notifier.settings import SendSettings

LOOK_SECONDS = 0.1


async def wait_until_in_force(database: Database, organisation: str, send: SendSettings) -> None:
    """Return when a change of this organisation's endpoints, committed before, is in force in every
    process.

    It takes `endpoint_copy_seconds`, and then as long as a request is still on its way, at most the
    time-out of one. No connection is held meanwhile.
    """
    await asyncio.sleep(send.endpoint_copy_seconds)
    ends = time.monotonic() + send.timeout_seconds
    about = {
        "organisation": organisation,
        "seconds": send.endpoint_copy_seconds + send.timeout_seconds,
    }
    begun: set[tuple[UUID, UUID | None]] | None = None
    while time.monotonic() < ends:
        async with database.reading() as session:
            now = {(row.id, row.claim_token) for row in await session.execute(_SENT, about)}
        # What is claimed later is sent by what the endpoint is now.
        begun = now if begun is None else begun & now
        if not begun:
            return
        await asyncio.sleep(LOOK_SECONDS)


_SENT = text("""
    select id, claim_token from notifier.delivery
     where settled_at is null and ready and state = 'claimed'
       and endpoint in (select id from notifier.endpoint where organisation = :organisation)
     union all
    select d.id, null from notifier.obligation o join notifier.delivery d on d.id = o.id
     where o.organisation = :organisation and o.owner = 'notifier' and o.acknowledged_at is null
       and d.state = 'cancelled' and d.attempts > 0
       and d.settled_at > clock_timestamp() - make_interval(secs => :seconds)""")
