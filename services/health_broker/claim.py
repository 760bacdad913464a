"""Takes what is due to be sent (step 6): in order per child and peer, nothing that was overtaken.

A short transaction; what it takes is ours until its lease ends.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import text

from bus import Fact, append
from chassis import outbound
from chassis.clock import now
from chassis.database import Session
from schemas.facts import NoticeFailed, NoticeSuperseded
from services.health_broker.compose import NO_PEER
from services.health_broker.peers import KnownPeer, find_peers
from services.health_broker.settings import HealthBrokerSettings
from services.health_broker.standing import find_overtaken
from services.health_broker.tables import Message
from services.health_broker.tell import fact_about

STEP_BACK_SECONDS = 0.25
"""When a message that must wait for another, or for its peer's turn, is looked at again."""
PROBES = 2
"""How many messages at once are tried on a peer whose queue is open: it may hang at each."""


@dataclass(frozen=True, slots=True)
class Taken:
    """A message that this process is to send now."""

    token: UUID
    row: Mapping[Any, Any]
    peer: KnownPeer


async def claim_messages(
    session: Session, settings: HealthBrokerSettings, sending: Counter[str]
) -> list[Taken]:
    """Claim what may be sent now, beside `sending` (how many, by organisation, already are)."""
    free = settings.sending_at_once - sending.total()
    if free <= 0:
        return []
    claim = await outbound.claim(session, Message, limit=free, lease_seconds=settings.lease_seconds)
    if not claim.rows:
        return []
    claimed = [row._asdict() for row in claim.rows]
    peers = await find_peers(session, list({row["organisation"] for row in claimed}))
    rows = await _drop_stopped(session, claimed, peers)
    blocked = await _find_blocked(session, rows)
    turns = Counter(sending)
    taken, back = [], []
    for row in rows:
        organisation = row["organisation"]
        turns_free = (
            PROBES if peers[organisation].queue_opened_at else settings.sending_at_once_per_peer
        )
        if row["id"] in blocked or turns[organisation] >= turns_free:
            back.append(row["id"])
            continue
        turns[organisation] += 1
        taken.append(Taken(claim.token, row, peers[organisation]))
    await _step_back(session, back)
    return taken


async def _drop_stopped(
    session: Session, rows: Sequence[Mapping[str, Any]], peers: Mapping[str, KnownPeer]
) -> list[Mapping[str, Any]]:
    """Settle what is told no further, and what has lost its peer; return the rest."""
    pairs = [(row["receipt"], row[of]) for row in rows for of in ("child_id", "id")]
    overtaken = await find_overtaken(session, pairs)
    stopped: dict[UUID, tuple[str, str]] = {}
    facts: list[Fact] = []
    for row in rows:
        receipt = row["receipt"]
        reason = overtaken.get((receipt, row["child_id"])) or overtaken.get((receipt, row["id"]))
        if reason is not None:
            stopped[row["id"]] = (outbound.CANCELLED, reason)
            facts.append(fact_about(NoticeSuperseded, row, now(), reason=reason))
        elif row["organisation"] not in peers:
            stopped[row["id"]] = (outbound.FAILED, NO_PEER)
            facts.append(fact_about(NoticeFailed, row, now(), reason=NO_PEER))
    if stopped:
        # It was not sent, so this is no attempt: a found or a withdrawal looks at their number.
        await session.execute(
            text("""update health_broker.message m
                       set state = s.state, reason = s.reason, attempts = attempts - 1,
                           claim_token = null, claimed_until = null,
                           settled_at = clock_timestamp()
                      from unnest(cast(:ids as uuid[]), cast(:states as text[]),
                                  cast(:reasons as text[])) s(id, state, reason)
                     where m.id = s.id"""),
            {
                "ids": list(stopped),
                "states": [state for state, _ in stopped.values()],
                "reasons": [reason for _, reason in stopped.values()],
            },
        )
        await append(session, *facts)
    return [row for row in rows if row["id"] not in stopped]


async def _find_blocked(session: Session, rows: Sequence[Mapping[str, Any]]) -> set[UUID]:
    """Those behind an earlier message about the same child to the same peer.

    A found that overtook its alert would leave the alert standing at the receiver.
    """
    found = await session.execute(
        text("""select m.id from health_broker.message m
                 where m.id = any(:ids) and exists (
                       select 1 from health_broker.message e
                        where e.organisation = m.organisation and e.child_id = m.child_id
                          and e.line < m.line and e.state in ('waiting', 'claimed'))"""),
        {"ids": [row["id"] for row in rows]},
    )
    return {row[0] for row in found}


async def _step_back(session: Session, notices: Sequence[UUID]) -> None:
    if notices:
        await session.execute(
            text("""update health_broker.message m
                       set state = 'waiting', attempts = attempts - 1, claim_token = null,
                           claimed_until = null, ready = false,
                           due_at = greatest(
                               clock_timestamp() + make_interval(secs => :seconds),
                               (select max(e.due_at) from health_broker.message e
                                 where e.organisation = m.organisation
                                   and e.child_id = m.child_id and e.line < m.line
                                   and e.state = 'waiting'))
                     where id = any(:ids)"""),
            {"ids": list(notices), "seconds": STEP_BACK_SECONDS},
        )
