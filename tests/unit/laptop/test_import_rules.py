"""The import rules name everything that they must: no dependency can slip into the schemas."""

from __future__ import annotations

import configparser
import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[3]
_IMPORTED_AS = {"fhir_resources": "fhir"}
_ALLOWED = {"pydantic"}


def _rules() -> configparser.ConfigParser:
    rules = configparser.ConfigParser()
    rules.read(ROOT / ".importlinter", encoding="utf-8")
    return rules


def test_the_schemas_may_import_no_dependency_but_pydantic() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    names = {
        re.split(r"[\[>=<~!]", dependency)[0].strip().replace("-", "_")
        for dependency in project["dependencies"]
    }
    imported = {_IMPORTED_AS.get(name, name) for name in names} - _ALLOWED
    forbidden = _rules()["importlinter:contract:schemas"]["forbidden_modules"].split()
    assert sorted(forbidden) == sorted(imported)


def test_every_service_has_its_order_of_reading() -> None:
    services = {
        folder.name for folder in (ROOT / "services").iterdir() if (folder / "app.py").exists()
    }
    parts = {"directory.matching"}
    contracts = _rules()
    ordered = {
        contracts[section]["containers"].split()[0].removeprefix("services.")
        for section in contracts.sections()
        if contracts[section].get("containers", "").strip().startswith("services.")
    }
    assert services | parts == ordered
    independent = contracts["importlinter:contract:services"]["modules"].split()
    assert {f"services.{name}" for name in services} == set(independent)
