"""/admin: what whoever runs the server may do, from its machine or with its key."""

from __future__ import annotations

import asyncio

from fastapi import APIRouter

from occlusight.serve.api.errors import RESPONSES
from occlusight.serve.api.service import Service


def admin_router(service: Service) -> APIRouter:
    """Return the routes."""
    router = APIRouter(tags=["admin"])

    @router.post(
        "/admin/cache/clear", status_code=204, responses={401: RESPONSES[401], 403: {"description": "Not you."}}
    )
    async def clear_cache() -> None:
        """Forget what earlier requests computed: pictures' features, and the beginnings of prompts."""
        await asyncio.to_thread(service.backend.clear_cache)

    return router
