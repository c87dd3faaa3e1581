"""What is there before the page: a page without scripts of Gradio's, which gives way to it by itself."""

from __future__ import annotations

from string import Template

from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.types import Receive, Scope, Send

from occlusight import __version__
from occlusight.serve.api.errors import ApiError
from occlusight.serve.page.words import WEB, Language, all_words, preferred

RETRY_S = 1
API = ("/v1/", "/admin/")
"""Routes for programs."""


async def first_page(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer as long as the model is being opened, as an ASGI application: / with the first page, /healthz that the
    server runs, anything else with 503, the API's routes in the form of its errors."""
    request = Request(scope)
    if request.url.path == "/" and request.method in ("GET", "HEAD"):
        language = preferred(request.headers.get("accept-language"))
        response: Response = HTMLResponse(as_html(language), headers={"Cache-Control": "no-store"})
    elif request.url.path == "/healthz" and request.method == "GET":
        response = JSONResponse({"status": "starting", "version": __version__})
    elif request.url.path.startswith(API):
        starting = ApiError("the model is being opened; ask again soon", None, "starting", 503, RETRY_S)
        response = starting.response(request.url.path)
    else:
        response = JSONResponse({"status": "starting"}, 503, {"Retry-After": str(RETRY_S)})
    await response(scope, receive, send)


def as_html(language: Language) -> str:
    """Return the first page."""
    words = all_words()[language]
    return Template((WEB / "starting.html").read_text("utf-8")).substitute(
        lang="zh-CN" if language == "zh" else "en",
        style=(WEB / "page.css").read_text("utf-8"),
        tag=words["tag"],
        starting=words["starting"],
        more=words["starting_more"],
    )
