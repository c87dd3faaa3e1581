"""Files of other people that are odd, hostile or broken: what can be read is read, the rest is refused in one line with
its place."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tests.files.full_disk import full_disk
from tests.scenes.imported_files import bad, cocoa, compressed, counts, insta_order, kins, middlebury, own, write

from occlusight.datasets.dataset import read_set
from occlusight.errors import BadData
from occlusight.scenes.check.dataset import check_set
from occlusight.scenes.imports.coco import mask_of, uncompressed

Call = Callable[..., tuple[int, str, str]]


def line_of(text: str) -> Callable[[Path], Path]:
    def made(folder: Path) -> Path:
        file = own(folder)
        lines = file.read_text("utf-8").splitlines()
        file.write_text("\n".join([lines[0], text, *lines[2:]]), encoding="utf-8")
        return file

    return made


def cut(folder: Path) -> Path:
    file = cocoa(folder)
    file.write_text('{"images": [],\n "annotations": [}', encoding="utf-8")
    return file


def miscalibrated(folder: Path) -> Path:
    made = middlebury(folder)
    (made / "Adirondack" / "calib.txt").write_text("cam0=[1000 0 3; 0 1 2; 0 0 1]\ndoffs=x\nbaseline=100\n")
    return made


def recalibrated(folder: Path, line: str) -> Path:
    made = middlebury(folder)
    (made / "Adirondack" / "calib.txt").write_text(f"{line}\ncam0=[1000 0 3; 0 1 2; 0 0 1]\ndoffs=0\n")
    return made


def claimed(folder: Path, header: bytes) -> Path:
    made = middlebury(folder)
    (made / "Adirondack" / "disp0.pfm").write_bytes(header + b"\0" * 8)
    return made


def crowded(folder: Path) -> Path:
    file = cocoa(folder)
    document = json.loads(file.read_text("utf-8"))
    document["annotations"][0]["regions"] *= 10
    return write(file, document)


WRONG: list[tuple[str, Callable[[Path], Path], str]] = [
    ("cocoa", cut, r"COCO_amodal_val2014\.json, line 2, column 18 is not JSON"),
    (
        "cocoa",
        bad(lambda d: d["annotations"][0].pop("regions"), cocoa),
        r"annotations\[0\]: the field 'regions' is missing",
    ),
    (
        "cocoa",
        bad(lambda d: d["annotations"][0].update(depth_constraint="1-9"), cocoa),
        r"annotations\[0\]\.depth_constraint '1-9' names things that are not among the 5",
    ),
    (
        "cocoa",
        bad(lambda d: d["annotations"][0]["regions"][2].update(segmentation=[1, 2]), cocoa),
        r"annotations\[0\]\.regions\[2\]\.segmentation: the mask cannot be read",
    ),
    (
        "cocoa",
        bad(lambda d: d["images"][0].update(width=99, height=80), cocoa),
        r"regions\[1\]\.visible_mask: the mask is for",
    ),
    ("kins", bad(lambda d: d["annotations"][3].pop("i_segm"), kins), r"annotations\[3\]: one of the fields i_segm, "),
    ("kins", bad(lambda d: d["images"][0].update(file_name="q.jpg"), kins), r"q\.jpg: there is no such file"),
    (
        "instaorder",
        bad(lambda d: d["annotations"][0]["occlusion"][0].update(order="0>1"), insta_order),
        r"annotations\[0\]\.occlusion\[0\]\.order '0>1' cannot be read",
    ),
    (
        "instaorder",
        bad(lambda d: d["annotations"][0].update(instance_ids=[31, 99]), insta_order),
        r"instance_ids, in .*instances_val2017\.json: nothing has the id 99",
    ),
    (
        "cocoa",
        bad(lambda d: d["annotations"][0]["regions"][1]["visible_mask"].update(counts=[9, 5]), cocoa),
        r"regions\[1\]\.visible_mask: the run lengths add up to 14, but the mask has 80 x 100 = 8000",
    ),
    (
        "cocoa",
        bad(lambda d: d["annotations"][0]["regions"][1]["visible_mask"].update(counts=[9, -5, 7996]), cocoa),
        r"regions\[1\]\.visible_mask: a run length is a whole number from 0 on, not -5",
    ),
    *[
        (
            "cocoa",
            bad(lambda d, far=far: d["annotations"][0]["regions"][0]["segmentation"].__setitem__(2, far), cocoa),
            r"annotations\[0\]\.regions\[0\]\.segmentation: the mask cannot be read: the x coordinate "
            r"\S+ is no number within 100",
        )
        for far in (float("nan"), float("inf"), 2**31, 10**400, -1e12, "9", None, True)
    ],
    (
        "cocoa",
        bad(lambda d: d["annotations"][0]["regions"][0].update(segmentation=[0, 0, 99, 79] * 20_000), cocoa),
        r"segmentation: the mask has outlines of \d+ pixels; up to 2000000 are filled",
    ),
    (
        "cocoa",
        bad(lambda d: d["images"][0].update(width=200_000, height=200_000), cocoa),
        r"annotations\[0\]: a picture has from 1 to 80000000 pixels, but this one 200000 x 200000",
    ),
    (
        "cocoa",
        bad(lambda d: d["images"][0].update(width=8000, height=8000), lambda f: crowded(f)),
        r"annotations\[0\]: 50 things in 8000 x 8000 pixels are too many",
    ),
    ("cocoa", bad(lambda d: d["images"][0].update(width=-100), cocoa), r"annotations\[0\]: a picture has from 1"),
    ("cocoa", bad(lambda d: d["images"][0].update(id=[1]), cocoa), r"images\[0\]\.id must be a whole number or a text"),
    ("cocoa", bad(lambda d: d["images"].append(d["images"][0]), cocoa), r"images\[1\]: the id 7 is that of another"),
    (
        "cocoa",
        bad(lambda d: d["annotations"][0].update(regions=None), cocoa),
        r"\[0\]\.regions must be a list, but is None",
    ),
    (
        "cocoa",
        bad(lambda d: d["annotations"][0]["regions"][3].update(name="--"), cocoa),
        r"annotations\[0\]\.regions\[3\]: name must be a name with letters",
    ),
    (
        "cocoa",
        bad(lambda d: d["annotations"][0].update(depth_constraint=None), cocoa),
        r"annotations\[0\]\.depth_constraint must be a text, but is None",
    ),
    (
        "kins",
        bad(lambda d: d["annotations"][2].update(category_id=1.0), kins),
        r"annotations\[2\]\.category_id must be a whole number or a text, but is 1\.0",
    ),
    (
        "instaorder",
        bad(lambda d: d["annotations"][0].update(depth=[3]), insta_order),
        r"annotations\[0\]\.depth\[0\] must be an object, but is 3",
    ),
    ("middlebury", miscalibrated, r"calib\.txt, line 2: 'doffs=x' is not a number"),
    ("middlebury", lambda f: recalibrated(f, "baseline=nan"), r"calib\.txt, line 1: 'baseline=nan' is not a number"),
    ("middlebury", lambda f: claimed(f, b"Pf\n9000 9000\n-1\n"), r"disp0\.pfm .*claims 9000 x 9000 pixels"),
    ("middlebury", lambda f: claimed(f, b"Pf\n2 2\n-1\n"), r"disp0\.pfm"),
    ("middlebury", lambda folder: folder, r"holds no disp0\.pfm"),
    ("jsonl", line_of('{"image": "p.jpg"'), r"questions\.jsonl, line 2 is not JSON"),
    ("jsonl", line_of('{"image": "p.jpg", "image": "q.jpg"}'), r"line 2 is not JSON \(the key 'image' appears twice"),
    ("jsonl", line_of("[" * 100_000), r"line 2 is not JSON \(it is nested too deeply\)"),
    ("jsonl", line_of('{"image": 3, "question": "?", "answer": 1}'), r"line 2: image must be a text, but is 3"),
    ("jsonl", line_of('{"image": "p.jpg", "question": "\\ud83d", "answer": 1}'), r"line 2 .*half of a character"),
    (
        "jsonl",
        line_of('{"image": "p.jpg", "question": "?", "answer": 1, "id": [1]}'),
        r"line 2\.id must be a whole number or a text, but is \[1\]",
    ),
    (
        "jsonl",
        line_of('{"image": "p.jpg", "question": "?", "answer": 1, "kind": ["own"]}'),
        r"line 2: kind must be one of .*, but is \['own'\]",
    ),
    (
        "jsonl",
        line_of('{"image": "p.jpg", "question": "?", "answer": 1' + "0" * 99 + "}"),
        r"line 2: a number as the answer",
    ),
    (
        "jsonl",
        line_of('{"image": "p.jpg", "question": "?", "answer": "a", "choices": ["a", "a"]}'),
        r"line 2: two of the choices are the same",
    ),
    (
        "jsonl",
        line_of(json.dumps({"image": "x" * 999, "question": "?", "answer": 1})),
        r"line 2: the picture .* does not exist",
    ),
    ("jsonl", line_of('{"image": "p.jpg", "question": "?"}'), r"line 2 has no answer; the fields are"),
    ("jsonl", line_of('{"image": "p.jpg", "question": "?", "answer": 1, "hint": 2}'), r"line 2 has the unknown hint"),
    (
        "jsonl",
        line_of('{"image": "x.jpg", "question": "?", "answer": 1}'),
        r"line 2: the picture .*x\.jpg does not exist",
    ),
    ("jsonl", line_of('{"image": "p.jpg", "question": "?", "answer": 1.5}'), r"line 2: the answer must be yes or no"),
    (
        "jsonl",
        line_of('{"image": "p.jpg", "question": "?", "answer": "C", "choices": ["a", "b"]}'),
        r"line 2: the answer 'C' is neither",
    ),
    (
        "jsonl",
        line_of('{"image": "p.jpg", "question": "?", "answer": "yes", "kind": "explanation"}'),
        r"line 2: kind must be one of",
    ),
    (
        "jsonl",
        line_of('{"image": "p.jpg", "question": "Is it?", "answer": "no", "id": "cup"}'),
        r"line 2: the id 'cup' is used twice in en",
    ),
]


@pytest.mark.parametrize(("format", "make", "said"), WRONG, ids=[f"{w[0]}-{i}" for i, w in enumerate(WRONG)])
def test_what_is_wrong_is_said_with_its_place(
    format: str, make: Callable[[Path], Path], said: str, tmp_path: Path, call: Call
) -> None:
    file = make(tmp_path)
    code, _, err = call(format, file, "--images", tmp_path / "val2014", "--out", tmp_path / "set")
    assert code == 2
    assert re.search(said, " ".join(err.split())), err
    assert not (tmp_path / "set").exists()


def test_run_lengths_cover_the_picture_or_are_refused() -> None:
    """A mask of memory that nobody wrote would hold what another had."""
    mask_of({"size": [10, 20], "counts": [0, 200]}, (20, 10), "here")
    for runs in ([3, 5], [], "", [0, 5000], "no run lengths", "52", "5P", [2**70, -(2**70) + 200], [199.0, 1], "o" * 9):
        with pytest.raises(BadData, match=r"^here: .*(run length|compressed)"):
            mask_of({"size": [10, 20], "counts": runs}, (20, 10), "here")
    assert not mask_of({"size": [10, 20], "counts": [200]}, (20, 10), "here").any()


def test_compressed_run_lengths_are_those_of_pycocotools() -> None:
    rng = np.random.default_rng(5)
    for density in (0.0, 0.02, 0.5, 1.0):
        for height, width in ((1, 1), (7, 3), (60, 90)):
            mask = rng.random((height, width)) < density
            assert uncompressed(compressed(mask)["counts"]) == counts(mask)
            assert (mask_of(compressed(mask), (width, height), "here") == mask).all()


def named_alike(folder: Path) -> Path:
    """Pictures whose names become one where folders, capital letters, other characters or an end are left out."""
    names = (
        "x/cup.png",
        "y/cup.png",
        "cup-2.png",
        "Cup.png",
        "cup.PNG",
        "cup!.png",
        "cup?.png",
        "é.png",
        "e\u0301.png",
        "c" * 200 + ".png",
        "c" * 201 + ".png",
    )
    lines = []
    for i, name in enumerate(names):
        (folder / "pictures" / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (8, 8), (20 * i, 0, 0)).save(folder / "pictures" / name)
        lines.append({"image": name, "question": "How red?", "answer": 20 * i})
    path = folder / "q.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


def test_pictures_named_alike_stay_apart(tmp_path: Path, call: Call) -> None:
    file = named_alike(tmp_path)
    code, _, err = call("jsonl", file, "--images", tmp_path / "pictures", "--out", tmp_path / "set")
    assert code == 0, err
    data = read_set(tmp_path / "set")
    assert len(data.scenes) == len({id.casefold() for id in data.scenes}) == len(data.questions) == 11
    for question in data.questions:
        with Image.open(data.scenes[question.scene].picture) as picture:
            assert picture.convert("RGB").getpixel((0, 0)) == (question.answer["value"], 0, 0)
    assert not [f for f in check_set(data.folder).failures if "shows nothing" not in f]


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-32"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_files_as_editors_of_every_system_write_them(encoding: str, end: str, tmp_path: Path, call: Call) -> None:
    file = own(tmp_path)
    expected = call("jsonl", file, "--images", tmp_path / "val2014", "--out", tmp_path / "plain")[1]
    text = file.read_text("utf-8").replace("the cup", "the\u2028cup\x85")
    file.write_bytes(text.replace("\n", end).encode(encoding))
    code, out, err = call("jsonl", file, "--images", tmp_path / "val2014", "--out", tmp_path / "set")
    assert (code, out) == (0, expected), err
    assert any("the\u2028cup\x85" in q.text for q in read_set(tmp_path / "set").questions)
    whole = kins(tmp_path)
    whole.write_bytes(json.dumps(json.loads(whole.read_text()), indent=1).replace("\n", end).encode(encoding))
    code, _, err = call("kins", whole, "--images", tmp_path / "val2014", "--out", tmp_path / "kins")
    assert code == 0, err


def test_a_full_disk_and_a_place_for_no_folder_are_refused(tmp_path: Path, call: Call) -> None:
    file = own(tmp_path)
    for out in (file / "below", Path("/proc/nothing"), tmp_path / ("x" * 300)):
        code, _, err = call("jsonl", file, "--images", tmp_path / "val2014", "--out", out)
        assert (code, err.count("\n"), "cannot be written" in err) == (2, 1, True), err
    with full_disk(3000):
        code, _, err = call("jsonl", file, "--images", tmp_path / "val2014", "--out", tmp_path / "set")
    assert (code, "cannot be written" in err) == (2, True), err
    assert not (tmp_path / "set").exists()


def test_bytes_that_signal_that_they_are_no_number_are_unknown_depth(tmp_path: Path, call: Call) -> None:
    file = middlebury(tmp_path)
    path = file / "Adirondack" / "disp0.pfm"
    content = bytearray(path.read_bytes())
    content[-4:] = b"\x01\x00\x80\x7f"
    path.write_bytes(content)
    code, _, err = call("middlebury", file, "--out", tmp_path / "set")
    assert code == 0, err
