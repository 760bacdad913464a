"""The contracts as files: JSON Schema 2020-12 of every event and fact, and AsyncAPI 3.0.

`python -m schemas.generate [--check]` writes them to `schemas/generated/`, or only says which
differ. The text is the same on every machine.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter
from pydantic.json_schema import JsonSchemaMode

from schemas.catalogue import EVENT_TYPES, SCHEMA_ROOT, dataschema_of
from schemas.envelope import CloudEvent
from schemas.facts import FACTS, TOPICS
from schemas.profiles import MODELS
from schemas.self_test import SelfTest

GENERATED = Path(__file__).parent / "generated"
DIALECT = "https://json-schema.org/draft/2020-12/schema"
_TOPIC_TEXTS = {
    "events": "Events as agencies stated them, once recorded.",
    "addressed": "For one child of one event: who must know; and what a person must decide.",
    "notices": "What happened to each notice.",
    "organisations": "What the directory knows of each organisation.",
    "status": "How the parts of the bus do: what is late, the canary, and the ledger's gaps.",
}


def event_schema(event_type: str, version: int = 1) -> dict[str, Any]:
    """JSON Schema of the `data` of one type and version."""
    described = EVENT_TYPES[event_type]
    schema = _schema_of(described.models[version], "validation")
    return {"$schema": DIALECT, "$id": dataschema_of(event_type, version), **schema}


def envelope_schema() -> dict[str, Any]:
    """JSON Schema of the envelope, whatever the data."""
    return {
        "$schema": DIALECT,
        "$id": f"{SCHEMA_ROOT}/envelope/1",
        **_schema_of(CloudEvent, "validation"),
    }


def json_schemas() -> dict[str, str]:
    """Every JSON Schema, by its path below `schemas/generated/`."""
    written: dict[str, str] = {"envelope.1.json": _text(envelope_schema())}
    for name, described in EVENT_TYPES.items():
        for version in described.models:
            written[f"events/{name}.{version}.json"] = _text(event_schema(name, version))
    for name, fact in FACTS.items():
        written[f"facts/{name}.json"] = _text(
            {
                "$schema": DIALECT,
                "$id": f"{SCHEMA_ROOT}/facts/{name}",
                **_schema_of(fact, "serialization"),
            }
        )
    for profile, model in MODELS.items():
        written[f"profiles/{profile}.json"] = _text(
            {
                "$schema": DIALECT,
                "$id": f"{SCHEMA_ROOT}/profiles/{profile}",
                **_schema_of(model, "serialization"),
            }
        )
    written["profiles/test.json"] = _text(
        {
            "$schema": DIALECT,
            "$id": f"{SCHEMA_ROOT}/profiles/test",
            **_schema_of(SelfTest, "serialization"),
        }
    )
    return written


def asyncapi() -> str:
    """AsyncAPI 3.0: topics are channels, facts are messages, both from the same objects."""
    channels: dict[str, Any] = {}
    operations: dict[str, Any] = {}
    messages: dict[str, Any] = {}
    schemas: dict[str, Any] = {}
    for topic in TOPICS:
        names = sorted(name for name, fact in FACTS.items() if fact.topic == topic)
        channels[topic] = {
            "address": topic,
            "description": _TOPIC_TEXTS[topic],
            "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in names},
        }
        carried = [{"$ref": f"#/channels/{topic}/messages/{name}"} for name in names]
        channel = {"$ref": f"#/channels/{topic}"}
        operations[f"append-{topic}"] = {
            "action": "send", "channel": channel, "messages": carried,
        }  # fmt: skip
        operations[f"consume-{topic}"] = {
            "action": "receive", "channel": channel, "messages": carried,
        }  # fmt: skip
    for name, fact in FACTS.items():
        schema = _schema_of(fact, "serialization", f"#/components/schemas/{name}.")
        for inner, definition in schema.pop("$defs", {}).items():
            schemas[f"{name}.{inner}"] = definition
        schemas[name] = schema
        messages[name] = {
            "name": name,
            "title": name,
            "summary": (fact.__doc__ or "").strip().splitlines()[0],
            "contentType": "application/json",
            "payload": {"$ref": f"#/components/schemas/{name}"},
        }
    return _text(
        {
            "asyncapi": "3.0.0",
            "info": {
                "title": "Safeguarding Bus: facts between services",
                "version": "1.0.0",
                "description": (
                    "At least once, in order per key, one copy per consumer group. Unknown fields "
                    "are ignored, unknown message types are parked."
                ),
            },
            "defaultContentType": "application/json",
            "channels": channels,
            "operations": operations,
            "components": {"messages": messages, "schemas": schemas},
        }
    )


def contracts() -> dict[str, str]:
    """Everything that this package generates, by path below `schemas/generated/`."""
    return {**json_schemas(), "asyncapi.json": asyncapi()}


def find_drift(wanted: Mapping[str, str], folder: Path = GENERATED) -> Iterator[str]:
    """Paths that are missing, differ, or should not be there."""
    for path, text in sorted(wanted.items()):
        file = folder / path
        if not file.is_file() or file.read_text(encoding="utf-8") != text:
            yield path
    yield from _find_foreign(wanted, folder)


def write(wanted: Mapping[str, str], folder: Path = GENERATED) -> None:
    """Make the files say this, and take away schemas of what is no more."""
    for path in _find_foreign(wanted, folder):
        (folder / path).unlink()
    for path, text in wanted.items():
        file = folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")


def run(wanted: Mapping[str, str], arguments: list[str], folder: Path = GENERATED) -> int:
    """The command: writes, or with `--check` answers 1 and names what differs."""
    parser = argparse.ArgumentParser(description="Write the generated contracts.")
    parser.add_argument("--check", action="store_true", help="only say which files differ")
    if not parser.parse_args(arguments).check:
        write(wanted, folder)
        return 0
    drifted = list(find_drift(wanted, folder))
    for path in drifted:
        sys.stderr.write(f"{path} differs from the models: run `make contracts`\n")
    return 1 if drifted else 0


def _find_foreign(wanted: Mapping[str, str], folder: Path) -> list[str]:
    # Only in folders that this module fills: beside them lie contracts that others generate.
    found = (file.relative_to(folder).as_posix() for file in folder.glob("*/*.json"))
    return sorted(path for path in found if path not in wanted)


def _schema_of(model: Any, mode: JsonSchemaMode, prefix: str = "#/$defs/") -> dict[str, Any]:
    return TypeAdapter(model).json_schema(mode=mode, ref_template=prefix + "{model}")


def _text(document: Mapping[str, Any]) -> str:
    return json.dumps(document, indent=2, sort_keys=True, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    sys.exit(run(contracts(), sys.argv[1:]))
