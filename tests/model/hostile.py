"""Pictures that are small as files and large, slow or odd as pictures, each made by a few lines."""

from __future__ import annotations

import io
import struct
import zlib

from PIL import Image


def encoded(image: Image.Image, form: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, form, **options)
    return buffer.getvalue()


def deflated(count: int) -> bytes:
    """So many zeros, compressed, without ever holding them."""
    packer, block = zlib.compressobj(9), bytes(1 << 16)
    parts = [packer.compress(block[: min(len(block), count - at)]) for at in range(0, count, len(block))]
    return b"".join(parts) + packer.flush()


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width: int, height: int, depth: int = 8, colour: int = 0, *extra: bytes, rows: bytes | None = None) -> bytes:
    """A PNG of zeros, or of the scan lines `rows`."""
    line = (width * depth * {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}[colour] + 7) // 8 + 1
    data = deflated(line * height) if rows is None else zlib.compress(rows)
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + b"".join(extra) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


def webp(width: int, height: int) -> bytes:
    """A lossless WebP of one colour: 40 bytes."""
    data = b"\x2f" + struct.pack("<I", (width - 1) | (height - 1) << 14) + bytes(15)
    body = b"WEBPVP8L" + struct.pack("<I", len(data)) + data
    return b"RIFF" + struct.pack("<I", len(body)) + body


def animated_webp(width: int, height: int) -> bytes:
    """The canvas of an animation without frames."""
    body = b"WEBPVP8X" + struct.pack("<IB", 10, 2) + bytes(3) + (width - 1).to_bytes(3, "little")
    body += (height - 1).to_bytes(3, "little") + b"ANIM" + struct.pack("<I", 6) + bytes(6)
    return b"RIFF" + struct.pack("<I", len(body)) + body


def progressive(width: int, height: int, scans: int, drawn: int = 16) -> bytes:
    """A JPEG whose last scan comes again and again; its header is that of a larger picture than the `drawn` square."""
    data = encoded(Image.new("L", (drawn or width, drawn or height), 128), "JPEG", progressive=True)
    size = data.index(b"\xff\xc2") + 5
    data = data[:size] + struct.pack(">HH", height, width) + data[size + 4 :]
    last, end = data.rindex(b"\xff\xda"), data.rindex(b"\xff\xd9")
    return data[:end] + data[last:end] * scans + data[end:]


Tag = tuple[int, int, int, int]
"""Its number, its type (1 byte, 3 short, 4 long), how many, the value or where it is."""


def tiff(tags: list[Tag], data: bytes = b"") -> bytes:
    """A little-endian TIFF; a value of -1 is the place of `data`."""
    start = 8 + 2 + 12 * len(tags) + 4
    table = b"".join(
        struct.pack("<HHII", tag, kind, count, start if value == -1 else value)
        for tag, kind, count, value in sorted(tags)
    )
    return b"II*\0" + struct.pack("<IH", 8, len(tags)) + table + bytes(4) + data


def plain_tags(width: int, height: int, depth: int = 8, compression: int = 1) -> list[Tag]:
    """The tags of a grey picture in one strip."""
    values = {256: width, 257: height, 258: depth, 259: compression, 262: 1, 277: 1, 278: height}
    return [(tag, 4, 1, value) for tag, value in values.items()] + [(273, 4, 1, -1)]


def tiff_of_zeros(width: int, height: int, depth: int, form: int = 1) -> bytes:
    """A deflated TIFF; `form` 3 is floating point."""
    data = deflated(width * height * depth // 8)
    return tiff([*plain_tags(width, height, depth, 8), (279, 4, 1, len(data)), (339, 4, 1, form)], data)


def huge_tile(side: int) -> bytes:
    """A TIFF of 10x10 pixels in one tile of `side`."""
    tags = [tag for tag in plain_tags(10, 10, 8, 8) if tag[0] not in (273, 278)]
    return tiff([*tags, (322, 4, 1, side), (323, 4, 1, side), (324, 4, 1, -1), (325, 4, 1, 8)], bytes(8))


def repeated_tags(count: int, size: int) -> bytes:
    """A TIFF of 10x10 pixels with many tags that all name the same `size` bytes."""
    more = [(1000 + i, 1, size, -1) for i in range(count)]
    return tiff([*plain_tags(10, 10), (279, 4, 1, 100), *more], bytes(size))


def looping_directories() -> bytes:
    """A TIFF whose directories of EXIF and of further pictures are its first one."""
    return tiff([*plain_tags(10, 10), (279, 4, 1, 100), (330, 4, 1, 8), (34665, 4, 1, 8)], bytes(100))


def exif(count: int, size: int, orientation: int = 6) -> bytes:
    """An EXIF block with many tags that all name the same bytes, the orientation first."""
    more = [(1000 + i, 1, size, -1) for i in range(count)]
    return b"Exif\0\0" + tiff([(0x0112, 3, 1, orientation), *more], bytes(size))


def gif(width: int, height: int, comments: int = 0, frames: int = 1) -> bytes:
    """A GIF of 4x4 pixels on a larger screen, with blocks of comments before it and many frames."""
    data = encoded(Image.new("P", (4, 4)), "GIF")
    frame = data.index(b",", 13)
    head = data[:6] + struct.pack("<HH", width, height) + data[10:frame]
    comment = b"!\xfe" + (b"\xff" + b"a" * 255) * comments + b"\0" if comments else b""
    return head + comment + data[frame:-1] * frames + b";"


def run_lengths(width: int, height: int) -> bytes:
    """A BMP in runs of one pixel, which are unpacked by a loop in Python."""
    data = b"\x01\x01" * (width * height)
    info = struct.pack("<IiiHHIIiiII", 40, width, height, 1, 8, 1, len(data), 0, 0, 256, 0)
    return b"BM" + struct.pack("<IHHI", 1078 + len(data), 0, 0, 1078) + info + bytes(1024) + data


COSTLY = {
    "a WEBP of 40 bytes": lambda: webp(16383, 16383),
    "a canvas of an animation": lambda: animated_webp(16383, 16383),
    "the largest canvas": lambda: animated_webp(1 << 24, 1 << 24),
    "16 bits": lambda: png(8900, 8900, 16, rows=b""),
    "one bit": lambda: png(30000, 30000, 1, rows=b""),
    "2,000 scans": lambda: progressive(5000, 5000, 2000),
    "coefficients": lambda: progressive(16000, 16000, 1),
    "floats": lambda: tiff([*plain_tags(8900, 8900, 32), (279, 4, 1, 8), (339, 4, 1, 3)], bytes(8)),
    "a huge tile": lambda: huge_tile(60_000),
    "tags that name the same bytes": lambda: repeated_tags(2_000, 1 << 20),
    "a huge screen": lambda: gif(65535, 65535),
}
"""What the header alone shows to be too much."""
