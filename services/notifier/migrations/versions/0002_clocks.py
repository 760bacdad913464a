"""Several clocks an event, by child where one is a child's own, with a grade and a half."""

from alembic import op

revision = "0002"
down_revision = "0001"

_STATEMENTS = (
    """alter table notifier.clock
        add column child_id uuid not null default '00000000-0000-0000-0000-000000000000',
        add column half_due_at timestamptz,
        add column half_at timestamptz,
        add column grade text,
        add column graded_at timestamptz,
        alter column started_at drop not null,
        alter column due_at drop not null,
        drop constraint clock_pkey,
        add primary key (receipt, name, child_id)""",
    "alter table notifier.clock alter column child_id drop default",
    """create index clock_half on notifier.clock (half_due_at)
        where stopped_at is null and missed_at is null and half_at is null""",
)


def upgrade() -> None:
    """Add the columns; a running clock of a referral goes on as it is."""
    for statement in _STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    raise RuntimeError("clocks are never dropped; restore a backup instead")
