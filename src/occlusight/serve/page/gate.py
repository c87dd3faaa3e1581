"""The page's routes, and the only way to Gradio, which draws the frame of it.

Gradio alone would copy any file that a request names into a public folder, fetch addresses and tell its own functions.
Here whatever is not listed does not exist: of Gradio that is the page and its scripts. Questions and pictures come to
routes of our own, whose fields hold what they can hold; pictures are kept under names of our own; and a picture belongs
to the visitor who brought it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from dataclasses import asdict
from http import HTTPStatus
from pathlib import Path
from types import MappingProxyType
from typing import Any

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from occlusight.errors import BadInput, BadPicture, Busy
from occlusight.images.film import is_video
from occlusight.serve.fair_queue import FairQueue
from occlusight.serve.page.desk import Desk, or_failed
from occlusight.serve.page.exchange import (
    PRIVATE,
    as_lines,
    at_most,
    busy_now,
    in_time,
    nowhere,
    read,
    refused,
    visitor_of,
)
from occlusight.serve.page.following import Followed, Following, as_document, drawn, timeline
from occlusight.serve.page.picture import PREVIEW, Brought, NoPicture, check_picture, still_of
from occlusight.serve.page.question import Claim, Question, Wanted
from occlusight.serve.page.sight import Sight, told
from occlusight.serve.page.uploads import Uploads, media_type
from occlusight.serve.page.words import WEB, Language
from occlusight.serve.visitors import Visitor

LOG = logging.getLogger("occlusight.serve")
UPLOAD_S = 300
"""How long a request with a picture may take to arrive, in seconds."""
LONGEST_PATH = 250
ENVELOPE = 2**16
"""What a form takes around the picture in it, in bytes."""
FILES = ("/theme.css", "/assets/{_:path}", "/static/{_:path}")
"""Scripts and style sheets of Gradio, which are the same for everybody."""
GRAPHS = {"json": "application/json", "svg": "image/svg+xml", "png": "image/png"}
FRAMES: Mapping[str, tuple[str, Callable[[Followed, int, Language], bytes]]] = {
    "jpg": ("image/jpeg", lambda film, number, language: film.frame(number)[1]),
    "svg": (GRAPHS["svg"], lambda film, number, language: drawn(film, number, "svg", language)),
    "png": (GRAPHS["png"], lambda film, number, language: drawn(film, number, "png", language)),
}
"""What there is of a frame of a video that was followed: the frame, and the frame with its arrows."""
KINDS = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}


class Gate:
    """Routes to the page; `app` is the application.

    Args:
        gradio: Gradio's application.
        uploads: where pictures are kept.
        queue: who asks for an answer is refused here when it has no place for him.
        desk: who answers.
        sight: who makes graphs; None where the backend cannot.
        following: who follows the things of videos; None where the backend cannot.
        larger: a model that whoever runs the server may have served instead; None for none.
        model: what pages are told of the model that answers.
    """

    def __init__(
        self,
        gradio: ASGIApp,
        uploads: Uploads,
        queue: FairQueue,
        desk: Desk,
        sight: Sight | None = None,
        following: Following | None = None,
        larger: str | None = None,
        model: Mapping[str, Any] = MappingProxyType({}),
    ) -> None:
        self.gradio = gradio
        self.uploads = uploads
        self.queue = queue
        self.desk = desk
        self.sight = sight
        self.following = following
        self.larger = larger
        self.model = model
        self.web = {path.name: path for path in WEB.iterdir() if path.suffix in KINDS}
        get, post = ["GET"], ["POST"]
        self.app = Starlette(
            routes=[
                Route("/", self.page, methods=get),
                *(Route(path, self.file_of_gradio, methods=get) for path in FILES),
                Route("/favicon.ico", self.icon, methods=get),
                Route("/page/{name}", self.own_file, methods=get),
                Route("/pictures", self.upload, methods=post),
                Route("/pictures/{handle:path}", self.picture, methods=get),
                Route("/pictures/{handle:path}", self.remove, methods=["DELETE"]),
                Route("/answers", self.ask, methods=post),
                Route("/graphs/{kind}/{handle:path}", self.graph, methods=get),
                Route("/tracks", self.follow, methods=post),
                Route("/tracks/{kind}/{handle:path}", self.track, methods=get),
                Route("/checks", self.check, methods=post),
                Route("/model", self.present_model, methods=get),
                Route("/larger", self.larger_model, methods=get),
            ],
            exception_handlers={HTTPException: refused},
        )
        self.app.router.redirect_slashes = False
        self.app.router.default = nowhere

    async def page(self, request: Request) -> ASGIApp:
        """The page itself, which makes a visitor of whoever opens it."""
        visitor = Visitor.of(request)
        greeting = Response()
        if visitor is None:
            Visitor.new(request).greet(greeting, secure=request.url.scheme == "https")
        cookies = [(name, value) for name, value in greeting.raw_headers if name == b"set-cookie"]
        return self._to_gradio([*cookies, (b"cache-control", b"no-store")])

    async def file_of_gradio(self, request: Request) -> ASGIApp:
        """A script or style sheet of Gradio."""
        if len(request.url.path) > LONGEST_PATH:  # no file system knows such names
            raise HTTPException(404)
        return self._to_gradio()

    async def own_file(self, request: Request) -> Response:
        """A script or style sheet of ours."""
        path = self.web.get(request.path_params["name"])
        if path is None:
            raise HTTPException(404)
        return FileResponse(path, media_type=KINDS[path.suffix], headers={"Cache-Control": "no-cache"})

    async def icon(self, request: Request) -> Response:
        """The page's icon, for browsers that ask without reading where it is."""
        return FileResponse(self.web["icon.svg"], media_type=KINDS[".svg"])

    async def upload(self, request: Request) -> Response:
        """Keep a picture or a video; the answer is its name here, which of both it is, and what speaks against it.
        Refused (415) where it is neither, or broken."""
        visitor = visitor_of(request)
        largest = self.uploads.limits.largest
        bounded = Request(request.scope, at_most(request, largest + ENVELOPE))
        coming = int(request.headers.get("content-length", largest))
        try:
            with self.uploads.arriving(visitor, coming):
                async with in_time(UPLOAD_S), bounded.form(max_files=1, max_fields=1) as form:
                    picture = form.get("picture")
                    if not isinstance(picture, UploadFile):
                        raise HTTPException(400, "a form with one file is expected")
                    if (picture.size or 0) > largest:
                        raise HTTPException(413)
                    handle, brought = await run_in_threadpool(self._keep, visitor, picture)
        except Busy as busy:
            return busy_now(busy)
        except NoPicture as error:
            return JSONResponse({"kind": error.kind, "what": error.what}, 415)
        except OSError as error:
            LOG.error("a picture could not be kept: %s", error)
            return JSONResponse({"kind": "no_room"}, 507)
        concerns = [{"kind": one.kind, "en": one.en, "zh": one.zh} for one in brought.concerns]
        return JSONResponse({"name": handle, "film": brought.film, "concerns": concerns}, 201)

    def _keep(self, visitor: Visitor, picture: UploadFile) -> tuple[str, Brought]:
        handle = self.uploads.add(visitor, picture.filename or "", picture.file)
        try:
            path = self.uploads.path(visitor, handle)
            brought = check_picture(path, shown=media_type(path) is not None)
        except NoPicture:
            self.uploads.remove(visitor, handle)
            raise
        return handle, brought

    async def picture(self, request: Request) -> Response:
        """An example, or a picture that this visitor brought; of one that browsers do not show, and of a video,
        whatever it is called, the preview."""
        path = self._path(visitor_of(request), request.path_params["handle"])
        preview = path.with_name(PREVIEW)
        if preview.is_file():
            path = preview
        shown = media_type(path)
        return FileResponse(
            path,
            media_type=shown or "application/octet-stream",
            filename=path.name.lstrip("."),
            content_disposition_type="inline" if shown else "attachment",
            headers={**PRIVATE, "Cache-Control": "private, max-age=3600"},
        )

    async def remove(self, request: Request) -> Response:
        """Forget a picture that this visitor brought."""
        visitor, handle = visitor_of(request), request.path_params["handle"]
        path = self._path(visitor, handle)
        self.uploads.remove(visitor, handle)
        if self.sight is not None and not path.exists():
            self.sight.forget(path)
            self.sight.forget(path.with_name(PREVIEW))
        if self.following is not None and not path.exists():
            self.following.forget(path)
        return Response(status_code=204)

    async def graph(self, request: Request) -> Response:
        """Who hides whom in a picture, or in the first frame of a video, as JSON, or drawn on it."""
        visitor, kind = visitor_of(request), request.path_params["kind"]
        path = still_of(self._path(visitor, request.path_params["handle"]))
        if self.sight is None or kind not in GRAPHS:
            raise HTTPException(404)
        try:
            with self.queue.enter(visitor.client) if not self.sight.knows(path) else nullcontext() as place:
                found = await self.sight.of(path, place)
        except Busy as busy:
            return busy_now(busy)
        except BadInput as error:
            return JSONResponse({"kind": "input", "message": self.uploads.told(error)}, 422)
        if kind == "json":
            return JSONResponse(told(found), headers=PRIVATE)
        language: Language = "zh" if request.query_params.get("language") == "zh" else "en"
        drawn = await self.sight.drawn(path, kind, language)
        return Response(drawn, media_type=GRAPHS[kind], headers={**PRIVATE, "Content-Disposition": "attachment"})

    async def follow(self, request: Request) -> ASGIApp:
        """Follow the things of a video, as lines of JSON (see `Following.news`); to close the connection stops it."""
        visitor = visitor_of(request)
        wanted = await read(Wanted, request)
        path = self._path(visitor, wanted.video)
        if self.following is None or not await run_in_threadpool(is_video, path):
            raise HTTPException(404)
        if self.following.of(path) is not None:
            return as_lines(or_failed(self.following.news(path, None), self.uploads.told), nullcontext())
        try:
            place = self.queue.enter(visitor.client)
        except Busy as busy:
            return busy_now(busy)
        return as_lines(or_failed(self.following.news(path, place), self.uploads.told), place)

    async def track(self, request: Request) -> Response:
        """What is known of a video that was followed: all of it as JSON, who is hidden when as a drawing, and of each
        frame itself, with its arrows, and about where its things are."""
        visitor, kind, query = visitor_of(request), request.path_params["kind"], request.query_params
        path = self._path(visitor, request.path_params["handle"])
        found = None if self.following is None else self.following.of(path)
        language: Language = "zh" if query.get("language") == "zh" else "en"
        if found is None:
            raise HTTPException(404)
        if kind == "json":
            return JSONResponse(as_document(found), headers={**PRIVATE, "Content-Disposition": "attachment"})
        if kind == "timeline":
            svg = await run_in_threadpool(timeline, found, language, number_of(query.get("width")))
            return Response(svg, media_type=GRAPHS["svg"], headers=PRIVATE)
        if kind == "places":
            return await self._places(visitor, path, found, number_of(query.get("frame")))
        if kind not in FRAMES:
            raise HTTPException(404)
        media, made = FRAMES[kind]
        try:
            body = await run_in_threadpool(made, found, number_of(query.get("frame")), language)
        except IndexError:
            raise HTTPException(404) from None
        kept = {"Cache-Control": "private, max-age=3600"} if kind == "jpg" else {"Content-Disposition": "attachment"}
        return Response(body, media_type=media, headers={**PRIVATE, **kept})

    async def _places(self, visitor: Visitor, path: Path, found: Followed, number: int) -> Response:
        assert self.following is not None
        try:
            with self.queue.enter(visitor.client) if number not in found.places else nullcontext() as place:
                where = await self.following.places(path, number, place)
        except Busy as busy:
            return busy_now(busy)
        except IndexError:
            raise HTTPException(404) from None
        return JSONResponse(where, headers=PRIVATE)

    async def check(self, request: Request) -> Response:
        """What a picture's graph says to a question that was answered, as JSON; null where it says nothing of it."""
        visitor = visitor_of(request)
        claim = await read(Claim, request)
        path = self._path(visitor, claim.picture)
        if self.sight is None:
            raise HTTPException(404)
        try:
            with self.queue.enter(visitor.client) as place:
                async for _ in place.waits():
                    pass
                found = await self.sight.checked(path, claim)
        except Busy as busy:
            return busy_now(busy)
        return JSONResponse(found and asdict(found), headers=PRIVATE)

    async def present_model(self, request: Request) -> Response:
        """The model that answers, as JSON: another one since a page was opened, if the server changed it."""
        visitor_of(request)
        return JSONResponse(dict(self.model), headers=PRIVATE)

    async def larger_model(self, request: Request) -> Response:
        """The model that this visitor may have served instead, as JSON; null for one who may not."""
        may = getattr(request.state, "admin", False)
        return JSONResponse({"model": self.larger if may else None}, headers=PRIVATE)

    async def ask(self, request: Request) -> ASGIApp:
        """Answer a question, as lines of JSON (see `Desk`); to close the connection stops it.

        Refused at once where the queue has no place for this visitor (429, 503), or a picture is gone (410).
        """
        visitor = visitor_of(request)
        question = await read(Question, request)
        try:
            pictures = tuple(self.uploads.path(visitor, name) for name in question.pictures)
        except BadPicture:
            return JSONResponse({"kind": "gone"}, 410)
        try:
            place = self.queue.enter(visitor.client)
        except Busy as busy:
            return busy_now(busy)
        return as_lines(self.desk.answer(question, pictures, place), place)

    def _path(self, visitor: Visitor, handle: str) -> Path:
        try:
            return self.uploads.path(visitor, handle)
        except BadPicture:
            raise HTTPException(404) from None

    def _to_gradio(self, headers: list[tuple[bytes, bytes]] | None = None) -> ASGIApp:
        """Return an application that has Gradio answer, and tells nothing of what goes wrong inside."""

        async def forwarded(scope: Scope, receive: Receive, send: Send) -> None:
            await self.gradio({**scope, "query_string": b""}, receive, quietly(send, headers or []))

        return forwarded


def number_of(text: str | None) -> int:
    """Return a whole number of a query, of at most six digits. Raises 404 for anything else."""
    if text is None or not (text.isascii() and text.isdecimal() and len(text) <= 6):
        raise HTTPException(404)
    return int(text)


def quietly(send: Send, headers: list[tuple[bytes, bytes]]) -> Send:
    """Return a way to send Gradio's answers: headers are added, and of a failure nothing is said but its kind."""
    failed: int | None = None

    async def sent(message: Message) -> None:
        nonlocal failed
        if message["type"] == "http.response.start":
            if message["status"] >= 400:
                failed = message["status"]
                await fail(send, failed)
                return
            own = [(k, v) for k, v in message["headers"] if not k.lower().startswith(b"access-control-")]
            message = {**message, "headers": [*own, *headers]}
        if failed is None:
            await send(message)

    return sent


async def fail(send: Send, status: int) -> None:
    """Send a failure of which only the kind is told."""
    body: dict[str, Any] = {"detail": HTTPStatus(status).phrase}
    response = JSONResponse(body, status)
    await send({"type": "http.response.start", "status": status, "headers": response.raw_headers})
    await send({"type": "http.response.body", "body": response.body})
