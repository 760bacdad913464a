"""The canary's trips, what its receiver got, and whether it is late."""

from alembic import op

revision = "0005"
down_revision = "0004"

_STATEMENTS = (
    """create table intake.canary_trip (
        id text primary key,
        receipt uuid,
        posted_at timestamptz not null,
        accepted_at timestamptz,
        delivered_at timestamptz,
        acknowledged_at timestamptz,
        returned_at timestamptz)""",
    "create index canary_trip_posted on intake.canary_trip (posted_at)",
    "create index canary_trip_receipt on intake.canary_trip (receipt)",
    "create index canary_trip_open on intake.canary_trip (posted_at) where returned_at is null",
    """create table intake.canary_notice (
        notice uuid primary key,
        received_at timestamptz not null,
        receipt uuid,
        acknowledged_at timestamptz)""",
    """create index canary_notice_open on intake.canary_notice (received_at)
        where acknowledged_at is null""",
    "create index canary_notice_receipt on intake.canary_notice (receipt)",
    """create table intake.canary_state (
        "only" boolean primary key default true check ("only"),
        state text not null check (state in ('late', 'returned')),
        since timestamptz not null)""",
)


def upgrade() -> None:
    for statement in _STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    for table in ("canary_state", "canary_notice", "canary_trip"):
        op.execute(f"drop table intake.{table}")
