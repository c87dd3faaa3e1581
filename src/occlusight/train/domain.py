"""Fit what tells the world of a checkpoint from others: renders against photographs, drawings and noise.

What it reaches is measured on what it was not fitted to: pictures of each source by fits to all other sources, scenes
by fits to another half of the scenes. What ships is then fitted to all of them.
"""

from __future__ import annotations

import zlib
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from occlusight.backends.local import LocalBackend
from occlusight.datasets.dataset import read_set
from occlusight.errors import BadInput, BadPicture
from occlusight.model.domain import Domain, summary
from occlusight.randomness import stream
from occlusight.scenes.meshes.catalogue import wide_catalogue
from occlusight.scenes.render.rasterizer import Rasterizer
from occlusight.train.augment import relit
from occlusight.train.auroc import auroc
from occlusight.train.scenes import SOURCES, draw

Progress = Callable[[str, int], None]
"""`(what is being done, pictures done)`."""

SUFFIXES = (".png", ".jpg", ".jpeg", ".webp")
NOISE = "noise"
NOISES = ("uniform noise", "normal noise", "clouds", "one colour", "gradients")
OF_EACH_NOISE = 12
LARGEST = 1024
"""Pixels of the longer side that other pictures are reduced to, as nobody needs more to see what they are."""
VARIED = 0.45
"""The share of drawn pictures in surroundings that vary: as training shows them."""
FALSE_ALARMS = 0.02
"""The share of renders that a probability under one half is given to."""


@dataclass(frozen=True)
class DomainPlan:
    """What is told apart: scenes of data sets, and folders of other pictures, each a source.

    drawn: how many pictures are drawn as training draws them, of all its sources in turn
    strength: how far the fit may go (the inverse of its L2 penalty)
    """

    checkpoint: Path
    renders: tuple[Path, ...]
    others: tuple[Path, ...]
    drawn: int = 160
    strength: float = 0.1
    seed: int = 1


@dataclass(frozen=True)
class Seen:
    """A picture's summary, where it comes from, and of the model's world to which half of it it belongs."""

    source: str
    half: int | None
    summary: Tensor


def train_domain(plan: DomainPlan, progress: Progress) -> dict[str, Any]:
    """Fit `domain.json` of a checkpoint, and return what it reaches on what it was not fitted to.

    Raises BadInput where there are no renders, or fewer than two sources of other pictures.
    """
    if not plan.renders or len(plan.others) < 2:
        raise BadInput("give one data set of renders at least, and two folders of other pictures")
    look = _Looking(LocalBackend(plan.checkpoint, quantize="none"), progress)
    inside = [*look.at(_renders(plan.renders)), *look.at(_drawn(plan))]
    outside = list(look.at(_others(plan)))
    crossed = _crossed(inside, outside, plan.strength)
    told = {id(one): float(np.mean([_logit(fit, one) for fit in crossed(one)])) for one in (*inside, *outside)}
    rendered = [told[id(one)] for one in inside if one.source != "drawn"]
    limit = float(np.quantile(rendered, FALSE_ALARMS))
    fitted = _fit(inside, outside, plan.strength)
    Domain(fitted.weights, fitted.bias - limit, look.backend.info.revision).save(plan.checkpoint)
    other = [told[id(one)] for one in outside]
    by_source: dict[str, list[bool]] = defaultdict(list)
    for one in (*inside, *outside):
        by_source[one.source].append(told[id(one)] < limit)
    return {
        "renders": len(rendered),
        "others": len(other),
        "auroc": round(auroc(rendered, other), 4),
        "detected_at_2_percent_false_alarms": round(float(np.mean([p < limit for p in other])), 4),
        "called_other_by_source": {name: [sum(found), len(found)] for name, found in sorted(by_source.items())},
    }


Pictured = tuple[str, int | None, Image.Image]
"""What is `Seen`, before it is looked at."""


class _Looking:
    """Looks at pictures through a checkpoint's tower."""

    def __init__(self, backend: LocalBackend, progress: Progress) -> None:
        self.backend, self.progress, self.done = backend, progress, 0

    def at(self, pictures: Iterator[Pictured]) -> Iterator[Seen]:
        for source, half, picture in pictures:
            visual, _ = self.backend.reader.read(picture)
            yield Seen(source, half, summary(self.backend.engine.encode(visual)))
            self.done += 1
            self.progress(f"looking at {source}", self.done)


