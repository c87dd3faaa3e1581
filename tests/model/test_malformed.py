"""Files of a checkpoint that hold anything but what they should: one error that names what is wrong, never another
exception."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from occlusight.errors import BadModel
from occlusight.model.chat import Chat
from occlusight.model.preprocess import PreprocessSettings
from occlusight.model.video import VideoSettings

SETTINGS = PreprocessSettings(patch_size=8).to_hf()
CONTENTS = {
    "nothing": b"",
    "half": b'{"a": ',
    "a list": b"[]",
    "a number": b"7",
    "deep lists": b"[" * 100_000,
    "deep objects": b'{"a":' * 100_000,
    "latin-1": '{"a": "é"}'.encode("latin-1"),
    "utf-16": '{"a": 1}'.encode("utf-16"),
    "not a number": b'{"eos_token_id": NaN}',
    "infinity": b'{"rope_theta": -Infinity}',
    "a number of 10,000 digits": b'{"a": ' + b"9" * 10_000 + b"}",
    "nul": b"\0" * 100,
    "too large": b" " * (40 << 20),
}
VALUES: list[Any] = [-1, 0, 10**30, 1e308, "x", "", [], {}, True, 1.5, [[1]], ["x"], {"a": {"b": 1}}, [None]]
FILES = {
    "config.json": None,
    "generation_config.json": None,
    "tokenizer_config.json": {
        "eos_token": "<|im_end|>",
        "tokenizer_class": "Qwen2Tokenizer",
        "added_tokens_decoder": {},
        "extra_special_tokens": ["<|im_end|>"],
        "chat_template": None,
        "add_bos_token": False,
    },
    "special_tokens_map.json": {"eos_token": {"content": "<|im_end|>"}, "additional_special_tokens": ["<|im_end|>"]},
    "preprocessor_config.json": SETTINGS,
    "video_preprocessor_config.json": {
        **SETTINGS,
        "image_processor_type": None,
        "fps": 2,
        "min_frames": 4,
        "max_frames": 8,
    },
    "processor_config.json": {"image_processor": SETTINGS, "video_processor": None},
    "tokenizer.json": None,
}


@pytest.fixture
def copy(chat_directory: Path, tmp_path: Path) -> Path:
    folder = Path(shutil.copytree(chat_directory, tmp_path / "copy"))
    for name, content in FILES.items():
        if content is not None:
            (folder / name).write_text(json.dumps(content))
    return folder


def load(folder: Path) -> None:
    Chat.load(folder)
    PreprocessSettings.load(folder)
    VideoSettings.load(folder)


def test_the_copy_loads(copy: Path) -> None:
    load(copy)


@pytest.mark.parametrize("kind", CONTENTS)
@pytest.mark.parametrize("name", FILES)
def test_a_file_of_something_else_is_refused(copy: Path, name: str, kind: str) -> None:
    (copy / name).write_bytes(CONTENTS[kind])
    with pytest.raises(BadModel) as caught:
        load(copy)
    assert name in str(caught.value)
    assert len(str(caught.value)) < 1000


@pytest.mark.parametrize("kind", ["latin-1", "utf-16", "too large"])
def test_a_template_of_something_else_is_refused(copy: Path, kind: str) -> None:
    (copy / "chat_template.jinja").write_bytes(CONTENTS[kind])
    with pytest.raises(BadModel, match=r"chat_template\.jinja"):
        load(copy)


PLACES: dict[str, Callable[[Path], object]] = {
    "a folder": lambda path: path.mkdir(),
    "a link in a circle": lambda path: path.symlink_to(path),
    "a device": lambda path: path.symlink_to("/dev/zero"),
}


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("name", ["config.json", "tokenizer.json"])
def test_what_is_no_file_is_refused(copy: Path, name: str, place: str) -> None:
    (copy / name).unlink()
    PLACES[place](copy / name)
    with pytest.raises(BadModel, match=name.replace(".", r"\.")):
        load(copy)


def fields(content: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Where in a document something else can stand; of lists the first places."""
    if path:
        yield path
    for key, value in content.items() if isinstance(content, dict) else enumerate(content[:1]):
        if isinstance(value, (dict, list)) and len(value) < 100:
            yield from fields(value, (*path, key))
        else:
            yield (*path, key)


@pytest.mark.slow
@pytest.mark.parametrize("name", FILES)
def test_no_value_of_any_field_ends_in_another_exception(copy: Path, name: str) -> None:
    content = json.loads((copy / name).read_text())
    for path in fields(content):
        for value in VALUES:
            changed = json.loads(json.dumps(content))
            part = changed
            for key in path[:-1]:
                part = part[key]
            part[path[-1]] = value
            (copy / name).write_text(json.dumps(changed))
            try:
                load(copy)
            except BadModel as error:
                assert len(str(error)) < 1500, (path, value)  # noqa: PT017
            except Exception as error:
                raise AssertionError(f"{name}: {path} = {value!r}: {type(error).__name__}: {error}") from error
