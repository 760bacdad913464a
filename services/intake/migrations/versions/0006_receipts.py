"""Told by telephone, declined, reminded, deadlines of notices; questions of recipients."""

from alembic import op

revision = "0006"
down_revision = "0005"

_STATEMENTS = (
    """alter table intake.progress_notice
        add column telephoned_at timestamptz,
        add column declined_at timestamptz,
        add column reminded_at timestamptz,
        add column exhausted_at timestamptz,
        add column deadline_at timestamptz,
        add column confirmed_last_at timestamptz,
        add column declined_last_at timestamptz,
        add column next_notice uuid""",
    """create table intake.question (
        question uuid primary key,
        notice uuid not null,
        receipt uuid not null,
        child_id uuid not null,
        text text not null,
        asked_at timestamptz not null)""",
    "create index question_of_event on intake.question (receipt)",
    """create table intake.answer (
        answer uuid primary key,
        question uuid not null,
        receipt uuid not null,
        text text not null,
        answered_by text not null,
        at timestamptz not null)""",
    "create unique index answer_once on intake.answer (question, md5(text))",
    "create index answer_of_event on intake.answer (receipt)",
)


def upgrade() -> None:
    for statement in _STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    raise RuntimeError("accepted events are never dropped; restore a backup instead")
