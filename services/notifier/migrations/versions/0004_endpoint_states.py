"""How often an endpoint may be sent to, whether it is paused, and why it was disabled."""

from alembic import op

revision = "0004"
down_revision = "0003"

_STATEMENTS = (
    """alter table notifier.endpoint
        add per_second int check (per_second > 0),
        add slot_at timestamptz,
        add pauses int not null default 0,
        add paused_until timestamptz,
        add paused_reason text,
        add disabled_at timestamptz,
        add disabled_reason text check (disabled_reason in ('gone', 'removed', 'replaced'))""",
)


def upgrade() -> None:
    for statement in _STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    raise RuntimeError("obligations are never dropped; restore a backup instead")
