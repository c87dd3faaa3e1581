"""Tiny files of annotations and questions, written by hand in each format that can be imported."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from pycocotools import mask as coco_mask

from occlusight.datasets.masks import encode

SIZE = (100, 80)  # width, height


def photograph(path: Path, size: tuple[int, int] = SIZE) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.random.default_rng(1).integers(60, 200, (*size[::-1], 3), np.uint8)).save(path)


def square(x0: int, y0: int, x1: int, y1: int) -> list[int]:
    """A rectangle as COCO's polygon."""
    return [x0, y0, x1, y0, x1, y1, x0, y1]


def pixels(x0: int, y0: int, x1: int, y1: int, without: tuple[int, int, int, int] | None = None) -> np.ndarray:
    mask = np.zeros(SIZE[::-1], bool)
    mask[y0:y1, x0:x1] = True
    if without:
        mask[without[1] : without[3], without[0] : without[2]] = False
    return mask


def compressed(mask: np.ndarray) -> dict[str, Any]:
    """COCO's compressed run lengths, as JSON files have them."""
    found = coco_mask.encode(np.asfortranarray(mask, np.uint8))
    return {"size": list(found["size"]), "counts": found["counts"].decode("ascii")}


def write(path: Path, document: Any) -> Path:
    path.write_text(json.dumps(document), encoding="utf-8")
    return path


IMAGE = {"id": 7, "file_name": "p.jpg", "width": SIZE[0], "height": SIZE[1]}
# A dog before a bicycle's left third, two persons apart: what each format says in its own way.
DOG, BICYCLE, LEFT, RIGHT = (10, 30, 40, 60), (30, 25, 60, 65), (62, 20, 78, 65), (86, 20, 96, 60)


def cocoa(folder: Path) -> Path:
    photograph(folder / "val2014" / "p.jpg")
    regions = [
        {"name": "dog", "order": 1, "isStuff": 0, "segmentation": square(*DOG), "occlude_rate": 0.0},
        {
            "name": "the bicycle",
            "order": 2,
            "isStuff": 0,
            "segmentation": square(*BICYCLE),
            "visible_mask": compressed(pixels(*BICYCLE, without=DOG)),
        },
        {"name": "person", "order": 3, "isStuff": 0, "segmentation": square(*LEFT)},
        {"name": "person", "order": 4, "isStuff": 0, "segmentation": square(*RIGHT)},
        {"name": "meadow", "order": 5, "isStuff": 1, "segmentation": square(0, 40, 100, 80)},
    ]
    constraint = "1-2,1-5,2-5,3-5,4-5"
    entry = {"image_id": 7, "regions": regions, "depth_constraint": constraint}
    return write(folder / "COCO_amodal_val2014.json", {"images": [IMAGE], "annotations": [entry]})


CATEGORIES = [{"id": 1, "name": "person"}, {"id": 2, "name": "bicycle"}, {"id": 18, "name": "dog"}]


def insta_order(folder: Path) -> Path:
    photograph(folder / "val2014" / "p.jpg")
    seen = pixels(*BICYCLE, without=DOG)
    runs = coco_mask.encode(np.asfortranarray(seen, np.uint8))
    things = [
        {"id": 31, "category_id": 18, "segmentation": [square(*DOG)]},
        {"id": 32, "category_id": 2, "segmentation": {"size": list(runs["size"]), "counts": counts(seen)}},
        {"id": 33, "category_id": 1, "segmentation": [square(*LEFT)]},
        {"id": 34, "category_id": 1, "segmentation": [square(*RIGHT)]},
    ]
    coco = {"images": [IMAGE], "categories": CATEGORIES, "annotations": [{**t, "image_id": 7} for t in things]}
    write(folder / "instances_val2017.json", coco)
    entry = {
        "image_id": 7,
        "instance_ids": [31, 32, 33, 34],
        "occlusion": [{"order": "0<1", "count": 2}],
        "depth": [
            {"order": "0<1", "overlap": False},
            {"order": "0<2", "overlap": False},
            {"order": "0<3", "overlap": False},
            {"order": "1<2", "overlap": True},
            {"order": "2=3", "overlap": False},
        ],
    }
    return write(folder / "InstaOrder_val2017.json", {"annotations": [entry]})


