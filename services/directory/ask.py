"""Puts a question to a person: who the child is, who must know, whether a text may be sent.

The question is stored with its clock and published as `resolution.needed`; those who can act get
an alert that names nobody. The same question stands once, however often it arises.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import text

from chassis.database import Session
from chassis.ids import new_id
from chassis.telemetry import logger
from schemas.facts import Addressee, EventAccepted, Profile, ResolutionNeeded
from schemas.identifiers import outward_code
from schemas.organisations import Organisation, OrganisationKind, RecipientRole
from schemas.profiles.texts import child_item
from services.directory.deadlines import decide_by
from services.directory.organisations import Needs, Organisations, read_organisations
from services.directory.partnership import Partnership
from services.directory.register import RegisteredChild
from services.directory.situation import is_mash, sent_outward
from services.directory.track_changed import note_changed

log = logger("directory.ask")

REVIEWER_RULE = "reviewer"
SEVERAL_CANDIDATES = "several-candidates"

_INSERT = text("""
    insert into directory.resolution (id, receipt, child_index, child_id, reason, detail,
        candidates, pending, recipients, state, queued_at, decide_by, reopens)
    select r.id, r.receipt, r.child_index, r.child_id, r.reason, r.detail, r.candidates, r.pending,
           r.recipients, 'open', r.queued_at, r.decide_by, r.reopens
      from jsonb_to_recordset(cast(:rows as jsonb)) as r(id uuid, receipt uuid, child_index int,
           child_id uuid, reason text, detail jsonb, candidates jsonb, pending jsonb,
           recipients jsonb, queued_at timestamptz, decide_by timestamptz, reopens uuid)
        on conflict do nothing returning id""")


@dataclass(frozen=True)
class Question:
    """What a person is asked.

    Attributes:
        candidates: ids of children whom it may be.
        detail: codes, policy lines or JSON pointers; nothing personal.
        pending: who is told once a person releases it.
        reopens: the resolution that was undone, if this asks it again.
    """

    event: EventAccepted
    reason: str
    child_index: int | None = None
    child: RegisteredChild | None = None
    candidates: Sequence[UUID] = ()
    detail: Sequence[str] = ()
    pending: Sequence[Addressee] = ()
    reopens: UUID | None = None


def head_of(event: EventAccepted) -> dict[str, Any]:
    """What every fact about an event repeats."""
    return {
        "receipt": event.receipt,
        "event_type": event.event_type,
        "version": event.version,
        "key": event.key,
        "sender": event.sender,
        "occurred_at": event.occurred_at,
        "accepted_at": event.accepted_at,
        "due_at": event.due_at,
        "supersedes": event.supersedes,
    }


async def ask_people(
    session: Session, partnership: Partnership, questions: Sequence[Question]
) -> list[ResolutionNeeded]:
    """Store the questions that do not stand yet, and return the facts that tell of them."""
    if not questions:
        return []
    needs = Needs()
    for one in questions:
        _note_needs(one, needs, partnership)
    known = await read_organisations(session, needs, partnership.today())
    queued_at = partnership.clock()
    facts = [
        ResolutionNeeded(
            **head_of(one.event),
            resolution=new_id(),
            child_index=one.child_index,
            child_id=one.child.id if one.child else None,
            reason=one.reason,
            candidates=len(one.candidates),
            decide_by=decide_by(one.event.event_type, queued_at, partnership.settings),
            recipients=_reviewers(one, known, partnership),
        )
        for one in questions
    ]
    rows = [
        {
            "id": str(fact.resolution),
            "receipt": str(fact.receipt),
            "child_index": fact.child_index,
            "child_id": str(fact.child_id) if fact.child_id else None,
            "reason": fact.reason,
            "detail": list(one.detail),
            "candidates": [str(candidate) for candidate in one.candidates],
            "pending": [_plain(addressee) for addressee in one.pending],
            "recipients": [_plain(addressee) for addressee in fact.recipients],
            "queued_at": queued_at.isoformat(),
            "decide_by": fact.decide_by.isoformat(),
            "reopens": str(one.reopens) if one.reopens else None,
        }
        for one, fact in zip(questions, facts, strict=True)
    ]
    inserted = await session.execute(_INSERT, {"rows": json.dumps(rows)})
    fresh = {row.id for row in inserted}
    asked = [fact for fact in facts if fact.resolution in fresh]
    await _compare_rivals(session, partnership, questions)
    for fact in asked:
        tell = log.info if fact.recipients else log.error
        tell(
            "resolution_needed",
            resolution=str(fact.resolution),
            receipt=str(fact.receipt),
            reason=fact.reason,
            reviewers=len(fact.recipients),
            next="decide by the review API, before decide_by",
        )
    return asked


async def _compare_rivals(
    session: Session, partnership: Partnership, questions: Sequence[Question]
) -> None:
    """Children whom one event matches alike may be one person, twice on the register."""
    rivals = {
        candidate
        for one in questions
        if one.reason == SEVERAL_CANDIDATES
        for candidate in one.candidates
    }
    await note_changed(session, partnership, rivals)


def _note_needs(one: Question, needs: Needs, partnership: Partnership) -> None:
    needs.ids.add(one.event.sender.organisation)
    if partnership.settings.default_reviewer:
        needs.ids.add(partnership.settings.default_reviewer)
    if one.child is not None:
        needs.authority(one.child.local_authority)
    needs.outwards.update(_outwards(one))


def _outwards(one: Question) -> list[str]:
    """Where the child lives, else where the event was, as outward codes."""
    position = one.child_index or 0
    sent = child_item(one.event.data, position).get("child") or one.event.data.get("child") or {}
    place = one.event.data.get("place") or {}
    found = [
        outward_code(one.child.postcode or "") if one.child is not None else None,
        sent_outward(sent),
        outward_code(str(place.get("postcode") or "")),
    ]
    return [outward for outward in found if outward]


def _reviewers(
    one: Question, known: Organisations, partnership: Partnership
) -> tuple[Addressee, ...]:
    """The MASH of the area; else the sender's; else whoever the partnership names."""
    settings = partnership.settings
    options: list[Organisation | None] = []
    for outward in _outwards(one):
        options += known.covering(outward, OrganisationKind.SOCIAL_CARE)
    if one.child is not None:
        options.append(known.social_care_of(one.child.local_authority))
    sender = known.present(one.event.sender.organisation)
    if sender is not None:
        here = sender.organisation.local_authority or sender.organisation.id
        options.append(known.social_care_of(here))
    options = [option for option in options if option is not None and is_mash(option, settings)]
    default = known.present(settings.default_reviewer)
    options.append(default.organisation if default is not None else None)
    for option in options:
        if option is not None and option.channel != "none":
            return (address(option, RecipientRole.REVIEWER, Profile.ALERT, REVIEWER_RULE),)
    return ()


def address(
    organisation: Organisation,
    role: RecipientRole,
    profile: Profile,
    rule: str,
    withheld: str | None = None,
) -> Addressee:
    """An organisation as one who must know; its channel decides which service delivers."""
    return Addressee(
        organisation=organisation.id,
        name=organisation.name,
        role=role,
        profile=profile,
        owner="health-broker" if organisation.channel == "fhir" else "notifier",
        rule=rule,
        withheld=withheld,
    )


def _plain(addressee: Addressee) -> dict[str, Any]:
    return addressee.model_dump(mode="json", by_alias=True)
