"""The progress of a sandbox event, as a real one is told; a step."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from chassis.audit import write_audit
from chassis.database import Session
from services.intake.progress import describe_progress
from services.intake.sandbox import load_sandbox
from services.intake.settings import SandboxSettings
from services.intake.simulate import simulate
from services.intake.tables import Audit, Credential
from services.intake.views import Progress


async def read_sandbox(
    session: Session,
    receipt: UUID,
    reader: Credential,
    purpose: str,
    at: datetime,
    *,
    settings: SandboxSettings,
) -> Progress | None:
    """The simulated progress of the reader's own event; None if its sandbox has no such event."""
    event = (await load_sandbox(session, [receipt], reader.organisation)).get(receipt)
    if event is None:
        return None
    await write_audit(
        session,
        Audit,
        actor=reader.organisation,
        credential=reader.id,
        operation="read-sandbox",
        objects=[(str(receipt), None)],
        purpose=purpose,
    )
    story = simulate(event, at, settings.step_seconds)
    return describe_progress(story.rows, at).model_copy(update={"sandbox": True})
