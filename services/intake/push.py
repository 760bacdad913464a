"""Pushes progress to senders as it changes: claimed, composed, sent, settled, per subscription.

Claiming and composing are one short transaction that holds the claimed rows, so that what a version
says never changes; sending holds none. One round at a time goes to a subscription, and a hanging
one keeps nobody else waiting. What is claimed and not settled (a crash) is due again when its lease
ends, with the same id. Nothing is given up: what cannot be told waits, and only its latest state.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from prometheus_client import Counter, Histogram
from sqlalchemy import text

from chassis import outbound
from chassis.bell import wait
from chassis.breaker import Breaker, Patience
from chassis.clock import Clock
from chassis.database import Database, Session
from chassis.telemetry import describe, logger
from chassis.to_its_end import to_its_end
from chassis.webhook_keys import Signer, read_signer
from chassis.webhooks import GONE, Delivered, WebhookClient
from services.intake.compose_push import compose_push
from services.intake.load_progress import load_progress
from services.intake.mark_changed import REST
from services.intake.progress import describe_progress
from services.intake.sandbox import load_sandbox
from services.intake.settings import PushSettings, SandboxSettings
from services.intake.settle_pushes import Health, Job, Pushed, settle_pushes
from services.intake.simulate import simulate
from services.intake.tables import Push

log = logger("intake.push")

pushes_total = Counter("intake_pushes_total", "Pushes of progress to senders", ["outcome"])
push_seconds = Histogram("intake_push_seconds", "From sending a push to its answer")
disabled_total = Counter(
    "intake_subscriptions_disabled_total", "Subscriptions disabled by the bus", ["reason"]
)


# Pauses are read where they are kept, so that one that is taken off ends at once.
_LEFT_ALONE = """(q.subscription = any(cast(:busy as uuid[]))
                  or exists (select from intake.subscription s where s.id = q.subscription
                              and s.paused_until > clock_timestamp()))"""


@dataclass(frozen=True, slots=True)
class Subscriber:
    """One subscription, ready to be pushed to."""

    id: UUID
    organisation: str
    sandbox: bool
    url: str
    signers: tuple[Signer, ...]


@dataclass(frozen=True, slots=True)
class Round:
    """What was claimed for one subscription."""

    to: Subscriber
    breaker: Breaker
    token: UUID
    lease_ends: float
    jobs: Sequence[Job]


class Pusher:
    """Pushes in one process; any number of processes may do so at once."""

    def __init__(
        self,
        database: Database,
        settings: PushSettings,
        sandbox: SandboxSettings,
        own_url: str,
        clock: Clock,
    ) -> None:
        self._database = database
        self._settings = settings
        self._sandbox = sandbox
        self._own_url = own_url
        self._clock = clock
        self._client = WebhookClient(settings, clock)
        self._patience = Patience(
            settings.pause_after_failures, settings.pause_first_seconds, settings.pause_last_seconds
        )
        self._breakers: dict[UUID, Breaker] = {}
        self._busy: set[UUID] = set()
        self._bell = asyncio.Event()

    async def run(self) -> None:
        """Push until cancelled; what was answered by then is settled."""
        self._busy.clear()
        await self._client.open()
        try:
            async with asyncio.TaskGroup() as group:
                while True:
                    self._bell.clear()
                    rounds = await to_its_end(self.claim_once())
                    for one in rounds:
                        self._busy.add(one.to.id)
                        group.create_task(self._carry_out(one))
                    if not rounds:
                        await wait(self._bell, await to_its_end(self._rest_seconds()))
        finally:
            await self._client.close()

    async def claim_once(self) -> list[Round]:
        """Claim what is due and compose it; a round for each subscription."""
        lease_ends = time.monotonic() + self._settings.lease_seconds
        async with self._database.transaction() as session:
            claim = await outbound.claim(
                session,
                Push,
                limit=self._settings.claim_size,
                lease_seconds=self._settings.lease_seconds,
                unless=_LEFT_ALONE,
                values={"busy": list(self._busy)},
                durable=False,
                columns="q.id, q.subscription, q.receipt, q.version, q.changed_at, q.attempts, "
                "q.told",
            )
            return await self._compose(session, claim, lease_ends)

    async def _compose(
        self, session: Session, claim: outbound.Claim, lease_ends: float
    ) -> list[Round]:
        """In the transaction that claims: nobody changes these events' progress meanwhile."""
        of_subscription: dict[UUID, list[Any]] = {}
        for row in claim.rows:
            of_subscription.setdefault(row.subscription, []).append(row)
        if not of_subscription:
            return []
        found = await session.execute(_SUBSCRIPTIONS, {"ids": list(of_subscription)})
        rounds = []
        now = time.monotonic()
        for known in found:
            rows = sorted(of_subscription[known.id], key=lambda row: row.receipt.int)
            keys = [known.secret] if known.previous is None else [known.secret, known.previous]
            to = Subscriber(
                known.id, known.organisation, known.sandbox, known.url,
                tuple(read_signer(key) for key in keys),
            )  # fmt: skip
            breaker = self._breakers.setdefault(known.id, Breaker(self._patience))
            if breaker.pauses != known.pauses:
                breaker.adopt(known.pauses, now + float(known.pause_left or 0.0))
            jobs = await (self._simulate if to.sandbox else self._read)(session, to, rows)
            rounds.append(Round(to, breaker, claim.token, lease_ends, jobs))
        if len(rounds) < len(of_subscription):
            # Disabled or removed while it was being marked.
            await session.execute(_LAY_BY, {"ids": [row.id for row in claim.rows]})
        return rounds

    async def _read(self, session: Session, to: Subscriber, rows: Sequence[Any]) -> list[Job]:
        found = await load_progress(session, [row.receipt for row in rows], to.organisation)
        jobs = []
        for row in rows:
            try:
                shown = describe_progress(found[row.receipt], row.changed_at)
                push = compose_push(
                    row.id, row.version, row.changed_at, shown, row.told, self._own_url
                )
            except (LookupError, TypeError, ValueError, AttributeError) as error:
                # One event that cannot be told must not keep back all others for ever.
                push = None
                pushes_total.labels("uncomposable").inc()
                # By another name: `log.exception` would write the error's own text.
                report = log.error
                report(
                    "push_uncomposable",
                    receipt=str(row.receipt),
                    next="not pushed until something changes of it; its sender may read it",
                    **describe(error),
                )
            jobs.append(Job(row, row.version, push))
        return jobs

    async def _simulate(self, session: Session, to: Subscriber, rows: Sequence[Any]) -> list[Job]:
        events = await load_sandbox(session, [row.receipt for row in rows], to.organisation)
        jobs = []
        for row in rows:
            event = events.get(row.receipt)
            if event is None:  # Forgotten meanwhile.
                jobs.append(Job(row, row.version, None))
                continue
            story = simulate(event, self._clock(), self._sandbox.step_seconds)
            shown = describe_progress(story.rows, story.at).model_copy(update={"sandbox": True})
            push = compose_push(row.id, story.version, story.at, shown, row.told, self._own_url)
            jobs.append(Job(row, story.version, push, story.next_at))
        return jobs

    async def _carry_out(self, one: Round) -> None:
        """Send a round and settle what came of it, whatever ends it."""
        waiting = deque(one.jobs)
        done: list[Pushed] = []
        try:
            if one.breaker.state(time.monotonic()) == "probing":
                await self._send_on(one, waiting, done, most=1)
            async with asyncio.TaskGroup() as group:
                for _ in range(min(self._settings.per_subscription, len(waiting))):
                    group.create_task(self._send_on(one, waiting, done))
        finally:
            await to_its_end(self._settle(one, done, waiting))
            self._busy.discard(one.to.id)
            self._bell.set()

    async def _send_on(
        self, one: Round, waiting: deque[Job], done: list[Pushed], most: int | None = None
    ) -> None:
        """Send what waits, while the receiver does well and the lease lasts."""
        while waiting and most != 0:
            started = time.monotonic()
            late = one.lease_ends - started <= self._settings.timeout_seconds
            state = one.breaker.state(started)
            if late or state == "paused" or (state == "probing" and most is None):
                return
            job = waiting.popleft()
            if job.push is None:
                done.append(Pushed(job, None))
                continue
            outcome = await self._client.send(one.to, job.push.id, job.push.body)
            now = time.monotonic()
            push_seconds.observe(now - started)
            pushes_total.labels(outcome.code).inc()
            done.append(Pushed(job, outcome))
            if isinstance(outcome, Delivered):
                one.breaker.succeeded(now)
            else:
                one.breaker.failed(
                    outcome.code, started, now, getattr(outcome, "after_seconds", None)
                )
                if outcome.code == GONE:
                    return
            most = None if most is None else most - 1

    async def _settle(self, one: Round, done: list[Pushed], waiting: Sequence[Job]) -> None:
        breaker = one.breaker
        health = Health(one.to.id, breaker.pauses, max(0.0, breaker.until - time.monotonic()), done)
        async with self._database.transaction() as session:
            disabled = await settle_pushes(
                session, one.to.organisation, one.token, health,
                [job.row for job in waiting], self._clock(), self._settings,
            )  # fmt: skip
        about = {"subscription": str(one.to.id), "organisation": one.to.organisation}
        sent = [push for push in done if push.outcome is not None]
        delivered = sum(isinstance(push.outcome, Delivered) for push in sent)
        if sent:
            log.info("progress_pushed", **about, delivered=delivered, failed=len(sent) - delivered)
        if breaker.pauses:
            log.warning(
                "subscription_paused",
                **about,
                reason=breaker.reason,
                pauses=breaker.pauses,
                next="then one push is tried; what waits is told then, the latest of each event",
            )
        if disabled is not None:
            self._breakers.pop(one.to.id, None)
            disabled_total.labels(disabled).inc()
            log.error(
                "subscription_disabled",
                **about,
                reason=disabled,
                next="the sender enables it again (`/v1/subscriptions`); what waits is kept",
            )

    async def _rest_seconds(self) -> float:
        values = {"busy": list(self._busy)}
        async with self._database.reading() as session:
            due = await outbound.next_due_seconds(session, Push, unless=_LEFT_ALONE, values=values)
        # One looks again soon all the same: what another process heard rings no bell here.
        soon = self._settings.poll_seconds
        return soon if due is None else min(soon, max(due, 0.01))


_SUBSCRIPTIONS = text("""
    select id, organisation, sandbox, url, secret, pauses,
           case when previous_until > clock_timestamp() then previous_secret end as previous,
           extract(epoch from paused_until - clock_timestamp()) as pause_left
      from intake.subscription where id = any(:ids) and disabled_at is null""")

_LAY_BY = text(f"""
    with stray as (
        select p.id, s.id as subscription from intake.push p
          left join intake.subscription s on s.id = p.subscription
         where p.id = any(:ids) and (s.id is null or s.disabled_at is not null)),
    gone as (
        delete from intake.push p using stray where p.id = stray.id and stray.subscription is null)
    update intake.push p
       set state = 'waiting', claim_token = null, claimed_until = null, ready = false,
           due_at = {REST}
      from stray where p.id = stray.id and stray.subscription is not null""")