def _renders(folders: Sequence[Path]) -> Iterator[Pictured]:
    """Every scene's picture as it is, at half and twice its size, and as a JPEG."""
    for folder in folders:
        for scene in read_set(folder).scenes.values():
            half = zlib.crc32(scene.id.encode()) % 2
            with Image.open(scene.picture) as opened:
                picture = opened.convert("RGB")
            width, height = picture.size
            small, large = (max(64, width // 2), max(64, height // 2)), (2 * width, 2 * height)
            for form in (picture, picture.resize(small), picture.resize(large), _as_jpeg(picture)):
                yield folder.name, half, form


def _as_jpeg(picture: Image.Image) -> Image.Image:
    file = BytesIO()
    picture.save(file, "jpeg", quality=75)
    return Image.open(file)


def _drawn(plan: DomainPlan) -> Iterator[Pictured]:
    rasterizer, catalogue = Rasterizer(), wide_catalogue()
    for index in range(plan.drawn):
        rng = stream("pictures of the model's world", plan.seed, index)
        size = int(rng.choice([192, 256, 320]))
        scene = draw(SOURCES[index % len(SOURCES)], index, plan.seed, catalogue, rng, size, VARIED)
        yield "drawn", index // len(SOURCES) % 2, Image.fromarray(relit(rasterizer.render(scene), rng))


def _others(plan: DomainPlan) -> Iterator[Pictured]:
    for folder in plan.others:
        for path in sorted(path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES):
            try:
                with Image.open(path) as opened:
                    picture = opened.convert("RGB")
            except OSError as error:
                raise BadPicture(f"{path} cannot be read ({error}); take it out of the folder") from None
            picture.thumbnail((LARGEST, LARGEST))
            yield folder.name, None, picture
    for number, name in enumerate(NOISES):
        for index in range(OF_EACH_NOISE):
            yield NOISE, None, Image.fromarray(_noise(name, index, stream("noise", plan.seed, number, index)))


def _noise(name: str, index: int, rng: np.random.Generator) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """A picture of noise, 256 x 256."""
    colour, other = rng.integers(0, 256, (2, 3))
    ramp = np.linspace(0, 1, 256)
    match name:
        case "uniform noise":
            return _as_bytes(rng.integers(0, 256, (256, 256, 3)))
        case "normal noise":
            return _as_bytes(rng.normal(128, 20 + 10 * index, (256, 256, 3)))
        case "clouds":
            few = rng.integers(0, 256, (8 * (index + 1), 8 * (index + 1), 3), dtype=np.uint8)
            return _as_bytes(Image.fromarray(few).resize((256, 256), Image.Resampling.BICUBIC))
        case "one colour":
            return _as_bytes(np.broadcast_to(colour, (256, 256, 3)))
    down, across = ramp[:, None, None] * colour, (1 - ramp)[None, :, None] * other
    return _as_bytes((down + across) / 2)


def _as_bytes(values: Any) -> np.ndarray[Any, np.dtype[np.uint8]]:
    return np.asarray(np.clip(values, 0, 255), dtype=np.uint8)


def _crossed(inside: Sequence[Seen], outside: Sequence[Seen], strength: float) -> Callable[[Seen], Sequence[Domain]]:
    """Return what gives, for a picture, the fits that saw neither its source nor its half."""
    sources = dict.fromkeys(one.source for one in outside)
    fits = {
        (source, half): _fit(
            [one for one in inside if one.half == half],
            [one for one in outside if one.source != source],
            strength,
        )
        for source in sources
        for half in (0, 1)
    }
    return lambda one: [
        fit for (source, half), fit in fits.items() if (one.source == source if one.half is None else one.half != half)
    ]


def _fit(inside: Sequence[Seen], outside: Sequence[Seen], strength: float) -> Domain:
    """Logistic regression over standardized summaries, both sorts weighing the same."""
    if not inside or not outside:
        raise BadInput("a fit needs pictures of the model's world and of others; give more of them")
    x = torch.stack([one.summary for one in (*inside, *outside)])
    y = torch.tensor([1.0] * len(inside) + [0.0] * len(outside))
    weigh = torch.where(y > 0, len(y) / (2 * len(inside)), len(y) / (2 * len(outside)))
    middle, spread = x.mean(0), x.std(0) + 1e-6
    standard = (x - middle) / spread
    weights, bias = torch.zeros(x.shape[1], requires_grad=True), torch.zeros(1, requires_grad=True)
    optimizer = torch.optim.LBFGS([weights, bias], max_iter=300, line_search_fn="strong_wolfe")

    def closure() -> float:
        optimizer.zero_grad()
        loss = F.binary_cross_entropy_with_logits(standard @ weights + bias, y, weigh, reduction="sum")
        whole = strength * loss + weights.square().sum() / 2
        whole.backward()  # type: ignore[no-untyped-call]
        return float(whole.detach())

    optimizer.step(closure)  # type: ignore[no-untyped-call]
    weights, bias = weights.detach() / spread, bias.detach()
    return Domain(weights, float(bias - weights @ middle))


def _logit(domain: Domain, one: Seen) -> float:
    return float(one.summary @ domain.weights + domain.bias)
