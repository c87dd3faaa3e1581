"""The API as one application: its families, its errors, its description at /openapi.json."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext

from fastapi import FastAPI
from starlette.requests import Request

from occlusight import __version__
from occlusight.serve.api.admin import admin_router
from occlusight.serve.api.admin_shapes import AdminEvent
from occlusight.serve.api.bodies import Bodies, BodyLimits
from occlusight.serve.api.chat import chat_router
from occlusight.serve.api.chat_shapes import ChatChunk
from occlusight.serve.api.decisions import decisions_router
from occlusight.serve.api.errors import ApiError, handle_errors
from occlusight.serve.api.message_shapes import MessageEvent
from occlusight.serve.api.messages import messages_router
from occlusight.serve.api.models import health_router, models_router
from occlusight.serve.api.occlusion import occlusion_router
from occlusight.serve.api.reading import reading_router
from occlusight.serve.api.response_shapes import ResponseEvent
from occlusight.serve.api.responses import responses_router
from occlusight.serve.api.service import Service
from occlusight.serve.api.systemone import systemone_router

ROUTERS = (
    chat_router,
    responses_router,
    messages_router,
    decisions_router,
    systemone_router,
    occlusion_router,
    reading_router,
    models_router,
    health_router,
    admin_router,
)
"""The families."""
ALL_METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE"]
STREAMED = (ChatChunk, ResponseEvent, MessageEvent, AdminEvent)
"""Shapes that come in events, which FastAPI does not see."""


def create_api(
    service: Service,
    beside: AbstractAsyncContextManager[None] | None = None,
    bodies: BodyLimits | None = None,
) -> FastAPI:
    """Return the application; `beside` is open as long as it runs."""

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        async with beside or nullcontext():
            try:
                yield
            finally:
                service.close()

    app = FastAPI(
        title="Occlusight",
        version=__version__,
        summary="What stands in front of what in a picture, why, and how sure.",
        docs_url=None,  # they would fetch their scripts from another host
        redoc_url=None,
        lifespan=lifespan,
    )
    for router in ROUTERS:
        app.include_router(router(service))

    for root in ("/v1", "/admin"):

        @app.api_route(root, methods=ALL_METHODS, include_in_schema=False)
        @app.api_route(root + "/{path:path}", methods=ALL_METHODS, include_in_schema=False)
        async def nowhere(http: Request) -> None:
            raise ApiError(f"there is no {http.url.path} here, or not by this method; see /openapi.json", status=404)

    handle_errors(app)
    app.add_middleware(Bodies, limits=bodies or BodyLimits())
    described = app.openapi

    def openapi() -> dict[str, object]:
        schema = described()
        shapes = schema["components"]["schemas"]
        for shape in STREAMED:
            own = shape.model_json_schema(mode="serialization", ref_template="#/components/schemas/{model}")
            for name, inner in own.pop("$defs", {}).items():
                shapes.setdefault(name, inner)
            shapes[shape.__name__] = own
        for name in ("HTTPValidationError", "ValidationError"):
            shapes.pop(name, None)
        for path in schema["paths"].values():
            for operation in path.values():
                operation["responses"].pop("422", None)
        return schema

    app.openapi = openapi  # type: ignore[method-assign]
    return app
