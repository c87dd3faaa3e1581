"""A folder of pictures as a clip: its frames by the numbers in their names, with their times, all of one size."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from itertools import accumulate, pairwise
from pathlib import Path

from occlusight.cli.pictures import LOOKED_AT, SUFFIXES, hidden
from occlusight.errors import BadInput
from occlusight.occlusion.kinds import Lang

MISSING: Mapping[Lang, str] = {
    "en": "(by the pictures' numbers {count} missing, the first after {name}; the time of what is missing is kept)",
    "zh": "（按图片编号缺 {count} 张，最先缺在 {name} 之后；缺少部分的时间仍保留）",
}
ARE: Mapping[Lang, Callable[[int], str]] = {
    "en": lambda count: "one is" if count == 1 else f"{count} are",
    "zh": str,
}


def frames_in(
    folder: Path, fps: float, tell: Callable[[str], object], lang: Lang = "en"
) -> tuple[list[tuple[float, Path]], float]:
    """Return the pictures of a folder with their seconds, and how long they last; none is opened.

    A picture lasts 1 / fps. Where their names differ in one number alone, which goes on in even steps, one that is
    missing takes its time as well; `tell` hears how many are.

    Raises BadInput where there are none.
    """
    pictures = sorted((path for path in folder.iterdir() if is_frame(path)), key=by_number)
    if not pictures:
        raise BadInput(
            f"the folder {str(folder)!r} has no pictures ({', '.join(sorted(SUFFIXES))}); give a video, or a folder of "
            "them"
        )
    places = places_of([path.stem for path in pictures])
    missing = places[-1] + 1 - len(places)
    if missing:
        before = next(number for number, place in enumerate(places[1:]) if place != number + 1)
        tell(MISSING[lang].format(count=ARE[lang](missing), name=pictures[before].name))
    return [(place / fps, path) for place, path in zip(places, pictures, strict=True)], (places[-1] + 1) / fps


def refuse_several_sizes(pictures: Sequence[Path]) -> None:
    """Raise BadInput where the frames of a clip are not of one size, and BadPicture for one that cannot be opened."""
    from occlusight.model.picture import open_reduced

    first: tuple[int, int] | None = None
    for path in pictures:
        size = open_reduced(path, LOOKED_AT).size
        first = first or size
        if size != first:
            raise BadInput(
                f"the frames of a video are of one size, but {str(pictures[0])!r} has {first[0]}x{first[1]} pixels and "
                f"{path.name!r} {size[0]}x{size[1]}; leave out, or make as large, what is of another size"
            )


def is_frame(path: Path) -> bool:
    """Whether a file of a folder is one of its pictures."""
    return path.suffix.lower() in SUFFIXES and not hidden(Path(path.name)) and path.is_file()


def by_number(path: Path) -> tuple[list[tuple[bool, int, str]], str]:
    """Return what puts names in the order of the numbers in them: frame2 before frame10."""
    return [(not number, int(number or 0), text) for number, text in pieces_of(path.name)], path.name


def pieces_of(name: str) -> list[tuple[str, str]]:
    """Return the numbers and the texts between them that make a name: of each piece one of both is empty."""
    return re.findall(r"([0-9]+)|([^0-9]+)", name)


def places_of(names: Sequence[str]) -> list[int]:
    """Return which frame of its clip each of the names is, in their order; 0 is the first.

    One after the other, but where they differ in one number alone that rises by the same step at least every other
    time, and else by several of these.

    >>> places_of(["f_0005", "f_0010", "f_0020", "f_0025"])
    [0, 1, 3, 4]
    """
    usual = list(range(len(names)))
    pieces = [pieces_of(name) for name in names]
    texts = {tuple(text for _, text in one) for one in pieces}
    numbers = [[int(number) for number, _ in one if number] for one in pieces]
    changing = [column for column in zip(*numbers, strict=False) if len(set(column)) > 1]
    if len(texts) > 1 or len(changing) != 1:
        return usual
    rises = [after - before for before, after in pairwise(changing[0])]
    step, often = Counter(sorted(rises)).most_common(1)[0]
    if step < 1 or 2 * often < len(rises) or any(rise % step for rise in rises):
        return usual
    return list(accumulate((rise // step for rise in rises), initial=0))
