"""The HTTP application: the page, and whether the server is well."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import gradio as gr
from fastapi import FastAPI

from occlusight import __version__
from occlusight.backends.protocol import Backend
from occlusight.web.examples import Example
from occlusight.web.page import Choice, Page, looks

LARGEST_UPLOAD = "64mb"


def create_app(
    backend: Backend,
    language: Choice = "auto",
    knows_photographs: bool = False,
    examples: tuple[Example, ...] | None = None,
) -> FastAPI:
    """Return the application that serves a model's page at / and its state at /healthz; see `Page`."""
    app = FastAPI(title="Occlusight", version=__version__, docs_url=None, redoc_url=None, openapi_url=None)

    @app.get("/healthz")
    def healthz() -> dict[str, Any]:
        return {"status": "ok", "version": __version__, "model": asdict(backend.info)}

    page = Page(backend, language, knows_photographs, examples)
    folders = sorted({str(example.picture.parent) for example in page.examples})
    served: FastAPI = gr.mount_gradio_app(
        app,
        page.blocks,
        path="/",
        allowed_paths=folders,
        max_file_size=LARGEST_UPLOAD,
        footer_links=[],
        ssr_mode=False,
        enable_monitoring=False,
        **looks(),
    )
    return served
