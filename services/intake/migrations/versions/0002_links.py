"""Children whom the sender did not name, and links that its record lacks."""

from alembic import op

revision = "0002"
down_revision = "0001"

_STATEMENTS = (
    "alter table intake.progress_child add listed boolean not null default true",
    """create table intake.progress_link (
        finding uuid primary key,
        receipt uuid not null,
        child_index int not null,
        adults jsonb not null,
        raised_at timestamptz,
        answered_at timestamptz,
        withdrawn_at timestamptz)""",
    "create index progress_link_receipt on intake.progress_link (receipt)",
)


def upgrade() -> None:
    for statement in _STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    raise RuntimeError("what senders were told is never dropped; restore a backup instead")
