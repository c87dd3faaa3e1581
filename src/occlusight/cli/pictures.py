"""What a user gives as pictures and videos on the command line: files, or one from standard input.

Anything else is refused with what to do.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from mimetypes import guess_type
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING

from occlusight.errors import BadInput, BadPicture, BadVideo
from occlusight.occlusion.kinds import Lang

if TYPE_CHECKING:
    from occlusight.images.film import Film

STDIN = "-"
SUFFIXES = frozenset({".bmp", ".gif", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp"})
"""How the names of pictures end that are looked for in folders."""
PIECE = 1 << 20
LOOKED_AT = 512 * 512
"""Pixels of a picture from which its quality can be told."""


@contextmanager
def picture_files(words: Sequence[str]) -> Iterator[tuple[Path, ...]]:
    """Give the files of the pictures and videos that were named, `-` being what standard input holds, which is a file
    as long as the block lasts.

    Raises BadInput where one is no file, no picture and no video, with what to do; nothing has been decoded then. A
    BadPicture or BadVideo that the block raises says "standard input" instead of that file's path.
    """
    if words.count(STDIN) > 1:
        raise BadInput(f"standard input is one picture, but {STDIN!r} was given {words.count(STDIN)} times")
    for word in words:
        if word != STDIN:
            refuse_no_file(word)
            refuse_no_picture(Path(word), word)
    if STDIN not in words:
        yield tuple(map(Path, words))
        return
    with tempfile.TemporaryDirectory(prefix="occlusight-") as folder:
        received = Path(folder) / "standard-input"
        receive(received)
        refuse_no_picture(received, "standard input")
        try:
            yield tuple(received if word == STDIN else Path(word) for word in words)
        except (BadPicture, BadVideo) as error:
            raise type(error)(str(error).replace(str(received), "standard input")) from None


def apart(files: Sequence[Path], say: Callable[[str], object]) -> tuple[tuple[Path, ...], tuple[Film, ...]]:
    """Return the pictures, and the videos, opened, with as many frames as Qwen3-VL takes.

    `say` hears what takes a while. Raises BadVideo.
    """
    from occlusight.images.film import Budget, is_video, open_film

    videos = [file for file in files if is_video(file)]
    films = []
    for video in videos:
        say(f"opening the video {video.name} ...")
        films.append(open_film(video, budget=Budget()))
    return tuple(file for file in files if file not in videos), tuple(films)


def hidden(path: Path) -> bool:
    """Whether a file is hidden in the folder from which on this is its path, or in a hidden one there: it begins with a
    dot, such as what macOS writes beside each file on foreign disks."""
    return any(part.startswith(".") for part in path.parts)


def concerns_about(files: Sequence[Path], lang: Lang) -> Iterator[str]:
    """Yield what speaks against pictures before the model is asked. Raises BadPicture."""
    from occlusight.images.header import read_header
    from occlusight.images.quality import concerns, of_its_frames
    from occlusight.model.picture import open_picture

    for number, file in enumerate(files, 1):
        which = f"{number}: " if len(files) > 1 else ""
        found = concerns(open_picture(file, reduce_to=LOOKED_AT))
        with file.open("rb") as opened:
            found += of_its_frames(read_header(opened, file.stat().st_size))
        for concern in found:
            yield which + (concern.zh if lang == "zh" else concern.en)


def refuse_no_file(word: str) -> None:
    """Raise BadInput, saying what to do, unless the word names a file."""
    scheme = word.partition("://")[0].lower()
    if scheme in ("http", "https", "ftp"):
        raise BadInput(
            f"{word!r} is an address; pictures are files here. Download it, or: curl -L {quote(word)} | occlusight "
            f"ask {STDIN} 'QUESTION'"
        )
    if scheme == "file":
        raise BadInput(f"{word!r} is an address; give the path alone: {quote(word.partition('://')[2])}")
    if os.path.isdir(word):
        raise BadInput(
            f"{word!r} is a folder; give its pictures one by one, or ask about each of them: "
            f"occlusight ask --batch {quote(word)} --out answers.jsonl 'QUESTION'"
        )
    if not os.path.exists(word):
        raise BadInput(
            f"there is no picture {word!r}; pictures come first, the question last (in quotes, as one argument)"
        )
    if not os.path.isfile(word):
        raise BadInput(
            f"{word!r} is a device or a pipe, not a file; pipe the picture in: ... | occlusight ask {STDIN} 'QUESTION'"
        )


def refuse_no_picture(path: Path, name: str) -> None:
    """Raise BadPicture, or BadVideo by its name, where a file's first bytes are those of neither picture nor video."""
    from occlusight.images.film import is_video, open_film
    from occlusight.images.header import read_header
    from occlusight.model.picture import open_picture

    if is_video(path):
        return
    try:
        with path.open("rb") as file:
            if read_header(file, path.stat().st_size) is not None:
                return
    except (OSError, ValueError, BadPicture):
        pass
    kind, _ = guess_type(name)
    try:
        if kind is not None and kind.startswith("video/"):
            open_film(path)  # knows why
        open_picture(path)
    except (BadPicture, BadVideo) as error:
        raise type(error)(str(error).replace(str(path), name)) from None


def receive(target: Path) -> None:
    """Write what standard input holds into a file. Raises BadInput where it is a terminal, BadPicture where it is empty
    or too large."""
    from occlusight.model.picture import MAX_BYTES

    if sys.stdin is None or sys.stdin.isatty():
        raise BadInput(
            f"{STDIN!r} is a picture from standard input: cat picture.jpg | occlusight ask {STDIN} 'QUESTION'"
        )
    size = 0
    with target.open("wb") as file:
        while piece := sys.stdin.buffer.read(PIECE):
            size += len(piece)
            if size > MAX_BYTES:
                raise BadPicture(
                    f"standard input holds more than the {MAX_BYTES} bytes allowed; give a smaller picture"
                )
            file.write(piece)
    if not size:
        raise BadPicture("standard input is empty (0 bytes); give a JPG, PNG or WEBP picture")
