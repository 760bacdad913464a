"""Ladders by profile, who stands in, times of rungs, and when an organisation last confirmed it."""

from alembic import op

revision = "0006"
down_revision = "0005"

_STATEMENTS = (
    """alter table notifier.recipient
        add column ladders jsonb not null default '[]',
        add column availability jsonb not null default '{}',
        add column known_since timestamptz,
        add column ladder_confirmed_at timestamptz,
        add column ladder_confirmed_by text,
        add column ladder_asked_at timestamptz,
        add column ladder_judged_at timestamptz,
        add column ladder_defects text[] not null default '{}'""",
    "update notifier.recipient set known_since = recorded_at",
    "alter table notifier.recipient alter column known_since set not null",
    """alter table notifier.obligation
        add column stands_in_for text,
        add column given_minutes float8,
        add column given_until timestamptz,
        add column deferred_at timestamptz""",
    # Who stands in for the first is on its ladder and has its rung, so the rung no longer says it.
    "create index obligation_of_ladder on notifier.obligation (chain) where id <> chain",
    "drop index notifier.obligation_on_ladder",
)


def upgrade() -> None:
    for statement in _STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    raise RuntimeError("obligations are never dropped; restore a backup instead")
