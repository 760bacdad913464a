"""Puts the notifier together; the only module that knows every part of it."""

from __future__ import annotations

from fastapi import APIRouter

import bus
from chassis.clock import Clock, now
from chassis.database import Database
from chassis.process import Service, Task
from services.notifier.api import MailboxParts, create_router
from services.notifier.bells import Bells
from services.notifier.calendars import local_date, warm_up
from services.notifier.channels.webhook import WebhookChannel
from services.notifier.deliver import Deliverer
from services.notifier.escalate import Escalator
from services.notifier.ladder_api import LadderParts, create_ladder_router
from services.notifier.listen import subscriptions
from services.notifier.settings import Settings
from services.notifier.watch_ladders import LadderWatch


def build(settings: Settings, database: Database, road: bus.Road, *, clock: Clock = now) -> Service:
    """The notifier as a service of a process; `clock` is the time that its rules go by."""
    group = settings.notifier
    warm_up(local_date(clock()))
    bells = Bells()
    channel = WebhookChannel(group.send, settings.notices_url, clock)
    deliverer = Deliverer(database, channel, bells, clock, group)
    escalator = Escalator(database, bells, clock, group)
    ladders = LadderWatch(database, bells, clock, group.ladders)
    router = create_router(
        MailboxParts(database, bells, clock, group.mailbox, settings.notices_url)
    )
    routes = APIRouter()
    routes.include_router(router)
    routes.include_router(create_ladder_router(LadderParts(database, clock, group.ladders)))
    return Service(
        "notifier",
        routes,
        tasks=[
            Task("notifier-deliver", deliverer.run),
            Task("notifier-escalate", escalator.run),
            Task("notifier-ladders", ladders.run),
            *road.readers(database, *subscriptions(clock, bells, group)),
        ],
        databases=[database],
    )
