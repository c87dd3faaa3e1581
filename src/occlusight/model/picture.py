"""Opening pictures: whatever a user gives becomes an upright RGB picture, or one clear error.

Pictures are hostile until they are decoded. What one will cost is read from its header first (`images.header`), and
decides:

- What costs more memory or time than allowed is refused with the numbers, before a decoder sees it.
- A small ordinary picture is decoded here: a JPEG, PNG, WEBP, GIF or BMP whose header bounds the cost, at most
  `QUICK_BYTES` and `QUICK_WORK`, some tenths of a second. That is nearly every picture, and starting a process would
  take longer than decoding it.
- Everything else goes to a worker process (`images.process`) with limits on memory and time, which is stopped when the
  caller does not want the picture any more: large pictures, since nothing can stop a decoder in a thread; every TIFF,
  and every file whose header leaves the cost open, since only the system can bound those.

Where the model will reduce the picture anyway (`reduce_to`), a JPEG of at least twice as many pixels is decoded at a
half, quarter or eighth of its sides, and other formats are reduced while they are handed over where the whole picture
would not fit.
"""

import io
import math
import os
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from PIL import Image, ImageFile, UnidentifiedImageError

from occlusight.errors import BadPicture, Cancelled
from occlusight.images.header import Header, other_format, read_header
from occlusight.images.pixels import ORIENTATION, Opened, open_pieces, upright_pieces
from occlusight.images.process import WORKERS_HERE, CancelCheck, Failed
from occlusight.images.worker import Task, first_line

MAX_BYTES = 200_000_000
QUICK_FILE = 32_000_000
QUICK_BYTES = 150_000_000
QUICK_WORK = 20_000_000
WORKER_BYTES = 45_000_000
"""What a worker takes while it does nothing."""
MARGIN = 20_000_000
"""What pieces, file buffers and the like take beside what is counted."""
ADVICE = "give a JPG, PNG or WEBP picture"


@dataclass(frozen=True)
class PictureLimits:
    """What opening one picture may take beyond what the program takes anyway, all its processes together.

    Args:
        memory_bytes: the decoder's memory and the RGB picture that comes out.
        seconds: of a processor.
        work: pixels to go through, weighted by scans; see `Header.work`.
    """

    memory_bytes: int = 490_000_000
    seconds: float = 4.0
    work: int = 1_000_000_000


def open_picture(
    source: str | Path | bytes | Image.Image,
    *,
    reduce_to: int | None = None,
    cancelled: CancelCheck | None = None,
    limits: PictureLimits = PictureLimits(),
) -> Image.Image:
    """Return an upright RGB picture from a file, its bytes or a PIL picture. Threads may call this at the same time.

    The EXIF orientation is applied; transparency is laid on white; palettes, grey, CMYK, 16-bit and float values become
    8-bit RGB; of an animation the first frame is taken.

    Args:
        source: a path, a file's content, or a picture, which is not changed.
        reduce_to: the pixels that the picture will be reduced to later: one of at least twice as many may come smaller,
            with at least so many. None gives every pixel.
        cancelled: asked often, from another thread too; once it says True, decoding ends at once.
        limits: what opening may take.

    Raises:
        BadPicture: missing, empty, not a picture, broken, or beyond the limits; the message has the numbers.
        Cancelled: `cancelled` said so.
    """
    return open_reduced(source, reduce_to, cancelled=cancelled, limits=limits).image


def reduced(image: Image.Image, pixels: int) -> Image.Image:
    """Return a picture with at most so many pixels."""
    shrink = math.sqrt(pixels / (image.width * image.height))
    size = max(1, int(image.width * shrink)), max(1, int(image.height * shrink))
    return image if shrink >= 1 else image.resize(size, Image.Resampling.BICUBIC)


def open_reduced(
    source: str | Path | bytes | Image.Image,
    reduce_to: int | None,
    *,
    cancelled: CancelCheck | None = None,
    limits: PictureLimits = PictureLimits(),
) -> Opened:
    """Return what `open_picture` does, and the size that the picture has unreduced."""
    if isinstance(source, Image.Image):
        return _given(source, limits)
    if isinstance(source, bytes):
        opening = _Opening(f"the picture ({len(source)} bytes)", reduce_to, cancelled, limits)
        return opening.run(io.BytesIO(source), len(source), source)
    path = Path(source)
    try:
        if path.is_dir():
            raise BadPicture(f"{path} is a folder, not a picture; {ADVICE}")
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            return _Opening(str(path), reduce_to, cancelled, limits).run(file, size, path)
    except FileNotFoundError:
        raise BadPicture(f"{path}: there is no such file; check the path") from None
    except (OSError, ValueError) as error:
        if isinstance(error, BadPicture):
            raise
        raise BadPicture(f"{path}: cannot be read ({first_line(error)}); check the path and the permissions") from None


def _given(image: Image.Image, limits: PictureLimits) -> Opened:
    width, height = image.size
    if width * height == 0:
        raise BadPicture(f"the picture has no pixels ({width}x{height}); {ADVICE}")
    decoded = not (isinstance(image, ImageFile.ImageFile) and image.tile)
    header = Header("picture", width, height, pixel_bytes=0 if decoded else 4)
    _Opening("the picture", None, None, limits).check(header, 1, 1, 0)
    try:
        image.load()
        try:
            turn = image.getexif().get(ORIENTATION, 1)
        except Exception:  # broken EXIF is no reason to refuse a whole picture
            turn = 1
        return upright_pieces(image, turn).joined()
    except Exception as error:  # a picture that was not loaded yet is decoded by now
        raise BadPicture(f"the picture is broken ({first_line(error)}); save it again or {ADVICE}") from None


