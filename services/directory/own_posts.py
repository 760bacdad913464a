"""Whether a post is an agency's own: nobody assigns, or takes over from, anybody else's. Pure."""

from __future__ import annotations

from schemas.organisations import OrganisationKind
from services.directory.organisations import Present
from services.directory.settings import DirectorySettings

COUNCIL = (OrganisationKind.SOCIAL_CARE, OrganisationKind.LOCAL_AUTHORITY)
"""An authority's children's social care: its teams are organisations of its area, of one agency."""


def is_own_post(agency: Present | None, post: Present, settings: DirectorySettings) -> bool:
    """The agency itself, a team of the same authority's social care, or a configured unit."""
    if agency is None:
        return False
    if agency.organisation.id == post.organisation.id:
        return True
    units = {unit for id_ in agency.ids for unit in settings.units.get(id_, ())}
    if units & post.ids:
        return True
    ours, theirs = agency.organisation, post.organisation
    council = ours.kind in COUNCIL and theirs.kind in COUNCIL
    return council and (ours.local_authority or ours.id) == (theirs.local_authority or theirs.id)
