"""The whole product in one process, as `make run` has it, on a database that is given.

`python -m tests.benchmarks.whole_server PORT URL BUS_SETTINGS`.
"""

from __future__ import annotations

import sys

from bus import BusSettings
from chassis.process import run, serve
from chassis.settings import HttpSettings, LogSettings
from chassis.telemetry import configure_logs
from deploy.laptop.app import Wiring, build_services, create_api

SECRET = "bench-only-" + "0" * 32


async def main(port: int, url: str, bus: BusSettings) -> None:
    """Serve until ended."""
    configure_logs(LogSettings(level="WARNING"))
    http = HttpSettings(port=port)
    wiring = Wiring(url_of=lambda _: url, identity_secret=SECRET, bus=bus, http=http)
    services = build_services(wiring)
    await serve(services, http, app=create_api(services))


if __name__ == "__main__":
    run(main(int(sys.argv[1]), sys.argv[2], BusSettings.model_validate_json(sys.argv[3])))
