"""Reading one box, as x0, y0, x1, y1 in thousandths of the picture.

Shares of one and percentages are brought to thousandths. Several boxes, points, polygons and pixels beyond a thousand
are no answer.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from occlusight.occlusion.parse import without_thoughts
from occlusight.reading.stated import stated_answers

Box = list[float]

_N = r"[-−]?\d+(?:\.\d+)?\s*%?"
_BETWEEN = r"\s*[,，;\s]\s*"
_CORNER_WORDS = (
    r"(?:[\s,，:：–-]|to|and|the|at|is|bottom|top|lower|upper|left|right|corner|至|到|和|为|是|右下角?|左上角?|坐标)*"
)
_FOUR = re.compile(
    rf"[\[(<{{]\s*(?P<list>{_N}(?:{_BETWEEN}{_N})*)\s*[\])>}}](?:{_CORNER_WORDS}[\[(]\s*(?P<second>{_N}{_BETWEEN}{_N})\s*[\])])?"
    r""
)
_KEYED = re.compile(
    r"(?P<key>\b(?:x_?(?:min|max|[012]|left|right)|y_?(?:min|max|[012]|top|bottom)|left|top|right|bottom|"
    rf"width|height|[xywh]))[\"']?\s*[:=]\s*[\"']?(?P<n>{_N})",
    re.I,
)
_DOWN_FIRST = re.compile(r"(?<![a-z])box_2d", re.I)  # a field that gives y before x, by its makers' own documentation
_CORNERS = {
    "x0": ("x0", "xmin", "left", "xleft"),
    "y0": ("y0", "ymin", "top", "ytop"),
    "x1": ("xmax", "right", "xright"),
    "y1": ("ymax", "bottom", "ybottom"),
}


def box(text: str) -> Box | None:
    """Return the one box that a text gives, its corners in order; None where it gives none or several, or in pixels.

    >>> box('{"bbox_2d": [100, 200, 300, 600], "label": "cup"}')
    [100.0, 200.0, 300.0, 600.0]
    """
    text = without_thoughts(text)
    for place in stated_answers(text):
        found = _boxes(place.text)
        if len(found) == 1:
            return found[0]
    found = _boxes(text)
    return found[0] if len(found) == 1 else None


def _boxes(text: str) -> list[Box]:
    """The different boxes of a text."""
    down_first = _DOWN_FIRST.search(text) is not None
    found = [framed for numbers in _fours(text) if (framed := _framed(numbers, down_first)) is not None]
    return [one for i, one in enumerate(found) if one not in found[:i]]


def _fours(text: str) -> Iterator[list[str]]:
    """The groups of four numbers that are written as a box: in brackets, as two corners, by names, or bare."""
    bracketed = False
    for match in _FOUR.finditer(text):
        numbers = re.findall(_N, match.group("list"))
        if len(numbers) == 2 and match.group("second"):
            if re.match(r"\s*[,，]\s*[\[(]", text[match.end() :][:4]):
                return  # a third point makes a polygon
            numbers += re.findall(_N, match.group("second"))
        bracketed = bracketed or len(numbers) >= 4
        if len(numbers) == 4:
            yield numbers
    if bracketed:
        return
    keyed = {m.group("key").lower().replace("_", ""): m.group("n") for m in _KEYED.finditer(text)}
    if keyed:
        if (corners := _by_keys(keyed)) is not None:
            yield corners
        return
    if bare := re.search(rf"(?<![\w.,]){_N}(?:{_BETWEEN}{_N}){{3,}}(?!\w)", text):
        numbers = re.findall(_N, bare.group(0))
        if len(numbers) == 4 and "[" not in text:
            yield numbers


def _by_keys(keyed: dict[str, str]) -> list[str] | None:
    """Four corners by the names of their coordinates, or a corner with width and height."""
    corners = {}
    for corner, names in _CORNERS.items():
        corners[corner] = next((keyed[name] for name in names if name in keyed), None)
    if None in (corners["x0"], corners["y0"]) and {"x1", "y1", "x2", "y2"} <= set(keyed):
        return [keyed[name] for name in ("x1", "y1", "x2", "y2")]
    if corners["x1"] is None and "x0" in keyed:
        corners |= {"x1": keyed.get("x1"), "y1": keyed.get("y1")}
    if None not in corners.values():
        return [str(v) for v in corners.values()]
    left, top = keyed.get("x", corners["x0"]), keyed.get("y", corners["y0"])
    width, height = keyed.get("width", keyed.get("w")), keyed.get("height", keyed.get("h"))
    if (
        left is None
        or top is None
        or width is None
        or height is None
        or any("%" in v for v in (left, top, width, height))
    ):
        return None
    return [left, top, str(_number(left) + _number(width)), str(_number(top) + _number(height))]


def _number(text: str) -> float:
    return float(text.replace("−", "-").rstrip("% "))


def _framed(numbers: list[str], down_first: bool) -> Box | None:
    """Numbers as a box in thousandths; None where they are none."""
    values = [_number(n) * (10 if "%" in n else 1) for n in numbers]
    if all(0 <= v <= 1 for v in values) and any("." in n for n in numbers):
        values = [1000 * v for v in values]
    if down_first:
        values = [values[1], values[0], values[3], values[2]]
    if not all(0 <= v <= 1000 for v in values):
        return None
    x0, x1 = sorted((values[0], values[2]))
    y0, y1 = sorted((values[1], values[3]))
    return [x0, y0, x1, y1] if x1 > x0 and y1 > y0 else None
