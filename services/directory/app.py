"""The directory put together: the only module that knows every part of it."""

from __future__ import annotations

from fastapi import APIRouter

from bus import Road, Watch
from chassis.credentials import Credentials
from chassis.database import Database
from chassis.process import Service
from services.directory.announce_again import hear_gaps
from services.directory.announce_policy import policy_task
from services.directory.api import create_router
from services.directory.ask_ledger import ledger_task
from services.directory.finding_api import create_finding_router
from services.directory.keep_keys import keys_task
from services.directory.key_adults import key_task
from services.directory.learn_matcher import learn_task
from services.directory.listen import subscribe
from services.directory.partnership import SOURCE, Partnership
from services.directory.policy import read_policy
from services.directory.report_duplicates import duplicates_task
from services.directory.settings import Settings
from services.directory.sweep import sweep_tasks
from services.directory.tables import Credential
from services.directory.try_api import create_try_router
from services.directory.undo_api import create_undo_router
from services.directory.why_api import create_why_router


def build(settings: Settings, database: Database, road: Road) -> Service:
    """The directory as a service; the road's own tasks are the process's.

    Reads the policy table and refuses to start on a line that it does not understand.
    """
    partnership = Partnership(read_policy(), settings.directory)
    credentials = Credentials(Credential, database)
    router = APIRouter()
    router.include_router(create_router(database, partnership, credentials))
    router.include_router(create_undo_router(database, partnership, credentials))
    router.include_router(create_finding_router(database, partnership, credentials))
    router.include_router(create_try_router(database, partnership, credentials))
    router.include_router(create_why_router(database, partnership, credentials))
    heard = [subscribe(partnership), hear_gaps(partnership)]
    return Service(
        "directory",
        router,
        tasks=[
            *road.readers(database, *heard),
            Watch(SOURCE, database, road, [one.group for one in heard], partnership.clock).task(),
            ledger_task(database, partnership),
            *sweep_tasks(database, partnership),
            keys_task(database, partnership),
            policy_task(database, partnership),
            learn_task(database, partnership),
            key_task(database, partnership),
            duplicates_task(database, partnership),
        ],
        checks=road.checks(),
        databases=[database],
    )
