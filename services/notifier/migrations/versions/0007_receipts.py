"""Told by telephone, declined, questions, reminders; a mailbox's numbers and when it is pulled."""

from alembic import op

revision = "0007"
down_revision = "0006"

_STATEMENTS = (
    """alter table notifier.obligation
        add column number bigint,
        add column telephoned_at timestamptz,
        add column telephoned_by text,
        add column telephoned_to text,
        add column declined_at timestamptz,
        add column decline_reason text,
        add column decline_text text,
        add column filing_reminded_at timestamptz""",
    "create sequence notifier.mailbox_number as bigint cache 1",
    """create index obligation_numbered on notifier.obligation (organisation, number)
        where number is not null""",
    """create index obligation_unnumbered on notifier.obligation (organisation, composed_at, id)
        where number is null and owner = 'notifier'""",
    # Like the index of what is unacknowledged, it costs nothing on the way to delivery.
    """create index obligation_unfiled on notifier.obligation (acknowledged_at)
        where acknowledged_at is not null and filed_at is null and filing_reminded_at is null
          and owner = 'notifier' and profile in ('school-full', 'health-minimal')""",
    """create table notifier.mailbox (
        organisation text primary key,
        pull_interval_minutes int check (pull_interval_minutes > 0),
        last_pulled_at timestamptz,
        lapsed_at timestamptz)""",
    """create table notifier.question (
        id uuid primary key,
        notice uuid not null,
        receipt uuid not null,
        child_id uuid not null,
        organisation text not null,
        text text not null,
        asked_by text not null,
        asked_at timestamptz not null,
        answered_at timestamptz)""",
    "create unique index question_once on notifier.question (notice, md5(text))",
    "create index question_unanswered on notifier.question (asked_at) where answered_at is null",
    """create table notifier.answer (
        id uuid primary key,
        question uuid not null,
        text text not null,
        answered_by text not null,
        at timestamptz not null)""",
    "create index answer_of on notifier.answer (question)",
)


def upgrade() -> None:
    for statement in _STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    raise RuntimeError("obligations are never dropped; restore a backup instead")
