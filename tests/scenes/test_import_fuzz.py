"""Files that nobody would write, thousands of them: each is imported, or refused with one of the program's own
errors."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.scenes.imported_files import BICYCLE, FILES, SIZE, compressed, counts, pixels, square

from occlusight.datasets.dataset import read_set
from occlusight.errors import OcclusightError
from occlusight.scenes.imports.coco import mask_of
from occlusight.scenes.imports.formats import import_from
from occlusight.scenes.imports.imported_set import Source
from occlusight.scenes.imports.naming import read_names

DEEP: Any = []
for _ in range(300):
    DEEP = [DEEP]
NUMBERS = (0, -1, 1.5, float("nan"), float("inf"), 2**31, 2**64, -(10**400), 10**400, 1e308, True)
TEXTS = (
    "",
    " ",
    "x" * 5000,
    "\0",
    "../..",
    "/dev/full",
    "a\u2028b\x85",
    "\ud83d",
    "０",
    "-",
    "1-2,2-1",
    "0<1 & 1<0",
    "0<9",
    "é́",
)
ODD = (None, *NUMBERS, *TEXTS, [], {}, [[]], DEEP, [None], {"id": 1}, [0, 0, 9, 9], [[5.5, 5, 60, 5, 60, 70]])
ENCODINGS = (*["utf-8"] * 12, "utf-8-sig", "utf-16", "utf-32", "latin-1", "utf-16-le")
RARELY = st.integers(0, 24).map(lambda n: n == 13)
RUNS = st.text(st.characters(min_codepoint=40, max_codepoint=120), max_size=12)
values = st.one_of(
    st.sampled_from(ODD),
    st.integers(),
    st.floats(),
    RUNS,
    st.text(max_size=5),
    st.lists(st.one_of(st.integers(-300, 300), st.sampled_from(NUMBERS)), max_size=9),
    st.lists(st.integers(0, 8000), max_size=6).map(lambda found: {"size": [SIZE[1], SIZE[0]], "counts": found}),
    RUNS.map(lambda text: {"size": [SIZE[1], SIZE[0]], "counts": text}),
)


def places(tree: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Every place in a JSON document."""
    for key in (
        () if len(path) == 8 else tree if isinstance(tree, dict) else range(len(tree) if type(tree) is list else 0)
    ):
        yield (*path, key)
        yield from places(tree[key], (*path, key))


def changed(document: Any, draw: st.DataObject) -> Any:
    """Change a document in up to three places: another value, one less, one twice."""
    document = json.loads(json.dumps(document))
    for _ in range(draw.draw(st.sampled_from((1, 1, 2, 3)))):
        found = list(places(document)) or [(0,)]
        *path, key = found[draw.draw(st.integers(0, 10**6)) % len(found)]
        holder = document
        for step in path:
            holder = holder[step]
        how = draw.draw(st.sampled_from(("value", "value", "less", "twice", "neighbour")))
        if not holder:
            continue
        if how == "less":
            holder.pop(key)
        elif how == "twice" and isinstance(holder, list):
            holder.insert(key, holder[key])
        elif how == "neighbour" and isinstance(holder, dict):
            holder[key] = list(holder.values())[draw.draw(st.integers(0, 99)) % len(holder)]
        else:
            holder[key] = draw.draw(values)
        document = json.loads(json.dumps(document))  # so that no two places are one
    return document


def written(text: str, draw: st.DataObject) -> bytes:
    """Write a text down in some encoding, now and then with damage."""
    encoding = draw.draw(st.sampled_from(ENCODINGS))
    content = bytearray(text.encode(encoding, "replace"))
    if draw.draw(RARELY) and content:
        content[draw.draw(st.integers(0, len(content) - 1))] = draw.draw(st.integers(0, 255))
    if draw.draw(RARELY):
        del content[draw.draw(st.integers(0, len(content))) :]
    return bytes(content)


def changed_file(file: Path, draw: st.DataObject) -> bytes:
    text = file.read_text("utf-8")
    if file.suffix == ".jsonl":
        lines = changed([json.loads(line) for line in text.splitlines()], draw)
        end = draw.draw(st.sampled_from(("\n", "\r\n", "\r", "\n\n")))
        return written(end.join(json.dumps(line, ensure_ascii=False) for line in lines), draw)
    return written(json.dumps(changed(json.loads(text), draw)), draw)


def refused(read: Callable[[], Any]) -> str | None:
    """What a refusal says, None without one; any other exception is one too many."""
    try:
        read()
    except OcclusightError as error:
        return str(error)
    return None


