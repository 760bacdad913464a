"""Adults, relationships and orders; children found through an adult; links missing from records."""

from alembic import op

revision = "0003"
down_revision = "0002"

_STATEMENTS = (
    # One row per assertion: two agencies' adults are found together, never made one.
    """create table directory.adult (
        id uuid primary key,
        given_name text not null,
        family_name text not null,
        date_of_birth date,
        postcode text,
        works_at text,
        record_reference text,
        recorded_at timestamptz not null)""",
    """create table directory.adult_key (
        key uuid not null,
        adult uuid not null references directory.adult on delete cascade,
        primary key (key, adult))""",
    "create index adult_key_adult on directory.adult_key (adult)",
    """create table directory.relationship (
        receipt uuid primary key,
        adult uuid not null references directory.adult,
        child uuid not null references directory.child on delete cascade,
        kind text not null,
        parental_responsibility boolean,
        same_household boolean,
        from_date date,
        to_date date,
        sender text not null,
        sender_kind text not null,
        stated_at timestamptz not null,
        recorded_at timestamptz not null,
        withdrawn_at timestamptz,
        withdrawn_by uuid)""",
    """create index relationship_adult on directory.relationship (adult)
        where withdrawn_at is null""",
    """create index relationship_child on directory.relationship (child)
        where withdrawn_at is null""",
    # Restricted children are in no household: no link is made across.
    """create index child_household on directory.child (household)
        where household is not null and not restricted""",
    """create table directory.court_order (
        receipt uuid primary key,
        child uuid not null references directory.child on delete cascade,
        given_name text,
        family_name text,
        date_of_birth date,
        kind text not null,
        from_date date not null,
        to_date date,
        sender text not null,
        recorded_at timestamptz not null,
        withdrawn_at timestamptz,
        withdrawn_by uuid)""",
    "create index court_order_child on directory.court_order (child) where withdrawn_at is null",
    """create table directory.derived (
        receipt uuid not null,
        child_id uuid not null,
        child_index int not null,
        adults int[] not null,
        automatic boolean not null,
        recorded_at timestamptz not null,
        primary key (receipt, child_id))""",
    """create table directory.derived_link (
        relationship uuid not null,
        receipt uuid not null,
        child_id uuid not null,
        primary key (relationship, receipt, child_id))""",
    "create index derived_link_event on directory.derived_link (receipt, child_id)",
    """create table directory.link_missing (
        finding uuid primary key,
        receipt uuid not null,
        child_id uuid not null,
        child_index int not null,
        agency text not null,
        adults int[] not null,
        key text not null,
        state text not null check (state in ('open', 'answered', 'withdrawn')),
        answer text,
        raised_at timestamptz not null,
        ended_at timestamptz,
        unique (receipt, child_id))""",
    "create index link_missing_agency on directory.link_missing (agency, state)",
)


def upgrade() -> None:
    for statement in _STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    raise RuntimeError("the register is never dropped; restore a backup instead")
