"""`GET /v1/events/{receipt}` says who has not got it, and what is done about each."""

from __future__ import annotations

import json
import random
from typing import Any
from uuid import UUID, uuid4

from bus import Fact, fact_of
from schemas.facts import (
    Addressee,
    ChildIdentity,
    EventAddressed,
    NoticeAcknowledged,
    NoticeDeclined,
    NoticeDelivered,
    NoticeEscalated,
    NoticeExhausted,
    NoticeFailed,
    NoticeFiled,
    NoticeOpened,
    NoticeQuestioned,
    NoticeReminded,
    NoticeSuperseded,
    NoticeTelephoned,
    NoticeUndelivered,
    NoticeWithdrawn,
    Profile,
    notice_id,
)
from schemas.organisations import RecipientRole
from tests.integration.intake.conftest import Intake
from tests.integration.intake.test_progress import CHILD, about, at, hear, notice, posted

DEADLINE = at(600)
DUTY = {"organisation": "la-duty", "role": RecipientRole.DUTY_OFFICER, "rung": 1}
CALL = {"told_by": "mash-worker", "told_to": "head-teacher"}


def next_is(receipt: UUID, profile: Profile = Profile.SCHOOL_FULL, rung: int = 1) -> dict[str, Any]:
    return {
        "next_notice": notice_id(receipt, CHILD, "la-duty", profile, "whole", rung),
        "next_organisation": "la-duty",
        "next_role": RecipientRole.DUTY_OFFICER,
    }


# (recipients, what is said of each, what the sender reads: has, doing, reason). Ten kinds of four.
KINDS: tuple[tuple[str, list[tuple[type, int, dict[str, Any]]], tuple[Any, ...] | None], ...] = (
    ("waiting", [], ("not-delivered", "waiting-for-deadline", None)),
    ("delivered", [(NoticeDelivered, 1, {})], ("unconfirmed", "waiting-for-deadline", None)),
    (
        "opened",
        [(NoticeDelivered, 1, {}), (NoticeOpened, 2, {})],
        ("unconfirmed", "waiting-for-deadline", None),
    ),
    ("acknowledged", [(NoticeDelivered, 1, {}), (NoticeAcknowledged, 3, {})], None),
    ("filed", [(NoticeDelivered, 1, {}), (NoticeAcknowledged, 3, {}), (NoticeFiled, 4, {})], None),
    (
        "reminded",
        [(NoticeDelivered, 1, {}), (NoticeAcknowledged, 3, {}), (NoticeReminded, 9, {})],
        None,
    ),
    ("telephoned", [(NoticeUndelivered, 600, {}), (NoticeTelephoned, 610, CALL)], None),
    (
        "declined",
        [(NoticeDelivered, 1, {}), (NoticeDeclined, 5, {"reason": "not-our-child"})],
        ("unconfirmed", "climbing", "not-our-child"),
    ),
    (
        "declined-after",
        [
            (NoticeDelivered, 1, {}),
            (NoticeAcknowledged, 3, {}),
            (NoticeDeclined, 5, {"reason": "left-this-school"}),
        ],
        ("unconfirmed", "climbing", "left-this-school"),
    ),
    (
        "taken-on-after",
        [
            (NoticeDelivered, 1, {}),
            (NoticeDeclined, 5, {"reason": "duplicate"}),
            (NoticeAcknowledged, 6, {}),
        ],
        None,
    ),
    (
        "failed",
        [(NoticeFailed, 2, {"reason": "no-endpoint"})],
        ("not-delivered", "climbing", "no-endpoint"),
    ),
    ("withheld", [], ("not-delivered", "withheld", "the sender asked")),
    ("superseded", [(NoticeSuperseded, 2, {"reason": "found"})], None),
    ("withdrawn", [(NoticeDelivered, 1, {}), (NoticeWithdrawn, 2, {"reason": "retracted"})], None),
    (
        "undelivered",
        [(NoticeUndelivered, 600, {"reason": "not-delivered"})],
        ("not-delivered", "climbing", "not-delivered"),
    ),
    (
        "unconfirmed",
        [(NoticeDelivered, 1, {}), (NoticeUndelivered, 600, {"reason": "unacknowledged"})],
        ("unconfirmed", "climbing", "unacknowledged"),
    ),
    (
        "exhausted",
        [(NoticeUndelivered, 600, {"reason": "not-delivered"}), (NoticeExhausted, 600, {})],
        ("not-delivered", "person-must-telephone", "not-delivered"),
    ),
    (
        "exhausted-then-rung",
        [
            (NoticeUndelivered, 600, {"reason": "not-delivered"}),
            (NoticeExhausted, 600, {}),
            (NoticeTelephoned, 620, CALL),
        ],
        None,
    ),
)
LADDERS = ("escalated", "escalated-confirmed", "escalated-exhausted")


