"""Questions of public benchmarks in one shape, and how their answers are scored."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL.Image import Image

from occlusight.errors import BadData
from occlusight.files.json_lines import lines_of
from occlusight.files.text import parsed, read_text
from occlusight.reading.boxes import box
from occlusight.reading.choice import choice as read_choice
from occlusight.reading.choice import phrase
from occlusight.reading.decision import NO, UNKNOWN, YES, decision, verdict
from occlusight.reading.letters import LETTERS
from occlusight.reading.naming import plain_words
from occlusight.reading.numbers import quantity

Picture = Path | Image
IOU = 0.5


@dataclass(frozen=True)
class Item:
    """One question. `scoring` is choice (truth: index), boolean, number, text, or box (truth: x0, y0, x1, y1 in
    0-1000).

    `cluster` is what questions share that are not independent, mostly the picture. Items of scoring "pair" are booleans
    that count as ordered pairs, for precision, recall and F1.
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
    if item.scoring == "choice":
        return read_choice(text, item.choices)
    if item.scoring in ("boolean", "pair"):
        # what a sentence about hiding implies is a decision only where hiding is asked about
        said = decision(text) if item.scoring == "pair" else verdict(text)
        return {YES: True, NO: False}.get(said or UNKNOWN)
    if item.scoring == "number":
        return quantity(text)
    return box(text) if item.scoring == "box" else phrase(text)


def score(item: Item, said: Any) -> float:
    """Return 1 or 0; for a number the symmetric error |said - true| / (said + true), where 0 is best and silence is
    1."""
    if item.scoring == "number":
        return 1.0 if said is None else abs(said - item.truth) / max(1e-9, said + item.truth)
    if said is None:
        return 0.0
    if item.scoring == "box":
        return float(iou(said, item.truth) >= IOU)
    return float(said == (plain_words(str(item.truth)) if item.scoring == "text" else item.truth))


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
    """Read a JSON file, or JSON Lines. Raises BadData that names the file and the line."""
    lines = lines_of(read_text(path))
    try:
        return parsed("\n".join(lines))
    except json.JSONDecodeError as error:
        if error.msg != "Extra data":
            raise BadData(f"{path} is neither JSON nor JSON Lines (line {error.lineno}: {error.msg})") from None
    except ValueError as error:
        raise BadData(f"{path} is neither JSON nor JSON Lines ({error})") from None
    found = []
    for i, line in enumerate(lines, 1):
        try:
            found += [parsed(line)] if line.strip() else []
        except ValueError as error:
            raise BadData(f"{path} is neither JSON nor JSON Lines (line {i}: {error})") from None
    return found


def load_list(path: Path) -> list[Any]:
    """`load`, for files that hold a list: one line of JSON Lines is a list of one."""
    found = load(path)
    return found if isinstance(found, list) else [found]


def first_of(folder: Path, *names: str) -> Iterator[Path]:
    """Yield the files among these patterns that a folder has."""
    for name in names:
        yield from sorted(folder.glob(name))
