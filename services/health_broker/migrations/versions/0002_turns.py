"""A backlog is drained by turn: what overtakes first, then by time; what rests stands apart."""

from alembic import op

revision = "0002"
down_revision = "0001"

_STATEMENTS = (
    """alter table health_broker.message
        add column overtakes boolean not null default false,
        add column turn_at timestamptz not null default now(),
        add column ready boolean not null default true""",
    """create index message_turn on health_broker.message (overtakes desc, turn_at)
        where settled_at is null and ready""",
    """create index message_resting on health_broker.message (due_at)
        where settled_at is null and not ready""",
    "drop index health_broker.message_due",
)


def upgrade() -> None:
    for statement in _STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    raise RuntimeError("messages are never dropped; restore a backup instead")
