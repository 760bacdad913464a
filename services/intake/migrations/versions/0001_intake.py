"""Accepted events, agencies and their keys, the audit, and the progress that senders read."""

from alembic import op

revision = "0001"
down_revision = None

_STATEMENTS = (
    """create table intake.event (
        receipt uuid primary key,
        organisation text not null,
        credential text not null,
        source text not null,
        sender_id text not null,
        type text not null,
        version int not null,
        occurred_at timestamptz not null,
        accepted_at timestamptz not null,
        due_at timestamptz,
        content_hash bytea not null,
        key text not null,
        supersedes uuid,
        flags jsonb not null)""",
    "create index event_listing on intake.event (organisation, accepted_at desc, receipt desc)",
    """create table intake.agency (
        organisation text primary key,
        name text not null,
        kind text not null,
        source text not null unique,
        added_at timestamptz not null)""",
    """create table intake.credential (
        id text primary key,
        secret_hash bytea not null,
        organisation text not null references intake.agency (organisation),
        name text not null,
        kind text not null,
        scopes text[] not null,
        source text,
        created_at timestamptz not null,
        expires_at timestamptz)""",
    "create index credential_organisation on intake.credential (organisation)",
    """create table intake.audit (
        id uuid primary key,
        at timestamptz not null,
        actor text not null,
        credential text not null,
        operation text not null,
        object text not null,
        subject text,
        purpose text not null)""",
    "create index audit_object on intake.audit (object)",
    "create index audit_subject on intake.audit (subject)",
    """create table intake.identity (
        "only" boolean primary key default true check ("only"),
        mark text not null)""",
    """create table intake.progress_child (
        receipt uuid not null,
        child_index int not null,
        child_id uuid not null,
        named boolean not null,
        addressed_at timestamptz not null,
        primary key (receipt, child_index, child_id))""",
    # Its times are filled in one after another: room on the page keeps the updates in place.
    """create table intake.progress_notice (
        notice uuid primary key,
        receipt uuid not null,
        child_index int not null,
        child_id uuid not null,
        part text not null,
        rung int not null,
        organisation text not null,
        name text not null,
        role text not null,
        profile text not null,
        accepted_at timestamptz,
        delivered_at timestamptz,
        opened_at timestamptz,
        acknowledged_at timestamptz,
        filed_at timestamptz,
        failed_at timestamptz,
        withheld_at timestamptz,
        superseded_at timestamptz,
        undelivered_at timestamptz,
        escalated_at timestamptz,
        next_organisation text,
        next_role text,
        reasons jsonb not null) with (fillfactor = 70)""",
    "create index progress_notice_receipt on intake.progress_notice (receipt)",
    """create table intake.progress_resolution (
        resolution uuid primary key,
        receipt uuid not null,
        child_index int,
        reason text,
        needed_at timestamptz,
        decide_by timestamptz,
        overdue_at timestamptz,
        decided_at timestamptz,
        decision text)""",
    "create index progress_resolution_receipt on intake.progress_resolution (receipt)",
    """create table intake.progress_outcome (
        receipt uuid not null,
        kind text not null check (kind in ('applied', 'retracted')),
        by_receipt uuid not null,
        at timestamptz not null,
        outcome text,
        replaced_by uuid,
        primary key (receipt, kind, by_receipt))""",
    """create table intake.progress_clock (
        receipt uuid not null,
        clock text not null,
        started_at timestamptz not null,
        due_at timestamptz not null,
        missed_at timestamptz not null,
        primary key (receipt, clock))""",
)


def upgrade() -> None:
    for statement in _STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    raise RuntimeError("accepted events are never dropped; restore a backup instead")
