"""How refused content is reported: every failing field by JSON pointer, never by its value."""

from collections.abc import Iterable
from typing import NamedTuple


class FieldError(NamedTuple):
    """One failing field. `pointer` is an RFC 6901 JSON pointer; "" is the whole document."""

    pointer: str
    rule: str
    message: str


class InvalidData(ValueError):  # noqa: N818 — named as the answer it becomes, as `Refused` is.
    """Content that is refused; `errors` names every failing field, and no value given."""

    def __init__(self, errors: Iterable[FieldError]) -> None:
        self.errors: tuple[FieldError, ...] = tuple(errors)
        super().__init__(
            ", ".join(f"{error.pointer or '/'} ({error.rule})" for error in self.errors)
        )


def make_pointer(*parts: str | int) -> str:
    """The JSON pointer of a path of names and positions (RFC 6901 escapes)."""
    return "".join(f"/{str(part).replace('~', '~0').replace('/', '~1')}" for part in parts)
