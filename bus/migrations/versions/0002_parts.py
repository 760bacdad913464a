"""In which state each queue, reader and task of a service is, as its own process last measured."""

from alembic import op

revision = "0002"
down_revision = "0001"

_STATEMENTS = (
    """create table bus.part (
        service text not null,
        what text not null,
        state text not null check (state in ('ok', 'slow', 'behind', 'paused', 'stopped')),
        since timestamptz not null,
        waiting int,
        oldest_seconds float8,
        limit_used float8,
        measured_at timestamptz not null,
        heard boolean not null default false,
        primary key (service, what))""",
    # Measured every few seconds: room on the page keeps the updates in place.
    "alter table bus.part set (fillfactor = 50)",
)


def upgrade() -> None:
    for statement in _STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    op.execute("drop table bus.part")
