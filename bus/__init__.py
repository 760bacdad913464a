"""The one road between services: at least once, in order per key, one copy per consumer group.

A handler's effects, its seen mark and what it appends commit together, so a repeat has no second
effect. A handler returns, raises `Retry` or raises `Park`; nothing is swallowed, nothing blocks.
"""

from bus.append import append, append_with, appending
from bus.facts import BusError, Fact, Handler, Park, Publishable, Retry, Subscription, fact_of
from bus.road import Road, open_road
from bus.settings import BusSettings

__all__ = [
    "BusError",
    "BusSettings",
    "Fact",
    "Handler",
    "Park",
    "Publishable",
    "Retry",
    "Road",
    "Subscription",
    "append",
    "append_with",
    "appending",
    "fact_of",
    "open_road",
]
