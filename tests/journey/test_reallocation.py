"""A child changes hands: the new worker gets what the former has not confirmed, and a digest.

Everything that each worker can fetch is searched, byte for byte, for what is none of its business.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import text

from chassis.clock import now
from deploy.laptop.partnership import (
    DEMO_SCHOOL,
    OWN_COUNCIL,
    OWN_MASH,
    OWN_NURSING,
    RegisteredChild,
)
from schemas.organisations import OrganisationKind
from services.notifier.credentials import add_credential
from tests.support.postgres import Cluster
from tests.support.pupils import Pupil, event, incident
from tests.support.whole import Whole, running_whole

OLD, NEW, MANAGER = "team-old-example", "team-new-example", "team-manager-example"


class Restricted(Pupil):
    """A child with a new identity: the register's name is not the one that police know."""

    def registered(self) -> RegisteredChild:
        return replace(super().registered(), restricted=True)

    def sent(self, **changes: Any) -> dict[str, Any]:
        return super().sent(name={"given": FORMER_NAME, "family": FORMER_NAME}, **changes)


FORMER_NAME = "Formerweir"
CHILD = Pupil(41, "Ottolinda", "Exampleford", DEMO_SCHOOL)
SIBLING = Restricted(42, "Newidentia", "Mockingbrook", DEMO_SCHOOL, years=7)


@pytest.fixture
async def whole(cluster: Cluster, database_name: str, tmp_path: Path) -> AsyncIterator[Whole]:
    async with running_whole(cluster, database_name, tmp_path, (CHILD, SIBLING)) as started:
        headers = {}
        async with started.database.transaction() as session:
            for team in (OLD, NEW):
                key = await add_credential(session, team, OrganisationKind.SOCIAL_CARE)
                headers[team] = {"Authorization": f"Bearer {key}"}
        for team, header in headers.items():
            started.clients[team] = httpx.AsyncClient(
                base_url=started.url, headers=header, timeout=10
            )
        for team in (OLD, NEW, MANAGER):
            restated = {
                "id": team, "kind": "social-care", "name": f"Example {team}",
                "localAuthority": OWN_COUNCIL, "channel": "mailbox",
                "ladder": [{"organisation": MANAGER, "role": "team"}] if team != MANAGER else [],
            }  # fmt: skip
            await started.accept(
                "council", event("council", "organisation.changed", {"organisation": restated})
            )
        await started.settle()
        yield started
        for team in headers:
            await started.clients[team].aclose()


def _assigned(worker: str | None, previous: str | None = None, **more: Any) -> dict[str, Any]:
    data: dict[str, Any] = {
        "child": CHILD.sent(),
        "reason": "reallocated" if previous else "allocated",
        "assignedAt": more.pop("assigned_at", now()).isoformat(),
    }
    for name, organisation in (("worker", worker), ("previous", previous)):
        if organisation is not None:
            data[name] = {"role": "social-worker", "organisation": organisation}
    return event("social-care", "worker.assigned", data, **more)


def _incident(*pupils: Pupil) -> dict[str, Any]:
    items = [{"child": one.sent(), "circumstances": "Asleep upstairs."} for one in pupils]
    return event("police", "domestic-abuse.recorded", incident(*items))


async def _everything(whole: Whole, team: str) -> bytes:
    """Whatever a team can fetch, in every list and every notice."""
    client, received = whole.clients[team], b""
    for state in ("waiting", "unopened", "unacknowledged", "unfiled"):
        listed = await client.get(f"/v1/notices?state={state}")
        received += listed.content
        for one in listed.json()["notices"]:
            received += (await client.get(f"/v1/notices/{one['id']}")).content
    return received


async def _confirm(whole: Whole, agency: str, notice: str) -> None:
    answer = await whole.clients[agency].post(
        f"/v1/notices/{notice}/receipts", json={"state": "acknowledged", "by": "A. Worker"}
    )
    assert answer.status_code == 200, answer.text


async def _by_receipt(whole: Whole, team: str, count: int) -> dict[str, dict[str, Any]]:
    return {
        one["content"]["receipt"]: one for one in await whole.wait_for_notices(team, count)
    }  # fmt: skip


