"""Any server that speaks OpenAI's chat API (vLLM, SGLang, llama.cpp, DashScope, our own) as a backend, through the
official client."""

from __future__ import annotations

import base64
import io
import json
import logging
import math
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from time import perf_counter
from typing import Any, ClassVar

import openai

from occlusight.backends.chunks import Reader, field, logprobs_in
from occlusight.backends.dialects import DIALECTS, dialect_of, standard
from occlusight.backends.events import Done, Event, Timings
from occlusight.backends.fields import Picture, as_choices
from occlusight.backends.honoured import refuse_others
from occlusight.backends.hub import checkpoint_folder
from occlusight.backends.options import EngineOptions, MaxPixels, as_max_pixels
from occlusight.backends.parameters import Change, wanted_change
from occlusight.backends.protocol import REMOTE, Backend, CancelCheck, Capabilities, Choice, ModelInfo, Request
from occlusight.backends.structured import prompt_of
from occlusight.checks import number, text
from occlusight.checks import whole as whole_number
from occlusight.errors import BadInput, BadModel, OcclusightError
from occlusight.model.picture import open_picture, reduced
from occlusight.model.revision import revision_of
from occlusight.model.traits import Traits

LOG = logging.getLogger("occlusight.backends")
BASE_URL, API_KEY = "OPENAI_BASE_URL", "OPENAI_API_KEY"
TOP_LOGPROBS = 20
WITHOUT_LIST = (404, 405, 501)
"""What servers say that do not list their models."""
UNLIKELY = -30.0
"""The log-probability of a choice that is not among the likeliest first tokens."""


