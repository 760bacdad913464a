"""The directory on a stage: a synthetic area, its children, its events, and what is said of them.

Events are fed through the handler as accepted facts; what follows is read from the bus's log.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any, TypeVar
from uuid import UUID, uuid4

from sqlalchemy import text

from bus import Fact, fact_of
from chassis.database import Database
from schemas.facts import FACTS, EventAccepted, EventAddressed, ResolutionNeeded, Sender
from schemas.organisations import Organisation
from services.directory.decide import Decided, Decision, NotPossible, Verdict, decide_resolution
from services.directory.learn_matcher import learn_matcher
from services.directory.listen import handle_events, publish
from services.directory.matcher import Matcher
from services.directory.partnership import Partnership
from services.directory.policy import read_policy
from services.directory.record_organisation import record_organisations
from services.directory.register import keys_of
from services.directory.settings import DirectorySettings
from services.directory.sweep import readdress_one
from services.directory.undo import Plea, Undone, undo_match, undo_resolution
from services.directory.write_keys import refresh_keys
from tests.integration.directory.area import MASH, POLICE, SCHOOL_A, Pupil, nhs_number, upn

NOW = datetime(2026, 3, 3, 9, 0, tzinfo=UTC)
CONTACT = {"name": "Desk", "role": "Desk", "agency": "Example", "phone": "0121 496 0101"}

PLEA = Plea("the wrong child", f"{MASH}/Reviewer", MASH)

FactModel = TypeVar("FactModel")


@dataclass
class Stage:
    """The directory on a database of the test's own, with a clock that the test turns."""

    database: Database
    settings: DirectorySettings = field(default_factory=DirectorySettings)
    now: datetime = NOW
    matcher: Matcher = field(default_factory=Matcher)
    _read: int = 0
    _seed: int = 0

    @property
    def partnership(self) -> Partnership:
        return Partnership(read_policy(), self.settings, lambda: self.now, self.matcher)

    async def learn(self) -> str:
        """Measure the register, so that more than exact matches are made."""
        return await learn_matcher(self.database, self.partnership)

    async def organisations(self, *organisations: dict[str, Any]) -> None:
        """Record organisations."""
        async with self.database.transaction() as session:
            await record_organisations(
                session,
                self.partnership,
                [Organisation.model_validate(one) for one in organisations],
                self.now,
            )

    async def child(
        self,
        given: str = "Robin",
        family: str = "Example",
        born: date = date(2014, 5, 14),
        *,
        school: str | None = SCHOOL_A,
        status: str = "registered",
        enrolments: Sequence[tuple[str | None, str]] | None = None,
        postcode: str | None = "ZZ9 1AA",
        numbered: bool = True,
        **columns: Any,
    ) -> Pupil:
        """Register a child, at one school unless said otherwise."""
        self._seed += 1
        pupil = Pupil(
            uuid4(),
            given,
            family,
            born,
            nhs_number(self._seed * 9) if numbered else None,
            upn(self._seed) if numbered else None,
            postcode,
        )
        row = {
            "alternative_names": [],
            "nhs_verified": numbered,
            "local_authority": MASH,
            "household": None,
            "responsible_authority": None,
            "restricted": False,
            "nhs_number": pupil.nhs,
            "upn": pupil.upn,
            **columns,
        }
        if enrolments is None:
            enrolments = [(school, status)] if school else []
        async with self.database.transaction() as session:
            await session.execute(
                text("""insert into directory.child (id, given_name, family_name, alternative_names,
                        date_of_birth, nhs_number, nhs_verified, upn, postcode, local_authority,
                        household, responsible_authority, restricted, recorded_at)
                        values (:id, :given, :family, cast(:alternative as jsonb), :born,
                        :nhs_number, :nhs_verified, :upn, :postcode, :local_authority,
                        :household, :responsible_authority, :restricted, :now)"""),
                {
                    "id": pupil.id,
                    "given": given,
                    "family": family,
                    "alternative": json.dumps(row["alternative_names"]),
                    "born": born,
                    "postcode": postcode,
                    "now": self.now,
                    **row,
                },
            )
            names = [(given, family)]
            names += [(one["given"], one["family"]) for one in row["alternative_names"]]
            keys = [] if row["restricted"] else list(keys_of(names, born, postcode))
            await session.execute(
                text("""insert into directory.child_key
                        select unnest(cast(:keys as uuid[])), :child"""),
                {"keys": keys, "child": pupil.id},
            )
            for organisation, kind in enrolments:
                await session.execute(
                    text("""insert into directory.enrolment
                            (child, organisation, status, from_date, recorded_at)
                            values (:child, :organisation, :status, '2025-09-01', :now)"""),
                    {
                        "child": pupil.id,
                        "organisation": organisation,
                        "status": kind,
                        "now": self.now,
                    },
                )
            await refresh_keys(session, [pupil.id], self.now.date())
        return pupil

    def event(
        self,
        event_type: str,
        data: dict[str, Any],
        *,
        supersedes: UUID | None = None,
        sender: str = POLICE,
        kind: str = "police",
        occurred_at: datetime | None = None,
        receipt: UUID | None = None,
    ) -> EventAccepted:
        """An accepted event."""
        return EventAccepted(
            receipt=receipt or uuid4(),
            event_type=event_type,
            key=f"key-{uuid4().hex}",
            sender=Sender(organisation=sender, name=sender, kind=kind),
            occurred_at=occurred_at or self.now,
            accepted_at=self.now,
            supersedes=supersedes,
            data={"contact": CONTACT, **data},
        )

    def abuse(self, *children: dict[str, Any], **changes: Any) -> EventAccepted:
        """A domestic-abuse incident with these children (blocks, or whole items)."""
        items = [child if "child" in child else {"child": child} for child in children]
        supersedes = changes.pop("supersedes", None)
        receipt = changes.pop("receipt", None)
        data = {
            "policeReference": "EX-1",
            "attendedAt": "2026-03-02T20:15:00Z",
            "recordedAt": "2026-03-02T22:35:00Z",
            "children": items,
            **changes,
        }
        return self.event("domestic-abuse.recorded", data, supersedes=supersedes, receipt=receipt)

    def missing(self, *children: dict[str, Any], **changes: Any) -> EventAccepted:
        """A report of missing children."""
        supersedes = changes.pop("supersedes", None)
        receipt = changes.pop("receipt", None)
        data = {
            "reportedAt": "2026-03-02T21:00:00Z",
            "grade": "medium",
            "children": [{"child": child, "description": "A grey jumper."} for child in children],
            **changes,
        }
        return self.event("missing.reported", data, supersedes=supersedes, receipt=receipt)

    def found(self, *children: dict[str, Any], **changes: Any) -> EventAccepted:
        """Children are found."""
        supersedes = changes.pop("supersedes", None)
        data = {
            "foundAt": "2026-03-03T00:50:00Z",
            "children": [{"child": child} for child in children],
            **changes,
        }
        return self.event("missing.found", data, supersedes=supersedes)

    def referral(self, *children: dict[str, Any], **changes: Any) -> EventAccepted:
        """A school refers."""
        data = {
            "referralSource": "2A",
            "reason": "A concern.",
            "children": [{"child": child} for child in children],
            **changes,
        }
        return self.event("referral.submitted", data, sender=SCHOOL_A, kind="school")

    def triage(self, referral: UUID, **changes: Any) -> EventAccepted:
        """The MASH grades a referral."""
        data = {"referral": str(referral), "grade": "amber", "triagedAt": "2026-03-03T07:00:00Z"}
        return self.event("referral.triaged", {**data, **changes}, sender=MASH, kind="social-care")

    def assessment(self, referral: UUID, **changes: Any) -> EventAccepted:
        """What came of the assessment."""
        data = {
            "referral": str(referral),
            "outcome": "child-in-need-plan",
            "completedAt": "2026-03-03T09:00:00Z",
            "rationaleShareable": "A plan follows.",
            **changes,
        }
        return self.event("assessment.completed", data, sender=MASH, kind="social-care")

    def decision(self, referral: UUID, sender: str = MASH, **changes: Any) -> EventAccepted:
        """Social care decides about a referral."""
        data = {
            "referral": str(referral),
            "outcome": "assessment",
            "decidedAt": "2026-03-03T08:00:00Z",
            "rationaleShareable": "An assessment follows.",
            **changes,
        }
        return self.event("referral.decided", data, sender=sender, kind="social-care")

    def assignment(
        self,
        child: dict[str, Any],
        worker: str | None,
        previous: str | None = None,
        *,
        reason: str = "reallocated",
        sender: str = MASH,
        kind: str = "social-care",
        supersedes: UUID | None = None,
        assigned_at: datetime | None = None,
    ) -> EventAccepted:
        """An agency says who has the child's case, by default from now on."""
        data: dict[str, Any] = {
            "child": child, "reason": reason, "assignedAt": (assigned_at or self.now).isoformat()
        }  # fmt: skip
        for name, post in (("worker", worker), ("previous", previous)):
            if post is not None:
                data[name] = {"role": "social-worker", "organisation": post}
        return self.event("worker.assigned", data, sender=sender, kind=kind, supersedes=supersedes)

    def retraction(self, of: UUID) -> EventAccepted:
        """An event is taken back."""
        return self.event("event.retracted", {"reason": "sent-in-error"}, supersedes=of)

    async def feed(self, *events: EventAccepted) -> Heard:
        """Give events to the directory as one batch; returns what it says."""
        facts = [fact_of(event, "intake") for event in events]
        return await self.give(*facts)

    async def give(self, *facts: Fact) -> Heard:
        """Give facts in one transaction."""
        async with self.database.transaction() as session:
            await handle_events(session, self.partnership, facts)
        return await self.heard()

    async def decide(
        self, resolution: UUID, decision: Decision, child: UUID | None = None
    ) -> tuple[Decided | NotPossible, Heard]:
        """A person decides."""
        verdict = Verdict(decision, child, "looked at it", MASH)
        async with self.database.transaction() as session:
            outcome, facts = await decide_resolution(session, self.partnership, resolution, verdict)
            await publish(session, facts, {})
        return outcome, await self.heard()

    async def undo(self, resolution: UUID) -> tuple[Undone | NotPossible, Heard]:
        """A person undoes a decision."""
        async with self.database.transaction() as session:
            outcome, facts = await undo_resolution(session, self.partnership, resolution, PLEA)
            await publish(session, facts, {})
        return outcome, await self.heard()

    async def undo_match(
        self, receipt: UUID, child: UUID, position: int = 0
    ) -> tuple[Undone | NotPossible, Heard]:
        """A person undoes who the child of an event was taken for."""
        async with self.database.transaction() as session:
            outcome, facts = await undo_match(
                session, self.partnership, receipt, position, child, PLEA
            )
            await publish(session, facts, {})
        return outcome, await self.heard()

    async def readdress(self) -> Heard:
        """The sweep looks for children who moved, once what is on its way has settled."""
        self.later(seconds=11)
        while await readdress_one(self.database, self.partnership):
            pass
        return await self.heard()

    async def rows(self, query: str, **values: Any) -> list[Any]:
        """What the database holds."""
        async with self.database.reading() as session:
            return list(await session.execute(text(query), values))

    async def heard(self) -> Heard:
        """Everything appended since the last look."""
        async with self.database.reading() as session:
            rows = list(
                await session.execute(
                    text("""select position, type, key, payload from bus.log
                             where position > :after order by position"""),
                    {"after": self._read},
                )
            )
        if rows:
            self._read = rows[-1].position
        return Heard([FACTS[row.type].model_validate_json(bytes(row.payload)) for row in rows])

    def later(self, **by: float) -> None:
        """Turn the clock on."""
        self.now += timedelta(**by)


@dataclass
class Heard:
    """What the directory said."""

    facts: list[Any]

    def of(self, kind: type[FactModel]) -> list[FactModel]:
        """The facts of one kind."""
        return [fact for fact in self.facts if isinstance(fact, kind)]

    @property
    def addressed(self) -> list[EventAddressed]:
        return self.of(EventAddressed)

    @property
    def needed(self) -> list[ResolutionNeeded]:
        return self.of(ResolutionNeeded)

    @property
    def reasons(self) -> list[str]:
        return [one.reason for one in self.needed]

    def told(self, child: UUID | None = None) -> set[tuple[str, str, str]]:
        """(organisation, role, profile) of everyone told, of one child or of all."""
        return {
            (one.organisation, one.role.value, one.profile.value)
            for fact in self.addressed
            if child is None or fact.child_id == child
            for one in fact.recipients
            if one.withheld is None
        }

    def organisations(self, child: UUID | None = None) -> set[str]:
        """Who is told."""
        return {organisation for organisation, _, _ in self.told(child)}

    def withheld(self) -> dict[str, str]:
        """Organisation → why it is not told."""
        return {
            one.organisation: one.withheld
            for fact in self.addressed
            for one in fact.recipients
            if one.withheld is not None
        }