@dataclass(frozen=True)
class _Opening:
    """One picture being opened; errors call it `name`."""

    name: str
    reduce_to: int | None
    cancelled: CancelCheck | None
    limits: PictureLimits

    def run(self, file: BinaryIO, size: int, source: Path | bytes) -> Opened:
        """Return the picture in a file of `size` bytes, which is `source`. Raises BadPicture, Cancelled."""
        if size == 0:
            raise BadPicture(f"{self.name} is empty (0 bytes); {ADVICE}")
        if size > MAX_BYTES:
            raise BadPicture(
                f"{self.name} has {size} bytes, more than the {MAX_BYTES} allowed; {ADVICE} that is smaller"
            )
        header = read_header(file, size)
        if header is None:
            if other := other_format(file):
                raise BadPicture(f"{self.name} is {other}, which is not a picture that can be read; {ADVICE}")
            raise self._failed(Failed("unknown"), header)
        draft, factor = self.reductions(header, size)
        self.check(header, draft, factor, size)
        quick = header.plain and size <= QUICK_FILE and header.work <= QUICK_WORK
        memory = header.memory(draft, factor)
        try:
            if quick and memory <= QUICK_BYTES:
                with self._through(memory):
                    return open_pieces(file, header, draft, factor).joined()
            return self._in_worker(header, draft, factor, source)
        except UnidentifiedImageError:
            raise self._failed(Failed("unknown"), header) from None
        except Failed as error:
            raise self._failed(error, header) from None
        except (Cancelled, BadPicture):
            raise
        except Exception as error:  # decoders raise nearly anything on broken data
            raise self._failed(Failed("broken", first_line(error)), header) from None

    def reductions(self, header: Header, size: int) -> tuple[int, int]:
        """Return by how much the sides are divided while and after decoding: (1, 1) where every pixel is wanted or
        fits.
        """
        if self.reduce_to is None or header.pixels < 2 * self.reduce_to:
            return 1, 1
        draft = max((s for s in (1, 2, 4, 8) if header.format == "JPEG" and self._left(header, s)), default=1)
        factor = 1
        while header.memory(draft, factor) > self._room(size) and self._left(header, draft * (factor + 1)):
            factor += 1
        return draft, factor

    def check(self, header: Header, draft: int, factor: int, size: int) -> None:
        """Raise BadPicture where a picture takes more than allowed."""
        about = f"{self.name} is a {header.format} of {header.width}x{header.height} = {header.pixels} pixels"
        needs, room = header.memory(draft, factor), self._room(size)
        if header.known and needs > room:
            raise BadPicture(
                f"{about} that takes {_mb(needs)} to open, more than the {_mb(room)} allowed; "
                "make it smaller, or save it as a JPG that is not progressive"
            )
        if header.work > self.limits.work:
            raise BadPicture(
                f"{about} in {header.scans} scans, as much work as {header.work} pixels, more than the "
                f"{self.limits.work} allowed; "
                "save it again as a JPG that is not progressive"
            )

    def _left(self, header: Header, by: int) -> bool:
        """Whether a picture whose sides are divided by this still has as many pixels as the model will take."""
        assert self.reduce_to is not None
        return (header.width // by) * (header.height // by) >= self.reduce_to

    def _room(self, size: int) -> int:
        """Bytes that decoding may take beside a file's content, which some decoders hold."""
        return self.limits.memory_bytes - WORKER_BYTES - MARGIN - size

    def _through(self, memory: int) -> ExitStack:
        stack = ExitStack()
        stack.enter_context(WORKERS_HERE.here().gate.through(memory, self.limits.memory_bytes, self.cancelled))
        return stack

    def _in_worker(self, header: Header, draft: int, factor: int, source: Path | bytes) -> Opened:
        room = self.limits.memory_bytes - WORKER_BYTES
        width, height = -(-header.width // draft // factor), -(-header.height // draft // factor)
        finished = 4 * width * height if header.known else room // 2
        task = Task(
            path="" if isinstance(source, bytes) else Task.encode_path(Path(os.path.realpath(source))),
            given=len(source) if isinstance(source, bytes) else 0,
            draft=draft,
            factor=factor,
            memory=room - finished,
            seconds=self.limits.seconds,
            finished=finished,
        )
        with self._through(header.memory(draft, factor) if header.known else room):
            return WORKERS_HERE.here().decode(task, source if isinstance(source, bytes) else b"", self.cancelled)

    def _failed(self, failed: Failed, header: Header | None) -> BadPicture:
        """Return the error that a user is told."""
        size = f" of {header.width}x{header.height} pixels" if header is not None and header.known else ""
        about = f"{self.name} is a {header.format}{size}" if header is not None else self.name
        match failed.kind:
            case "unknown":
                return BadPicture(f"{self.name} is not a picture that can be read; {ADVICE}")
            case "memory":
                return BadPicture(
                    f"{about} that takes more than the {_mb(self.limits.memory_bytes)} allowed to open; make it "
                    f"smaller, or {ADVICE}"
                )
            case "time":
                return BadPicture(
                    f"{about} that takes more than the {self.limits.seconds:g} s allowed to open; make it smaller, or "
                    "save it as a PNG or a "
                    "JPG that is not progressive"
                )
            case "size":
                return BadPicture(f"{about} that turns out to have {failed} pixels; save it again or {ADVICE}")
            case "crash":
                return BadPicture(f"{about} that no decoder survives ({failed}); save it again or {ADVICE}")
        return BadPicture(f"{self.name} is broken ({failed}); save it again or {ADVICE}")


def _mb(count: int) -> str:
    return f"{count / 1e6:.0f} MB"