class OpenAIBackend(Backend):
    """Answers through a server. Failed connections and overloaded servers are tried again by the client, with growing
    pauses.

    Args:
        model: the model's name on the server.
        base_url: the server's address up to `/v1`; without it $OPENAI_BASE_URL.
        api_key: without it $OPENAI_API_KEY; many local servers need none.
        timeout: seconds that one request may take.
        retries: how often a failed request is tried again.
        max_pixels: pictures with more pixels are reduced to so many before they are sent, where a request says nothing
            else.
        server: what the server is (openai, vllm, sglang or llamacpp), and so which settings it knows; unless given, its
            list of models tells, and a stranger is taken to know OpenAI's own settings alone.
        checkpoint: the folder of what the server runs, whose revision and traits are then this model's.

    Raises:
        BadInput: no address is given.
        BadModel: the server cannot be reached, or does not have the model.
    """

    supported_options: ClassVar[frozenset[str]] = frozenset({"base_url", "served_checkpoint", "max_pixels"})

    @classmethod
    def open(cls, model: str, options: EngineOptions, tell: Callable[[str], None]) -> OpenAIBackend:
        """Reach the server that has a model."""
        served = options.served_checkpoint
        folder = None if served is None else checkpoint_folder("served_checkpoint", str(served))
        return cls(model, base_url=options.base_url, max_pixels=options.max_pixels, checkpoint=folder)

    def __init__(
        self,
        model: str,
        *,
        base_url: str | None = None,
        api_key: str | None = None,
        timeout: float = 600.0,
        retries: int = 4,
        max_pixels: MaxPixels = None,
        server: str | None = None,
        checkpoint: Path | None = None,
    ) -> None:
        text("model", model)
        number("timeout", timeout, 1e-3, 1e6)
        whole_number("retries", retries, 0, 1000)
        address = base_url or os.environ.get(BASE_URL)
        if not address:
            raise BadInput(
                "--backend openai needs the server's address, such as --base-url http://localhost:8000/v1 (or set "
                f"{BASE_URL})"
            )
        if server is not None and server not in DIALECTS:
            raise BadInput(f"server must be one of {', '.join(DIALECTS)}, but {server!r} was given")
        key = api_key or os.environ.get(API_KEY) or "none"
        self.model, self.address = model, address
        self.max_pixels = None if max_pixels is None else as_max_pixels("max_pixels", max_pixels)
        if not all(isinstance(one, str) and one.isascii() and one.isprintable() for one in (address, key)):
            raise BadInput("base_url and api_key must be texts of printable ASCII characters; check both")
        try:
            self.client = openai.OpenAI(base_url=address, api_key=key, timeout=timeout, max_retries=retries)
        except Exception as error:  # the client's transport has classes of its own for it
            raise BadInput(f"base_url {address!r} is no address of a server ({error})") from None
        entry = self._entry()
        self.dialect = DIALECTS[server] if server else dialect_of(field(entry, "owned_by"))
        created = None if self.dialect.lists_now else field(entry, "created")
        context = field(entry, "max_model_len")
        traits = Traits() if checkpoint is None else Traits.load(checkpoint)
        listed = f"{address}#{created}" if created else address
        self._info = ModelInfo(
            name=model,
            revision=listed if checkpoint is None else revision_of(checkpoint),
            context=context if isinstance(context, int) else 0,
            dtype=REMOTE,
            pictures=traits.pictures,
            learnt=traits.learnt,
        )
        self.changes: list[Change] = []
        self._decides = self._has_decisions()

    @property
    def info(self) -> ModelInfo:
        """The model's name; the revision is what the server says about it, since its weights cannot be seen from
        here, or that of the checkpoint which it is said to run."""
        return self._info

    @property
    def capabilities(self) -> Capabilities:
        """The chat API gives log-probabilities of the tokens that are answered, and so of the first one alone before it
        is known."""
        return Capabilities(scores="first token", decides=self._decides)

    @property
    def honoured(self) -> frozenset[str]:
        """The fields of a request that reach the model; any other that is asked for is refused. (Pictures are reduced
        here.)"""
        return self.dialect.honoured | {"max_pixels"}

    def _entry(self) -> Any:
        """Return what the server says about the model. Servers that do not list theirs are believed to have it, and say
        nothing."""
        try:
            listed = {str(field(entry, "id")): entry for entry in self._listed()}
        except openai.APIConnectionError as error:
            raise BadModel(f"no server answers at {self.address} ({_cause(error)}); check the address") from error
        except openai.APIStatusError as error:
            if error.status_code in WITHOUT_LIST:
                return None
            raise BadModel(f"{self.address} refused to list its models ({_said(error)})") from error
        if listed and self.model not in listed:
            raise BadModel(f"{self.address} has no model {self.model!r}; it has {', '.join(sorted(listed))}")
        return listed.get(self.model)

    def _listed(self) -> list[Any]:
        """Ask for the list of models, again where the server is not ready; one that has none need not be asked
        again."""
        try:
            answered = self.client.with_options(max_retries=0).models.with_raw_response.list()
        except openai.APIStatusError as error:
            if error.status_code in WITHOUT_LIST:
                raise
            answered = self.client.models.with_raw_response.list()
        except openai.APIConnectionError:
            answered = self.client.models.with_raw_response.list()
        try:
            entries = field(json.loads(answered.http_response.content), "data")
        except (ValueError, RecursionError):  # a page of the web
            entries = None
        return entries if isinstance(entries, list) else []

    def _has_decisions(self) -> bool:
        """Whether the server answers typed questions itself: one that does refuses an empty request as such."""
        try:
            self.client.with_options(max_retries=0).post("/decisions", body={}, cast_to=object)
        except (openai.BadRequestError, openai.UnprocessableEntityError):
            return True
        except (openai.APIError, ValueError):
            return False
        return False

    def decisions(self, asked: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return what the server answers to typed questions. Raises as `generate`."""
        if not self._decides:
            return super().decisions(asked)
        with self._told():
            answered = self.client.decisions.with_raw_response.create(**{**asked, "model": self.model})
            found = json.loads(answered.http_response.content)
        if not isinstance(found, dict):
            raise OcclusightError(f"{self.address} answered typed questions with something else than an object")
        return found

    def generate(self, request: Request, cancelled: CancelCheck | None = None) -> Iterator[Event]:
        """Yield the answer as it is streamed; closing the iterator closes the connection, which cancels the work.

        Raises:
            OcclusightError: the server failed after all retries, or broke its answer off; the message carries its
                reason.
            BadInput: the server refused the request, or cannot do what it asks for.
        """
        self._refuse(request)
        return self._stream(request, cancelled)

    def _stream(self, request: Request, cancelled: CancelCheck | None) -> Iterator[Event]:
        began, first = perf_counter(), 0.0
        reader = Reader()
        body = {**self._body(request, cancelled), "stream": True, "stream_options": {"include_usage": True}}
        with self._told(), self._create(body) as chunks:
            for chunk in chunks:
                for event in reader.events(chunk):
                    first = first or perf_counter()
                    yield event
        if reader.reason is None:
            raise OcclusightError(
                f"{self.address} ended its answer without a finish reason; the connection may have broken"
            )
        if request.sampling.logprobs is not None and first and not reader.has_logprobs:
            raise BadInput(f"{self.address} returns no log-probabilities; leave logprobs out")
        ended = perf_counter()
        first = first or ended
        yield Done(reader.reason, reader.usage, Timings(first_token_s=first - began, decode_s=ended - first))

    def score(self, request: Request, choices: Sequence[Choice], *, whole: bool = True) -> list[float]:
        """Return the log-probability of each choice's first token, for several wordings of their first tokens: the chat
        API gives no more.

        Raises BadInput for a `whole` answer, where the server returns no log-probabilities, or cannot do what the
        request asks for.
        """
        if whole:
            raise BadInput(
                f"{self.address} tells of an answer the first token's log-probability alone; score it with whole=False"
            )
        self._refuse(request)
        wanted = as_choices("choices", choices)
        body = {**self._body(request), "max_tokens": 1, "logprobs": True, "top_logprobs": TOP_LOGPROBS}
        with self._told():
            answer = self._create(body)
        found = [token for choice in field(answer, "choices") or () for token in logprobs_in(choice)]
        if not found or not found[0].top:
            raise BadInput(f"{self.address} returns no log-probabilities, so its model's certainty cannot be measured")
        return [first_token(wordings, found[0].top) for wordings in wanted]

    def _refuse(self, request: Request) -> None:
        """Raise BadInput for what would not reach the model."""
        advice = f"leave it out, or say what the server is: OpenAIBackend(server={' | '.join(map(repr, DIALECTS))})"
        refuse_others(request, self.honoured, f"the backend openai, with {self.address},", advice)

    def _body(self, request: Request, cancelled: CancelCheck | None = None) -> dict[str, Any]:
        messages: list[dict[str, Any]] = []
        if request.system:
            messages.append({"role": "system", "content": request.system})
        limit = self.max_pixels if request.max_pixels is None else request.max_pixels
        most = limit if isinstance(limit, int) else None
        for turn in request.history:
            messages.append({"role": turn.role, "content": _content(turn.text, turn.pictures, most, cancelled)})
        asked = prompt_of(request, tells=True)
        messages.append({"role": "user", "content": _content(asked, request.pictures, most, cancelled)})
        body = {"model": self.model, "messages": messages, **standard(request.sampling)}
        extra = self.dialect.extra(request.sampling)
        return {**body, "extra_body": extra} if extra else body

    def _create(self, body: dict[str, Any]) -> Any:
        """Send a request; where the server names a parameter that this model wants otherwise, change it from now on."""
        for change in self.changes:
            if change.needed(body):
                change.make(body)
        while True:
            try:
                return self.client.chat.completions.create(**body)
            except (openai.BadRequestError, openai.UnprocessableEntityError) as error:
                wanted = wanted_change(error, body)
                if wanted is None:
                    raise
                if wanted.told:
                    LOG.warning("%s: %s", self.address, wanted.told)
                wanted.make(body)
                self.changes.append(wanted)

    @contextmanager
    def _told(self) -> Iterator[None]:
        """Within, the client's errors become ours."""
        try:
            yield
        except openai.APIConnectionError as error:
            raise OcclusightError(f"the connection to {self.address} failed ({_cause(error)})") from error
        except (openai.BadRequestError, openai.UnprocessableEntityError) as error:
            raise BadInput(f"{self.address} refused the request ({_said(error)})") from error
        except openai.AuthenticationError as error:
            raise BadInput(f"{self.address} wants another key ({_said(error)}); set {API_KEY}") from error
        except openai.APIError as error:
            raise OcclusightError(f"{self.address} failed ({_said(error)})") from error
        except (json.JSONDecodeError, UnicodeDecodeError, RecursionError) as error:
            reason = "bytes that are no text" if isinstance(error, UnicodeDecodeError) else error
            raise OcclusightError(f"{self.address} answered with something that is not JSON ({reason})") from error


def first_token(wordings: Sequence[str], likeliest: Sequence[tuple[str, float]]) -> float:
    """Return the log-probability of the tokens with which wordings begin, of each wording the likeliest one, each token
    counted once."""
    begins = set[tuple[str, float]]()
    for wording in wordings:
        fitting = [one for one in likeliest if one[0].strip() and wording.strip().startswith(one[0].strip())]
        begins |= {max(fitting, key=lambda one: one[1])} if fitting else set()
    if len(begins) < 2:
        return next((value for _, value in begins), UNLIKELY)
    return math.log(sum(math.exp(value) for _, value in begins))


def _content(
    text: str, pictures: Sequence[Picture], most: int | None, cancelled: CancelCheck | None
) -> str | list[dict[str, Any]]:
    if not pictures:
        return text
    parts: list[dict[str, Any]] = [
        {"type": "image_url", "image_url": {"url": as_data_url(p, cancelled, most)}} for p in pictures
    ]
    return [*parts, {"type": "text", "text": text}]


def as_data_url(picture: Picture, cancelled: CancelCheck | None = None, most: int | None = None) -> str:
    """Return an upright picture, of at most so many pixels, as the data URL of a PNG: none is lost on the way. Raises
    BadPicture."""
    buffer = io.BytesIO()
    image = open_picture(picture, reduce_to=most, cancelled=cancelled)
    (image if most is None else reduced(image, most)).save(buffer, "PNG")
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()


def _said(error: openai.APIError) -> str:
    status = getattr(error, "status_code", None)
    said = error.body if isinstance(error.body, str) and status is None else error.message
    return f"{f'HTTP {status}: ' if status else ''}{' '.join(str(said).split())[:300]}"


def _cause(error: openai.APIConnectionError) -> str:
    return str(error.__cause__ or error.message).strip() or type(error).__name__
