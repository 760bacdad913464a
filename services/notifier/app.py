"""Puts the notifier together; the only module that knows every part of it."""

from __future__ import annotations

from functools import partial

from fastapi import APIRouter

import bus
from chassis.clock import Clock, now
from chassis.credentials import Credentials
from chassis.database import Database
from chassis.process import Service, Task
from services.notifier.alert import Alerter
from services.notifier.answer_ledger import asked
from services.notifier.api import create_router
from services.notifier.bells import Bells
from services.notifier.calendars import local_date, warm_up
from services.notifier.callbacks import CallbackParts, create_callback_router
from services.notifier.channels.webhook import WebhookChannel
from services.notifier.chase import Chaser
from services.notifier.contact_api import ContactParts, create_contact_router
from services.notifier.deliver import Deliverer
from services.notifier.door import Door, MailboxParts
from services.notifier.escalate import Escalator
from services.notifier.forget import Forgetter
from services.notifier.ladder_api import LadderParts, create_ladder_router
from services.notifier.listen import subscriptions
from services.notifier.measure import measure
from services.notifier.organisation_api import create_organisation_router
from services.notifier.report import SOURCE
from services.notifier.rules import read_rules
from services.notifier.settings import Settings
from services.notifier.show_again import Shower
from services.notifier.sweep_ledger import LedgerSweeper
from services.notifier.tables import Credential
from services.notifier.watch_ladders import LadderWatch


def build(settings: Settings, database: Database, road: bus.Road, *, clock: Clock = now) -> Service:
    """The notifier as a service of a process; `clock` is the time that its rules go by."""
    group = settings.notifier
    warm_up(local_date(clock()))
    read_rules(group.deadlines.table)
    bells = Bells()
    channel = WebhookChannel(group.send, settings.notices_url, clock)
    deliverer = Deliverer(database, channel, bells, clock, group)
    escalator = Escalator(database, bells, clock, group)
    ledger = LedgerSweeper(database, bells, clock, group)
    ladders = LadderWatch(database, bells, clock, group.ladders)
    chaser = Chaser(database, bells, clock, group)
    alerter = Alerter(database, bells, clock, group, settings.sign_in_url)
    routes = APIRouter()
    door = Door(MailboxParts(database, bells, clock, group, settings.notices_url))
    routes.include_router(create_router(door))
    routes.include_router(create_organisation_router(door))
    routes.include_router(create_ladder_router(LadderParts(database, clock, group.ladders)))
    routes.include_router(create_contact_router(ContactParts(database, clock, group)))
    routes.include_router(
        create_callback_router(CallbackParts(database, bells, clock, group.notify))
    )
    routes.include_router(
        bus.status_route(database, Credentials(Credential, database).authenticate, clock)
    )
    heard = [
        *subscriptions(clock, bells, group),
        asked(clock, group.ledger),
        bus.hearing(SOURCE),
    ]
    watch = bus.Watch(
        SOURCE, database, road, [one.group for one in heard], clock,
        partial(measure, settings=group.status),
    )  # fmt: skip
    return Service(
        "notifier",
        routes,
        tasks=[
            Task("notifier-deliver", deliverer.run),
            Task("notifier-escalate", escalator.run),
            Task("notifier-alert", alerter.run),
            Task("notifier-chase", chaser.run),
            Task("notifier-ladders", ladders.run),
            Task("notifier-show-again", Shower(database, bells, clock, group).run),
            Task("notifier-ledger", ledger.run),
            Task("notifier-forget", Forgetter(database, clock, group.self_service).run),
            *road.readers(database, *heard),
            watch.task(),
        ],
        databases=[database],
    )
