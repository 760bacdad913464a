"""The secrets of one laptop: made once, kept in one file that only its owner may read.

They are made before anything that depends on them, so that a first start which was interrupted
goes on with the same ones.
"""

from __future__ import annotations

import base64
import secrets
from datetime import date

from pydantic import BaseModel, ConfigDict

from deploy.laptop.agencies import AGENCIES
from deploy.laptop.partnership import DEMO_SCHOOL
from deploy.laptop.place import Place


class Key(BaseModel):
    """One bearer key: the id finds it, the secret proves it."""

    model_config = ConfigDict(frozen=True)

    id: str
    secret: str

    @property
    def authorization(self) -> str:
        """The whole header."""
        return f"Bearer sgb_{self.id}_{self.secret}"


class Keys(BaseModel):
    """Everything that must stay the same from one start to the next."""

    model_config = ConfigDict(frozen=True)

    made_on: date
    children: int
    identity_secret: str
    webhook_secrets: dict[str, str]
    agencies: dict[str, Key]


def load_keys(place: Place, today: date, children: int) -> Keys:
    """The keys of this place; made at the first start."""
    if place.secrets_file.exists():
        return Keys.model_validate_json(place.secrets_file.read_text(encoding="utf-8"))
    keys = Keys(
        made_on=today,
        children=children,
        identity_secret=secrets.token_urlsafe(32),
        webhook_secrets={
            DEMO_SCHOOL: "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode()
        },
        agencies={
            name: Key(id=secrets.token_hex(8), secret=secrets.token_hex(32)) for name in AGENCIES
        },
    )
    place.write_private(place.secrets_file, keys.model_dump_json(indent=1))
    return keys
