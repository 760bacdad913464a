"""Puts the notifier together; the only module that knows every part of it."""

from __future__ import annotations

import bus
from chassis.clock import Clock, now
from chassis.database import Database
from chassis.process import Service, Task
from services.notifier.api import create_router
from services.notifier.bells import Bells
from services.notifier.calendars import local_date, warm_up
from services.notifier.channels.webhook import WebhookChannel
from services.notifier.chase import Chaser
from services.notifier.deliver import Deliverer
from services.notifier.door import MailboxParts
from services.notifier.escalate import Escalator
from services.notifier.listen import subscriptions
from services.notifier.settings import Settings


def build(settings: Settings, database: Database, road: bus.Road, *, clock: Clock = now) -> Service:
    """The notifier as a service of a process; `clock` is the time that its rules go by."""
    group = settings.notifier
    warm_up(local_date(clock()))
    bells = Bells()
    channel = WebhookChannel(group.send, settings.notices_url, clock)
    deliverer = Deliverer(database, channel, bells, clock, group)
    escalator = Escalator(database, bells, clock, group)
    chaser = Chaser(database, bells, clock, group)
    router = create_router(
        MailboxParts(database, bells, clock, group.mailbox, settings.notices_url)
    )
    return Service(
        "notifier",
        router,
        tasks=[
            Task("notifier-deliver", deliverer.run),
            Task("notifier-escalate", escalator.run),
            Task("notifier-chase", chaser.run),
            *road.readers(database, *subscriptions(clock, bells, group)),
        ],
        databases=[database],
    )