async def test_the_new_worker_gets_what_is_open_and_a_digest_and_the_former_nothing_more(
    whole: Whole,
) -> None:
    before = await whole.accept("police", _incident(CHILD))
    await whole.settle()
    allocated = await whole.accept("social-care", _assigned(OLD))
    mailbox = await _by_receipt(whole, OLD, 2)
    assert mailbox.keys() == {allocated, before}, "the digest, and what the MASH has open"
    for one in mailbox.values():
        await _confirm(whole, OLD, one["id"])
    (at_mash,) = await whole.wait_for_notices("social-care", 1, before)
    await _confirm(whole, "social-care", at_mash["id"])

    shared = await whole.accept("police", _incident(CHILD, SIBLING))
    siblings = await whole.accept("police", _incident(SIBLING))
    await whole.settle()
    assert (await _by_receipt(whole, OLD, 1)).keys() == {shared}

    taken = await whole.accept("social-care", _assigned(NEW, OLD))
    mailbox = await _by_receipt(whole, NEW, 2)
    assert mailbox.keys() == {taken, shared}
    digest, notice = mailbox[taken]["content"], mailbox[shared]["content"]
    assert digest["profile"] == "worker-digest"
    assert digest["child"]["name"] == {"given": CHILD.given, "family": CHILD.family}
    lines = {one["receipt"]: one for one in digest["events"]}
    assert lines.keys() == {before, shared}
    assert [lines[one]["follows"] for one in (before, shared)] == [False, True]
    assert lines[before]["unconfirmed"] == ["school", "school-nursing"]
    assert set(lines[before]["told"]) == {"mash", "school", "school-nursing"}
    assert (notice["profile"], notice["eventType"]) == ("mash-incident", "domestic-abuse.recorded")
    assert mailbox[taken]["deadlineAt"] is not None

    told = json.dumps(digest)
    for never in (*SIBLING.marks, FORMER_NAME, SIBLING.family, siblings, DEMO_SCHOOL, OWN_MASH,
                  OWN_NURSING, "Example Primary", "cupboard", "Asleep"):  # fmt: skip
        assert never.casefold() not in told.casefold(), never
    received = await _everything(whole, NEW)
    assert siblings.encode() not in received
    for never in (SIBLING.given, SIBLING.family):
        assert never.encode() not in received, "the register's name crosses to nobody"

    assert await whole.notices(OLD) == []
    old = await whole.clients[OLD].get("/v1/notices?state=unopened")
    assert old.json()["notices"] == []
    for one in mailbox.values():
        await _confirm(whole, NEW, one["id"])
    await whole.settle()
    async with whole.database.reading() as session:
        rows = await session.execute(
            text("""select organisation, state, watch, reason from notifier.obligation
                     where receipt = :receipt and role = 'allocated-worker'
                       and child_index = 0 order by organisation"""),
            {"receipt": shared},
        )
        found = {row.organisation: tuple(row)[1:] for row in rows}
    assert found == {
        NEW: ("acknowledged", "ended", None),
        OLD: ("superseded", "ended", "reallocated"),
    }
    progress = await whole.progress("police", shared)
    (outstanding,) = [one for one in progress["children"][0]["outstanding"]
                      if one["role"] == "allocated-worker"]  # fmt: skip
    assert (outstanding["organisation"], outstanding["doing"]) == (OLD, "confirmed-on-its-ladder")

    later = await whole.accept("police", _incident(CHILD))
    await whole.settle()
    recipients = {organisation for organisation, _, _ in await whole.told("police", later)}
    assert (NEW in recipients, OLD in recipients) == (True, False)


async def test_late_twice_and_taken_back(whole: Whole) -> None:
    late_at = now() - timedelta(hours=3)
    incident_at = await whole.accept("police", _incident(CHILD))
    sent = _assigned(OLD, assigned_at=now() - timedelta(hours=2))
    allocated = await whole.accept("social-care", sent)
    assert await whole.accept("social-care", sent) == allocated
    assert (await _by_receipt(whole, OLD, 2)).keys() == {allocated, incident_at}
    late = await whole.accept("social-care", _assigned(NEW, assigned_at=late_at))
    await whole.settle()
    assert (await whole.progress("social-care", late))["applied"]["outcome"] == "overtaken"
    assert await whole.notices(NEW) == []

    mistaken = _assigned(NEW, OLD)
    taken = await whole.accept("social-care", mistaken)
    mailbox = await _by_receipt(whole, NEW, 2)
    assert mailbox.keys() == {taken, incident_at}
    await _confirm(whole, NEW, mailbox[incident_at]["id"])
    await whole.settle()
    assert await whole.notices(OLD) == []
    withdrawn = await whole.accept(
        "social-care",
        event("social-care", "event.retracted", {"reason": "sent-in-error"},
              supersedes=mistaken["id"]),
    )  # fmt: skip
    await whole.settle()
    mailbox = await _by_receipt(whole, NEW, 1)
    assert mailbox.keys() == {withdrawn}
    content = mailbox[withdrawn]["content"]
    assert (content["profile"], content["withdraws"], content["also"]) == (
        "withdrawal", taken, [incident_at],
    )  # fmt: skip
    received = await _everything(whole, NEW)
    for never in (*CHILD.marks, CHILD.family):
        assert never.encode() not in received, never
    (back,) = await whole.wait_for_notices(OLD, 1, incident_at)
    assert datetime.fromisoformat(back["deadlineAt"])
    later = await whole.accept("police", _incident(CHILD))
    await whole.settle()
    recipients = {organisation for organisation, _, _ in await whole.told("police", later)}
    assert (NEW in recipients, OLD in recipients) == (False, True)


async def test_what_was_retracted_is_in_the_digest_as_a_reference_only(whole: Whole) -> None:
    sent = _incident(CHILD)
    gone = await whole.accept("police", sent)
    await whole.settle()
    await whole.accept(
        "police",
        event("police", "event.retracted", {"reason": "sent-in-error"}, supersedes=sent["id"]),
    )
    await whole.settle()
    taken = await whole.accept("social-care", _assigned(NEW))
    mailbox = await _by_receipt(whole, NEW, 1)
    assert mailbox.keys() == {taken}
    content = mailbox[taken]["content"]
    assert (content["events"], content["withdrawn"]) == ([], [gone])
    assert (await _everything(whole, NEW)).count(gone.encode()) > 0


async def test_another_agency_cannot_take_a_child_over_by_an_event(whole: Whole) -> None:
    await whole.accept("social-care", _assigned(OLD))
    shared = await whole.accept("police", _incident(CHILD))
    await whole.settle()
    theft = _assigned(None, OLD)
    theft["source"] = "police.example"
    theft["data"].update(
        worker={"role": "other", "organisation": "police-example"}, assignedAt=now().isoformat()
    )
    receipt = await whole.accept("police", theft)
    await whole.settle()
    progress = await whole.progress("police", receipt)
    assert progress["state"] == "needs-person"
    assert shared in await _by_receipt(whole, OLD, 2)
