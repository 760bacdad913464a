"""What an organisation manages and looks at itself, over HTTP; each part in a file of its own."""

from __future__ import annotations

from fastapi import APIRouter

from services.notifier import (
    delivery_api,
    endpoint_api,
    entitlement_api,
    key_api,
    replay_api,
    self_test_api,
)
from services.notifier.door import Door


def create_organisation_router(door: Door) -> APIRouter:
    """`/v1/organisations/me/…`."""
    router = APIRouter(prefix="/v1/organisations/me", tags=["self-service"])
    endpoint_api.add_routes(router, door)
    key_api.add_routes(router, door)
    entitlement_api.add_routes(router, door)
    self_test_api.add_routes(router, door)
    delivery_api.add_routes(router, door)
    replay_api.add_routes(router, door)
    return router
