"""Who works with a child, as each agency says it; every assignment is kept, the latest counts."""

from alembic import op

revision = "0009"
down_revision = "0008"

_STATEMENTS = (
    """create table directory.allocation (
        receipt uuid primary key,
        child uuid not null,
        agency text not null,
        organisation text,
        role text,
        assigned_at timestamptz not null,
        occurred_at timestamptz not null,
        recorded_at timestamptz not null)""",
    """create index allocation_of_child
        on directory.allocation (child, agency, assigned_at desc, occurred_at desc)""",
    """create table directory.answered (
        child_id uuid not null,
        receipt uuid not null,
        child_index int not null,
        primary key (child_id, receipt))""",
)


def upgrade() -> None:
    for statement in _STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    op.execute("drop table directory.answered")
    op.execute("drop table directory.allocation")
