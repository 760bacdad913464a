"""What was addressed in a window of time, and what was announced again."""

from alembic import op

revision = "0008"
down_revision = "0007"

_STATEMENTS = (
    "create index addressed_at on directory.addressed (addressed_at)",
    """create table directory.announced_again (
        receipt uuid not null,
        child_id uuid not null,
        times int not null,
        announced_at timestamptz not null,
        primary key (receipt, child_id))""",
)


def upgrade() -> None:
    for statement in _STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    op.execute("drop table directory.announced_again")
    op.execute("drop index directory.addressed_at")
