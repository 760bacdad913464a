"""What a partnership sets for its directory; read once in `__main__` and passed down as values."""

from __future__ import annotations

from datetime import timedelta
from typing import Literal

from pydantic import Field

from bus import BusSettings
from chassis.settings import Group, ProcessSettings


class LedgerSettings(Group):
    """How the notifier is asked whether what was addressed is there."""

    sweep_seconds: float = Field(default=15.0, gt=0)
    page_size: int = Field(default=500, ge=1, le=5000)
    age_seconds: float = Field(default=600.0, ge=0, description="Younger is not asked about.")
    recent_hours: float = Field(default=2.0, gt=0, description="These again and again …")
    rest_seconds: float = Field(default=300.0, ge=0, description="… at most once in so long.")
    days: float = Field(default=7.0, gt=0, description="Older is not asked about.")


class DirectorySettings(Group):
    """The partnership's own choices; the policy table itself is `policy.toml`."""

    areas: frozenset[str] = Field(
        default=frozenset(),
        description="Authorities whose MASH is on this bus; empty: every social-care organisation "
        "that covers postcodes. A child who lives elsewhere is handed off.",
    )
    default_reviewer: str | None = Field(
        default=None, description="Who looks where no area's MASH can be told: an organisation's id"
    )
    agreements: frozenset[str] = Field(
        default=frozenset(), description="Early years settings and practices that signed."
    )
    childminders: frozenset[str] = Field(
        default=frozenset(), description="Of those, who is told only after a person looked."
    )
    exploitation_teams: dict[str, str] = Field(
        default_factory=dict, description="MASH → its exploitation team, if that is another."
    )
    link_sharing: dict[str, frozenset[str]] = Field(
        default_factory=dict,
        description="Whose assertions (an organisation or a kind) may be used to tell whom (the "
        "same) that a link is missing from its record, or that another's record seems to be of the "
        "same person. Empty: nobody is told.",
    )
    record_owners: dict[Literal["register", "census", "health", "fhir"], str] = Field(
        default_factory=dict,
        description="Whose the lines of files are: register, census, health or fhir → the agency "
        "that is told what is found of them. Where none is named, the reviewers are.",
    )
    units: dict[str, frozenset[str]] = Field(
        default_factory=dict,
        description="Agency → its units (offices, teams, a manager's mailbox) that are "
        "organisations of their own; of an authority's social care every team is its own anyway.",
    )
    digest_days: int = Field(
        default=365,
        ge=0,
        description="How far back the digest for a child's new worker goes. Twelve months: within "
        "which a referral counts as repeated, nationally.",
    )
    urgent_minutes: int = Field(default=30, ge=1, description="To decide about an urgent event.")
    working_days: int = Field(default=1, ge=1, description="To decide about any other.")
    readdress_days: int = Field(
        default=28,
        ge=0,
        description="How long a school or a link that is learnt of late still counts for an event.",
    )
    most_tries: int = Field(
        default=60, ge=0, description="Dry runs of the matcher by one reviewer's key …"
    )
    tries_within: timedelta = Field(default=timedelta(hours=1), description="… within this time.")
    ledger: LedgerSettings = LedgerSettings()
    sweep_seconds: float = Field(default=5.0, gt=0, description="How often clocks are looked at.")


class Settings(ProcessSettings):
    """Everything that this process reads."""

    bus: BusSettings = BusSettings()
    directory: DirectorySettings = DirectorySettings()


KNOWN_GROUPS = frozenset(
    {*Settings.model_fields, "intake", "notifier", "health_broker", "role_password"}
)
"""Groups that an environment may hold; those of other services are theirs to check."""
