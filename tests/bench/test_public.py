"""Each public benchmark's adapter on a tiny copy written by hand in that benchmark's format."""

from __future__ import annotations

import base64
import io
import json
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from occlusight.backends.protocol import Request
from occlusight.backends.scripted import Scripted
from occlusight.bench.public.benchmarks import BENCHMARKS, judge, read, run
from occlusight.bench.public.items import Item, iou, read_answer, score
from occlusight.errors import BadData, BadInput


def picture(path: Path, size: tuple[int, int] = (100, 50)) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size).save(path)


def test_separators_inside_texts_do_not_end_a_line(tmp_path: Path) -> None:
    picture(tmp_path / "img" / "a.png")
    for said, end in (("\u2028", "\n"), ("\x85", "\r\n"), ("\x1c", "\n")):
        line = {"idx": 1, "type": "2D", "task": "Count", "question": f"How many{said}cups?", "choices": ["1", "2"]}
        line |= {"answer": "(A)", "filename": "img/a.png"}
        text = json.dumps(line, ensure_ascii=False) + end
        (tmp_path / "test.jsonl").write_bytes(text.encode("utf-8-sig") + text.replace('"idx": 1', '"idx": 2').encode())
        assert [said in item.question for item in read("cv-bench", tmp_path)] == [True, True]
    (tmp_path / "test.jsonl").write_bytes(text.encode() + b'{"idx": 2, \xff}')
    with pytest.raises(BadData, match=r"test\.jsonl, line 2 is not UTF-8"):
        read("cv-bench", tmp_path)


def write(path: Path, document: Any, lines: bool = False) -> None:
    path.write_text("".join(json.dumps(x) + "\n" for x in document) if lines else json.dumps(document))


def o_bench(folder: Path) -> None:
    picture(folder / "a.jpg")
    lines = [
        {
            "id": 1,
            "image": "a.jpg",
            "task": "completion",
            "question": "Which shape is hidden?",
            "options": {"A": "a disc", "B": "a square"},
            "answer": "B",
        }
    ]
    write(
        folder / "o_bench.jsonl",
        [*lines, {"id": 2, "image": "a.jpg", "task": "judgement", "question": "Is the dog occluded?", "answer": "Yes"}],
        lines=True,
    )


def capture(folder: Path) -> None:
    picture(folder / "real" / "1.jpg")
    write(folder / "real_metadata.json", [{"image_file": "real/1.jpg", "object": "eggs", "ground_truth": 12}])


def whatsup(folder: Path) -> None:
    picture(folder / "controlled_images" / "beer-bottle_on_armchair.jpeg")
    options = [
        "A beer bottle on a armchair",
        "A beer bottle under a armchair",
        "A beer bottle to the left of a armchair",
        "A beer bottle to the right of a armchair",
    ]
    line = {"image_path": "data/controlled_images/beer-bottle_on_armchair.jpeg", "caption_options": options}
    write(folder / "controlled_images_dataset.json", [line, line])


def vsr(folder: Path) -> None:
    picture(folder / "images" / "000000085637.jpg")
    base = {"image": "000000085637.jpg", "image_link": "", "annotator_id": 31, "relation": "at the right side of"}
    write(
        folder / "test.jsonl",
        [
            {**base, "caption": "The bed is at the right side of the cat.", "label": 1},
            {**base, "caption": "The cat is behind the bed.", "label": 0},
        ],
        lines=True,
    )


def cv_bench(folder: Path) -> None:
    picture(folder / "img/2D/count/ade20k_10.png")
    line = {
        "idx": 0,
        "type": "2D",
        "task": "Count",
        "question": "How many organs are in the image?",
        "choices": ["3", "2", "1", "0"],
        "answer": "(C)",
        "filename": "img/2D/count/ade20k_10.png",
        "source": "ADE20K",
    }
    write(folder / "test_2d.jsonl", [line], lines=True)


