"""Errors of the API in the forms that clients know: OpenAI's, and under /v1/messages Anthropic's."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from occlusight.errors import BadInput, Busy, OcclusightError

LOG = logging.getLogger("occlusight.serve")
MESSAGES = "/v1/messages"
CONSIDERED = 1000
"""Errors of a body among which the one to tell is looked for."""
LEFT = 499
"""Nobody reads this any more: the client left."""
ANTHROPIC_TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    503: "overloaded_error",
}


class ErrorDetail(BaseModel):
    """What was wrong: `param` is the field, as in `messages[0].content`."""

    message: str
    type: str
    param: str | None = None
    code: str | None = None


class ErrorBody(BaseModel):
    """An error in OpenAI's form."""

    error: ErrorDetail


RESPONSES: Mapping[int | str, dict[str, Any]] = {
    400: {"model": ErrorBody, "description": "A field has a value that cannot be honoured; `param` names it."},
    401: {"model": ErrorBody, "description": "A key is needed, or another one."},
    404: {"model": ErrorBody, "description": "There is no such model."},
    413: {"model": ErrorBody, "description": "The request is too large."},
    429: {"model": ErrorBody, "description": "The client asks too much at once; see Retry-After."},
    500: {"model": ErrorBody, "description": "The model failed."},
    503: {"model": ErrorBody, "description": "The server has too much to do; see Retry-After."},
}
"""What every route that asks the model may answer beside its answer."""


@dataclass
class ApiError(Exception):
    """A refusal: `status` of HTTP, and what a client is told."""

    message: str
    param: str | None = None
    code: str | None = None
    status: int = 400
    retry_after_s: int | None = None

    @property
    def type(self) -> str:
        """What kind of error it is, in OpenAI's words."""
        match self.status:
            case 401:
                return "authentication_error"
            case 403:
                return "permission_error"
            case 429:
                return "rate_limit_error"
            case status if status >= 500:
                return "server_error"
        return "invalid_request_error"

    def body(self, path: str = "") -> dict[str, Any]:
        """Return the error in the form that a route's clients know."""
        message, param = writable(self.message), None if self.param is None else writable(self.param)
        if path.startswith(MESSAGES):
            kind = ANTHROPIC_TYPES.get(self.status, "api_error" if self.status >= 500 else "invalid_request_error")
            return {"type": "error", "error": {"type": kind, "message": message}}
        detail = ErrorDetail(message=message, type=self.type, param=param, code=self.code)
        return ErrorBody(error=detail).model_dump()

    def headers(self) -> dict[str, str]:
        """Return the header that says when to come again, if it makes sense to."""
        return {} if self.retry_after_s is None else {"Retry-After": str(self.retry_after_s)}

    def response(self, path: str = "") -> Response:
        """Return the refusal of a request to a path."""
        headers = self.headers()
        if self.status == HTTPStatus.UNAUTHORIZED:
            headers["WWW-Authenticate"] = "Bearer" if path.startswith("/v1/") else 'Basic realm="Occlusight"'
        return JSONResponse(self.body(path), self.status, headers)


def writable(text: str) -> str:
    """Return a text that UTF-8 can write: a client's JSON can also say half of a character."""
    return text.encode("utf-8", "backslashreplace").decode()


def api_error(error: Exception) -> ApiError:
    """Return what a client is told of an error; what is not meant for it is logged."""
    match error:
        case ApiError():
            return error
        case Busy():
            status, code = (429, "rate_limit_exceeded") if error.by_client else (503, "overloaded")
            return ApiError(str(error), None, code, status, error.retry_after_s)
        case BadInput():
            return ApiError(str(error), None, "invalid_value")
        case RequestValidationError():
            return of_validation(error.errors(), error.body)
        case HTTPException():
            retry = (error.headers or {}).get("Retry-After")
            if error.status_code == HTTPStatus.BAD_REQUEST:
                text = "the body is no JSON that can be read: it is no UTF-8, too deep, or has too long a number"
                return ApiError(text, None, "invalid_json")
            return ApiError(str(error.detail), None, None, error.status_code, int(retry) if retry else None)
        case OcclusightError():
            LOG.error("an answer failed: %s", error)
            return ApiError(str(error), None, None, 500)
    LOG.error("an answer failed", exc_info=error)
    return ApiError(f"the server failed ({type(error).__name__})", None, None, 500)


def of_validation(errors: Sequence[Mapping[str, Any]], body: object) -> ApiError:
    """Return the first error of those that lie deepest in a body: of a union, the form that fits best."""
    places = [(place_in(body, error["loc"][1:], error["type"]), error) for error in errors[:CONSIDERED]]
    place, error = max(places, key=lambda one: (len(one[0]), not one[1]["type"].endswith("_type")))
    param = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in place).lstrip(".") or None
    if error["type"] == "extra_forbidden":
        return ApiError(f"{param} is not a parameter that is known here; leave it out", param, "unknown_parameter")
    if error["type"] == "none_required" or error.get("ctx", {}).get("max_length") == 0:
        return ApiError(f"{param} is not supported here; leave it out", param, "unsupported_parameter")
    if error["type"] == "missing":
        return ApiError(f"{param or 'the body'} is missing", param, "missing_required_parameter")
    if error["type"] == "json_invalid" or isinstance(body, bytes):
        return ApiError("the body is not JSON, or not called so (Content-Type: application/json)", None, "invalid_json")
    return ApiError(f"{param or 'the body'}: {error['msg']}", param, "invalid_value")


def place_in(body: object, location: Sequence[str | int], kind: str) -> list[str | int]:
    """Return the part of an error's location that is in the body: Pydantic's holds the names of classes and types, too,
    and a type may be called as one of its fields is."""
    if not location:
        return []
    part, rest = location[0], location[1:]
    inside = part in body if isinstance(body, dict) else isinstance(body, list) and is_place(part, body)
    if not inside:
        lacking = isinstance(body, dict) and kind == "missing" and not rest
        return [part] if lacking else place_in(body, rest, kind)
    within = [part, *place_in(body[part], rest, kind)]  # type: ignore[index]  # a list's places are numbers
    type_of_it = isinstance(body, dict) and part == body.get("type")
    return max(place_in(body, rest, kind), within, key=len) if type_of_it else within


def is_place(part: str | int, values: list[object]) -> bool:
    """Whether a part of a location is a place in a list. (`range` would look for a name in all of it.)"""
    return isinstance(part, int) and 0 <= part < len(values)


def handle_errors(app: FastAPI) -> None:
    """Let an application tell its errors in these forms."""

    async def told(request: Request, error: Exception) -> Response:
        return api_error(error).response(request.url.path)

    for kind in (ApiError, OcclusightError, RequestValidationError, HTTPException):
        app.add_exception_handler(kind, told)