class Importing:
    """The small file of a format, to be spoilt and imported again and again."""

    def __init__(self, format: str, folder: Path) -> None:
        self.format, self.folder, self.file = format, folder, FILES[format](folder)
        self.spoilt = self.file if format == "middlebury" else self.file.with_name(f"spoilt{self.file.suffix}")
        scene = self.file / "Adirondack"
        self.parts = [scene / "calib.txt", scene / "disp0.pfm"] if format == "middlebury" else [self.file]
        if format == "instaorder":
            self.parts.append(self.file.with_name("instances_val2017.json"))
        self.whole = {path: path.read_bytes() for path in self.parts}

    def once(self, draw: st.DataObject) -> None:
        part = draw.draw(st.sampled_from(self.parts))
        if self.format == "middlebury":
            self.spoil(part, draw)
            instances = None
        else:
            self.spoilt.write_bytes(changed_file(part, draw))
            instances = self.spoilt if self.format == "instaorder" and part != self.file else self.parts[-1]
        source = self.file if instances == self.spoilt else self.spoilt
        out = self.folder / "out"
        shutil.rmtree(out, ignore_errors=True)
        refusal = refused(
            lambda: import_from(
                Source(self.format, "fuzz"), source, out, pictures=self.folder / "val2014", instances=instances
            )
        )
        if refusal is None:
            assert read_set(out).questions
        else:
            assert str(self.folder) in refusal or "fuzz" in refusal, refusal
            assert not out.exists()

    def spoil(self, part: Path, draw: st.DataObject) -> None:
        """Change bytes and words of one of the files of a stereo scene."""
        for path, content in self.whole.items():
            path.write_bytes(content)
        content = bytearray(self.whole[part])
        for _ in range(draw.draw(st.integers(1, 4))):
            at = draw.draw(st.integers(0, min(80, len(content)) if draw.draw(st.booleans()) else len(content)))
            end = at + draw.draw(st.sampled_from((0, 1, 4, len(content))))
            new = draw.draw(
                st.sampled_from((b"", b"nan", b"-1", b"0", b"1e999", b"\0\0\x80\x7f", b"99999", b"\xff", b"\n", b"="))
            )
            content[at:end] = new
        part.write_bytes(content)


def mask_shapes(draw: st.DataObject) -> None:
    whole = pixels(*BICYCLE)
    shapes = [
        square(*BICYCLE),
        [square(*BICYCLE)],
        compressed(whole),
        {"size": [*whole.shape], "counts": counts(whole)},
    ]
    shape = changed({"mask": draw.draw(st.sampled_from(shapes))}, draw).get("mask", draw.draw(values))
    refusal = refused(lambda: mask_of(shape, SIZE, "here"))
    if refusal is None:
        mask = mask_of(shape, SIZE, "here")
        assert (mask.shape, mask.dtype) == (SIZE[::-1], np.bool_)
        assert (mask == mask_of(shape, SIZE, "here")).all(), "of memory that nobody wrote"
    else:
        assert refusal.startswith("here: ")


def name_files(folder: Path) -> Callable[[st.DataObject], None]:
    text = '["fire escape"]\nzh = "逃生梯"\nmeasure = "部"\nplural = "fire escapes"\naliases_en = ["stairs"]\n'

    def once(draw: st.DataObject) -> None:
        at = draw.draw(st.integers(0, len(text)))
        odd = st.sampled_from(
            ("[" * 3000, "= 1", "\n", '"', "\u2028", "[a]\nb=1\n", "1979-05-27", "{}", '["', "\0", "ß")
        )
        content = text[:at] + draw.draw(odd) + text[at + draw.draw(st.integers(0, 9)) :]
        (folder / "names.toml").write_bytes(written(content, draw))
        assert "names.toml" in (refused(lambda: read_names(folder / "names.toml")) or "names.toml")

    return once


SHARES = {
    "cocoa": 4000,
    "instaorder": 4000,
    "kins": 3500,
    "middlebury": 2000,
    "jsonl": 3500,
    "masks": 2000,
    "names": 1000,
}


def fuzz(what: str, folder: Path, examples: int) -> None:
    once = mask_shapes if what == "masks" else name_files(folder) if what == "names" else Importing(what, folder).once
    rules = settings(
        max_examples=examples, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck)
    )
    rules(given(st.data())(once))()


@pytest.mark.parametrize("what", SHARES)
def test_odd_files_are_imported_or_refused(what: str, tmp_path: Path) -> None:
    fuzz(what, tmp_path, SHARES[what] // 100)


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("what", SHARES)
def test_twenty_thousand_odd_files_are_imported_or_refused(what: str, tmp_path: Path) -> None:
    fuzz(what, tmp_path, SHARES[what])