def blink(folder: Path) -> None:
    picture(folder / "val_1.jpg")
    line = {
        "idx": "val_Relative_Depth_1",
        "sub_task": "Relative_Depth",
        "question": "Which point is closer to the camera?",
        "image_1": "val_1.jpg",
        "choices": ["A is closer", "B is closer"],
        "answer": "(B)",
    }
    write(folder / "val.jsonl", [line, {**line, "idx": "val_Counting_1", "sub_task": "Counting"}], lines=True)


def embspatial(folder: Path) -> None:
    buffer = io.BytesIO()
    Image.effect_noise((64, 64), 60).save(buffer, "PNG")
    line = {
        "question_id": "mp3d_0",
        "data_source": "mp3d",
        "relation": "close",
        "question": "Which is closest?",
        "answer_options": ["bed", "chair", "lamp", "sink"],
        "answer": 1,
        "image": base64.b64encode(buffer.getvalue()).decode(),
    }
    write(folder / "embspatial_bench.json", [line])


def refcoco(folder: Path) -> None:
    picture(folder / "images" / "COCO_train2014_000000000072.jpg")
    write(
        folder / "instances.json",
        {
            "images": [{"id": 72, "file_name": "COCO_train2014_000000000072.jpg", "width": 100, "height": 50}],
            "annotations": [{"id": 9, "image_id": 72, "bbox": [10, 10, 20, 20]}],
        },
    )
    refs = [
        {
            "ref_id": 1,
            "ann_id": 9,
            "image_id": 72,
            "split": "testA",
            "sentences": [{"sent_id": 5, "sent": "giraffe lying down"}],
        },
        {"split": "train"},
    ]
    (folder / "refs(unc).p").write_bytes(pickle.dumps(refs))


def gqa(folder: Path) -> None:
    picture(folder / "images" / "n161313.jpg")
    write(
        folder / "testdev_balanced_questions.json",
        {
            "201307251": {
                "imageId": "n161313",
                "question": "Is it overcast?",
                "answer": "no",
                "fullAnswer": "No.",
                "types": {"structural": "verify"},
            }
        },
    )


def nlvr2(folder: Path) -> None:
    for side in (0, 1):
        picture(folder / "images" / f"test1-0-1-img{side}.png")
    write(
        folder / "test1.json",
        [{"identifier": "test1-0-1-0", "sentence": "There is an empty glass.", "label": "False"}],
        lines=True,
    )


def instaorder(folder: Path) -> None:
    picture(folder / "val2017" / "000000000139.jpg")
    things = [{"id": i, "image_id": 139, "category_id": 1 + i % 2, "bbox": [10 * i, 5, 20, 20]} for i in range(3)]
    write(
        folder / "instances_val2017.json",
        {
            "images": [{"id": 139, "file_name": "000000000139.jpg", "width": 100, "height": 50}],
            "annotations": things,
            "categories": [{"id": 1, "name": "person"}, {"id": 2, "name": "chair"}],
        },
    )
    entry = {
        "image_id": 139,
        "instance_ids": [0, 1, 2],
        "occlusion": [{"order": "0<1", "count": 2}, {"order": "1<2 & 2<1", "count": 2}],
        "depth": [
            {"order": "1<0", "overlap": False, "count": 2},
            {"order": "0=2", "overlap": False, "count": 2},
            {"order": "1<2", "overlap": True, "count": 2},
        ],
    }
    write(folder / "InstaOrder_val2017.json", {"annotations": [entry]})


def cocoa(folder: Path) -> None:
    picture(folder / "val2014" / "COCO_val2014_000000000074.jpg")
    regions = [
        {"name": "dog", "order": 1, "segmentation": [0, 0, 10, 0, 10, 10], "occlude_rate": 0.0},
        {"name": "bicycle", "order": 2, "segmentation": [5, 5, 40, 5, 40, 40], "occlude_rate": 0.2},
    ]
    write(
        folder / "COCO_amodal_val2014.json",
        {
            "images": [{"id": 74, "file_name": "COCO_val2014_000000000074.jpg", "width": 100, "height": 50}],
            "annotations": [{"image_id": 74, "regions": regions, "depth_constraint": "1-2"}],
        },
    )


