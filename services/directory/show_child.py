"""A child of the register as a reviewer sees one."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from schemas.model import Model
from services.directory.register import RegisteredChild


class ChildShown(Model):
    """Who it is. Never a restricted child: whoever shows it has seen to that."""

    child_id: UUID
    given_name: str
    family_name: str
    date_of_birth: str | None
    sex: str | None
    nhs_number: str | None
    upn: str | None
    postcode: str | None


def columns_of(child: RegisteredChild) -> dict[str, Any]:
    """The values of `ChildShown`."""
    born = child.date_of_birth
    return {
        "child_id": child.id,
        "given_name": child.given_name,
        "family_name": child.family_name,
        "date_of_birth": born.isoformat() if born is not None else None,
        "sex": child.sex,
        "nhs_number": child.nhs_number,
        "upn": child.upn,
        "postcode": child.postcode,
    }
