"""One child's view of an addressed event: the only door through which a projection takes from it.

Texts that are held stay behind it, and are noted by name.
"""

from __future__ import annotations

from typing import Any

from schemas.blocks import IdentifiedNhsNumber
from schemas.errors import make_pointer
from schemas.facts import EventAddressed
from schemas.profiles.texts import child_item


class Told:
    """One child's view of an addressed event, which notes what it held back."""

    def __init__(self, addressed: EventAddressed) -> None:
        self.addressed = addressed
        self.data = addressed.data
        self.item = child_item(addressed.data, addressed.child_index)
        self.sent_child: dict[str, Any] = self.item.get("child") or {}
        self.held_fields: list[str] = []

    def child(self) -> dict[str, Any]:
        """The child as the register knows it, else as the sender does.

        The register's name wins: a sender may know an old one, which no recipient may learn.
        """
        identity = self.addressed.identity
        if identity is None:
            names = ("name", "dateOfBirth", "expectedDateOfDelivery")
            return {name: self.sent_child.get(name) for name in names}
        told: dict[str, Any] = {
            "name": {"given": identity.given_name or None, "family": identity.family_name or None}
        }
        if identity.date_of_birth is not None:
            told["dateOfBirth"] = {"value": identity.date_of_birth}
        else:
            told["dateOfBirth"] = self.sent_child.get("dateOfBirth")
            told["expectedDateOfDelivery"] = self.sent_child.get("expectedDateOfDelivery")
        return told

    def nhs_number(self) -> dict[str, Any] | None:
        """The register's number, else the sender's where its check digit holds."""
        identity = self.addressed.identity
        if identity is not None and identity.nhs_number:
            status = "verified" if identity.nhs_verified else "unverified"
            return {"value": identity.nhs_number, "status": status}
        sent = self.sent_child.get("nhsNumber")
        number = IdentifiedNhsNumber.model_validate(sent, by_alias=True) if sent else None
        if number is None or number.digits is None:
            return None
        # A register that knows the child but not this number has not verified it.
        trusted = identity is None and number.status == "verified"
        return {"value": number.digits, "status": "verified" if trusted else "unverified"}

    def text(self, *path: str) -> str | None:
        """A text about this child, unless it is held."""
        value: Any = self.item
        for part in path:
            value = value.get(part) if isinstance(value, dict) else None
        return self._unless_held(
            value, make_pointer("children", self.addressed.child_index, *path), ".".join(path)
        )

    def event_text(self, value: str | None, *path: str | int) -> str | None:
        """A text about the event as a whole, unless it is held."""
        return self._unless_held(value, make_pointer(*path), ".".join(map(str, path)))

    def _unless_held(self, value: str | None, pointer: str, name: str) -> str | None:
        if value is None:
            return None
        for held in self.addressed.held:
            if pointer == held or pointer.startswith(f"{held}/"):
                self.held_fields.append(name)
                return None
        return value
