"""Who has not got this, and what is being done about it: forty recipients, every kind of state."""

from __future__ import annotations

import json
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from bus import Fact, fact_of
from schemas.facts import (
    Addressee,
    ChildIdentity,
    EventAddressed,
    NoticeAcknowledged,
    NoticeDelivered,
    NoticeEscalated,
    NoticeFact,
    NoticeFailed,
    NoticeFiled,
    NoticeOpened,
    NoticeSuperseded,
    NoticeUndelivered,
    NoticeWithdrawn,
    Profile,
    Sender,
    notice_id,
)
from schemas.organisations import RecipientRole
from services.intake import listen
from tests.integration.intake.conftest import Intake, event

START = datetime(2026, 3, 2, 23, tzinfo=UTC)
CHILD = UUID(int=1)
DEPUTY, DUTY = "deputy", "duty"
UP: Any = object()
"""Stands for: the next on the ladder is told."""

SCRIPTS: tuple[tuple[tuple[Any, ...], tuple[str, str | None] | None], ...] = (
    # what is heard of a recipient; what is being done and who was told last (None: nothing is open)
    ((), ("being-delivered", None)),
    ((NoticeDelivered,), ("waiting-for-confirmation", None)),
    ((NoticeDelivered, NoticeOpened), ("waiting-for-confirmation", None)),
    ((NoticeDelivered, NoticeAcknowledged), None),
    ((NoticeDelivered, NoticeAcknowledged, NoticeFiled), None),
    ((NoticeFailed,), ("person-must-telephone", None)),
    ((NoticeFailed, UP), ("next-is-told", DEPUTY)),
    ((NoticeUndelivered, UP), ("next-is-told", DEPUTY)),
    ((NoticeDelivered, NoticeUndelivered, UP, NoticeAcknowledged), None),
    ((NoticeDelivered, NoticeUndelivered, UP, NoticeUndelivered, UP), ("next-is-told", DUTY)),
    ((NoticeDelivered, NoticeUndelivered, UP, NoticeUndelivered, UP, NoticeFiled), None),
    (
        (NoticeDelivered, NoticeUndelivered, UP, NoticeDelivered, NoticeUndelivered),
        ("person-must-telephone", DEPUTY),
    ),
    ((NoticeDelivered, NoticeUndelivered), ("person-must-telephone", None)),
    (("withheld",), ("nothing-more", None)),
    ((NoticeSuperseded,), None),
    ((NoticeDelivered, NoticeWithdrawn), None),
    ((NoticeDelivered, NoticeUndelivered, UP, NoticeWithdrawn), ("next-is-told", DEPUTY)),
    ((NoticeDelivered, NoticeUndelivered, UP, NoticeFailed), ("person-must-telephone", DEPUTY)),
    ((NoticeUndelivered, NoticeDelivered, NoticeAcknowledged), None),
    ((NoticeDelivered, NoticeUndelivered, UP, NoticeOpened), ("next-is-told", DEPUTY)),
)


def name_of(number: int, rung: int) -> str:
    return f"urn-{number:06}" if not rung else f"{(DEPUTY, DUTY)[rung - 1]}-{number}"


def heard(receipt: UUID, number: int, script: tuple[Any, ...]) -> list[NoticeFact]:
    """The facts of one recipient's ladder."""
    facts: list[NoticeFact] = []
    rung = 0
    for minutes, step in enumerate(script, start=1):
        if step == "withheld":
            continue
        about: dict[str, Any] = {
            "notice": notice_id(
                receipt, CHILD, name_of(number, rung), Profile.SCHOOL_FULL, "whole", rung
            ),
            "receipt": receipt, "child_index": 0, "child_id": CHILD, "rung": rung,
            "organisation": name_of(number, rung), "recipient_name": "Example", "role": role(rung),
            "profile": Profile.SCHOOL_FULL, "owner": "notifier",
            "at": START + timedelta(minutes=minutes),
        }  # fmt: skip
        if step is UP:
            rung += 1
            about |= {"next_notice": uuid4(), "next_organisation": name_of(number, rung),
                      "next_role": role(rung)}  # fmt: skip
            facts.append(NoticeEscalated(**about))
        else:
            facts.append(step(**about))
    return facts


def role(rung: int) -> RecipientRole:
    return (RecipientRole.SCHOOL, RecipientRole.DEPUTY, RecipientRole.DUTY_OFFICER)[rung]


async def test_forty_recipients_in_every_kind_of_state(intake: Intake) -> None:
    answer = await intake.post(json.dumps(event(id="forty")).encode())
    receipt = UUID(answer.json()["receipt"])
    scripts = [(number, *SCRIPTS[number % len(SCRIPTS)]) for number in range(40)]
    recipients = tuple(
        Addressee(
            organisation=name_of(number, 0), name=f"School {number}", role=RecipientRole.SCHOOL,
            profile=Profile.SCHOOL_FULL, owner="notifier", rule="r",
            withheld="the sender asked" if "withheld" in script else None,
        )
        for number, script, _ in scripts
    )  # fmt: skip
    addressed = EventAddressed(
        receipt=receipt, event_type="domestic-abuse.recorded", key="k", occurred_at=START,
        accepted_at=START, sender=Sender(organisation="police-example", name="P", kind="police"),
        child_index=0, child_id=CHILD, recipients=recipients, data={},
        identity=ChildIdentity(given_name="Robin", family_name="Example"),
    )  # fmt: skip
    facts: list[Fact] = [fact_of(addressed, "test")]
    facts += [fact_of(one, "test") for n, script, _ in scripts for one in heard(receipt, n, script)]
    async with intake.database.transaction() as session:
        await listen.keep_progress(session, facts)
    open_ones = (await intake.get(f"/v1/events/{receipt}")).json()["outstanding"]
    expected = {
        name_of(number, 0): (doing[0], f"{doing[1]}-{number}" if doing[1] else None)
        for number, _, doing in scripts
        if doing is not None
    }
    found = {
        one["organisation"]: (one["doing"], one.get("nextOrganisation"))
        for one in open_ones["waitedFor"]
    }
    assert found == expected
    counts = {name: value for name, value in open_ones.items() if name != "waitedFor"}
    assert counts == {
        "confirmed": 10, "hasIt": 16, "hasNotGotIt": 8, "withheld": 2, "ended": 4,
    }  # fmt: skip
    assert sum(counts.values()) == 40
    order = list(dict.fromkeys(one["doing"] for one in open_ones["waitedFor"]))
    assert order[0] == "person-must-telephone", "the most urgent is read first"
    has_it = Counter(one["hasIt"] for one in open_ones["waitedFor"])
    assert has_it == {True: 16, False: 10}
