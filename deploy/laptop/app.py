"""The composition of a laptop: four services, one road, one application, one port.

Building opens no connection, so that the same application describes itself without a database.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import IPv4Network

from fastapi import APIRouter, FastAPI
from pydantic import SecretStr

from bus import BusSettings, open_road
from chassis import process
from chassis.database import Database
from chassis.process import Service
from chassis.settings import DatabaseSettings, HttpSettings, ProcessSettings
from deploy.laptop.home import Addresses, home_routes
from schemas.facts import TOPICS
from services.directory import app as directory
from services.directory.settings import DirectorySettings
from services.directory.settings import Settings as OfDirectory
from services.health_broker import app as health_broker
from services.health_broker.settings import Settings as OfHealthBroker
from services.intake import app as intake
from services.intake.settings import CanarySettings, IntakeSettings, PushSettings
from services.intake.settings import Settings as OfIntake
from services.notifier import app as notifier
from services.notifier.settings import NotifierGroup, SendSettings
from services.notifier.settings import Settings as OfNotifier

TITLE = "Safeguarding Bus"
LOOPBACK = IPv4Network("127.0.0.0/8")


@dataclass(frozen=True)
class Wiring:
    """What the services are built with.

    `url_of` gives the database's URL for a service, with that service's own role.
    """

    url_of: Callable[[str], str]
    identity_secret: str
    areas: frozenset[str] = frozenset()
    link_sharing: Mapping[str, frozenset[str]] = field(default_factory=dict)
    bus: BusSettings = field(default_factory=BusSettings)
    http: HttpSettings = field(default_factory=HttpSettings)
    canary: CanarySettings = field(default_factory=CanarySettings)


def build_services(wiring: Wiring) -> list[Service]:
    """The road and the four services, each with its own role; one road, because one log."""

    def reached_as(service: str) -> DatabaseSettings:
        return DatabaseSettings(url=SecretStr(wiring.url_of(service)))

    log = Database(reached_as("intake"), "laptop-bus")
    road = open_road(wiring.bus, log, TOPICS)
    of_intake = OfIntake(
        database=reached_as("intake"),
        bus=wiring.bus,
        http=wiring.http,
        intake=IntakeSettings(
            identity_secret=SecretStr(wiring.identity_secret),
            canary=wiring.canary,
            push=PushSettings(allowed_networks=(LOOPBACK,)),
        ),
    )
    of_directory = OfDirectory(
        database=reached_as("directory"),
        bus=wiring.bus,
        http=wiring.http,
        directory=DirectorySettings(areas=wiring.areas, link_sharing=dict(wiring.link_sharing)),
    )
    of_notifier = OfNotifier(
        database=reached_as("notifier"),
        bus=wiring.bus,
        http=wiring.http,
        # The receivers of a demonstration are on this machine.
        notifier=NotifierGroup(send=SendSettings(allowed_networks=(LOOPBACK,))),
    )
    of_health_broker = OfHealthBroker(
        database=reached_as("health_broker"), bus=wiring.bus, http=wiring.http
    )
    return [
        Service("bus", APIRouter(), road.tasks(), road.checks(), [log]),
        # The notifier answers for both: on a laptop every agency has a key there.
        intake.build(of_intake, _open(of_intake, "intake"), road, answers_status=False),
        directory.build(of_directory, _open(of_directory, "directory"), road),
        notifier.build(of_notifier, _open(of_notifier, "notifier"), road),
        health_broker.build(of_health_broker, _open(of_health_broker, "health-broker"), road),
    ]


def create_api(
    services: Sequence[Service] | None = None, addresses: Addresses | None = None
) -> FastAPI:
    """The application: every service's routes, health, metrics and the home page.

    Without services it is built to be described only; nothing of it then reaches a database.
    """
    api = process.create_api(services or build_services(_UNPLUGGED), TITLE)
    api.include_router(home_routes(addresses or Addresses()))
    return api


_UNPLUGGED = Wiring(
    url_of=lambda service: f"postgresql://sgb_{service}@unplugged/none", identity_secret="-" * 32
)


def _open(settings: ProcessSettings, name: str) -> Database:
    return Database(settings.database, f"laptop-{name}")
