"""Who hides whom in COCO's photographs: InstaOrder (arXiv 2111.14562) and COCOA (1509.01329), as precision, recall and
F1 over ordered pairs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import permutations
from pathlib import Path
from typing import Any

from occlusight.bench.public.items import Item, box_words, first_of, load, relative
from occlusight.scenes.imports.orders import constraint_pairs, order_pairs


def insta_order(folder: Path) -> Iterator[Item]:
    """InstaOrder_val2017.json beside COCO's instances_val2017.json and val2017/: image_id, instance_ids, occlusion,
    depth.

    `occlusion` has orders such as "0<2" (instance 0 hides instance 2) and "0<2 & 2<0". Every ordered pair of an
    annotated pair is asked about; pairs that are not annotated hide nothing. `depth` has "0<1" (0 is nearer); equal and
    overlapping ranges are left out.
    """
    for path in first_of(folder, "InstaOrder_val2017.json"):
        coco = load(folder / "instances_val2017.json")
        kinds = {c["id"]: c["name"] for c in coco["categories"]}
        things = {a["id"]: a for a in coco["annotations"]}
        images = {i["id"]: i for i in coco["images"]}
        for entry in load(path)["annotations"]:
            image = images[entry["image_id"]]
            names = [_name(things[id], image, kinds) for id in entry["instance_ids"]]
            picture = folder / "val2017" / image["file_name"]
            hiding = {pair for line in entry["occlusion"] for pair in order_pairs(line["order"])}
            yield from _hides(str(entry["image_id"]), picture, names, hiding)
            for line in entry["depth"]:
                if "<" in line["order"] and not line["overlap"]:
                    ((near, far),) = order_pairs(line["order"])
                    first, second = sorted((near, far))
                    question = f"Is the {names[first]} nearer to the camera than the {names[second]}?"
                    id = f"{entry['image_id']}-depth-{first}-{second}"
                    yield Item(id, (picture,), question, near == first, "boolean", "depth", cluster=str(picture))


def cocoa(folder: Path) -> Iterator[Item]:
    """COCO_amodal_val2014.json beside val2014/: per picture regions (name, segmentation, order) and depth_constraint
    "1-2,1-3" (1 hides 2)."""
    for path in first_of(folder, "COCO_amodal_val2014*.json"):
        document = load(path)
        images = {i["id"]: i for i in document["images"]}
        for entry in document["annotations"]:
            image = images[entry["image_id"]]
            names = [f"{r['name']} {box_words(_around(r['segmentation'], image))}" for r in entry["regions"]]
            hiding = set(constraint_pairs(entry["depth_constraint"]))
            yield from _hides(str(entry["image_id"]), folder / "val2014" / image["file_name"], names, hiding)


def _hides(id: str, picture: Path, names: Sequence[str], hiding: set[tuple[int, int]]) -> Iterator[Item]:
    for a, b in permutations(range(len(names)), 2):
        question = f"Does the {names[a]} hide part of the {names[b]}?"
        yield Item(f"{id}-{a}-{b}", (picture,), question, (a, b) in hiding, "pair", "occlusion", cluster=str(picture))


def _name(thing: dict[str, Any], image: dict[str, Any], kinds: dict[int, str]) -> str:
    return f"{kinds[thing['category_id']]} {box_words(relative(thing['bbox'], image['width'], image['height']))}"


def _around(polygon: Sequence[float], image: dict[str, Any]) -> list[float]:
    xs, ys = polygon[0::2], polygon[1::2]
    return relative((min(xs), min(ys), max(xs) - min(xs), max(ys) - min(ys)), image["width"], image["height"])
