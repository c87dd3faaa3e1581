"""What opening a picture will cost, read from its header before any decoder sees it.

A file of 40 bytes can announce 268 million pixels, and a decoder believes it. The few fields that decide about memory
and time (format, sides, bits, scans, strips) are therefore read here, in steps whose number does not depend on what the
file claims.
"""

import re
import struct
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import BinaryIO

ROW_BYTES = 8
"""What a row costs beside its pixels: the pointer to it."""
METADATA_BYTES = 1 << 20
"""Metadata of ordinary pictures is smaller; where it is not, a decoder may be led to read or unpack far more than
that."""
VIDEO = "a video"
STEPS = 20_000
"""Segments, chunks or tags that are walked through; no ordinary picture has so many."""
SCANS = 10_000
"""More scans than these are not counted."""
SCAN_WORK = 0.25
"""A further scan of a progressive JPEG takes about a quarter of the time that decoding a baseline one does."""


@dataclass(frozen=True)
class Header:
    """What is known of a picture before it is decoded.

    Args:
        format: Pillow's name of the format.
        width: pixels; 0 where the header could not be understood, as is `height`.
        height: pixels.
        pixel_bytes: bytes of a decoded pixel as Pillow stores it.
        held: bytes that the decoder holds beside the pixels: coefficients of a progressive JPEG, canvases of a WebP, a
            strip or tile.
        scans: how often the decoder goes through the picture.
        depth: bits of a sample.
        plain: whether these numbers bound the cost; else only a limit put upon the decoder does.
        moves: whether more frames than the first are in it, as far as was looked.
    """

    format: str
    width: int = 0
    height: int = 0
    pixel_bytes: int = 4
    held: int = 0
    scans: int = 1
    depth: int = 8
    plain: bool = False
    moves: bool = False

    @property
    def known(self) -> bool:
        """Whether the size could be read."""
        return self.width > 0 and self.height > 0

    @property
    def pixels(self) -> int:
        """Width times height."""
        return self.width * self.height

    @property
    def work(self) -> int:
        """The time to decode, in pixels of a baseline JPEG."""
        return int(self.pixels * (1 + SCAN_WORK * (self.scans - 1)))

    def memory(self, draft: int = 1, factor: int = 1) -> int:
        """Bytes for decoding at 1 / `draft` of both sides and for the RGB picture made of that, reduced again by
        `factor`."""
        width, height = -(-self.width // draft), -(-self.height // draft)
        decoded = height * (width * self.pixel_bytes + ROW_BYTES)
        out = -(-height // factor) * (-(-width // factor) * 4 + ROW_BYTES)
        return self.held + decoded + out


def read_header(file: BinaryIO, size: int) -> Header | None:
    """Return the header of a picture file of `size` bytes, or None where it is of no known format. The file's place
    changes."""
    file.seek(0)
    start = file.read(32)
    read = next((read for begins, read in READERS if re.match(begins, start, re.DOTALL)), None)
    if read is None:
        return None
    name, reader = read
    file.seek(0)
    try:
        return reader(file, size)
    except (
        struct.error,
        IndexError,
        ValueError,
        OverflowError,
    ):  # cut or broken: the decoder will say how, under limits
        return Header(name)


def other_format(file: BinaryIO) -> str | None:
    """Return the name of the format of a file that people take for a picture of the known ones; None where it is none
    of these."""
    file.seek(0)
    start = file.read(400)  # two packets of MPEG-TS, and where the third begins
    return next((name for begins, name in OTHERS if re.match(begins, start, re.DOTALL | re.IGNORECASE)), None)


def _jpeg(file: BinaryIO, size: int) -> Header:
    """Walk the segments up to the first scan; where there are several, count them."""
    file.seek(2)
    header, components, metadata, progressive = Header("JPEG"), b"", 0, False
    for _ in range(STEPS):
        marker = file.read(1)
        while marker == b"\xff":
            marker = file.read(1)
        kind = marker[0]
        if kind in (0x00, 0x01) or 0xD0 <= kind <= 0xD8:  # padding, and markers that stand alone
            _find_marker(file)
            continue
        (length,) = struct.unpack(">H", file.read(2))
        body = file.read(length - 2)
        if 0xC0 <= kind <= 0xCF and kind not in (0xC4, 0xC8, 0xCC):
            depth, height, width, count = struct.unpack(">BHHB", body[:6])
            components = body[6 : 6 + 3 * count]
            stored = 1 if count == 1 else 4
            header = replace(header, width=width, height=height, depth=depth, pixel_bytes=stored)
            progressive = kind in (0xC2, 0xC6, 0xCA, 0xCE)
        elif kind == 0xDA:
            if progressive or body[0] < len(components) // 3:
                header = replace(header, held=_coefficients(header, components), scans=_scans(file))
            return replace(header, plain=metadata <= METADATA_BYTES)
        elif kind in (0xE1, 0xE2, 0xED, 0xFE):  # EXIF and XMP, ICC, Photoshop, comments
            metadata += length
        _find_marker(file)
    return header


def _find_marker(file: BinaryIO) -> None:
    """Go behind the next byte 0xFF, which usually is the next one."""
    while (byte := file.read(1)) != b"\xff":
        if not byte:
            raise ValueError("the file ends")


def _coefficients(header: Header, components: bytes) -> int:
    """Bytes of all coefficients, two each, which a decoder of several scans keeps."""
    samplings = [(value >> 4, value & 15) for value in components[1::3]]
    most = max(across for across, _ in samplings) * max(down for _, down in samplings)
    return sum(2 * header.pixels * across * down // most for across, down in samplings)


def _scans(file: BinaryIO) -> int:
    """Count the scans from here on, the one just begun included."""
    found, last = 1, b""
    while found < SCANS and (block := file.read(1 << 20)):
        found += (last + block).count(b"\xff\xda")
        last = block[-1:]
    return found


def _png(file: BinaryIO, size: int) -> Header:
    file.seek(16)
    width, height, depth, colour = struct.unpack(">IIBB", file.read(10))
    stored = {0: 2 if depth == 16 else 1, 3: 1}.get(colour, 4)
    metadata, place, moves = 0, 8, False
    for _ in range(STEPS):
        file.seek(place)
        head = file.read(8)
        if len(head) < 8 or head[4:] == b"IEND":
            return Header("PNG", width, height, stored, depth=depth, plain=metadata <= METADATA_BYTES, moves=moves)
        (length,) = struct.unpack(">I", head[:4])
        metadata += 0 if head[4:] in (b"IDAT", b"fdAT") else length
        moves = moves or head[4:] == b"acTL"
        place += 12 + length
    return Header("PNG", width, height, stored, depth=depth)


def _webp(file: BinaryIO, size: int) -> Header:
    """The decoder keeps two RGBA canvases and hands the picture over as bytes; lossless ones pass through one buffer
    more."""
    start = file.read(30)
    kind = start[12:16]
    if kind == b"VP8X":
        width, height = (int.from_bytes(start[i : i + 3], "little") + 1 for i in (24, 27))
    elif kind == b"VP8L":
        bits = int.from_bytes(start[21:25], "little")
        width, height = (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    elif kind == b"VP8 ":
        width, height = (value & 0x3FFF for value in struct.unpack("<HH", start[26:30]))
    else:
        return Header("WEBP")
    held = width * height * (13 if kind == b"VP8 " else 15)
    return Header("WEBP", width, height, held=held, plain=True, moves=kind == b"VP8X" and bool(start[20] & 2))


def _gif(file: BinaryIO, size: int) -> Header:
    """Walk to the first frame, which may reach beyond the announced screen."""
    screen = file.read(13)
    width, height, flags = struct.unpack("<HHB", screen[6:11])
    file.seek(13 + (3 << (flags & 7) + 1 if flags & 0x80 else 0))
    for _ in range(STEPS // 20):
        kind = file.read(1)
        if kind == b"!":
            file.read(1)
            while length := file.read(1)[0]:
                file.seek(length, 1)
                if file.tell() > METADATA_BYTES:
                    return Header("GIF", width, height)
        elif kind == b",":
            left, top, across, down = struct.unpack("<HHHH", file.read(8))
            width, height = max(width, left + across), max(height, top + down)
            return Header("GIF", width, height, 1, held=width * height, plain=True, moves=_goes_on(file))
        else:
            break
    return Header("GIF", width, height)


def _goes_on(file: BinaryIO) -> bool:
    """Whether another frame follows the one of a GIF whose place and size were read."""
    flags = file.read(1)
    if not flags:
        return False
    file.seek((3 << (flags[0] & 7) + 1 if flags[0] & 0x80 else 0) + 1, 1)
    for _ in range(STEPS):
        length = file.read(1)
        if length and length != b"\0":
            file.seek(length[0], 1)
            continue
        kind = file.read(1)
        if kind != b"!":
            return kind == b","
        file.read(1)
    return False


def _bmp(file: BinaryIO, size: int) -> Header:
    start = file.read(54)
    (length,) = struct.unpack("<I", start[14:18])
    if length == 12:
        width, height, _, depth = struct.unpack("<HHHH", start[18:26])
        packed = 0
    else:
        width, height, _, depth, packed = struct.unpack("<iiHHI", start[18:34])
    width, height = abs(width), abs(height)
    stored = 1 if depth <= 8 else 4
    held = 0 if packed in (0, 3) else 2 * width * height  # run lengths are unpacked by a loop in Python
    return Header("BMP", width, height, stored, held, depth=depth, plain=packed in (0, 3))


def _tiff(file: BinaryIO, size: int) -> Header:
    """Read the first directory. Never plain: of all formats this one leaves most to the decoder."""
    start = file.read(16)
    end = "<" if start[:2] == b"II" else ">"
    big = 43 in struct.unpack(end + "H", start[2:4])
    place = struct.unpack(end + "Q", start[8:16])[0] if big else struct.unpack(end + "I", start[4:8])[0]
    file.seek(place)
    count = struct.unpack(end + ("Q" if big else "H"), file.read(8 if big else 2))[0]
    entry, offset = ("HHQ", 12) if big else ("HHI", 8)
    tags: dict[int, int] = {}
    tag_bytes = 0
    table = file.read(min(count, STEPS) * (offset + (8 if big else 4)))
    for at in range(0, len(table), offset + (8 if big else 4)):
        tag, kind, number = struct.unpack(end + entry, table[at : at + offset])
        tag_bytes += min(number * _TIFF_SIZES.get(kind, 1), size)  # tags may name the same bytes again and again
        if number == 1 and kind in (3, 4, 16):
            form = {3: "H", 4: "I", 16: "Q"}[kind]
            tags[tag] = struct.unpack_from(end + form, table, at + offset)[0]
        elif tag == 258 and number in (3, 4):
            tags[tag] = _bits(file, table[at + offset :], end, big, number)
    width, height = tags.get(256, 0), tags.get(257, 0)
    depth, samples = tags.get(258, 1), tags.get(277, 1)
    stored = 4 if samples > 1 or depth > 16 else 2 if depth > 8 else 1
    rows = tags.get(323, min(tags.get(278, height), height))
    block = tags.get(322, width) * rows * samples * max(depth, 8) // 8
    turned = height * (width * stored + ROW_BYTES) if tags.get(274, 1) != 1 else 0
    return Header("TIFF", width, height, stored, held=block + turned + tag_bytes, depth=depth)


_TIFF_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8}


def _bits(file: BinaryIO, value: bytes, end: str, big: bool, number: int) -> int:
    """Return the bits of the first sample where there are several."""
    if big:  # four shorts fit into the entry itself
        return int(struct.unpack_from(end + "H", value)[0])
    file.seek(struct.unpack_from(end + "I", value)[0])
    return int(struct.unpack(end + "H", file.read(2))[0])


Reader = Callable[[BinaryIO, int], Header]
READERS: tuple[tuple[bytes, tuple[str, Reader]], ...] = (
    (rb"\xff\xd8\xff", ("JPEG", _jpeg)),
    (rb"\x89PNG\r\n\x1a\n", ("PNG", _png)),
    (rb"RIFF....WEBP", ("WEBP", _webp)),
    (rb"GIF8[79]a", ("GIF", _gif)),
    (rb"BM", ("BMP", _bmp)),
    (rb"II[\x2a\x2b]\0|II\0\x2a|MM\0[\x2a\x2b]|MM\x2a\0", ("TIFF", _tiff)),
)
TEXT = rb"[\xef\xbb\xbf \t\r\n]*"
"""What may stand before the first word of a text."""
OTHERS: tuple[tuple[bytes, str], ...] = (
    (rb"....ftyp(hei|hev|mif1|msf1)", "a HEIC picture"),
    (rb"....ftypavi[fs]", "an AVIF picture"),
    (rb"\0...(ftyp|wide|free|skip|pnot)|....(moov|mdat)", VIDEO),
    (rb"\x1aE\xdf\xa3|FLV\x01|\0\0\x01\xba|\x30\x26\xb2\x75\x8e\x66\xcf\x11|OggS|RIFF....AVI |DKIF", VIDEO),
    (rb"(\x47.{187}){2}\x47|....(\x47.{191}){2}\x47", VIDEO),
    (rb"\0\0\x01[\xb0\xb3]|\0?\0\0\x01[\x06\x09\x27\x40\x46\x47\x67]", VIDEO),
    (rb"\xff\x0a|\0\0\0\x0cJXL ", "a JPEG XL picture"),
    (TEXT + rb"%PDF-", "a PDF"),
    (TEXT + rb"(<!doctype html|<html)", "a web page"),
    (TEXT + rb"(<svg|<\?xml)", "an SVG or XML file"),
    (rb"version https://git-lfs", "a pointer of Git LFS, not the file itself"),
)
"""How files begin that are often given for a picture, and what to call them: the brands of pictures in MP4's container
come before videos, which are MP4 and MOV; Matroska and WebM, Flash, MPEG-PS, Windows Media, Ogg, AVI and IVF; MPEG-TS
by its packets, those of camcorders with a time before each; and bare streams by their first unit, of MPEG-4 and MPEG-2,
of H.264 and H.265."""
