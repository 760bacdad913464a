"""Says what a file holds and reads it line by line: our own CSV, exports, FHIR patients.

Nothing is stored here; a line that cannot be read is one that says why.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import IO, Any

from schemas.organisations import Organisation
from services.directory.import_exports import (
    CENSUS_NEEDS,
    HEALTH_NEEDS,
    columns_of,
    read_census_child,
    read_health_child,
)
from services.directory.import_fhir import patients_of, read_patient
from services.directory.import_fields import BadField, ChildLine, check_text
from services.directory.import_lines import (
    CHILD_COLUMNS,
    ORGANISATION_COLUMNS,
    read_child,
    read_organisation,
)

FORMATS = ("organisations", "children", "census", "health", "fhir")
"""What `--format` may name."""


class UnknownFileError(ValueError):
    """Neither the header nor the content says what the file holds."""


@dataclass(frozen=True)
class Options:
    """What the caller knows of a file: its format, and the URN of the school it is of."""

    format: str | None = None
    school: str | None = None


@dataclass(frozen=True)
class Source:
    """What a file holds, and its lines by number, each read or not."""

    kind: str
    lines: Iterable[tuple[int, ChildLine | Organisation | BadField]]


Line = Mapping[str, str]
_Read = Callable[[Line], ChildLine | Organisation]


def open_source(file: IO[bytes], today: date, options: Options) -> Source:
    """The source behind an open file; raises `UnknownFileError`."""
    head = file.read(64).lstrip(b"\xef\xbb\xbf \t\r\n")
    file.seek(0)
    if options.format == "fhir" or (options.format is None and head.startswith((b"{", b"["))):
        return Source("children", _read_patients(file))
    lines = csv.reader(_decode(file))
    header = [name.strip() for name in next(lines, [])]
    found = options.format or _format_of(header)
    if found == "organisations":
        return Source("organisations", _read_lines(lines, header, read_organisation))
    if found == "children":
        return Source("children", _read_lines(lines, header, read_child))
    columns = columns_of(header)
    if found == "census":

        def read_census(line: Line) -> ChildLine:
            return read_census_child(line, options.school)

        return Source("children", _read_lines(lines, columns, read_census))

    def read_health(line: Line) -> ChildLine:
        return read_health_child(line, today)

    return Source("children", _read_lines(lines, columns, read_health))


def _format_of(header: Sequence[str]) -> str:
    names = set(header)
    if "register_ref" in names and names <= set(CHILD_COLUMNS):
        return "children"
    if {"id", "kind", "name"} <= names <= set(ORGANISATION_COLUMNS):
        return "organisations"
    exported = set(columns_of(header))
    # Only a register of health knows a number of both kinds and no day of entry.
    if exported >= CENSUS_NEEDS and "entry_date" in exported:
        return "census"
    if exported >= HEALTH_NEEDS:
        return "health"
    raise UnknownFileError(
        "the header must name columns of organisations (id, kind, name, …), of children "
        "(register_ref, …) and no other, of a school census (UPN, forename, surname, date of "
        "birth, entry date, …) or of a health register (NHS number, forename, surname, date of "
        "birth, …); or the file holds FHIR patients"
    )


def _read_lines(
    lines: Any, header: Sequence[str], read: _Read
) -> Iterator[tuple[int, ChildLine | Organisation | BadField]]:
    for values in lines:
        if not values:
            continue
        number = lines.line_num
        try:
            if len(values) != len(header):
                raise BadField("line", "number-of-columns")
            line = {name: value.strip() for name, value in zip(header, values, strict=True) if name}
            check_text(line.items())
            yield number, read(line)
        except BadField as bad:
            yield number, bad


def _decode(file: IO[bytes]) -> Iterator[str]:
    """Lines as text; bytes that are not UTF-8 stay recognisable, so that their line is skipped."""
    for number, line in enumerate(file):
        yield line.decode("utf-8-sig" if number == 0 else "utf-8", errors="surrogateescape")


def _read_patients(file: IO[bytes]) -> Iterator[tuple[int, ChildLine | BadField]]:
    """One resource a line; else the whole file is one, and its patients are counted."""
    first = file.readline()
    file.seek(0)
    if not _is_resource(first):
        yield from _read_bundle(file.read())
        return
    # A line may be a bundle of several: patients are counted, which are lines where it is not.
    number = 0
    for line in file:
        if line.strip():
            for _, read in _read_bundle(line):
                number += 1
                yield number, read


def _is_resource(line: bytes) -> bool:
    try:
        return isinstance(json.loads(line), dict)
    except ValueError:
        return False


def _read_bundle(text: bytes) -> Iterator[tuple[int, ChildLine | BadField]]:
    try:
        patients = list(patients_of(json.loads(text)))
    except (ValueError, RecursionError):
        yield 1, BadField("line", "json")
        return
    except BadField as bad:
        yield 1, bad
        return
    for number, patient in enumerate(patients, start=1):
        try:
            yield number, read_patient(patient)
        except BadField as bad:
            yield number, bad
