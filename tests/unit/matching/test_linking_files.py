"""The matcher on files of synthetic children whose names and errors it does not know."""

from __future__ import annotations

import csv
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

import pytest

from services.directory.matching.files import FileDecision, link
from tests.support.synthetic_children import GeneratorSettings, Population, generate

SETTINGS = GeneratorSettings(children=4_000, queries=1_500, seed=11)


@pytest.fixture(scope="module")
def population() -> Population:
    return generate(SETTINGS)


@pytest.fixture(scope="module")
def decisions(population: Population) -> list[FileDecision]:
    return link(
        [row._asdict() for row in population.register],
        [asdict(query) for query in population.queries],
    )


def test_nearly_all_are_recognised_and_hardly_anybody_wrongly(
    population: Population, decisions: list[FileDecision]
) -> None:
    truth = {one.query: one.id for one in population.truths}
    known = sum(1 for one in truth.values() if one)
    automatic = [one for one in decisions if one.status == "match"]
    right = sum(one.best == truth[one.query] for one in automatic)
    assert len(automatic) - right <= 1
    assert right / known > 0.88
    shown = sum(
        1
        for one in decisions
        if truth[one.query] and (one.status == "match" or truth[one.query] in one.shown)
    )
    assert shown / known > 0.985


def test_probabilities_mean_what_they_say(
    population: Population, decisions: list[FileDecision]
) -> None:
    truth = {one.query: one.id for one in population.truths}
    sure = [one for one in decisions if one.probability >= 0.95]
    expected = sum(one.probability for one in sure) / len(sure)
    right = sum(one.best == truth[one.query] for one in sure) / len(sure)
    assert right == pytest.approx(expected, abs=0.01)


def test_the_command_writes_a_decision_with_its_reasons_for_each_query(tmp_path: Path) -> None:
    register, queries, out = tmp_path / "r.csv", tmp_path / "q.csv", tmp_path / "d.csv"
    register.write_text(
        "id,given_name,family_name,date_of_birth,ignored\nC1,Ottilie,Quartermaine,2014-05-12,x\n"
    )
    queries.write_text(
        "query,given_name,family_name,date_of_birth\n"
        "Q1,Otilie,Quartermaine,2014-05-12\nQ2,Somebody,Else,2001-01-02\n"
    )
    command = [sys.executable, "-m", "services.directory", "evaluate"]
    done = subprocess.run(
        [*command, str(register), str(queries), "--out", str(out)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    with out.open(newline="") as file:
        first, second = csv.DictReader(file)
    assert (first["query"], first["best"], first["shown_1"]) == ("Q1", "C1", "C1")
    assert "given name" in first["explanation"]
    assert (second["status"], second["best"]) == ("none", "")


def test_a_file_without_its_key_column_is_refused_by_name(tmp_path: Path) -> None:
    register, queries = tmp_path / "r.csv", tmp_path / "q.csv"
    register.write_text("given_name\nAda\n")
    queries.write_text("query\nQ1\n")
    command = [sys.executable, "-m", "services.directory", "evaluate"]
    done = subprocess.run(
        [*command, str(register), str(queries), "--out", str(tmp_path / "d.csv")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert "r.csv has no column id" in done.stderr


def test_a_roll_is_decided_as_a_whole(tmp_path: Path) -> None:
    register, roll, out = tmp_path / "r.csv", tmp_path / "q.csv", tmp_path / "d.csv"
    register.write_text(
        "id,given_name,family_name,date_of_birth\n"
        "C1,Ottilie,Quartermaine,2014-05-12\nC2,Ottoline,Quartermaine,2014-05-12\n"
    )
    roll.write_text(
        "query,given_name,family_name,date_of_birth\n"
        "Q1,Ottilie,Quartermaine,2014-05-12\nQ2,Otti,Quartermaine,2014-05-12\n"
    )
    best = {}
    for option in ("", "--distinct"):
        command = [sys.executable, "-m", "services.directory", "evaluate", str(register), str(roll)]
        subprocess.run([*command, "--out", str(out), *option.split()], check=True)
        with out.open(newline="") as file:
            best[option] = {row["query"]: row for row in csv.DictReader(file)}
    assert {name: rows["Q2"]["best"] for name, rows in best.items()} == {
        "": "C1",
        "--distinct": "C2",
    }
    assert best["--distinct"]["Q1"]["best"] == "C1"
