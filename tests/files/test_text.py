"""Files of every system's editors are read; the rest is refused with its place."""

from __future__ import annotations

import codecs
import json
from pathlib import Path

import pytest

from occlusight.errors import BadData
from occlusight.files.json_lines import lines_of, read_lines
from occlusight.files.text import parsed, read_json, read_text, shown

OBJECT = {"name": "Stra\u00dfe 遮见 😀", "within": "one\u2028two\x85three"}
TEXT = json.dumps(OBJECT, ensure_ascii=False)
ENCODED = [
    TEXT.encode(),
    TEXT.encode("utf-8-sig"),
    TEXT.encode("utf-16"),
    codecs.BOM_UTF16_BE + TEXT.encode("utf-16-be"),
    TEXT.encode("utf-32"),
]


@pytest.mark.parametrize("content", ENCODED, ids=["utf-8", "bom", "utf-16", "utf-16-be", "utf-32"])
def test_encodings_and_line_ends_of_every_system(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_bytes(content)
    assert read_json(path) == OBJECT
    text = read_text(path)
    for end in ("\n", "\r\n", "\r"):
        path.write_text(text + end + text + end, encoding="utf-16", newline="")
        assert [line for _, line in read_lines(path)] == [OBJECT, OBJECT]
    assert lines_of("") == []


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"[1,\n{'", r"a\.json, line 2, column 2 is not JSON"),
        ('{"a": 1,\n "é"}'.encode("latin-1"), r"a\.json, line 2 is not UTF-8 \(byte 11 is 0xe9\); save it as UTF-8"),
        (TEXT.encode("utf-16")[:-1], r"a\.json is not UTF-16-LE \(byte"),
        (b"[" * 100_000, r"a\.json is not JSON that can be read \(it is nested too deeply"),
        (b"[" + b"9" * 5000 + b"]", r"a\.json is not JSON that can be read"),
        (b'[{"a": 1, "b": 2, "a": 3}]', r"the key 'a' appears twice"),
        (rb'["\ud83d"]', r"half of a character, \\ud83d"),
        (b"", r"a\.json, line 1, column 1 is not JSON"),
    ],
)
def test_what_cannot_be_read_is_refused_with_its_place(content: bytes, said: str, tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_bytes(content)
    with pytest.raises(BadData, match=said):
        read_json(path)


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "absent", tmp_path / ("x" * 300), tmp_path / "a\0b"):
        with pytest.raises(BadData, match=r"cannot be read|no such file"):
            read_text(path)


def test_values_are_shown_in_one_short_line() -> None:
    assert shown([1] * 1000).endswith("1, 1...")
    assert shown(10**5000) == "a int"
    assert parsed(r'["\ud83d\ude00"]') == ["😀"]