def story(receipt: UUID) -> tuple[list[Fact], dict[str, tuple[Any, ...]]]:
    """Thirty-six recipients in every state twice over, and four whose ladders climbed."""
    models: list[Any] = []
    recipients: list[Addressee] = []
    expected: dict[str, tuple[Any, ...]] = {}
    for copy in (1, 2):
        for kind, said, outcome in KINDS:
            name = f"{kind}-{copy}"
            withheld = "the sender asked" if kind == "withheld" else None
            recipients.append(
                Addressee(
                    organisation=name, name=f"The {name}", role=RecipientRole.SCHOOL,
                    profile=Profile.SCHOOL_FULL, owner="notifier", rule="r", withheld=withheld,
                )
            )  # fmt: skip
            for fact, minutes, more in said:
                models.append(
                    notice(
                        receipt, fact, minutes, organisation=name, recipient_name=f"The {name}",
                        deadline_at=DEADLINE, **more,
                    )
                )  # fmt: skip
            if outcome is not None:
                expected[name] = outcome
    # Each profile has its own ladder to the one duty officer, so that its rung is one of its own.
    profiles = (Profile.SCHOOL_FULL, Profile.HEALTH_MINIMAL, Profile.LA_EDUCATION)
    for kind, profile in zip(LADDERS, profiles, strict=True):
        recipients.append(
            Addressee(
                organisation=kind, name=f"The {kind}", role=RecipientRole.SCHOOL, profile=profile,
                owner="notifier", rule="r",
            )
        )  # fmt: skip
        common = {"organisation": kind, "recipient_name": f"The {kind}", "profile": profile}
        rung = {**DUTY, "recipient_name": "The la-duty", "profile": profile}
        models += [
            notice(receipt, NoticeUndelivered, 600, reason="not-delivered", **common),
            notice(receipt, NoticeEscalated, 600, **common, **next_is(receipt, profile)),
            notice(receipt, NoticeDelivered, 601, **rung),
        ]
        if kind == "escalated-confirmed":
            models.append(notice(receipt, NoticeAcknowledged, 605, **rung))
        if kind == "escalated-exhausted":
            models += [
                notice(receipt, NoticeUndelivered, 660, reason="unacknowledged", **rung),
                notice(receipt, NoticeExhausted, 660, **rung),
            ]
    recipients.append(
        Addressee(
            organisation="nobody-heard", name="The nobody-heard",
            role=RecipientRole.GENERAL_PRACTICE, profile=Profile.HEALTH_MINIMAL,
            owner="health-broker", rule="r",
        )
    )  # fmt: skip
    expected |= {
        "nobody-heard": ("not-delivered", "waiting-for-deadline", None),
        "escalated": ("not-delivered", "next-told", "not-delivered"),
        "escalated-confirmed": ("not-delivered", "confirmed-on-its-ladder", "not-delivered"),
        "escalated-exhausted": ("not-delivered", "person-must-telephone", "not-delivered"),
        "la-duty school-full": ("unconfirmed", "waiting-for-deadline", None),
        "la-duty la-education": ("unconfirmed", "person-must-telephone", "unacknowledged"),
    }
    addressed = EventAddressed(
        **about(receipt), child_index=0, child_id=CHILD,
        identity=ChildIdentity(given_name="Robin", family_name="Example"),
        recipients=tuple(recipients), data={},
    )  # fmt: skip
    assert len(recipients) == 40
    return [fact_of(one, "test") for one in (addressed, *models)], expected


def name_of(line: dict[str, Any]) -> str:
    if line["organisation"] == "la-duty":
        return f"la-duty {line['profile']}"
    return str(line["organisation"])