def counts(mask: np.ndarray) -> list[int]:
    counts: list[int] = encode(mask)["counts"]
    return counts


def kins(folder: Path, ordered: bool = True) -> Path:
    photograph(folder / "val2014" / "p.jpg")
    order = [
        {"oco_id": 1, "ico_id": 1},
        {"oco_id": 1, "ico_id": 2},
        {"oco_id": 0, "ico_id": 0},
        {"oco_id": 0, "ico_id": 0},
    ]
    boxes = (DOG, BICYCLE, LEFT, RIGHT)
    annotations = []
    for i, (box, category) in enumerate(zip(boxes, (18, 2, 1, 1), strict=True)):
        seen = compressed(pixels(*box, without=DOG if box == BICYCLE else None))
        masks = (
            {"a_segm": [square(*box)], "i_segm": seen}
            if ordered
            else {"segmentation": [square(*box)], "inmodal_seg": seen}
        )
        annotations.append({"id": i, "image_id": 7, "category_id": category, **masks, **(order[i] if ordered else {})})
    document = {"images": [IMAGE], "categories": CATEGORIES, "annotations": annotations}
    return write(folder / "update_test_2020.json", document)


def middlebury(folder: Path) -> Path:
    scene = folder / "stereo" / "Adirondack"
    photograph(scene / "im0.png", (200, 160))
    disparity = np.full((160, 200), 50.0, np.float32)
    disparity[:80, 100:], disparity[80:, :100], disparity[80:, 100:] = 25.0, 12.5, np.inf
    (scene / "disp0.pfm").write_bytes(b"Pf\n200 160\n-1\n" + disparity[::-1].astype("<f4").tobytes())
    (scene / "calib.txt").write_text(
        "cam0=[1000 0 311; 0 1000 254; 0 0 1]\ncam1=[1000 0 342; 0 1000 254; 0 0 1]\ndoffs=0\nbaseline=100\n"
    )
    return folder / "stereo"


def own(folder: Path) -> Path:
    photograph(folder / "val2014" / "p.jpg")
    photograph(folder / "val2014" / "q.jpg")
    lines = [
        {
            "image": "p.jpg",
            "question": "Does the cup hide the book?",
            "answer": "yes",
            "kind": "occlusion",
            "id": "cup",
        },
        {"image": "p.jpg", "question": "杯子是否遮挡书?", "answer": "是", "kind": "occlusion", "id": "cup"},
        {"image": "q.jpg", "question": "Is the door open?", "answer": False},
        {"image": "q.jpg", "question": "How many cups are there?", "answer": 3, "kind": "count"},
        {"image": "q.jpg", "question": "Which is nearer?", "choices": ["the cup", "the book"], "answer": "the book"},
        {"image": "q.jpg", "question": "哪个更近?", "choices": ["杯子", "书"], "answer": "A"},
        {"image": "p.jpg", "question": "What stands before the book?", "answer": ["a cup", "mug"]},
    ]
    path = folder / "questions.jsonl"
    path.write_text("".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines), encoding="utf-8")
    return path


FILES: dict[str, Callable[[Path], Path]] = {
    "cocoa": cocoa,
    "instaorder": insta_order,
    "kins": kins,
    "middlebury": middlebury,
    "jsonl": own,
}


def bad(change: Callable[[Any], None], make: Callable[[Path], Path]) -> Callable[[Path], Path]:
    def made(folder: Path) -> Path:
        file = make(folder)
        document = json.loads(file.read_text("utf-8"))
        change(document)
        return write(file, document)

    return made
