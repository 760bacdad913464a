"""By what adults of assertions are found in spite of slips of the hand, and incidents by adults.

Those who are there already get their keys from a task of the directory (`key_adults`), not here:
keys are made by code. Until then they are found by exact name and birth date or postcode.
"""

from alembic import op

revision = "0006"
down_revision = "0005"

_STATEMENTS = (
    "alter table directory.adult add column described bigint",
    "alter table directory.adult add column keyed int not null default 0",
    "create index adult_described on directory.adult (described, id)",
    "create index adult_keyed on directory.adult (keyed, id)",
    # Behind a key stand descriptions, not adults: one who is asserted a thousand times is one.
    """create table directory.adult_match_key (
        key bigint not null,
        described bigint not null,
        primary key (key, described))""",
    # Whom recent incidents name, so that a link that is asserted late finds them; soon forgotten.
    """create table directory.incident_key (
        key bigint not null,
        receipt uuid not null,
        noted_at timestamptz not null,
        primary key (key, receipt))""",
    "create index incident_key_noted on directory.incident_key (noted_at)",
    """create table directory.link_noted (
        relationship uuid primary key,
        due_at timestamptz not null)""",
    "create index link_noted_due on directory.link_noted (due_at, relationship)",
)


def upgrade() -> None:
    for statement in _STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    raise RuntimeError("the register is never dropped; restore a backup instead")
