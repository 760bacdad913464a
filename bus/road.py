"""Chooses the road by one setting; services cannot tell which runs."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from functools import partial

from bus.facts import Backlog, Subscription
from bus.kafka import KafkaReader, check_broker, make_topics
from bus.log import LogWatch
from bus.relay import Relay
from bus.settings import BusSettings
from bus.sql import SqlReader
from chassis.database import Database
from chassis.health import Check
from chassis.process import Task


class Road:
    """The bus of one process and one database.

    `tasks` (the log's watch, and the relay where Kafka carries the log) run once a process; each
    service adds its readers.
    """

    def __init__(self, settings: BusSettings, database: Database, topics: Sequence[str]) -> None:
        self.settings = settings
        self._topics = tuple(topics)
        self._watch = LogWatch(database, settings)
        self._database = database
        self._readers: dict[str, KafkaReader | SqlReader] = {}

    @property
    def on_kafka(self) -> bool:
        """Whether Kafka carries the log."""
        return self.settings.kafka_servers is not None

    def tasks(self) -> list[Task]:
        """What every process with this road runs once."""
        tasks = [Task("bus-watch", self._watch.run)]
        if self.on_kafka:
            relay = Relay(self._database, self._watch, self.settings, self._topics)
            tasks.append(Task("bus-relay", relay.run))
        return tasks

    def readers(self, database: Database, *subscriptions: Subscription) -> list[Task]:
        """One task per subscription; its effects are committed in the given database."""
        tasks = []
        for one in subscriptions:
            reader: KafkaReader | SqlReader = (
                KafkaReader(one, database, self.settings)
                if self.on_kafka
                else SqlReader(one, database, self._watch, self.settings)
            )
            self._readers[one.group] = reader
            tasks.append(Task(f"bus-read-{one.group}", reader.run))
        return tasks

    async def backlogs(self, groups: Collection[str]) -> list[Backlog]:
        """What those of these groups that are read in this process have not handled yet."""
        return [
            await reader.backlog() for group, reader in self._readers.items() if group in groups
        ]

    def checks(self) -> list[Check]:
        """What must answer for the road to be open."""
        checks = [Check("database", self._database.check)]
        if self.on_kafka:
            checks.append(Check("kafka", partial(check_broker, self.settings)))
        return checks

    async def make_topics(self) -> None:
        """Make the topics where Kafka carries the log; nothing to do otherwise."""
        if self.on_kafka:
            await make_topics(self.settings, self._topics)


def open_road(settings: BusSettings, database: Database, topics: Sequence[str]) -> Road:
    """The road that `settings.url` names."""
    return Road(settings, database, topics)
