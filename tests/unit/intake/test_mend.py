"""Every flag that an event can be accepted with, and every refusal, says what to mend."""

from __future__ import annotations

import re
from pathlib import Path

from services.intake.mend import FLAGS, REFUSALS

ROOT = Path(__file__).parents[3]


def test_every_flag_says_what_to_mend() -> None:
    rules = (ROOT / "schemas/rules.py").read_text(encoding="utf-8")
    flagged = set(re.findall(r'_flag\([^"]*"[^"]*", "([a-z-]+)"', rules))
    flagged |= set(re.findall(r'_flag\(pointer, "([a-z-]+)"', rules))
    weighed = re.findall(r"Finding\(([^()]*?)Weight.REFUSE_UNLESS_URGENT", rules, re.S)
    flagged |= {re.findall(r'"([a-z]+(?:-[a-z]+)+)"', one)[0] for one in weighed}
    assert len(flagged) > 10
    assert flagged | {"unknown-field"} == set(FLAGS)


def test_every_refusal_of_the_door_says_what_to_mend() -> None:
    sources = [
        *(ROOT / "services/intake").glob("*.py"),
        ROOT / "chassis/bodies.py",
    ]
    text = "".join(one.read_text(encoding="utf-8") for one in sources)
    found = set(re.findall(r'Problem\(\s*(?:400|403|409|413|415|422),\s*"([a-z-]+)"', text))
    not_of_the_door = {
        "not-allowed", "invalid-header", "invalid", "too-many-subscriptions", "invalid-parameter",
    }  # fmt: skip
    assert found - not_of_the_door == set(REFUSALS)
