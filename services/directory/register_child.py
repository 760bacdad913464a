"""Puts a child on the register whom nobody knew: a person said so, or a school with its number.

A number that another child has already is not taken: it may be a twin's.
"""

from __future__ import annotations

import json

from sqlalchemy import text

from chassis.database import Session
from chassis.ids import new_id
from schemas.blocks import Child as SentChild
from services.directory.partnership import Partnership
from services.directory.register import RegisteredChild, keys_of
from services.directory.track_changed import note_changed
from services.directory.write_keys import refresh_keys

_TAKEN = text("""
    select exists (select 1 from directory.child where nhs_number = :number) as number,
           exists (select 1 from directory.child where upn = :upn) as upn""")

_INSERT = text("""
    insert into directory.child (id, given_name, family_name, alternative_names, date_of_birth, sex,
        nhs_number, nhs_verified, upn, address, postcode, responsible_authority, restricted,
        recorded_at)
    values (:id, :given_name, :family_name, cast(:alternative_names as jsonb), :date_of_birth, :sex,
        :nhs_number, :nhs_verified, :upn, :address, :postcode, :responsible_authority, false,
        :recorded_at)""")

_KEYS = text("""
    insert into directory.child_key (key, child)
    select unnest(cast(:keys as uuid[])), :child on conflict do nothing""")


async def register_child(
    session: Session, partnership: Partnership, sent: SentChild
) -> RegisteredChild:
    """A new row from what a sender says of a child."""
    number, upn = sent.valid_nhs_number, sent.valid_upn
    taken = (await session.execute(_TAKEN, {"number": number, "upn": upn})).one()
    name, address, care = sent.name, sent.address, sent.in_care
    verified = sent.nhs_number is not None and sent.nhs_number.status == "verified"
    child = RegisteredChild(
        id=new_id(),
        given_name=(name.given if name else None) or "",
        family_name=(name.family if name else None) or "",
        alternative_names=[one.model_dump(exclude_none=True) for one in sent.alternative_names],
        date_of_birth=sent.exact_date_of_birth,
        sex=sent.sex,
        nhs_number=None if taken.number else number,
        nhs_verified=verified and number is not None and not taken.number,
        upn=None if taken.upn else upn,
        postcode=address.normal_postcode if address else None,
        local_authority=None,
        responsible_authority=care.responsible_authority if care else None,
        restricted=False,
    )
    await session.execute(
        _INSERT,
        {
            **{name: value for name, value in child._asdict().items() if name != "number"},
            "alternative_names": json.dumps(child.alternative_names),
            "address": "\n".join(address.lines) if address and address.lines else None,
            "recorded_at": partnership.clock(),
        },
    )
    names = [(child.given_name, child.family_name)]
    names += [(one.get("given", ""), one.get("family", "")) for one in child.alternative_names]
    keys = list(keys_of(names, child.date_of_birth, child.postcode))
    if keys:
        await session.execute(_KEYS, {"keys": keys, "child": child.id})
    await refresh_keys(session, [child.id], partnership.today())
    await note_changed(session, partnership, [child.id])
    return child
