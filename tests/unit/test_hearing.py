"""A fact of a type that a reader does not know is parked: every reader knows its topics' types."""

from __future__ import annotations

from typing import Any, cast

import pytest

from bus import Subscription
from chassis.clock import now
from schemas.facts import FACTS
from services.directory.listen import subscribe
from services.directory.partnership import Partnership
from services.health_broker.listen import listen_to_events, listen_to_notices
from services.intake.listen import subscription
from services.notifier.bells import Bells
from services.notifier.listen import subscriptions
from services.notifier.settings import NotifierGroup

READERS = (
    subscription(),
    subscribe(Partnership()),
    listen_to_events(cast(Any, None)),
    listen_to_notices(),
    *subscriptions(now, cast(Bells, None), cast(NotifierGroup, None)),
)


@pytest.mark.parametrize("reader", READERS, ids=lambda reader: reader.group)
def test_a_reader_knows_every_type_of_its_topics(reader: Subscription) -> None:
    told = {name for name, fact in FACTS.items() if fact.topic in reader.topics}
    assert told - reader.known == set()
