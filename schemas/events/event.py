"""What every event says whatever it is about: whom to ask, and who must not be told."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from schemas.blocks import Contact, Withhold
from schemas.model import Model


class Event(Model):
    """The sender's contact is mandatory in every event; `withholdFrom` is possible in every one."""

    contact: Contact
    withhold_from: Annotated[tuple[Withhold, ...], Field(max_length=50)] = ()
