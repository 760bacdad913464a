"""What was told about a child, for the worker who takes it over: references, times, classes, codes.

Nothing here is a name, a text of an event, or of any other child.
"""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from pydantic import Field

from schemas.model import Model
from schemas.organisations import RecipientRole


class DigestLine(Model):
    """One event that stands, as far as a digest may tell it."""

    receipt: UUID
    event_type: str
    occurred_at: datetime
    told: tuple[RecipientRole, ...] = Field(description="Classes of recipients, never their names.")
    about: UUID | None = Field(
        default=None, description="The receipt of the referral or report that it speaks of."
    )
    said: str | None = Field(default=None, description="A code: the outcome or the grade.")
    follows: bool = Field(
        default=False, description="Nobody has confirmed it: it follows as a notice of its own."
    )
    unconfirmed: tuple[RecipientRole, ...] = Field(
        default=(), description="Classes that were told and have not confirmed it."
    )


class Digest(Model):
    """A digest, as the directory knows it when it hears of the assignment; `follows` and
    `unconfirmed` are the notifier's to fill in."""

    since: datetime = Field(description="Nothing older is in it.")
    takes_over: tuple[str, ...] = Field(
        default=(), description="The organisations whose open notices go to the recipient."
    )
    mash: bool = Field(
        default=False, description="Whether what is open with the MASH goes to it as well."
    )
    earlier: tuple[UUID, ...] = Field(
        default=(), description="Earlier assignments of the same agency: their digests end."
    )
    lines: tuple[DigestLine, ...] = ()
    withdrawn: tuple[UUID, ...] = Field(
        default=(), description="Receipts of events that were taken back."
    )
    left_off: int = Field(default=0, ge=0, description="Older events that found no place.")
