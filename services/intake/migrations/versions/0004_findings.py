"""One shape for what is found of an agency's records, with the agency that alone may read it."""

from alembic import op

revision = "0004"
down_revision = "0003"

_STATEMENTS = (
    "alter table intake.progress_link rename to finding",
    "alter table intake.finding rename constraint progress_link_pkey to finding_pkey",
    "alter index intake.progress_link_receipt rename to finding_receipt",
    "alter table intake.finding add column kind text not null default 'person.link-missing'",
    "alter table intake.finding alter column kind drop default",
    "alter table intake.finding add column agency text",
    """update intake.finding f set agency = e.organisation
         from intake.event e where e.receipt = f.receipt""",
    "alter table intake.finding alter column receipt drop not null",
    "alter table intake.finding alter column child_index drop not null",
    "alter table intake.finding add column records jsonb not null default '[]'",
    "alter table intake.finding add column evidence jsonb not null default '[]'",
    "create index finding_agency on intake.finding (agency, finding)",
)


def upgrade() -> None:
    for statement in _STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    raise RuntimeError("what senders were told is never dropped; restore a backup instead")
