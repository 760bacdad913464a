"""For self-service: attempts with headers, replays, test notices, rights of credentials."""

from alembic import op

revision = "0010"
down_revision = "0009"

_STATEMENTS = (
    "alter table notifier.attempt add column headers jsonb",
    """alter table notifier.delivery
        add column replayed_at timestamptz,
        add column test boolean not null default false""",
    "alter table notifier.credential add column rights text[] not null default '{}'",
    """create table notifier.policy_line (
        rule text primary key,
        event_type text not null,
        recipient text not null,
        condition text not null,
        profile text not null,
        kinds text[] not null,
        recorded_at timestamptz not null)""",
    # Beside `obligation_unnumbered` it finds every notice of an organisation in order. It is
    # written when a notice is read by cursor, never on the way to delivery.
    """create index obligation_numbered_in_order on notifier.obligation
        (organisation, composed_at, id) where number is not null and owner = 'notifier'""",
    """create index obligation_test on notifier.obligation (composed_at)
        where profile = 'test'""",
)


def upgrade() -> None:
    for statement in _STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    raise RuntimeError("obligations are never dropped; restore a backup instead")
