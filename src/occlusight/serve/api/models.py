"""/v1/models: which model answers, and what it takes; /healthz and /readyz: how the server is."""

from __future__ import annotations

import asyncio
from dataclasses import asdict
from typing import Any, Literal

from fastapi import APIRouter
from prometheus_client import CONTENT_TYPE_LATEST
from starlette.responses import JSONResponse, PlainTextResponse, Response

from occlusight import __version__
from occlusight.backends.protocol import Request
from occlusight.errors import OcclusightError
from occlusight.serve.api.errors import RESPONSES
from occlusight.serve.api.service import Service
from occlusight.serve.api.shapes import Reply


class Architecture(Reply):
    """What a model reads and writes."""

    input_modalities: list[Literal["text", "image", "video"]]
    output_modalities: list[Literal["text"]]


class Calibrated(Reply):
    """What was fitted to how often it is right: `of` kinds of statements and their languages (`hides.en`: that one
    thing hides another, asked in English), on pictures of the kind `domain`; for others the model's own word stands."""

    of: list[str]
    domain: str


class Model(Reply):
    """A model. `created` is when the server opened it; `revision` a digest of its weights; `max_model_len` the longest
    prompt with its answer, in tokens, and `max_images` how many pictures at a time it was trained on, both where that
    is known; `calibrated` whether probabilities of relation graphs and decisions were fitted to how often they are
    right, and `calibration` which."""

    id: str
    object: Literal["model"] = "model"
    created: int
    owned_by: Literal["occlusight"] = "occlusight"
    revision: str
    max_model_len: int | None
    max_images: int | None
    architecture: Architecture
    calibrated: bool
    calibration: Calibrated | None


class ModelList(Reply):
    """All models that answer here."""

    object: Literal["list"] = "list"
    data: list[Model]


def models_router(service: Service) -> APIRouter:
    """Return the routes of models."""
    router = APIRouter(tags=["models"])

    def served() -> Model:
        info, fit = service.backend.info, service.calibration
        return Model(
            id=info.name,
            created=service.opened,
            revision=info.revision,
            max_model_len=info.context or None,
            max_images=info.pictures,
            architecture=Architecture(
                input_modalities=["text", "image", *(["video"] if info.video else [])],  # type: ignore[list-item]
                output_modalities=["text"],
            ),
            calibrated=fit is not None,
            calibration=None if fit is None else Calibrated(of=sorted(fit.fits), domain=fit.domain),
        )

    @router.get("/v1/models")
    async def list_models() -> ModelList:
        """Tell which model answers."""
        return ModelList(data=[served()])

    @router.get("/v1/models/{model:path}", responses={404: RESPONSES[404]})
    async def retrieve_model(model: str) -> Model:
        """Tell about one model."""
        service.check_model(model)
        return served()

    return router


def health_router(service: Service) -> APIRouter:
    """Return the routes that watch the server."""
    router = APIRouter(tags=["health"])
    ready = Ready(service)

    @router.get("/healthz")
    async def healthz() -> dict[str, Any]:
        """Tell that the server runs."""
        return {"status": "ok", "version": __version__, "model": asdict(service.backend.info)}

    @router.get("/metrics", response_class=PlainTextResponse)
    async def metrics() -> Response:
        """Numbers for Prometheus, under vLLM's names where it has them."""
        return Response(service.metrics.text(), media_type=CONTENT_TYPE_LATEST)

    @router.get("/readyz", responses={503: {"description": "The model does not answer, or not yet."}})
    async def readyz() -> Response:
        """Tell whether the model answers. The first time it is asked for one token."""
        why = await ready.why_not()
        if why is None:
            return JSONResponse({"status": "ready"})
        return JSONResponse({"status": "not ready", "reason": why}, 503, {"Retry-After": "5"})

    return router


class Ready:
    """Whether the model has answered once; asked again until it has."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._asking: asyncio.Task[None] | None = None

    async def why_not(self) -> str | None:
        """Return why the model does not answer; None once it has. Many who ask at once make it answer once."""
        if self._asking is None or (self._asking.done() and self._asking.exception() is not None):
            self._asking = asyncio.create_task(asyncio.to_thread(self._ask))
        try:
            await asyncio.shield(self._asking)
        except OcclusightError as error:
            return str(error)
        except Exception as error:
            return type(error).__name__
        return None

    def _ask(self) -> None:
        for _ in self._service.backend.generate(Request("?", max_tokens=1)):
            pass
