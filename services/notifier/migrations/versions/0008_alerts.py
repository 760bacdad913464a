"""Contacts, and the alerts that tell them that notices wait."""

from alembic import op

revision = "0008"
down_revision = "0007"

_STATEMENTS = (
    """create table notifier.contact (
        id uuid primary key,
        organisation text not null,
        role text,
        channel text not null check (channel in ('email', 'sms')),
        address text not null,
        quiet_from time,
        quiet_until time,
        added_at timestamptz not null,
        confirmed_at timestamptz not null,
        lapse_told_at timestamptz,
        failed_at timestamptz,
        failed_reason text,
        active boolean not null,
        disabled_reason text,
        check ((quiet_from is null) = (quiet_until is null)))""",
    """create unique index contact_known on notifier.contact
        (organisation, channel, address, coalesce(role, ''))
        where disabled_reason is distinct from 'removed'""",
    """create index contact_of on notifier.contact (organisation)
        where disabled_reason is distinct from 'removed'""",
    """create index contact_broken on notifier.contact (organisation)
        where disabled_reason is distinct from 'removed'
          and (not active or failed_at is not null)""",
    "create index contact_confirmed on notifier.contact (confirmed_at) where active",
    """create table notifier.alert (
        id uuid primary key,
        contact uuid not null,
        status text not null check (status in ('gathering', 'sending', 'accepted', 'delivered',
            'bounced', 'failed', 'cancelled')),
        reason text,
        opened_at timestamptz not null,
        gather_until timestamptz not null,
        closed_at timestamptz,
        notices int,
        accepted_at timestamptz,
        ended_at timestamptz)""",
    """create unique index alert_gathering on notifier.alert (contact)
        where status = 'gathering'""",
    """create index alert_to_close on notifier.alert (gather_until)
        where status = 'gathering'""",
    """create index alert_unsent on notifier.alert (contact, closed_at)
        where status = 'sending'""",
    """create table notifier.alert_notice (
        notice uuid not null,
        contact uuid not null,
        at timestamptz not null,
        alert uuid,
        primary key (notice, contact))""",
    """create index alert_notice_to_gather on notifier.alert_notice (contact, notice)
        where alert is null""",
    "create index alert_notice_of on notifier.alert_notice (alert) where alert is not null",
    """create table notifier.alert_sending (
        id uuid primary key,
        channel text not null,
        state text not null,
        due_at timestamptz not null,
        overtakes boolean not null,
        turn_at timestamptz not null,
        ready boolean not null,
        attempts int not null default 0,
        claim_token uuid,
        claimed_until timestamptz,
        settled_at timestamptz,
        check ((settled_at is null) = (state in ('waiting', 'claimed'))))""",
    """create index alert_sending_turn on notifier.alert_sending (overtakes desc, turn_at)
        where settled_at is null and ready""",
    """create index alert_sending_resting on notifier.alert_sending (due_at)
        where settled_at is null and not ready""",
    """create table notifier.alert_attempt (
        line bigint generated always as identity primary key,
        alert uuid not null,
        number int not null,
        at timestamptz not null,
        milliseconds int not null,
        outcome text not null,
        late boolean not null)""",
    "create index alert_attempt_of on notifier.alert_attempt (alert)",
)


def upgrade() -> None:
    for statement in _STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    raise RuntimeError("alerts are never dropped; restore a backup instead")
