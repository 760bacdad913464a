"""The composition root: the one module that knows every part of the health broker."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from bus import Measure, Road, Subscription, Watch
from chassis import outbound
from chassis.clock import now
from chassis.database import Database, Session
from chassis.process import Service, Task
from services.health_broker import api
from services.health_broker.compose import Composer
from services.health_broker.fhir import Party, warm_up
from services.health_broker.listen import listen_to_events, listen_to_notices
from services.health_broker.send import Dispatcher
from services.health_broker.settings import Settings
from services.health_broker.tables import Message


def build(settings: Settings, database: Database, road: Road) -> Service:
    """The service, to be run by a process; the bus's own tasks are the process's to add."""
    own = settings.health_broker
    ours = Party(own.name, own.ods_code, settings.endpoint)
    dispatcher = Dispatcher(database, own)
    composer = Composer(ours, dispatcher.wake)
    warm_up()
    heard = subscriptions(composer)
    watch = Watch(
        "health-broker", database, road, [one.group for one in heard], now, measure_messages
    )
    return Service(
        "health_broker",
        api.make_router(database, ours, body_limit_bytes=own.body_limit_bytes),
        tasks=[
            *road.readers(database, *heard),
            Task("health-broker-send", dispatcher.run),
            watch.task(),
        ],
        checks=[],
        databases=[database],
    )


async def measure_messages(session: Session, _: datetime) -> Sequence[Measure]:
    """What the status says of the queue of messages."""
    waiting, overdue = await outbound.measure(session, Message)
    return [Measure("messages", waiting, overdue)]


def subscriptions(composer: Composer) -> Sequence[Subscription]:
    """Everything that the health broker hears."""
    return [listen_to_events(composer), listen_to_notices()]
