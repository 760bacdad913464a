"""The ledger's pages, and what the status counts, by indexes: ladders that climbed or ended, and
clocks that were missed.

`watch` stands in an index already, so that a delivery writes to none of these.
"""

from alembic import op

revision = "0005"
down_revision = "0004"

_STATEMENTS = (
    """create index obligation_page on notifier.obligation (organisation, composed_at, id)
        where opened_at is null and owner = 'notifier'""",
    "create index obligation_climbed on notifier.obligation (composed_at) where watch = 'climbed'",
    """create index obligation_exhausted on notifier.obligation (composed_at)
        where watch = 'exhausted'""",
    """create index clock_missed on notifier.clock (missed_at)
        where missed_at is not null and stopped_at is null""",
)


def upgrade() -> None:
    for statement in _STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    for name in ("obligation_page", "obligation_climbed", "obligation_exhausted", "clock_missed"):
        op.execute(f"drop index notifier.{name}")
