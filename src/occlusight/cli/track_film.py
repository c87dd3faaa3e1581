"""A tracked clip as a video: its frames with the things on them, by name, and what hides which."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from occlusight.api.timeline_rows import WORDS
from occlusight.backends.fields import Picture
from occlusight.drawing.canvas import COLOURS
from occlusight.drawing.followed import Mark, followed, shown_size
from occlusight.errors import BadInput
from occlusight.files.whole import replacing
from occlusight.images.film import Frame
from occlusight.images.film_writer import write_film
from occlusight.model.picture import open_picture
from occlusight.occlusion.kinds import Lang
from occlusight.reasoning.tracking.track import Track

COLON = {"en": ": ", "zh": "："}


def write_tracked(found: Track, frames: Sequence[tuple[float, Picture]], out: Path, lang: Lang) -> None:
    """Write the frames that were looked at with what was found in them. Raises BadInput where the model told no place
    of anything."""
    if found.things and not any(found.watched.boxes):
        raise BadInput(
            "the model told no place of anything in these frames, so that nothing can be drawn on them; give "
            "--timeline instead of --annotated"
        )
    with replacing(out) as draft:
        write_film(draft, _drawn(found, frames, lang), found.duration_s)


def _drawn(found: Track, frames: Sequence[tuple[float, Picture]], lang: Lang) -> Iterator[Frame]:
    size: tuple[int, int] | None = None
    for number, (seconds, picture) in enumerate(frames):
        image = open_picture(picture)
        size = size or shown_size(image.size)
        said = f"{seconds:.1f} s" if lang == "en" else f"{seconds:.1f}秒"
        yield Frame(seconds, followed(image, marks_of(found, number, lang), size, said))


def marks_of(found: Track, frame: int, lang: Lang) -> list[Mark]:
    """Return what is to be drawn of each thing in a frame: where the model saw it; of what is hidden, where it was seen
    last, and behind what. What has left the picture, and what was seen without a place, is left out."""
    things = {thing.id: thing.seen.thing for thing in found.things}
    marks = []
    for number, (id, thing) in enumerate(things.items()):
        paint, name = COLOURS[number % len(COLOURS)], thing.called(lang)
        state, _, by = found.where(frame, id).partition(" ")
        if state == "seen" and id in found.watched.boxes[frame]:
            marks.append(Mark(name, found.watched.boxes[frame][id], paint))
        elif state == "behind":
            last = next((one[id] for one in reversed(found.watched.boxes[:frame]) if id in one), None)
            if last is not None:
                said = WORDS["behind"][lang].format(it=things[by].the(lang))
                marks.append(Mark(f"{name}{COLON[lang]}{said}", last, paint, hidden=True))
    return marks
