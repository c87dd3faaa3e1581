"""How much worse the shipped model answers about worse pictures: the figures of docs/warnings.md.

python -m benchmarks.picture_quality [--scenes 30]
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable

from PIL import Image, ImageFilter

from occlusight.backends.decision import NO, YES
from occlusight.backends.open import open_backend
from occlusight.backends.protocol import Backend, Request
from occlusight.datasets.dataset import SceneLine, open_set
from occlusight.images.quality import concerns, quality
from occlusight.questions.question import Question

Change = Callable[[Image.Image, float], Image.Image]


def blurred(image: Image.Image, sigma: float) -> Image.Image:
    """Return a picture blurred by so many pixels of 512."""
    return image.filter(ImageFilter.GaussianBlur(sigma * max(image.size) / 512))


def darkened(image: Image.Image, light: float) -> Image.Image:
    """Return a picture with a share of its light."""
    return image.point([round(v * light) for v in range(256)] * 3)


def reduced(image: Image.Image, side: float) -> Image.Image:
    """Return a picture with a longer side of so many pixels."""
    scale = side / max(image.size)
    size = max(1, round(image.width * scale)), max(1, round(image.height * scale))
    return image.resize(size, Image.Resampling.LANCZOS)


CHANGES: tuple[tuple[str, Change, tuple[float, ...]], ...] = (
    ("blur", blurred, (0, 1, 2, 3, 4, 6, 8, 12)),
    ("dark", darkened, (0.5, 0.25, 0.18, 0.12, 0.06, 0.03)),
    ("small", reduced, (256, 160, 112, 80, 56, 40, 28, 20, 14, 10)),
)


def right(backend: Backend, image: Image.Image, questions: list[Question]) -> int:
    """Return how many yes/no questions are answered rightly about a picture."""
    scores = backend.score_many([(Request(q.text, (image,)), [YES, NO]) for q in questions], whole=False)
    backend.clear_cache()
    return sum((yes > no) == (q.answer["value"] == "yes") for q, (yes, no) in zip(questions, scores, strict=True))


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scenes", type=int, default=30)
    count = parser.parse_args().scenes
    data = open_set("occlusion-50")
    asked: list[tuple[SceneLine, list[Question]]] = []
    for scene in data.scenes.values():
        questions = [
            q
            for q in data.questions
            if q.scene == scene.id and q.kind in ("occlusion", "explanation") and q.answer.get("value") in ("yes", "no")
        ]
        if len(questions) >= 4:
            asked.append((scene, questions))
    asked = asked[:count]
    backend = open_backend("default")
    n = sum(len(questions) for _, questions in asked)
    for kind, change, level in ((kind, change, level) for kind, change, levels in CHANGES for level in levels):
        images = [change(Image.open(scene.picture).convert("RGB"), level) for scene, _ in asked]
        correct = sum(right(backend, image, q) for image, (_, q) in zip(images, asked, strict=True))
        found = [quality(image) for image in images]
        middle = len(found) // 2
        print(
            json.dumps(
                {
                    "change": kind,
                    "level": level,
                    "n": n,
                    "accuracy": round(correct / n, 4),
                    "blur": round(sorted(q.blur for q in found)[middle], 3),
                    "brightness": round(sorted(q.brightness for q in found)[middle], 1),
                    "told": sum(bool(concerns(image)) for image in images) / len(images),
                }
            ),
            flush=True,
        )


if __name__ == "__main__":
    main()
