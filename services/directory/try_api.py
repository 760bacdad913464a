"""A dry run of the matcher for a reviewer: how would this child be recognised, and why?

No fishing tool: it needs a case reference, tells nobody's name, number or id, speaks of no field
that the question does not hold, is limited by the hour, and leaves an audit row each time.
"""

from __future__ import annotations

from typing import Annotated
from uuid import uuid4

from fastapi import APIRouter, Request
from pydantic import ConfigDict, Field
from sqlalchemy import text

from chassis.credentials import Credentials
from chassis.database import Database, Session
from chassis.problems import Problem
from schemas.blocks import Child as SentChild
from schemas.blocks import PersonName
from schemas.model import Model
from schemas.reading import Words
from services.directory.doubts import IN_WORDS, doubt_of_judgement
from services.directory.matcher import Learnt
from services.directory.matching.explain import explain
from services.directory.matching.judge import Judgement, worth_showing
from services.directory.partnership import Partnership
from services.directory.read_people import person_sent
from services.directory.recognise import Asked, recognise_children
from services.directory.reviewer import (
    Authorization,
    audit,
    authenticate,
    read_body_of,
    review_router,
)
from services.directory.show_evidence import StepShown, show_steps
from services.directory.tables import Credential

BODY_LIMIT_BYTES = 32 * 1024
OPERATION = "try-resolve"

_TRIES = text("""
    select count(*) from directory.audit
     where credential = :credential and operation = 'try-resolve' and at > :since""")


class TryBody(Model):
    """Whom a reviewer asks about, and for which case."""

    model_config = ConfigDict(extra="forbid")

    case_reference: Words = Field(description="Of the case for which this is asked; kept.")
    child: SentChild
    parents: Annotated[tuple[PersonName, ...], Field(max_length=4)] = ()


class CandidateTried(Model):
    """Somebody of the register, without a name: how probable, and why."""

    probability: float
    relative: float = Field(description="That it is an unregistered brother or sister of this one.")
    steps: tuple[StepShown, ...]


class Tried(Model):
    """What the matcher would say."""

    status: str = Field(description="match, potential, many, none")
    not_registered: float = Field(description="That it is nobody on the register.")
    doubt: str | None = Field(description="Why a person would be asked, as a code.")
    doubt_words: str | None = Field(description="The same in words.")
    candidates: tuple[CandidateTried, ...]
    matcher: str = Field(description="The version that decided.")


def create_try_router(
    database: Database, partnership: Partnership, credentials: Credentials[Credential]
) -> APIRouter:
    """The one route; it authenticates, counts and audits."""
    router = review_router()

    @router.post("/v1/directory/resolve")
    async def try_resolve(request: Request, authorization: Authorization = None) -> Tried:
        """How this child would be recognised. Nothing is changed, nobody is told."""
        who = await authenticate(credentials, authorization)
        body = await read_body_of(request, TryBody, BODY_LIMIT_BYTES)
        async with database.transaction() as session:
            await _count(session, partnership, who)
            purpose = f"case {body.case_reference}"
            await audit(session, who, OPERATION, [(str(uuid4()), None)], purpose)
        parents = [(one.given or "", one.family or "") for one in body.parents]
        asked = Asked(person_sent(body.child, parents), 0)
        async with database.reading() as session:
            learnt = await partnership.matcher.get(session)
            if learnt is None:
                raise Problem(503, "not-learnt", "The matcher has not measured the register yet.")
            (judged,) = await recognise_children(session, learnt, [asked], known={})
        return _shown(judged, learnt)

    return router


async def _count(session: Session, partnership: Partnership, who: Credential) -> None:
    """Counted before it is answered, and also where the answer fails."""
    since = partnership.clock() - partnership.settings.tries_within
    tries = await session.execute(_TRIES, {"credential": who.id, "since": since})
    if tries.scalar_one() >= partnership.settings.most_tries:
        raise Problem(429, "too-many-tries", "This key has asked too often; try again later.")


def _shown(judged: Judgement, learnt: Learnt) -> Tried:
    doubt = doubt_of_judgement(judged)
    return Tried(
        status=judged.status,
        not_registered=round(judged.unknown, 6),
        doubt=doubt,
        doubt_words=IN_WORDS[doubt] if doubt is not None else None,
        candidates=tuple(
            CandidateTried(
                probability=round(one.probability, 6),
                relative=round(one.relative, 6),
                steps=show_steps(explain(one.comparison, learnt.weights, learnt.people)),
            )
            for one in worth_showing(judged)
        ),
        matcher=learnt.version,
    )
