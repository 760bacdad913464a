"""Backlogs by deadline, both times of an event, and notices that are shown again."""

from alembic import op

revision = "0003"
down_revision = "0002"

_STATEMENTS = (
    """alter table notifier.delivery
        add column overtakes boolean not null default false,
        add column turn_at timestamptz not null default now(),
        add column ready boolean not null default true""",
    """create index delivery_turn on notifier.delivery (overtakes desc, turn_at)
        where settled_at is null and ready""",
    """create index delivery_resting on notifier.delivery (due_at)
        where settled_at is null and not ready""",
    "drop index notifier.delivery_due",
    """alter table notifier.obligation
        add column accepted_at timestamptz,
        add column overtakes boolean not null default false,
        add column show_again_at timestamptz,
        add column again_of uuid""",
    """create index obligation_to_show_again on notifier.obligation (show_again_at)
        where show_again_at is not null""",
    """create index obligation_turn_unopened on notifier.obligation
        (organisation, overtakes desc, deadline_at, composed_at)
        where opened_at is null and owner = 'notifier'""",
    """create index obligation_turn_unacknowledged on notifier.obligation
        (organisation, overtakes desc, deadline_at, composed_at)
        where acknowledged_at is null and owner = 'notifier'""",
    "drop index notifier.obligation_unopened",
    "drop index notifier.obligation_unacknowledged",
)


def upgrade() -> None:
    for statement in _STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    raise RuntimeError("obligations are never dropped; restore a backup instead")
