"""Messages and their attempts, what came back, peers, and what is known of events by then."""

from alembic import op

revision = "0001"
down_revision = None

_STATEMENTS = (
    """create table health_broker.message (
        id uuid primary key,
        state text not null check (state in ('waiting','claimed','done','failed','cancelled')),
        due_at timestamptz not null,
        attempts int not null default 0,
        claim_token uuid,
        claimed_until timestamptz,
        settled_at timestamptz,
        line bigint generated always as identity,
        receipt uuid not null,
        child_index int not null,
        child_id uuid not null,
        part text not null,
        organisation text not null,
        recipient_name text not null,
        role text not null,
        profile text not null,
        event text,
        concern uuid not null,
        header uuid not null unique,
        request_id uuid not null,
        correlation_id uuid not null,
        body bytea,
        composed_at timestamptz not null,
        traceparent text,
        reason text,
        check ((settled_at is null) = (state in ('waiting', 'claimed'))),
        check (body is not null or state in ('failed', 'cancelled')))""",
    "create index message_due on health_broker.message (due_at) where settled_at is null",
    # The order per child and peer, and whose queue has cleared.
    """create index message_open on health_broker.message (organisation, child_id, line)
        where state in ('waiting', 'claimed')""",
    "create index message_event on health_broker.message (receipt, child_id)",
    """create table health_broker.attempt (
        id uuid primary key,
        notice uuid not null references health_broker.message (id),
        number int not null,
        started_at timestamptz not null,
        seconds double precision not null,
        outcome text not null,
        status int,
        reason text,
        answer bytea,
        counted boolean not null)""",
    "create index attempt_notice on health_broker.attempt (notice)",
    """create table health_broker.inbound (
        id uuid primary key,
        organisation text not null,
        sender_ods text not null,
        header_id text,
        received_at timestamptz not null,
        state text not null check (state in ('taken', 'parked', 'refused')),
        reason text,
        raw bytea not null,
        unique (sender_ods, header_id))""",
    """create table health_broker.receipt (
        notice uuid not null references health_broker.message (id),
        kind text not null,
        at timestamptz not null,
        inbound uuid not null,
        primary key (notice, kind))""",
    """create table health_broker.standing (
        receipt uuid not null,
        child_id uuid not null,
        reason text not null,
        by_receipt uuid not null,
        at timestamptz not null,
        primary key (receipt, child_id))""",
    """create table health_broker.informed (
        receipt uuid not null,
        child_id uuid not null,
        at timestamptz not null,
        primary key (receipt, child_id))""",
    """create table health_broker.organisation (
        id text primary key,
        kind text not null,
        name text not null,
        ods_code text,
        recorded_at timestamptz not null)""",
    """create table health_broker.peer (
        organisation text primary key,
        base_url text not null,
        ods_code text not null,
        token text,
        added_at timestamptz not null,
        queue_opened_at timestamptz)""",
    """create table health_broker.credential (
        id text primary key,
        secret_hash bytea not null,
        organisation text not null,
        name text not null,
        kind text not null,
        scopes text[] not null,
        source text,
        created_at timestamptz not null,
        expires_at timestamptz)""",
    "create index credential_organisation on health_broker.credential (organisation)",
)


def upgrade() -> None:
    for statement in _STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    raise RuntimeError("what was sent is never dropped; restore a backup instead")
