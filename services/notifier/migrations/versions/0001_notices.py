"""Recipients, obligations, deliveries, attempts, standings, clocks, credentials and the audit."""

from alembic import op

revision = "0001"
down_revision = None

_STATEMENTS = (
    """create table notifier.recipient (
        id text primary key,
        kind text not null,
        name text not null,
        channel text not null,
        calendar jsonb not null,
        ladder jsonb not null,
        recorded_at timestamptz not null)""",
    """create table notifier.endpoint (
        id uuid primary key,
        organisation text not null,
        url text not null,
        secret text not null,
        previous_secret text,
        previous_until timestamptz,
        enabled boolean not null,
        added_at timestamptz not null)""",
    "create unique index endpoint_in_use on notifier.endpoint (organisation) where enabled",
    """create table notifier.obligation (
        id uuid primary key,
        receipt uuid not null,
        child_index int not null,
        child_id uuid not null,
        part text not null,
        rung int not null,
        chain uuid not null,
        shared boolean not null default false,
        event_type text not null,
        happened_at timestamptz not null,
        organisation text not null,
        recipient_name text not null,
        role text not null,
        profile text not null,
        owner text not null,
        rule text not null,
        content text,
        state text not null check (state in ('waiting', 'delivered', 'opened', 'acknowledged',
            'filed', 'failed', 'withheld', 'superseded')),
        reason text,
        watch text not null check (watch in ('watching', 'climbed', 'exhausted', 'ended')),
        watch_due_at timestamptz,
        deadline_at timestamptz,
        composed_at timestamptz not null,
        sent_at timestamptz,
        delivered_at timestamptz,
        opened_at timestamptz,
        acknowledged_at timestamptz,
        acknowledged_by text,
        filed_at timestamptz,
        record_reference text,
        withdrawn_at timestamptz)""",
    # Compressing costs more than the disk it saves, and sealed contents will not compress.
    "alter table notifier.obligation alter column content set storage external",
    # Being delivered, opened and acknowledged changes no indexed column: with room on its page the
    # new version stays there, and seven indexes are left alone.
    "alter table notifier.obligation set (fillfactor = 50)",
    "create index obligation_of_event on notifier.obligation (receipt, child_id)",
    """create index obligation_of_missing on notifier.obligation (child_id)
        where event_type in ('missing.reported', 'missing.updated')""",
    "create index obligation_on_ladder on notifier.obligation (chain) where rung > 0",
    """create index obligation_unopened on notifier.obligation (organisation, composed_at, id)
        where opened_at is null and owner = 'notifier'""",
    """create index obligation_unacknowledged on notifier.obligation
        (organisation, composed_at, id) where acknowledged_at is null and owner = 'notifier'""",
    """create index obligation_watched on notifier.obligation (watch_due_at)
        where watch = 'watching'""",
    """create table notifier.delivery (
        id uuid primary key,
        endpoint uuid not null,
        composed_at timestamptz not null,
        state text not null,
        due_at timestamptz not null,
        attempts int not null default 0,
        claim_token uuid,
        claimed_until timestamptz,
        settled_at timestamptz,
        check ((settled_at is null) = (state in ('waiting', 'claimed'))))""",
    "create index delivery_due on notifier.delivery (due_at) where settled_at is null",
    "alter table notifier.delivery set (fillfactor = 50)",
    """create table notifier.attempt (
        line bigint generated always as identity primary key,
        notice uuid not null,
        endpoint uuid not null,
        number int not null,
        at timestamptz not null,
        milliseconds int not null,
        outcome text not null,
        status int,
        late boolean not null)""",
    "create index attempt_of_notice on notifier.attempt (notice)",
    """create table notifier.standing (
        receipt uuid not null,
        child_id uuid not null,
        kind text not null check (kind in ('retracted', 'superseded', 'closed', 'found')),
        at timestamptz not null,
        by_receipt uuid not null,
        primary key (receipt, child_id, kind))""",
    "create index standing_found on notifier.standing (child_id) where kind = 'found'",
    """create table notifier.early (
        notice uuid not null,
        state text not null,
        at timestamptz not null,
        reason text,
        primary key (notice, state))""",
    """create table notifier.clock (
        receipt uuid primary key,
        name text not null,
        key text not null,
        started_at timestamptz not null,
        due_at timestamptz not null,
        stopped_at timestamptz,
        missed_at timestamptz)""",
    """create index clock_running on notifier.clock (due_at)
        where stopped_at is null and missed_at is null""",
    """create table notifier.credential (
        id text primary key,
        secret_hash bytea not null,
        organisation text not null,
        name text not null,
        kind text not null,
        scopes text[] not null,
        source text,
        created_at timestamptz not null,
        expires_at timestamptz)""",
    "create index credential_of on notifier.credential (organisation)",
    """create table notifier.audit (
        id uuid primary key,
        at timestamptz not null,
        actor text not null,
        credential text not null,
        operation text not null,
        object text not null,
        subject text,
        purpose text not null)""",
    "create index audit_object on notifier.audit (object)",
    "create index audit_subject on notifier.audit (subject)",
)


def upgrade() -> None:
    for statement in _STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    raise RuntimeError("obligations are never dropped; restore a backup instead")
