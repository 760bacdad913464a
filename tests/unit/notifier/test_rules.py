"""The table of deadlines: read as it stands, refused with the line that is wrong."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import date
from pathlib import Path

import pytest

from services.notifier.rules import BadTableError, as_table, parse_rules, read_rules
from tests.unit.notifier.rule_tables import changed, shipped

TODAY = date(2026, 11, 25)


def test_the_documentation_shows_the_table() -> None:
    page = Path("docs/reference/deadlines.md").read_text("utf-8")
    assert as_table(read_rules().in_force(TODAY)) in page


@pytest.mark.parametrize(
    ("line", "by", "said"),
    [
        ('until = "2 hours"', 'until = "2 fortnights"', "until: is one of next opening"),
        ('until = "2 hours"', 'until = "2 working days"', "is not counted in service-hours"),
        ('roles = ["school", "early-years"]', 'roles = ["pirate"]', "roles.0: Input should be"),
        ('events = ["domestic-abuse.recorded"]', 'events = ["domestic"]', "there is no event"),
        ("more-than-days = 3", "more-than-days = -3", "closed.more-than-days: "),
        ("more-than-days = 3", "more-then-days = 3", "closed.more-then-days: Extra inputs"),
        ("overtakes = true", "overtake = true", "overtake: Extra inputs"),
        ("school-opens-at = 08:30:00", 'school-opens-at = "late"', "school-opens-at: "),
        ('id = "question"', 'id = "question-overdue"', "is there twice for the same day"),
        ('id = "referral-decision"', 'id = "referral"', "there is no clock"),
        ("[defaults]", "[defaults", "Expected ']'"),
    ],
)
def test_a_bad_table_is_refused_with_its_line(line: str, by: str, said: str) -> None:
    text = changed(line, by)
    number = shipped()[: shipped().index(line)].count("\n") + 1
    with pytest.raises(BadTableError) as refused:
        parse_rules(text, "own.toml")
    assert "own.toml" in str(refused.value)
    assert f"line {number}" in str(refused.value)
    assert said in str(refused.value)


def test_a_rule_that_hides_others_and_an_end_that_fits_not_everything_are_refused() -> None:
    first = '[[rule]]\nid = "all"\ncalendar = "elapsed"\nuntil = "1 hour"\ngrace-minutes = 0\n'
    with pytest.raises(BadTableError, match="no rule after it is ever reached"):
        parse_rules(changed('id = "missing"', before=first))
    with pytest.raises(BadTableError, match="the last rule must fit everything"):
        parse_rules(changed('id = "anybody-else"', 'id = "anybody-else"\nroles = ["mash"]'))
    with pytest.raises(BadTableError, match="the last rule must always hold"):
        parse_rules(
            changed('id = "anybody-else"', 'id = "anybody-else"\nin-force-from = 2026-09-01')
        )


def run_notifier(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """The program as an operator starts it, with a database that is not there."""
    return subprocess.run(
        [sys.executable, "-m", "services.notifier", *arguments],
        env={
            "PATH": os.environ["PATH"],
            "SGB_DATABASE__URL": "postgresql://nobody@127.0.0.1:1/none",
            **environment,
        },
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_the_program_does_not_start_on_a_bad_table(tmp_path: Path) -> None:
    path = tmp_path / "own.toml"
    table = changed('until = "2 hours"', 'until = "soon"')
    path.write_text(table, "utf-8")
    line = table[: table.index('until = "soon"')].count("\n") + 1
    done = run_notifier("serve", SGB_NOTIFIER__DEADLINES__TABLE=str(path))
    assert done.returncode == 1
    assert f"own.toml, line {line}: until: is one of next opening" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_program_prints_what_is_in_force() -> None:
    assert run_notifier("deadlines").stdout == as_table(read_rules().in_force(TODAY)) + "\n"


def test_a_table_of_one_s_own_is_read_from_its_file(tmp_path: Path) -> None:
    path = tmp_path / "own.toml"
    path.write_text(shipped().replace('until = "2 hours"', 'until = "3 hours"'), "utf-8")
    rule = read_rules(path).rule_for("any", "school-nursing", "health-minimal", TODAY)
    assert rule.until.said == "3 hours"
