"""The one road between services: at least once, in order per key, one copy per consumer group.

A handler's effects, its seen mark and what it appends commit together, so a repeat has no second
effect. A handler returns, raises `Retry` or raises `Park`; nothing is swallowed, nothing blocks.
"""

from bus.append import append, append_with, appending
from bus.facts import (
    Backlog,
    BusError,
    Fact,
    Handler,
    Park,
    Publishable,
    Retry,
    Subscription,
    fact_of,
)
from bus.log import read_said
from bus.parts import Measure
from bus.road import Road, open_road
from bus.settings import BusSettings
from bus.status_route import status_route
from bus.watch import Watch, hearing

__all__ = [
    "Backlog",
    "BusError",
    "BusSettings",
    "Fact",
    "Handler",
    "Measure",
    "Park",
    "Publishable",
    "Retry",
    "Road",
    "Subscription",
    "Watch",
    "append",
    "append_with",
    "appending",
    "fact_of",
    "hearing",
    "open_road",
    "read_said",
    "status_route",
]