COPIES: dict[str, tuple[Callable[[Path], None], list[Any]]] = {
    "o-bench": (o_bench, [1, True]),
    "capture": (capture, [12.0]),
    "whatsup": (whatsup, [0, 3]),
    "vsr": (vsr, [True, False]),
    "cv-bench": (cv_bench, [2]),
    "blink": (blink, [1]),
    "embspatial": (embspatial, [1]),
    "refcoco+": (refcoco, [[100, 200, 300, 600]]),
    "gqa": (gqa, ["no"]),
    "nlvr2": (nlvr2, [False]),
    "instaorder": (instaorder, [True, False, False, True, False, True, False]),
    "cocoa": (cocoa, [True, False]),
}


def say(item: Item) -> str:
    """The true answer in an everyday wording."""
    if item.scoring == "choice":
        return f"The answer is ({'ABCD'[item.truth]})."
    if item.scoring in ("boolean", "pair"):
        return "Yes, it is." if item.truth else "No."
    return f"It is {item.truth}."


@pytest.mark.parametrize("name", COPIES)
def test_an_adapter_reads_its_format(name: str, tmp_path: Path) -> None:
    make, truths = COPIES[name]
    folder = tmp_path / "copy"
    folder.mkdir()
    make(folder)
    items = read(name, folder)
    assert [item.truth for item in items] == truths
    answers = {item.prompt: "no" if name == "gqa" else say(item) for item in items}
    result = run(Scripted(answers), items, tmp_path / "out")
    assert (result["n"], result["unparsed"]) == (len(items), 0)
    assert result.get("accuracy", 1.0) == 1.0
    assert result.get("mean_error", 0.0) == 0.0
    assert result.get("f1", 1.0) == 1.0
    silent = run(Scripted("banana"), items, tmp_path / "silent")
    assert silent.get("accuracy", 0.0) == 0.0
    assert silent["unparsed"] == (0 if name == "gqa" else len(items))
    again = Scripted("never asked")
    assert run(again, items, tmp_path / "out")["unparsed"] == 0
    assert again.requests == []


def test_every_benchmark_is_tested() -> None:
    assert set(COPIES) == set(BENCHMARKS)


@pytest.mark.parametrize("name", BENCHMARKS)
def test_absent_data_says_where_to_get_it(name: str, tmp_path: Path) -> None:
    with pytest.raises(BadData, match="to be had from") as caught:
        read(name, tmp_path / "absent")
    assert BENCHMARKS[name].source in str(caught.value)


def test_what_is_wrong_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="'imagenet'"):
        read("imagenet", tmp_path)
    write(tmp_path / "test.jsonl", [{"image": "x.jpg"}], lines=True)
    with pytest.raises(BadData, match="not the format of vsr"):
        read("vsr", tmp_path)
    write(tmp_path / "test.jsonl", [{"image": "x.jpg", "caption": "A cat.", "label": 1, "relation": "on"}], lines=True)
    with pytest.raises(BadData, match=r"x\.jpg is missing"):
        read("vsr", tmp_path)


def test_a_pickle_that_would_run_something_is_refused(tmp_path: Path) -> None:
    refcoco(tmp_path)
    (tmp_path / "refs(unc).p").write_bytes(pickle.dumps(Path("x")))
    with pytest.raises(BadData, match="plain data"):
        read("refcoco+", tmp_path)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("B", 1),
        ("(b)", 1),
        ("B. a big dog", 1),
        ("A big dog", 1),
        ("I think a cat", 0),
        ("a bird", None),
        ("Both a cat and a big dog", None),
    ],
)
def test_choices_are_read(text: str, said: int | None) -> None:
    assert read_answer(Item("1", (), "?", 1, "choice", choices=("a cat", "a big dog")), text) == said


