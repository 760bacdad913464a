"""What senders get: progress pushed, what was refused, what was accepted with flags,
and how often a sender asked for news; and the sandbox."""

from alembic import op

revision = "0007"
down_revision = "0006"

_STATEMENTS = (
    """create table intake.subscription (
        id uuid primary key,
        organisation text not null,
        sandbox boolean not null default false,
        url text not null,
        secret text not null,
        previous_secret text,
        previous_until timestamptz,
        added_at timestamptz not null,
        pauses int not null default 0,
        paused_until timestamptz,
        pushed_at timestamptz,
        failing_since timestamptz,
        last_outcome text,
        last_status int,
        disabled_at timestamptz,
        disabled_reason text)""",
    "create index subscription_of_organisation on intake.subscription (organisation)",
    """create table intake.push (
        id uuid primary key default gen_random_uuid(),
        subscription uuid not null,
        receipt uuid not null,
        version bigint not null,
        pushed bigint not null default 0,
        changed_at timestamptz not null,
        told jsonb not null default '{}',
        state text not null default 'waiting',
        due_at timestamptz not null,
        overtakes boolean not null default false,
        turn_at timestamptz not null,
        ready boolean not null default false,
        attempts int not null default 0,
        claim_token uuid,
        claimed_until timestamptz,
        settled_at timestamptz)""",
    "create unique index push_once on intake.push (receipt, subscription)",
    "create index push_of_subscription on intake.push (subscription) where settled_at is null",
    """create index push_turn on intake.push (overtakes desc, turn_at)
        where settled_at is null and ready""",
    """create table intake.rejection (
        line bigint generated always as identity primary key,
        organisation text not null,
        sandbox boolean not null default false,
        at timestamptz not null,
        status int not null,
        code text not null,
        type text,
        source text,
        sender_id text,
        errors jsonb not null,
        more_errors int not null default 0)""",
    "create index rejection_of_organisation on intake.rejection (organisation, sandbox, line)",
    "create index rejection_age on intake.rejection (at)",
    """create index event_flagged on intake.event (organisation, accepted_at, receipt)
        where flags <> '[]'::jsonb""",
    "create index event_supersedes on intake.event (supersedes) where supersedes is not null",
    "alter table intake.credential add column sandbox boolean not null default false",
    """create table intake.sandbox_event (
        receipt uuid primary key,
        organisation text not null,
        source text not null,
        sender_id text not null,
        type text not null,
        version int not null,
        occurred_at timestamptz not null,
        accepted_at timestamptz not null,
        due_at timestamptz,
        content_hash bytea not null,
        supersedes uuid,
        flags jsonb not null,
        children int not null)""",
    """create index sandbox_event_of_organisation
        on intake.sandbox_event (organisation, accepted_at, receipt)""",
    "alter table intake.audit add column asked int",
    "create index audit_asked on intake.audit (object, asked) where asked is not null",
    "create index push_rests on intake.push (due_at) where settled_at is null and not ready",
)


def upgrade() -> None:
    for statement in _STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    raise RuntimeError("senders rely on what they subscribed to; restore a backup instead")
