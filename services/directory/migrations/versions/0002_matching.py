"""The keys by which a child is found in spite of slips of the hand, and what was recognised how."""

from alembic import op

revision = "0002"
down_revision = "0001"

_STATEMENTS = (
    # Four bytes instead of sixteen, some thirty times a child.
    "alter table directory.child add column number int generated always as identity",
    "create unique index child_number on directory.child (number)",
    """create table directory.match_key (
        key bigint not null,
        child int not null references directory.child (number) on delete cascade,
        primary key (key, child))""",
    "create index match_key_child on directory.match_key (child)",
    """create table directory.matcher (
        version text primary key,
        key_version int not null,
        people int not null,
        model text not null,
        frequencies bytea not null,
        made_at timestamptz not null)""",
    """create table directory.recognition (
        id uuid primary key,
        receipt uuid not null,
        child_index int not null,
        status text not null,
        child uuid,
        probability double precision not null,
        margin double precision not null,
        steps jsonb not null,
        matcher text not null,
        recognised_at timestamptz not null)""",
    "create index recognition_receipt on directory.recognition (receipt)",
)


def upgrade() -> None:
    for statement in _STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    raise RuntimeError("the register is never dropped; restore a backup instead")
