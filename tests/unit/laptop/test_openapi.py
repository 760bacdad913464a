"""The description of the whole interface is made without a database and holds together."""

from __future__ import annotations

from typing import Any

import pytest

from deploy.laptop.app import create_api


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    return create_api().openapi()


def test_every_service_has_its_requests(document: dict[str, Any]) -> None:
    paths = set(document["paths"])
    assert {"/v1/events", "/v1/notices", "/v1/resolutions", "/fhir/R4/$process-message"} <= paths


def test_every_reference_resolves(document: dict[str, Any]) -> None:
    stack: list[Any] = [document]
    while stack:
        item = stack.pop()
        if isinstance(item, dict):
            reference = item.get("$ref")
            if isinstance(reference, str):
                assert reference.startswith("#/"), reference
                found: Any = document
                for part in reference[2:].split("/"):
                    assert part in found, reference
                    found = found[part]
            stack.extend(item.values())
        elif isinstance(item, list):
            stack.extend(item)


def test_every_operation_has_a_name_of_its_own(document: dict[str, Any]) -> None:
    names = [
        operation["operationId"]
        for methods in document["paths"].values()
        for operation in methods.values()
    ]
    assert len(set(names)) == len(names)
