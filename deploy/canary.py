"""`python -m deploy.canary FOLDER`: what the canary needs, written and told; sets up a laptop's.

Writes the two files that `services.directory import` reads and prints the commands for a database
per service. `set_up` does the same in one database, where one owner may write everywhere.
"""

from __future__ import annotations

import argparse
import csv
import tempfile
from collections.abc import Iterable, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import text

from chassis.database import Database
from deploy.laptop.partnership import CHILD_COLUMNS, ORGANISATION_COLUMNS
from schemas.canary import CHILD, ORGANISATIONS, RECIPIENTS, SCHOOL, SENDER, SOURCE
from schemas.organisations import OrganisationKind
from services.directory.import_file import import_file
from services.intake.agencies import add_agency, rotate_key
from services.intake.canary_receiver import PATH
from services.notifier.credentials import add_credential, revoke_credential
from services.notifier.endpoints import add_endpoint

_NO_OVERLAP = timedelta(0)
_HOW = """\
Written: {organisations} and {children}. Then, with each service's own settings:

  python -m services.directory import {organisations}
  python -m services.directory import {children}
  python -m services.intake agency add {sender} --kind police --name 'Canary Test Police' \\
      --source {source}
  python -m services.notifier credential add {school} --kind school {scopes}
{endpoints}

The second but last prints a key of the sender, the last but one a key of the recipients, each
endpoint its secret. Give them to intake, and start it anew:

  SGB_INTAKE__CANARY__SENDER_KEY, SGB_INTAKE__CANARY__RECIPIENT_KEY,
  SGB_INTAKE__CANARY__WEBHOOK_SECRETS='["whsec_…", "whsec_…", "whsec_…"]',
  SGB_INTAKE__CANARY__INTAKE_URL, SGB_INTAKE__CANARY__NOTICES_URL
"""


def write_files(folder: Path) -> tuple[Path, Path]:
    """The canary's organisations and its child, as the directory imports them."""
    folder.mkdir(parents=True, exist_ok=True)
    organisations, children = folder / "canary-organisations.csv", folder / "canary-children.csv"
    _write(
        organisations,
        ORGANISATION_COLUMNS,
        (
            {
                "id": one.id,
                "kind": one.kind.value,
                "name": one.name,
                "local_authority": one.local_authority or "",
                "nursing_provider": one.nursing_provider or "",
                "covers_postcodes": ";".join(one.covers_postcodes),
                "channel": one.channel,
            }
            for one in ORGANISATIONS
        ),
    )
    _write(children, CHILD_COLUMNS, [CHILD])
    return organisations, children


async def set_up(owner: Database, receiver_url: str) -> dict[str, Any]:
    """Make or renew everything in one database; returns intake's `canary` settings.

    Args:
        owner: may write every schema.
        receiver_url: where intake answers, without a path.
    """
    with tempfile.TemporaryDirectory() as folder:
        for file in write_files(Path(folder)):
            await import_file(owner, file)
    async with owner.transaction() as session:
        known = await session.execute(
            text("select 1 from intake.agency where organisation = :id"), {"id": SENDER}
        )
        if known.first() is None:
            sender = await add_agency(
                session, SENDER, kind=OrganisationKind.POLICE, name="Canary Test Police",
                source=SOURCE,
            )  # fmt: skip
        else:
            sender = await rotate_key(session, SENDER, _NO_OVERLAP)
        await revoke_credential(session, SCHOOL)
        recipient = await add_credential(
            session, SCHOOL, OrganisationKind.SCHOOL, name="canary", scopes=RECIPIENTS
        )
        secrets = [
            await add_endpoint(session, name, f"{receiver_url}{PATH}") for name in RECIPIENTS
        ]
    return {"sender_key": sender, "recipient_key": recipient, "webhook_secrets": secrets}


def _write(path: Path, columns: Iterable[str], rows: Iterable[Mapping[str, str]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(columns), restval="")
        writer.writeheader()
        writer.writerows(rows)


def main() -> None:
    """Write the files and say what comes next."""
    parser = argparse.ArgumentParser(prog="python -m deploy.canary", description=__doc__)
    parser.add_argument("folder", type=Path)
    organisations, children = write_files(parser.parse_args().folder)
    print(
        _HOW.format(
            organisations=organisations,
            children=children,
            sender=SENDER,
            source=SOURCE,
            school=SCHOOL,
            scopes=" ".join(f"--scope {name}" for name in RECIPIENTS),
            endpoints="\n".join(
                f"  python -m services.notifier endpoint add {name} https://INTAKE{PATH}"
                for name in RECIPIENTS
            ),
        )
    )


if __name__ == "__main__":
    main()
