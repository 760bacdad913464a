"""What an organisation may change of its own record, and whom it may name in it. Pure.

Its ladder decides who is told about a child when it is silent. So it may name itself, its local
authority, and whoever its record names already; somebody new is named by the authority.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from schemas.organisations import Organisation, Post
from schemas.permissions import OWN_RECORD_FIELDS

FIELDS = "own-record-fields"
RECIPIENTS = "own-record-recipients"


def judge_own_record(before: Organisation, stated: dict[str, Any]) -> Organisation | str:
    """The record as it will be, or `rule:/organisation/field` of the first field that is not its
    own to change. What is not named stays as it was.

    Args:
        before: as it is recorded.
        stated: the event's `organisation`, as it was sent.
    """
    after = Organisation.model_validate(stated)
    changes: dict[str, Any] = {}
    for name, field in Organisation.model_fields.items():
        pointer = f"/organisation/{field.alias or name}"
        if (field.alias or name) not in stated:
            continue
        value = getattr(after, name)
        if value == getattr(before, name):
            continue
        if name not in OWN_RECORD_FIELDS:
            return f"{FIELDS}:{pointer}"
        changes[name] = value
    known = {before.id, before.local_authority, *(one.organisation for _, one in _posts(before))}
    for name, post in _posts(after):
        if name in changes and post.organisation not in known:
            return f"{RECIPIENTS}:/organisation/{Organisation.model_fields[name].alias or name}"
    return before.model_copy(update=changes)


def _posts(organisation: Organisation) -> Iterator[tuple[str, Post]]:
    """Every post that a record names, with the field in which it stands."""
    yield from (("ladder", rung) for rung in organisation.ladder)
    yield from (("ladders", rung) for one in organisation.ladders for rung in one.rungs)
    yield from (("absences", one.stand_in) for one in organisation.absences)
    if organisation.holiday_contact is not None:
        yield "holiday_contact", organisation.holiday_contact
