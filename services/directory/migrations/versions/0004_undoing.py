"""What was taken back and when: notices, decisions, children registered by mistake, moves."""

from alembic import op

revision = "0004"
down_revision = "0003"

_STATEMENTS = (
    # Told again after it was taken back is another edition of the same notice.
    "alter table directory.addressed add column edition int not null default 0",
    "alter table directory.addressed add column resolution uuid",
    "alter table directory.addressed add column withdrawn_at timestamptz",
    "alter table directory.addressed add column withdrawn_because text",
    "alter table directory.addressed drop constraint addressed_pkey",
    """alter table directory.addressed add primary key
        (receipt, child_id, organisation, profile, part, edition)""",
    """create index addressed_child on directory.addressed (child_id, addressed_at)""",
    """create index addressed_resolution on directory.addressed (resolution)
        where resolution is not null""",
    "alter table directory.resolution drop constraint resolution_state_check",
    """alter table directory.resolution add constraint resolution_state_check
        check (state in ('open', 'decided', 'undone'))""",
    "alter table directory.resolution add column reopens uuid",
    "alter table directory.resolution add column undone_reason text",
    "alter table directory.resolution add column undone_by text",
    "alter table directory.resolution add column undone_at timestamptz",
    "create index resolution_reopens on directory.resolution (reopens) where reopens is not null",
    """create index resolution_decided_child on directory.resolution (decided_child)
        where decided_child is not null""",
    """create index resolution_child on directory.resolution (child_id)
        where child_id is not null""",
    # The resolution whose undoing took a child off the register again.
    "alter table directory.child add column withdrawn_at timestamptz",
    "alter table directory.child add column withdrawn_by uuid",
    "alter table directory.child add column guardian_given_name text",
    "alter table directory.child add column guardian_family_name text",
    """create table directory.child_ref (
        ref text primary key,
        child uuid not null references directory.child on delete cascade)""",
    "create index child_ref_child on directory.child_ref (child)",
    # What an enrolment ended, so that taking it back can restore it.
    "alter table directory.enrolment add column ended_by uuid",
    "alter table directory.enrolment add column ended_before date",
    "create index enrolment_ended on directory.enrolment (ended_by) where ended_by is not null",
    # Few ever split, and every enrolment asks.
    """create index organisation_split on directory.organisation (id)
        where detail->'splitInto' <> '[]'""",
    # A row a move, and no key but its own: whoever moves children waits for nobody.
    """create table directory.moved (
        line bigint generated always as identity primary key,
        child uuid not null,
        moved_at timestamptz not null)""",
    "create index moved_child on directory.moved (child)",
    """create index organisation_successor on directory.organisation (successor)
        where successor is not null""",
    "create index moved_at on directory.moved (moved_at)",
)


def upgrade() -> None:
    for statement in _STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    raise RuntimeError("the register is never dropped; restore a backup instead")
