"""One run of everything: schema, data, receivers, services; then serve until it is stopped."""

from __future__ import annotations

import time
from contextlib import AsyncExitStack

import psycopg

from bus import BusSettings, open_road
from chassis import process
from chassis.clock import now
from chassis.database import Database
from chassis.process import serve
from chassis.settings import DatabaseSettings, HttpSettings, LogSettings
from chassis.telemetry import configure_logs
from deploy import canary
from deploy.laptop import show
from deploy.laptop.app import Wiring, build_services, create_api
from deploy.laptop.demo_recipients import connect_recipients, start_peers
from deploy.laptop.events import make_events
from deploy.laptop.home import Addresses
from deploy.laptop.keys import Keys
from deploy.laptop.load import load_partnership, make_credentials, read_known_children
from deploy.laptop.partnership import OWN_MASH, SECOND_SCHOOL, make_schools
from deploy.laptop.place import Place
from deploy.laptop.postgres import EmbeddedPostgres
from deploy.laptop.receiver import Receiver
from deploy.laptop.settings import LaptopSettings
from deploy.migrate import migrate_everything
from schemas.facts import TOPICS
from services.intake.identify import Identifier
from services.intake.settings import CanarySettings

DATABASE = "safeguarding"


def run(
    settings: LaptopSettings,
    place: Place,
    keys: Keys,
    postgres: EmbeddedPostgres,
    bus_url: str,
    began: float,
) -> None:
    """Prepare the database, then run everything until Ctrl-C."""
    configure_logs(LogSettings(level="WARNING", json_lines=False))
    _prepare_database(postgres)
    bus = BusSettings(url=bus_url)
    process.run(run_everything(settings, place, keys, postgres, bus, began))


async def run_everything(
    settings: LaptopSettings,
    place: Place,
    keys: Keys,
    postgres: EmbeddedPostgres,
    bus: BusSettings,
    began: float,
) -> None:
    """Everything between a running PostgreSQL and its end.

    Args:
        settings: ports and sizes.
        place: the data folder, taken.
        keys: the secrets of this place.
        postgres: started; this makes its database.
        bus: which road.
        began: `time.monotonic()` at the start, for the seconds that are told.
    """
    first = not place.loaded_marker.exists()
    async with AsyncExitStack() as stack:
        owner = await _open(stack, postgres.url(DATABASE), "laptop-owner")
        await open_road(bus, owner, TOPICS).make_topics()
        await load_partnership(place, keys, owner, show.say)
        await make_credentials(owner, keys)
        receiver = await stack.enter_async_context(
            Receiver(settings.receiver_port, keys.webhook_secrets, place.receiver_log, show.say)
        )
        peers = await stack.enter_async_context(start_peers(settings.peer_port))
        await connect_recipients(owner, keys, receiver, peers)
        http = HttpSettings(port=settings.port)
        walks = await canary.set_up(owner, f"http://{http.host}:{http.port}")
        wiring = Wiring(
            url_of=lambda service: postgres.url(DATABASE, f"sgb_{service}"),
            identity_secret=keys.identity_secret,
            areas=frozenset({OWN_MASH}),
            bus=bus,
            http=http,
            canary=CanarySettings(**walks),
        )
        services = build_services(wiring)
        shown = _show(settings, place, keys)
        show.write_demo(place, shown)

        async def tell() -> None:
            seconds = time.monotonic() - began
            notes = [
                f"{'First start' if first else 'Start'}: {seconds:.1f} s.",
                f"Data in {place.root}, database in {place.postgres}",
                f"Facts travel {_road(bus)}",
            ]
            print(show.ready_text(place, shown, notes, now()), flush=True)

        addresses = Addresses(settings.port, str(settings.data), shown.receiver_url, shown.peer_url)
        await serve(services, http, app=create_api(services, addresses), on_ready=tell)


def _prepare_database(postgres: EmbeddedPostgres) -> None:
    with psycopg.connect(postgres.url(), autocommit=True) as connection:
        known = connection.execute("select 1 from pg_database where datname = %s", (DATABASE,))
        if known.fetchone() is None:
            connection.execute(f"create database {DATABASE}")
    migrate_everything(postgres.url(DATABASE))


def _road(bus: BusSettings) -> str:
    if bus.kafka_servers is not None:
        return f"on Apache Kafka, {bus.kafka_servers}"
    return "in PostgreSQL's own log"


def _show(settings: LaptopSettings, place: Place, keys: Keys) -> show.Shown:
    """What is told about this run, with events made for it."""
    host = "http://127.0.0.1"
    schools = make_schools(keys.made_on)
    events = make_events(
        read_known_children(place),
        next(one.organisation for one in schools if one.organisation.id == SECOND_SCHOOL),
        now(),
        Identifier(keys.identity_secret).receipt_of,
    )
    return show.Shown(
        base_url=f"{host}:{settings.port}",
        receiver_url=f"{host}:{settings.receiver_port}",
        peer_url=f"{host}:{settings.peer_port}",
        authorizations={name: key.authorization for name, key in keys.agencies.items()},
        events=events,
    )


async def _open(stack: AsyncExitStack, url: str, name: str) -> Database:
    settings = DatabaseSettings.model_validate(
        {"url": url, "pool_size": 4, "statement_seconds": 300}
    )
    database = Database(settings, name)
    stack.push_async_callback(database.close)
    return database