def test_numbers_and_boxes() -> None:
    count = Item("1", (), "?", 12.0, "number")
    assert score(count, read_answer(count, "5 rows, so 8 in all")) == pytest.approx(4 / 20)
    assert score(count, None) == 1.0
    assert iou([0, 0, 10, 10], [5, 0, 15, 10]) == pytest.approx(1 / 3)


def test_what_was_read_is_written_beside_the_scores(tmp_path: Path) -> None:
    truths = {"Is it a cat?": True, "Is it a dog?": False, "Is it a bus?": True}
    items = [Item(str(i), (), question, truth, "boolean") for i, (question, truth) in enumerate(truths.items())]
    said = dict(zip((item.prompt for item in items), ("Answer: **Yes**", "Yes.", "Sorry, I cannot tell."), strict=True))
    result = run(Scripted(said), items, tmp_path)
    lines = [json.loads(line) for line in (tmp_path / "scored.jsonl").read_text("utf-8").splitlines()]
    assert [(line["outcome"], line["extracted"], line["value"]) for line in lines] == [
        ("right", True, 1.0),
        ("wrong", True, 0.0),
        ("no answer", None, 0.0),
    ]
    assert [line["raw"] for line in lines] == list(said.values())
    assert lines[2]["reason"] == "the text does not say yes or no"
    assert (result["unparsed"], result["cut"]) == (1, 0)
    assert judge(items[0], "Let me see. First", "length").outcome == "cut"


def test_a_run_goes_on_with_its_own_model_alone(tmp_path: Path) -> None:
    items = [Item(str(i), (), f"Is it {i}?", True, "boolean") for i in range(3)]
    run(Scripted("Yes.", name="one"), items[:2], tmp_path)
    with (tmp_path / "answers.jsonl").open("a") as file:
        file.write('{"id": "2", "ans')
    later = Scripted("No.", name="one")
    assert run(later, items, tmp_path)["accuracy"] == pytest.approx(2 / 3, abs=1e-4)
    assert [r.prompt for r in later.requests] == [items[2].prompt]
    with pytest.raises(BadInput, match="another model"):
        run(Scripted("Yes.", name="two"), items, tmp_path)


def test_items_about_one_picture_are_asked_from_one_cache_and_what_failed_counts_nowhere(tmp_path: Path) -> None:
    """The third of four fails, and is asked again by the next run, with its whole picture."""
    for name in "ab":
        picture(tmp_path / f"{name}.png")
    items = [
        Item(f"{i}{name}", (tmp_path / f"{name}.png",), f"Is it {i}{name}?", i == 1, "boolean", cluster=name)
        for i in (1, 2)
        for name in "ab"
    ]
    heard: list[str] = []

    class Forgets(Scripted):
        def clear_cache(self) -> None:
            heard.append("cleared")

    def said(request: Request) -> str:
        heard.append(request.prompt.split()[2][:2])
        if len(heard) == 5:
            raise RuntimeError("overloaded")
        return "Yes."

    first = run(Forgets(said, name="m"), items, tmp_path / "out")
    assert heard == ["cleared", "1a", "2a", "cleared", "1b", "2b"]
    assert (first["failed"], first["n"], first["accuracy"]) == (1, 4, pytest.approx(1 / 3, abs=1e-4))
    second = run(Forgets(said, name="m"), items, tmp_path / "out")
    assert heard[6:] == ["cleared", "1b"]
    assert (second["failed"], second["accuracy"]) == (0, 0.5)
    answers = [json.loads(line) for line in (tmp_path / "out" / "answers.jsonl").read_text("utf-8").splitlines()]
    assert [line["id"] for line in answers] == [item.id for item in items]
    assert json.loads((tmp_path / "out" / "costs.json").read_text())["n"] == 4
