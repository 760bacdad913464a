"""Children as the matcher reads them, a row each, and under which keys they stand."""

from alembic import op

revision = "0007"
down_revision = "0006"

_STATEMENTS = (
    # One narrow row for each candidate that is compared, instead of a wide one and two look-ups.
    """create table directory.known_person (
        number int primary key references directory.child (number) on delete cascade,
        person text not null)""",
    # What was written for a child is known without an index over thirty rows a child.
    """create table directory.keyed_child (
        number int primary key references directory.child (number) on delete cascade,
        keys bigint[] not null,
        version int not null,
        spread boolean not null,
        stale_on date)""",
    "create index keyed_child_version on directory.keyed_child (version, number)",
    "create index keyed_child_waiting on directory.keyed_child (number) where not spread",
    """create index keyed_child_stale on directory.keyed_child (stale_on)
        where stale_on is not null""",
    # A row a change, and no key but its own: whoever changes a child's school waits for nobody.
    """create table directory.key_due (
        line bigint generated always as identity primary key,
        child uuid not null)""",
    # Checked once per key, thirty times a child; who has no known person is not found by any.
    "alter table directory.match_key drop constraint match_key_child_fkey",
    "drop index directory.match_key_child",
    # Of a child that becomes restricted nothing stays to be found, whoever wrote it. First the
    # row that everybody locks who refreshes a child: in another order two would wait in a ring.
    """create function directory.hide_person() returns trigger language plpgsql as $$
        begin
            perform 1 from directory.keyed_child where number = new.number for update;
            if new.restricted or new.withdrawn_at is not null then
                delete from directory.known_person where number = new.number;
            end if;
            insert into directory.key_due (child) values (new.id);
            return null;
        end $$""",
    """create trigger hide_person after update of restricted, withdrawn_at on directory.child
        for each row when (old.restricted <> new.restricted
            or old.withdrawn_at is distinct from new.withdrawn_at)
        execute function directory.hide_person()""",
    # Keys of a deleted child; `keyed_child` goes with the child, by its foreign key.
    """create function directory.forget_keys() returns trigger language plpgsql as $$
        begin
            delete from directory.match_key
             where key = any(old.keys) and child = old.number;
            return null;
        end $$""",
    """create trigger forget_keys after delete on directory.keyed_child
        for each row execute function directory.forget_keys()""",
    # Where many rows come at once, index-only scans need the visibility map soon.
    """alter table directory.match_key set (autovacuum_vacuum_insert_scale_factor = 0.05,
        autovacuum_analyze_scale_factor = 0.05)""",
    # Made anew by the directory (`keep_keys`), and a matcher when that is done: until then only
    # exact matches are made.
    "truncate directory.match_key",
    "delete from directory.matcher",
    # The end of the register's numbers when it was measured: what it has grown since.
    "alter table directory.matcher add column size int not null",
    """insert into directory.keyed_child (number, keys, version, spread)
        select number, '{}', 0, false from directory.child
         where not restricted and withdrawn_at is null""",
)


def upgrade() -> None:
    for statement in _STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    raise RuntimeError("the register is never dropped; restore a backup instead")
