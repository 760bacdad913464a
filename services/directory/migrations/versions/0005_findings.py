"""One shape for what is found of an agency's record; children who are compared with the others."""

from alembic import op

revision = "0005"
down_revision = "0004"

_STATEMENTS = (
    "alter table directory.link_missing rename to finding",
    "alter table directory.finding rename constraint link_missing_pkey to finding_pkey",
    """alter table directory.finding
        rename constraint link_missing_state_check to finding_state_check""",
    # A finding that was withdrawn may be found again: only those that stand are unique.
    "alter table directory.finding drop constraint link_missing_receipt_child_id_key",
    "alter table directory.finding add column kind text not null default 'person.link-missing'",
    "alter table directory.finding alter column kind drop default",
    "alter table directory.finding alter column agency drop not null",
    "alter table directory.finding add column reviewers text",
    "alter table directory.finding alter column receipt drop not null",
    "alter table directory.finding add column other uuid",
    "alter table directory.finding alter column child_index drop not null",
    "alter table directory.finding add column records text[] not null default '{}'",
    "alter table directory.finding add column evidence jsonb not null default '[]'",
    "alter table directory.finding add column answered_reason text",
    "alter table directory.finding add column answered_by text",
    """create unique index finding_of_event on directory.finding (receipt, kind, child_id)
        where receipt is not null and state <> 'withdrawn'""",
    """create unique index finding_of_pair on directory.finding (child_id, other, agency)
        nulls not distinct where other is not null and state <> 'withdrawn'""",
    "alter index directory.link_missing_agency rename to finding_agency",
    "create index finding_child on directory.finding (child_id)",
    "create index finding_other on directory.finding (other) where other is not null",
    """create index finding_for_reviewers on directory.finding (finding)
        where agency is null and state = 'open'""",
    # A row a change, and no key but its own: whoever changes children waits for nobody.
    """create table directory.changed (
        line bigint generated always as identity primary key,
        child uuid not null,
        due_at timestamptz not null,
        tries int not null default 0)""",
    "create index changed_due on directory.changed (due_at, line) where tries = 0",
    "create index changed_again on directory.changed (due_at, line) where tries > 0",
    # Whoever is on the register already is compared too.
    """insert into directory.changed (child, due_at)
        select id, now() from directory.child
         where not restricted and withdrawn_at is null order by number""",
)


def upgrade() -> None:
    for statement in _STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    raise RuntimeError("the register is never dropped; restore a backup instead")
