"""Notices that went from a child's former worker, or from the MASH, to its new one."""

from alembic import op

revision = "0009"
down_revision = "0008"

_STATEMENTS = (
    "alter table notifier.obligation add column reallocated_by uuid",
    "alter table notifier.obligation add column reallocated_from uuid",
    "alter table notifier.obligation add column reallocated_to uuid",
    """create index obligation_reallocated on notifier.obligation (reallocated_by)
        where reallocated_by is not null""",
    """create table notifier.relieved (
        assignment uuid not null,
        by_receipt uuid not null,
        organisation text not null,
        name text not null,
        assigned_at timestamptz not null,
        primary key (assignment, by_receipt))""",
    "create index relieved_by on notifier.relieved (by_receipt)",
)


def upgrade() -> None:
    for statement in _STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    op.execute("drop table notifier.relieved")
    op.execute("drop index notifier.obligation_reallocated")
    for column in ("by", "from", "to"):
        op.execute(f"alter table notifier.obligation drop column reallocated_{column}")
