"""People are told that notices wait: alerts are gathered, claimed, sent and settled.

Nothing is held while sending. What is claimed and not settled (a crash) is due again when its lease
ends, as the same message with the same Message-ID. Any number of processes may do this at once.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter as Counts
from collections.abc import Iterable

from prometheus_client import Gauge

from chassis.clock import Clock
from chassis.database import Database, after_commit
from chassis.telemetry import logger
from services.notifier.bells import Bells
from services.notifier.channels.alert import Later, Message, Outcome
from services.notifier.channels.email import EmailChannel
from services.notifier.channels.notify import NotifyChannel
from services.notifier.contacts import tell_lapses, tell_newcomers
from services.notifier.gather import GATHER_SIZE, Gathered, gather
from services.notifier.settings import NotifierGroup
from services.notifier.settle_alert import Job, Tried, claim_alerts, settle_alert

log = logger("notifier.alert")

resting = Gauge("notifier_alert_channel_resting", "1: it refuses us, and rests", ["channel"])
contacts = Gauge("notifier_contacts", "Contacts, by how they are", ["state"])

MEASURE_SECONDS = 30.0
STOP_SECONDS = 5.0
"""Shorter than what the process gives a task to stop."""


class Alerter:
    """Runs alerts in one process."""

    def __init__(
        self,
        database: Database,
        bells: Bells,
        clock: Clock,
        settings: NotifierGroup,
        sign_in_url: str,
    ) -> None:
        self._database = database
        self._bells = bells
        self._clock = clock
        self._group = settings
        self._settings = settings.alerts
        self._link = sign_in_url
        self._email = EmailChannel(settings.smtp, settings.alerts.timeout_seconds)
        self._notify = NotifyChannel(
            settings.notify, settings.alerts.timeout_seconds, settings.alerts.at_once
        )
        self._sending: dict[asyncio.Task[None], str] = {}
        self._rests_until: dict[str, float] = {}
        self._measured_at = -MEASURE_SECONDS

    async def run(self) -> None:
        """Gather and send until cancelled; what is on its way then has a moment to end."""
        try:
            while True:
                if time.monotonic() - self._measured_at > MEASURE_SECONDS:
                    await self.measure()
                    self._measured_at = time.monotonic()
                gathered = await self.gather_once()
                self._start(await self.claim_once())
                busy = gathered.notices == GATHER_SIZE
                await self._wait(0.0 if busy else self._settings.poll_seconds)
        finally:
            if self._sending:
                _, late = await asyncio.wait(self._sending, timeout=STOP_SECONDS)
                for task in late:
                    task.cancel()
            self._sending.clear()

    async def round(self) -> None:
        """One of everything, to its end."""
        await self.gather_once()
        self._start(await self.claim_once())
        while self._sending:
            await self._wait(self._settings.timeout_seconds)

    async def gather_once(self) -> Gathered:
        """What begins to wait is put into alerts; those that are due are closed."""
        async with self._database.transaction() as session:
            gathered = await gather(session, self._clock(), self._group)
            if gathered.escalated:
                after_commit(session, "escalate", self._bells.escalate.set)
        if gathered.closed or gathered.cancelled:
            log.info("alerts_closed", sending=gathered.closed, cancelled=gathered.cancelled)
        return gathered

    async def claim_once(self) -> list[Job]:
        """Claim what is due to be sent. A relay that hangs fills its own channel's room only, and
        of a channel that rests nothing is claimed."""
        going = Counts(self._sending.values())
        full = {name for name, count in going.items() if count >= self._settings.at_once}
        now = time.monotonic()
        rests = {name for name, until in self._rests_until.items() if until > now}
        async with self._database.transaction() as session:
            claimed = await claim_alerts(session, self._clock(), self._settings, full | rests)
            if claimed.escalated:
                after_commit(session, "escalate", self._bells.escalate.set)
        return claimed.jobs

    async def send(self, job: Job) -> Tried:
        """Send one alert; no transaction is open."""
        at, started = self._clock(), time.monotonic()
        message = Message(job.alert, job.address, job.notices, job.closed_at, self._link)
        outcome = await self._hand_over(job, message)
        self._learn(job.channel, outcome)
        return Tried(job, at, int((time.monotonic() - started) * 1000), outcome)

    async def settle(self, tried: Tried) -> None:
        """Write down what came of it."""
        async with self._database.transaction() as session:
            escalated = await settle_alert(session, tried, self._clock(), self._settings)
            if escalated:
                after_commit(session, "escalate", self._bells.escalate.set)
        log.info(
            "alert_attempted",
            alert=str(tried.job.alert),
            number=tried.job.number,
            outcome=tried.outcome.code,
        )

    async def measure(self) -> None:
        """Gauges; every contact that nobody confirmed in time is said, once a lapse; and those that
        are new are told what was composed while they were added."""
        at = self._clock()
        async with self._database.transaction() as session:
            await tell_newcomers(session, at)
            counts = await tell_lapses(session, at, self._settings.confirm_days)
        for state, count in counts.items():
            contacts.labels(state).set(count)

    def _start(self, jobs: Iterable[Job]) -> None:
        for job in jobs:
            self._sending[asyncio.create_task(self._send_and_settle(job))] = job.channel

    async def _wait(self, seconds: float) -> None:
        """Until a sending ends, at most so long. What failed to be settled fails the task: its
        lease ends, and it is sent again."""
        if not self._sending:
            await asyncio.sleep(seconds)
            return
        done, _ = await asyncio.wait(
            self._sending, timeout=seconds, return_when=asyncio.FIRST_COMPLETED
        )
        for task in done:
            del self._sending[task]
        for task in done:
            task.result()

    async def _send_and_settle(self, job: Job) -> None:
        await self.settle(await self.send(job))

    def _learn(self, channel: str, outcome: Outcome) -> None:
        """A channel that refuses us altogether rests, loudly; then it is tried again."""
        refuses = isinstance(outcome, Later) and outcome.ours
        if refuses:
            self._rests_until[channel] = time.monotonic() + self._settings.rest_seconds
            log.error(
                "alert_channel_refuses",
                channel=channel,
                reason=outcome.code,
                next="nobody is told by it until that is put right; it is tried again after a rest,"
                " and what waits too long fails and escalates",
            )
        elif self._rests_until.pop(channel, None) is not None:
            log.info("alert_channel_taken_up", channel=channel)
        resting.labels(channel).set(refuses)

    async def _hand_over(self, job: Job, message: Message) -> Outcome:
        if job.channel == "sms":
            return await self._notify.send(message, "sms", job.number)
        if self._settings.email_by == "notify":
            return await self._notify.send(message, "email", job.number)
        return await self._email.send(message)