async def test_who_has_not_got_this_is_answered_for_forty_recipients_in_every_state(
    intake: Intake,
) -> None:
    receipt = await posted(intake, "forty")
    facts, expected = story(receipt)
    shuffle = random.Random(3)
    for batch in (50, 7, 1):
        shuffle.shuffle(facts)
        await hear(intake.database, facts, batch)
        progress = (await intake.get(f"/v1/events/{receipt}")).json()
        [child] = progress["children"]
        found = {
            name_of(line): (line["has"], line["doing"], line.get("reason"))
            for line in child["outstanding"]
        }
        assert found == expected
        assert len(child["outstanding"]) == len(expected)
    assert progress["counts"] == {
        "notices": 43, "confirmed": 13, "unconfirmed": 12, "notDelivered": 14, "ended": 4,
    }  # fmt: skip
    lines = {name_of(line): line for line in child["outstanding"]}
    assert lines["delivered-1"]["until"].startswith(DEADLINE.isoformat()[:16])
    assert lines["escalated"]["nextOrganisation"] == "la-duty"
    states = {(one["organisation"], one["profile"]): one for one in child["recipients"]}
    school = "school-full"
    assert states["telephoned-1", school]["state"] == "telephoned"
    assert states["telephoned-1", school]["toldBy"] == "mash-worker"
    assert states["declined-after-1", school]["state"] == "declined"
    assert states["declined-after-1", school]["reason"] == "left-this-school"
    assert states["taken-on-after-1", school]["state"] == "acknowledged"
    assert "reminded" in states["reminded-1", school]["times"]
    print(json.dumps(progress["counts"]))


async def test_a_confirmation_on_one_ladder_does_not_hide_another_s_silence(intake: Intake) -> None:
    """Two schools, one duty officer in whose place both were told; one school was rung."""
    receipt = await posted(intake, "shared")
    models: list[Any] = []
    for name in ("first", "second"):
        models += [
            notice(receipt, NoticeUndelivered, 600, organisation=name, reason="not-delivered"),
            notice(receipt, NoticeEscalated, 600, organisation=name, **next_is(receipt)),
        ]
    models.append(notice(receipt, NoticeDelivered, 601, **DUTY))
    models.append(notice(receipt, NoticeTelephoned, 610, organisation="first", **CALL))
    await hear(intake.database, [fact_of(one, "test") for one in models], 50)
    [child] = (await intake.get(f"/v1/events/{receipt}")).json()["children"]
    doing = [(one["role"], one["doing"]) for one in child["outstanding"]]
    assert doing == [("school", "next-told"), ("duty-officer", "waiting-for-deadline")]
    last = notice(receipt, NoticeTelephoned, 611, organisation="second", **CALL)
    await hear(intake.database, [fact_of(last, "test")], 50)
    [child] = (await intake.get(f"/v1/events/{receipt}")).json()["children"]
    doing = [(one["role"], one["doing"]) for one in child["outstanding"]]
    assert doing == [("duty-officer", "confirmed-on-its-ladder")]


async def test_a_recipient_s_question_is_read_and_answered_by_the_sender_alone(
    intake: Intake,
) -> None:
    receipt = await posted(intake, "asked")
    question = uuid4()
    addressed = EventAddressed(
        **about(receipt), child_index=0, child_id=CHILD,
        identity=ChildIdentity(given_name="Robin", family_name="Example"),
        recipients=(), data={},
    )  # fmt: skip
    asked = notice(receipt, NoticeQuestioned, 5, question=question, text="Is it year 4?")
    await hear(intake.database, [fact_of(asked, "notifier")] * 2, 1)
    # Before it is known that the recipient may be named, its words are not shown.
    [shown] = (await intake.get(f"/v1/events/{receipt}")).json()["questions"]
    assert "text" not in shown
    assert "organisation" not in shown
    assert shown["waitingMinutes"] > 0
    await hear(intake.database, [fact_of(addressed, "directory")], 1)
    [shown] = (await intake.get(f"/v1/events/{receipt}")).json()["questions"]
    assert (shown["text"], shown["role"], shown["organisation"]) == (
        "Is it year 4?", "school", "urn-900001",
    )  # fmt: skip
    path = f"/v1/events/{receipt}/questions/{question}/answers"
    said = {"text": "Yes, year 4.", "by": "attending officer"}

    async def answer(body: Any, by: Any = None) -> Any:
        headers = {"authorization": (by or intake.police).authorization}
        return await intake.client.post(path, json=body, headers=headers)

    assert (await answer(said, intake.social_care)).status_code == 404
    ids = {(await answer(said)).json()["answer"] for _ in range(2)}
    assert len(ids) == 1
    bad: Any
    for bad in ({"text": ""}, {"text": "a\u0000"}, {"text": "x" * 2001}, {}, []):
        assert (await answer(bad)).status_code == 422
    [shown] = (await intake.get(f"/v1/events/{receipt}")).json()["questions"]
    assert "waitingMinutes" not in shown
    assert [one["text"] for one in shown["answers"]] == ["Yes, year 4."]
    assert await intake.count("bus.log where type = 'question.answered'") == 1
