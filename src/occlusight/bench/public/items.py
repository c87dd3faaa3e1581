"""Questions of public benchmarks in one shape, and how their answers are scored."""

from __future__ import annotations

import json
import re
import string
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL.Image import Image

from occlusight.errors import BadData

Picture = Path | Image
LETTERS = string.ascii_uppercase
IOU = 0.5


@dataclass(frozen=True)
class Item:
    """One question. `scoring` is choice (truth: index), boolean, number, text, or box (truth: x0, y0, x1, y1 in 0-1000).

    `cluster` is what questions share that are not independent, mostly the picture. Items of scoring "pair" are booleans that count
    as ordered pairs, for precision, recall and F1.
    """

    id: str
    pictures: tuple[Picture, ...]
    question: str
    truth: Any
    scoring: str
    group: str = ""
    choices: tuple[str, ...] = ()
    cluster: str = ""

    @property
    def prompt(self) -> str:
        """The question as it is asked."""
        if self.scoring == "choice":
            options = "\n".join(f"{LETTERS[i]}. {choice}" for i, choice in enumerate(self.choices))
            return f"{self.question}\n{options}\nAnswer with the letter of the right choice."
        endings = {
            "boolean": " Answer yes or no.",
            "pair": " Answer yes or no.",
            "number": " Answer with one number.",
            "text": " Answer with one word or short phrase.",
            "box": " Answer with its box as [x0, y0, x1, y1], from 0 to 1000.",
        }
        return self.question + endings[self.scoring]


def read_answer(item: Item, text: str) -> Any:
    """Return what an answer says in the item's terms, None where it does not say."""
    text = text.strip()
    if item.scoring == "choice":
        return read_choice(text, item.choices)
    if item.scoring in ("boolean", "pair"):
        match = re.match(r"\W*(yes|no|true|false|是|对|不|没|否)", text, re.I)
        return None if match is None else match.group(1).lower() in ("yes", "true", "是", "对")
    if item.scoring == "number":
        found = re.findall(r"\d+(?:\.\d+)?", text.replace(",", ""))
        return float(found[-1]) if found else None
    if item.scoring == "box":
        found = re.findall(r"-?\d+(?:\.\d+)?", text)
        return [float(v) for v in found[:4]] if len(found) >= 4 else None
    return plain_words(text) or None


def score(item: Item, said: Any) -> float:
    """Return 1 or 0; for a number the symmetric error |said - true| / (said + true), where 0 is best and silence is 1."""
    if item.scoring == "number":
        return 1.0 if said is None else abs(said - item.truth) / max(1e-9, said + item.truth)
    if said is None:
        return 0.0
    if item.scoring == "box":
        return float(iou(said, item.truth) >= IOU)
    return float(said == (plain_words(str(item.truth)) if item.scoring == "text" else item.truth))


def read_choice(text: str, choices: Sequence[str]) -> int | None:
    """Which choice a text says: by its letter, or by the only one of the choices that it names; None where it does not say."""
    count = len(choices)
    said = rf"\W*(?:(?:the )?(?:right |correct )?(?:answer|choice|option)\W*(?:is)?\W*)?([A-{LETTERS[count - 1]}])(?:[).:,]|\s*$)"
    if match := re.match(said, text, re.I):
        return LETTERS.index(match.group(1).upper())
    named = [i for i, choice in enumerate(choices) if plain_words(choice) and plain_words(choice) in plain_words(text)]
    longest = [
        i for i in named if not any(i != j and plain_words(choices[i]) in plain_words(choices[j]) for j in named)
    ]
    return longest[0] if len(longest) == 1 else None


def plain_words(text: str) -> str:
    """The words of a text in small letters, without articles and punctuation."""
    words = re.sub(r"[^\w\s]", " ", text.lower()).split()
    return " ".join(w for w in words if w not in ("a", "an", "the"))


def iou(one: Sequence[float], other: Sequence[float]) -> float:
    """Intersection over union of two boxes x0, y0, x1, y1."""
    across = min(one[2], other[2]) - max(one[0], other[0])
    down = min(one[3], other[3]) - max(one[1], other[1])
    shared = max(0.0, across) * max(0.0, down)
    areas = sum((b[2] - b[0]) * (b[3] - b[1]) for b in (one, other))
    return shared / (areas - shared) if areas > shared else 0.0


def box_words(box: Sequence[float]) -> str:
    """A box in words, for telling apart things that share a name."""
    return f"in the box [{', '.join(str(round(v)) for v in box)}]"


def relative(box: Sequence[float], width: float, height: float) -> list[float]:
    """COCO's x, y, width, height in pixels as x0, y0, x1, y1 in 0-1000."""
    x, y, w, h = box
    return [1000 * x / width, 1000 * y / height, 1000 * (x + w) / width, 1000 * (y + h) / height]


def load(path: Path) -> Any:
    """Read a JSON file, or JSON Lines. Raises BadData that names the file."""
    text = path.read_text(encoding="utf-8")
    try:
        return json.loads(text)
    except ValueError:
        pass
    try:
        return [json.loads(line) for line in text.splitlines() if line.strip()]
    except ValueError as error:
        raise BadData(f"{path} is neither JSON nor JSON Lines ({error})") from None


def load_list(path: Path) -> list[Any]:
    """`load`, for files that hold a list: one line of JSON Lines is a list of one."""
    found = load(path)
    return found if isinstance(found, list) else [found]


def first_of(folder: Path, *names: str) -> Iterator[Path]:
    """Yield the files among these patterns that a folder has."""
    for name in names:
        yield from sorted(folder.glob(name))
