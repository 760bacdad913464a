"""When a notice was withdrawn, and when a resolution was undone."""

from alembic import op

revision = "0003"
down_revision = "0002"

_STATEMENTS = (
    "alter table intake.progress_notice add column withdrawn_at timestamptz",
    "alter table intake.progress_resolution add column undone_at timestamptz",
)


def upgrade() -> None:
    for statement in _STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    raise RuntimeError("accepted events are never dropped; restore a backup instead")
