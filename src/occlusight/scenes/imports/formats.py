"""The formats that can be imported, by name: what each needs, and which questions it can answer."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from occlusight.errors import BadInput
from occlusight.scenes.imports import orders
from occlusight.scenes.imports.annotated import Annotated
from occlusight.scenes.imports.disparity import middlebury
from occlusight.scenes.imports.imported_set import Imported, Progress, Source, import_annotated, import_own
from occlusight.scenes.imports.naming import Kinds, read_names
from occlusight.scenes.imports.own_questions import own_questions
from occlusight.scenes.meshes.catalogue import whole_catalogue

OWN = "jsonl"


@dataclass(frozen=True)
class Format:
    """`read` takes the file, the folder of pictures, the seed and COCO's instances where they are given; `asks` are the
    kinds of questions that its truth answers, `more` those that it can be asked besides."""

    read: Callable[[Path, Path, int, Path | None], Iterator[Annotated]]
    asks: tuple[str, ...]
    more: tuple[str, ...] = ("recognition", "count", "remove")


MASKED = ("occlusion", "explanation", "position", "hidden_part", "who_hides")
FORMATS: dict[str, Format] = {
    "cocoa": Format(lambda file, pictures, seed, instances: orders.cocoa(file, pictures), MASKED),
    "instaorder": Format(
        lambda file, pictures, seed, instances: orders.insta_order(file, pictures, instances),
        ("occlusion", "position", "depth_pair", "who_hides"),
        ("recognition", "count"),
    ),
    "kins": Format(lambda file, pictures, seed, instances: orders.kins(file, pictures), MASKED),
    "middlebury": Format(lambda file, pictures, seed, instances: middlebury(file, seed), ("depth_pair",), ()),
}
NAMES = (*FORMATS, OWN)


def import_from(
    source: Source,
    file: Path,
    out: Path,
    *,
    pictures: Path | None = None,
    instances: Path | None = None,
    names: Path | None = None,
    ask_for: tuple[str, ...] | None = None,
    limit: int | None = None,
    progress: Progress | None = None,
) -> Imported:
    """Import a file (for middlebury a folder) into the folder `out`. Raises BadInput for an unknown format or what it
    cannot be asked."""
    kinds = Kinds(whole_catalogue(), read_names(names) if names else None)
    folder = pictures or file.parent
    if source.format == OWN:
        if ask_for is not None:
            raise BadInput("--ask does not go with jsonl: its questions are in the file")
        return import_own(own_questions(file, folder), out, source, kinds, progress)
    if source.format not in FORMATS:
        raise BadInput(f"the format must be one of {', '.join(NAMES)}, but {source.format!r} was given")
    format = FORMATS[source.format]
    asked = format.asks if ask_for is None else ask_for
    unfit = [kind for kind in asked if kind not in (*format.asks, *format.more)]
    if unfit or not asked:
        raise BadInput(
            f"--ask takes {', '.join((*format.asks, *format.more))} for {source.format}, but "
            f"{', '.join(unfit) or 'nothing'} was given"
        )
    shown = format.read(file, folder, source.seed, instances)
    return import_annotated(shown, out, source, kinds, asked, limit, progress)
