"""Puts intake together; the only module that knows every part."""

from __future__ import annotations

from functools import partial

import bus
from bus import Road
from chassis.clock import Clock, now
from chassis.credentials import Credentials
from chassis.database import Database
from chassis.health import Check
from chassis.process import Service, Task
from services.intake import api, listen
from services.intake.ask_ledger import ledger_task
from services.intake.canary import Canary
from services.intake.canary_receiver import canary_routes
from services.intake.identify import Identifier
from services.intake.insert import SOURCE
from services.intake.judge import Judge
from services.intake.measure import measure
from services.intake.note_rejections import RejectionNotes
from services.intake.push import Pusher
from services.intake.read_api import reading_routes
from services.intake.record import GroupRecorder, Recorder
from services.intake.sandbox import SandboxRecorder
from services.intake.settings import Settings
from services.intake.subscription_api import subscription_routes
from services.intake.tables import Credential


def build(
    settings: Settings,
    database: Database,
    road: Road,
    recorder: Recorder | None = None,
    clock: Clock = now,
    *,
    answers_status: bool = True,
) -> Service:
    """Intake as a service. A recorder that is given takes the place of the one that commits.

    `answers_status` is False in a process where another service answers `GET /v1/status`.
    """
    identifier = Identifier(settings.intake.identity_secret.get_secret_value())
    tasks: list[Task] = []
    if recorder is None:
        recorder = committing = GroupRecorder(database, identifier, settings.intake, clock)
        tasks.append(Task("intake-record", committing.run))
    credentials = Credentials(Credential, database)
    rejections = RejectionNotes(database, settings.intake.rejections, clock)
    push, skew = settings.intake.push, settings.intake.clock_skew_seconds
    sandbox = SandboxRecorder(database, settings.intake.sandbox, push.gather_seconds, clock)
    tasks.append(Task("intake-rejections", rejections.run))
    router = api.routes(
        credentials,
        api.Ways(
            api.Way(Judge(identifier, skew), recorder),
            api.Way(Judge(identifier.for_sandbox(), skew), sandbox),
        ),
        rejections,
        clock,
    )
    router.include_router(reading_routes(credentials, database, clock, settings.intake))
    router.include_router(subscription_routes(credentials, database, clock, push))
    pusher = Pusher(database, push, settings.intake.sandbox, settings.own_url, clock)
    tasks.append(Task("intake-push", pusher.run))
    canary = settings.intake.canary
    if canary.is_on:
        secrets = [secret.get_secret_value() for secret in canary.webhook_secrets]
        router.include_router(canary_routes(secrets, database, clock))
        tasks.append(Task("intake-canary", Canary(database, canary, settings.own_url, clock).run))
    if answers_status:
        router.include_router(bus.status_route(database, credentials.authenticate, clock))
    heard = [listen.subscription(push.gather_seconds), bus.hearing(SOURCE)]
    watch = bus.Watch(
        SOURCE, database, road, [one.group for one in heard], clock,
        partial(measure, settings=canary),
    )  # fmt: skip
    return Service(
        "intake",
        router,
        tasks=[
            *tasks,
            *road.readers(database, *heard),
            watch.task(),
            ledger_task(database, clock, settings.intake.ledger),
        ],
        checks=[Check("intake-database", database.check)],
        databases=[database],
    )
