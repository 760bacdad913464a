"""The one base of every model that crosses a border: camelCase outside, snake_case inside."""

from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel


class Model(BaseModel):
    """A contract read from or written to another system.

    Unknown fields are ignored on reading, so that a schema may grow; values are frozen, so that a
    step cannot change what another step was told.
    """

    model_config = ConfigDict(
        alias_generator=to_camel,
        populate_by_name=True,
        frozen=True,
        extra="ignore",
        ser_json_timedelta="iso8601",
    )
