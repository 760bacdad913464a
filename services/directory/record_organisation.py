"""Keeps what organisations are, and publishes each change: `organisation.recorded`.

An older statement never overwrites a newer one; a statement that changes nothing tells nobody.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import text

from bus import Publishable
from chassis.database import Session
from schemas.facts import EventAccepted, EventApplied, OrganisationRecorded
from schemas.organisations import Organisation
from schemas.permissions import STATES_ANY_RECORD
from services.directory.judge_own_record import judge_own_record
from services.directory.partnership import Partnership
from services.directory.write_keys import note_due

# By a school's number its pupils are told from others. Rare, and no index is kept for it.
_RENUMBERED = text("""
    select o.id from jsonb_array_elements(cast(:rows as jsonb)) as r(detail)
      join directory.organisation o on o.id = r.detail->>'id'
     where o.stated_at <= :stated_at and o.urn is distinct from r.detail->>'urn'""")

_PUPILS = text("""
    select distinct child from directory.enrolment
     where organisation = any(cast(:ids as text[]))""")

_RECORD = text("""
    insert into directory.organisation as o (id, kind, name, urn, ukprn, ods_code, local_authority,
        successor, nursing_provider, covers_postcodes, detail, stated_at, recorded_at)
    select r.detail->>'id', r.detail->>'kind', r.detail->>'name', r.detail->>'urn',
           r.detail->>'ukprn', r.detail->>'odsCode', r.detail->>'localAuthority',
           r.detail->>'successor', r.detail->>'nursingProvider',
           array(select jsonb_array_elements_text(r.detail->'coversPostcodes')), r.detail,
           :stated_at, :recorded_at
      from jsonb_array_elements(cast(:rows as jsonb)) as r(detail)
        on conflict (id) do update
       set kind = excluded.kind, name = excluded.name, urn = excluded.urn, ukprn = excluded.ukprn,
           ods_code = excluded.ods_code, local_authority = excluded.local_authority,
           successor = excluded.successor, nursing_provider = excluded.nursing_provider,
           covers_postcodes = excluded.covers_postcodes, detail = excluded.detail,
           stated_at = excluded.stated_at, recorded_at = excluded.recorded_at
     where o.stated_at <= excluded.stated_at and o.detail <> excluded.detail
    returning o.id""")


_CURRENT = text("select detail from directory.organisation where id = :id for update")


async def record_organisations(
    session: Session,
    partnership: Partnership,
    organisations: Sequence[Organisation],
    stated_at: datetime,
) -> list[OrganisationRecorded]:
    """Restate organisations (ids differ); returns the facts of those that changed."""
    if not organisations:
        return []
    now = partnership.clock()
    rows = json.dumps([one.model_dump(mode="json", by_alias=True) for one in organisations])
    renumbered = await session.execute(_RENUMBERED, {"rows": rows, "stated_at": stated_at})
    ids = [row.id for row in renumbered]
    if ids:
        pupils = await session.execute(_PUPILS, {"ids": ids})
        await note_due(session, [row.child for row in pupils])
    done = await session.execute(
        _RECORD, {"rows": rows, "stated_at": stated_at, "recorded_at": now}
    )
    changed = {row.id for row in done}
    return [OrganisationRecorded(organisation=one, at=now) for one in organisations
            if one.id in changed]  # fmt: skip


async def apply_organisation(
    session: Session, partnership: Partnership, event: EventAccepted
) -> list[Publishable]:
    """An `organisation.changed` takes effect. Of its own record an organisation changes the fields
    that are its own, and what it does not name stays; anything else refuses the whole statement,
    with the rule and the field in the outcome that its sender reads."""
    organisation: Organisation | str = Organisation.model_validate(event.data["organisation"])
    if event.sender.kind not in STATES_ANY_RECORD:
        organisation = await _own_record(session, event)
    changed: list[OrganisationRecorded] = []
    if isinstance(organisation, str):
        outcome = organisation
    else:
        changed = await record_organisations(
            session, partnership, [organisation], event.occurred_at
        )
        outcome = "applied" if changed else "nothing-newer"
    applied = EventApplied(
        receipt=event.receipt, key=event.key, at=partnership.clock(), outcome=outcome
    )
    return [*changed, applied]


async def _own_record(session: Session, event: EventAccepted) -> Organisation | str:
    """The record as its own organisation would have it, or why that is refused."""
    row = (await session.execute(_CURRENT, {"id": event.sender.organisation})).first()
    if row is None:
        return "own-record:/organisation/id"
    before = Organisation.model_validate(row.detail)
    return judge_own_record(before, event.data["organisation"])
