"""A backend in front of another, which does what is not overridden."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Self

from occlusight.backends.events import Event
from occlusight.backends.fields import Picture
from occlusight.backends.protocol import Backend, CancelCheck, Capabilities, Choice, ModelInfo, Request, Weighed

if TYPE_CHECKING:
    from occlusight.model.pixel_limits import PixelLimits
    from occlusight.model.preprocess import PreprocessSettings


class Wrapped(Backend):
    """Asks `backend` all that a class which inherits from this does not do itself.

    `generate` is that class's own, and requests given together are answered one after the other by it.
    """

    def __init__(self, backend: Backend) -> None:
        self.backend = backend

    @abstractmethod
    def around(self, backend: Backend) -> Self:
        """Return the same in front of another backend."""

    @property
    def info(self) -> ModelInfo:
        """The model behind it."""
        return self.backend.info

    @property
    def capabilities(self) -> Capabilities:
        """What the backend can do."""
        return self.backend.capabilities

    @property
    def preprocess(self) -> PreprocessSettings | None:
        """How the backend prepares pictures."""
        return self.backend.preprocess

    @abstractmethod
    def generate(self, request: Request, cancelled: CancelCheck | None = None) -> Iterator[Event]:
        """Return an iterator over the answer."""

    def score(self, request: Request, choices: Sequence[Choice], *, whole: bool = True) -> list[float]:
        """Return what the backend scores."""
        return self.backend.score(request, choices, whole=whole)

    def score_many(self, asked: Sequence[tuple[Request, Sequence[Choice]]], *, whole: bool = True) -> list[list[float]]:
        """Return what the backend scores."""
        return self.backend.score_many(asked, whole=whole)

    def weigh(self, asked: Sequence[tuple[Request, Sequence[Choice]]], *, whole: bool = True) -> Weighed:
        """Return what the backend does."""
        return self.backend.weigh(asked, whole=whole)

    def decisions(self, asked: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return what the backend answers."""
        return self.backend.decisions(asked)

    def domain(self, pictures: Sequence[Picture]) -> float | None:
        """Return what the backend says."""
        return self.backend.domain(pictures)

    def clear_cache(self) -> None:
        """Empty the backend's caches."""
        self.backend.clear_cache()

    def within(self, limits: PixelLimits) -> Self:
        """Return the same with other pixel limits."""
        return self.around(self.backend.within(limits))


def layers(backend: Backend) -> Iterator[Backend]:
    """Yield a backend and those that it asks, the model itself last."""
    yield backend
    while isinstance(backend, Wrapped):
        backend = backend.backend
        yield backend


def innermost(backend: Backend) -> Backend:
    """Return the model itself, without what stands before it."""
    *_, model = layers(backend)
    return model
