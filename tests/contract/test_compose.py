"""deploy/compose.yaml and deploy/Dockerfile keep what they promise; no engine is needed."""

from __future__ import annotations

import ast
import importlib.metadata
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from sqlalchemy.engine import make_url

from deploy.kafka.jars import kafka_version
from deploy.migrate import SERVICES
from tests.support import compose

_ROOT = Path(__file__).parents[2]
_OURS = ("schemas", "chassis", "bus", "services")


def _validate(file: Path) -> subprocess.CompletedProcess[str]:
    """Judge a file by the Compose specification's schema, which check-jsonschema carries."""
    schema = ["--builtin-schema", "vendor.compose-spec"]
    return subprocess.run(
        [sys.executable, "-m", "check_jsonschema", *schema, str(file)],
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_compose_file_meets_the_compose_specification() -> None:
    judged = _validate(compose.FILE)
    assert judged.returncode == 0, judged.stdout + judged.stderr


def test_a_compose_file_with_a_misspelt_word_does_not(tmp_path: Path) -> None:
    content = compose.load()
    content["services"]["intake"]["comand"] = ["python"]
    wrong = tmp_path / "compose.yaml"
    wrong.write_text(yaml.safe_dump(content))
    judged = _validate(wrong)
    assert judged.returncode == 1
    assert "comand" in judged.stdout


def test_every_service_runs_as_its_own_role_on_kafka_after_the_migrations() -> None:
    given = {name: f"secret-of-{name.lower()}" for name in compose.variables()}
    commands = compose.commands(given)

    assert set(commands) == {"migrate", "relay", *SERVICES}
    for name in SERVICES:
        command = commands[name]
        url = make_url(command.environment["SGB_DATABASE__URL"])
        assert command.argv == ["python", "-m", f"services.{name}"]
        assert url.username == f"sgb_{name}"
        assert url.password == f"secret-of-sgb_role_password_{name}"
        assert command.environment["SGB_BUS__URL"] == "kafka://kafka:9092"
        assert command.after == {
            "postgres": "service_healthy",
            "kafka": "service_healthy",
            "migrate": "service_completed_successfully",
        }
        password = f"SGB_ROLE_PASSWORD_{name.upper()}"
        assert commands["migrate"].environment[password] == given[password]


def test_the_relay_runs_as_a_process_of_its_own_that_needs_no_ownership() -> None:
    relay = compose.commands(dict.fromkeys(compose.variables(), "given"))["relay"]
    assert relay.argv == ["python", "-m", "bus", "relay"]
    assert make_url(relay.environment["SGB_DATABASE__URL"]).username == "sgb_intake"
    assert relay.environment["SGB_BUS__URL"] == "kafka://kafka:9092"
    assert relay.after["migrate"] == "service_completed_successfully"


def test_only_intake_is_given_the_secret_of_receipts() -> None:
    given = dict.fromkeys(compose.variables(), "given") | {"SGB_INTAKE_IDENTITY_SECRET": "s" * 32}
    commands = compose.commands(given)
    holders = {name for name, one in commands.items() if "s" * 32 in one.environment.values()}
    assert holders == {"intake"}


def test_postgresql_writes_out_no_failing_row() -> None:
    command = compose.load()["services"]["postgres"]["command"]
    assert {"log_min_error_statement=panic", "log_error_verbosity=terse"} <= set(command)


def test_addresses_can_be_moved_without_touching_anything_else() -> None:
    given = dict.fromkeys(compose.variables(), "kafka:9092")
    moved = compose.commands(
        given, {"kafka:9092": "127.0.0.1:21092", "postgres:5432": "localhost:5433"}
    )["intake"].environment
    assert moved["SGB_BUS__URL"] == "kafka://127.0.0.1:21092"
    assert moved["SGB_DATABASE__URL"].endswith(":kafka:9092@localhost:5433/safeguarding")


def test_no_secret_has_a_default() -> None:
    with pytest.raises(compose.MissingVariableError):
        compose.commands({})
    for found in re.finditer(
        r"^\s*(\w*(?:PASSWORD|SECRET|KEY)\w*): (.*)$", compose.FILE.read_text(), re.M
    ):
        assert re.fullmatch(r"\$\{\w+:\?[^}]*\}", found[2]), found[0]


def test_no_port_is_open_to_other_hosts() -> None:
    for service in compose.load()["services"].values():
        assert all(port.startswith("127.0.0.1:") for port in service.get("ports", []))


def test_compose_and_the_tests_run_the_same_kafka() -> None:
    assert compose.load()["services"]["kafka"]["image"] == f"apache/kafka:{kafka_version()}"


def test_the_image_copies_only_what_is_there_and_let_in() -> None:
    docker_file = (_ROOT / "deploy" / "Dockerfile").read_text()
    let_in = {
        line[1:] for line in (_ROOT / ".dockerignore").read_text().splitlines() if line[:1] == "!"
    }
    copied = set()
    for line in re.findall(r"^COPY (?!--from)(.*)$", docker_file, re.M):
        copied |= set(line.split()[:-1])
    assert copied == let_in
    assert [one for one in copied if not (_ROOT / one).exists()] == []
    assert re.search(r"^USER (?!0|root)", docker_file, re.M)


def test_the_runtime_lock_is_part_of_the_whole_lock() -> None:
    assert _pins("requirements-runtime.lock").items() <= _pins("requirements.lock").items()


def test_the_image_installs_everything_that_the_services_import() -> None:
    distributions = importlib.metadata.packages_distributions()
    locked = set(_pins("requirements-runtime.lock"))
    files = [file for package in _OURS for file in (_ROOT / package).rglob("*.py")]
    missing = set()
    for file in [*files, _ROOT / "deploy" / "migrate.py"]:
        for name in _imported(file) - sys.stdlib_module_names - {*_OURS, "deploy"}:
            sources = {_normal(one) for one in distributions.get(name, [name])}
            if not sources & locked:
                missing.add(f"{file.relative_to(_ROOT)} imports {name}")
    assert sorted(missing) == []


def _imported(file: Path) -> set[str]:
    names = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            names |= {one.name.split(".")[0] for one in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names.add(node.module.split(".")[0])
    return names


def _pins(lock: str) -> dict[str, str]:
    pins = re.findall(r"^([A-Za-z0-9._-]+)==(\S+)", (_ROOT / lock).read_text(), re.M)
    return {_normal(name): version for name, version in pins}


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
