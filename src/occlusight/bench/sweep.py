"""What larger pictures and longer answers buy: accuracy, tokens and seconds over input sizes and over max_tokens, and
the knee."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PIL import Image

from occlusight.backends.events import Event
from occlusight.backends.options import SamplingParams
from occlusight.backends.protocol import Backend, CancelCheck, Capabilities, Choice, ModelInfo, Request
from occlusight.bench.record import Finished
from occlusight.bench.run import run
from occlusight.bench.settings import Settings
from occlusight.datasets.dataset import DataSet
from occlusight.model.picture import open_picture
from occlusight.model.pixel_limits import PixelLimits
from occlusight.occlusion.kinds import Names

if TYPE_CHECKING:
    from occlusight.model.preprocess import PreprocessSettings

SIZES = (256, 384, 512, 768, 1024)
LENGTHS = (16, 32, 64, 128, 256)
TOLERANCE = 0.01
"""How much accuracy below the best is taken for a cheaper setting."""


ANY_SIZE = PixelLimits(1, 2**40)


class Resized(Backend):
    """A backend that is shown every picture with its longer side brought to `size` pixels.

    Our engine then reads the picture at this size, whatever its checkpoint's pixel limits; elsewhere they still apply.
    """

    def __init__(self, inner: Backend, size: int) -> None:
        self.inner = inner.within(ANY_SIZE)
        self.size = size

    @property
    def info(self) -> ModelInfo:
        """The model, with the size in its name, so that runs of two sizes do not mix."""
        return replace(self.inner.info, name=f"{self.inner.info.name} at {self.size} px")

    @property
    def capabilities(self) -> Capabilities:
        """What the model has, one request after the other: a single user waits."""
        return replace(self.inner.capabilities, together=False)

    @property
    def preprocess(self) -> PreprocessSettings | None:
        """How the model prepares what it is shown; recorded with the run."""
        return self.inner.preprocess

    def resized(self, request: Request, cancelled: CancelCheck | None = None) -> Request:
        """The request with resized pictures."""
        return replace(
            request, pictures=tuple(self._fit(open_picture(p, cancelled=cancelled)) for p in request.pictures)
        )

    def _fit(self, picture: Image.Image) -> Image.Image:
        scale = self.size / max(picture.size)
        width, height = (max(1, round(side * scale)) for side in picture.size)
        return picture.resize((width, height), Image.Resampling.BICUBIC)

    def generate(self, request: Request, cancelled: CancelCheck | None = None) -> Iterator[Event]:
        """Answer about the resized pictures."""
        return self.inner.generate(self.resized(request, cancelled), cancelled)

    def score(self, request: Request, choices: Sequence[Choice], *, whole: bool = True) -> list[float]:
        """Score about the resized pictures."""
        return self.inner.score(self.resized(request), choices, whole=whole)

    def clear_cache(self) -> None:
        """Empty the caches behind."""
        self.inner.clear_cache()


def sweep(
    backend: Backend,
    data: DataSet,
    out: Path,
    names: Names,
    *,
    sizes: Sequence[int] = SIZES,
    lengths: Sequence[int] = LENGTHS,
    langs: Sequence[str] | None = None,
    scenes: int | None = None,
    report: Callable[[str], None] = lambda text: None,
) -> dict[str, Any]:
    """Run the set at every size (with the longest answers), then at every length (as the pictures are); return both
    curves with their knees.

    Questions are asked one by one, so that the seconds are what a single user waits.
    """
    settings = Settings(sampling=SamplingParams(max_tokens=max(lengths)), certainty=False, together=False)
    by_size, by_length = [], []
    for size in sizes:
        report(f"pictures of {size} pixels")
        folder = out / f"size-{size}"
        run(Resized(backend, size), data, folder, names, langs, settings=settings, scenes=scenes)
        by_size.append({"size": size, **point(Finished.read(folder))})
    for length in lengths:
        report(f"answers of at most {length} tokens")
        folder = out / f"tokens-{length}"
        shorter = replace(settings, sampling=replace(settings.sampling, max_tokens=length))
        run(backend, data, folder, names, langs, settings=shorter, scenes=scenes)
        by_length.append({"max_tokens": length, **point(Finished.read(folder))})
    return {
        "model": backend.info.name,
        "data": data.folder.name,
        "by_size": by_size,
        "best_size": knee(by_size, "size"),
        "default_size": default_side(backend),
        "by_max_tokens": by_length,
        "best_max_tokens": knee(by_length, "max_tokens"),
        "default_max_tokens": Settings().sampling.max_tokens,
    }


def default_side(backend: Backend) -> list[int] | None:
    """The sides of the smallest and the largest square that the pixel limits allow unless told; None where they are not
    known."""
    if backend.preprocess is None:
        return None
    limits = backend.preprocess.limits
    return [round(limits.min_pixels**0.5), round(limits.max_pixels**0.5)]


def point(finished: Finished) -> dict[str, Any]:
    """One point of a curve: accuracy as the mean of the four measures that the run has, tokens, seconds, cut
    answers."""
    scores, costs = finished.scores, finished.costs
    measures = ("recognition_f1", "occlusion_balanced_accuracy", "position_accuracy", "explanation_plausible")
    known = [scores[m] for m in measures if scores[m] is not None]
    return {
        "n": scores["n"],
        "n_scenes": scores["n_scenes"],
        "accuracy": round(sum(known) / len(known), 4) if known else None,
        **{m: scores[m] for m in measures},
        "occlusion_balanced_accuracy_ci95": scores["occlusion_balanced_accuracy_ci95"],
        "cut": scores["cut"],
        "image_tokens": costs["image_tokens"]["median"],
        "answer_tokens": costs["answer_tokens"]["median"],
        "answer_tokens_p90": costs["answer_tokens"]["p90"],
        "first_answer_s": costs["first_answer"]["median"],
        "later_answers_s": costs["later_answers"]["median"],
    }


def knee(points: Sequence[dict[str, Any]], setting: str) -> Any:
    """The smallest setting whose accuracy is within TOLERANCE of the best: beyond it, more only costs."""
    found = knee_of(points)
    return found and found[setting]


def knee_of(points: Sequence[dict[str, Any]]) -> dict[str, Any] | None:
    """The point at the knee; None where no accuracy is known."""
    known = [p for p in points if p["accuracy"] is not None]
    best = max((p["accuracy"] for p in known), default=0.0)
    return next((p for p in known if p["accuracy"] >= best - TOLERANCE), None)
