"""Readers of annotations of who hides whom: COCOA (arXiv 1509.01329), InstaOrder (2111.14562) and KINS (CVPR 2019)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from itertools import permutations
from pathlib import Path
from typing import Any

import numpy as np

from occlusight.errors import BadData
from occlusight.scenes.imports.annotated import Annotated, Pair, Thing
from occlusight.scenes.imports.coco import by_id, entry, listed, mask_of, read_document, size_of, whole_number

WHOLE = ("a_segm", "amodal_segm", "segmentation")  # KINS 2020, other tools, KINS 2019
SEEN = ("i_segm", "visible_segm", "inmodal_seg")
BESIDE = "instances_{split}.json"


def order_pairs(order: str) -> list[Pair]:
    """Read InstaOrder's notation: "0<2" is (0, 2), 0 hides (or is nearer than) 2; "0<2 & 2<0" both; "0=2" none. Raises ValueError.

    >>> order_pairs("0<2 & 2<0"), order_pairs("0=2")
    ([(0, 2), (2, 0)], [])
    """
    pairs = []
    for part in order.split("&"):
        if "<" in part:
            a, b = part.split("<")
            pairs.append((int(a), int(b)))
        elif "=" not in part:
            raise ValueError(f'an order is "0<1", "0=1" or "0<1 & 1<0", not {order!r}')
    return pairs


def constraint_pairs(constraint: str) -> list[Pair]:
    """Read COCOA's notation: "1-2,1-3" says that the first region hides the second and the third; counted from 0 here. Raises ValueError.

    >>> constraint_pairs("1-2,1-3")
    [(0, 1), (0, 2)]
    """
    pairs = []
    for part in filter(None, constraint.split(",")):
        a, b = part.split("-")
        pairs.append((int(a) - 1, int(b) - 1))
    return pairs


def cocoa(path: Path, pictures: Path) -> Iterator[Annotated]:
    """Read COCO_amodal_*.json: per picture regions (name, segmentation, visible_mask where hidden, isStuff) and depth_constraint.

    Without a visible mask a region shows what no region in front of it covers. Stuff (sky, road) is not named. Raises BadData.
    """
    document = read_document(path)
    images = by_id(document, "images", path)
    for where, one in listed(document, "annotations", path):
        image = entry(images, entry(one, "image_id", where), f"{where}: image_id")
        size = size_of(image, where)
        regions = entry(one, "regions", where)
        hides = _checked(
            constraint_pairs, entry(one, "depth_constraint", where), len(regions), f"{where}.depth_constraint"
        )
        whole = [
            mask_of(entry(r, "segmentation", f"{where}.regions[{i}]"), size, f"{where}.regions[{i}].segmentation")
            for i, r in enumerate(regions)
        ]
        things = []
        for i, region in enumerate(regions):
            at = f"{where}.regions[{i}]"
            front = [whole[a] for a, b in hides if b == i]
            if "visible_mask" in region:
                seen = mask_of(region["visible_mask"], size, f"{at}.visible_mask") & whole[i]
            else:
                seen = whole[i] & ~np.logical_or.reduce(front) if front else whole[i]
            name = str(entry(region, "name", at)).strip() or "thing"
            things.append(Thing(name, seen, whole[i], named=not region.get("isStuff")))
        file = str(entry(image, "file_name", where))
        yield Annotated(Path(file).stem, pictures / file, tuple(things), frozenset(hides))


def insta_order(path: Path, pictures: Path, instances: Path | None = None) -> Iterator[Annotated]:
    """Read InstaOrder_*.json (image_id, instance_ids, occlusion, depth) with COCO's instances of the same split, by default beside it.

    Only what is seen is outlined, so how much is hidden is not known. Pairs that are not annotated hide nothing; a nearer instance
    is one whose depths do not overlap the other's. Things of a picture whose instances were not all judged are named by their place
    among all of them. Raises BadData.
    """
    split = path.stem.partition("_")[2]
    beside = instances or path.with_name(BESIDE.format(split=split))
    document, coco = read_document(path), read_document(beside)
    kinds, images = by_id(coco, "categories", beside), by_id(coco, "images", beside)
    shown: dict[int, list[dict[str, Any]]] = defaultdict(list)
    for where, one in listed(coco, "annotations", beside):
        shown[entry(one, "image_id", where)].append(one)
    for where, one in listed(document, "annotations", path):
        image = entry(images, entry(one, "image_id", where), f"{where}: image_id, in {beside}")
        size, ids = size_of(image, where), list(entry(one, "instance_ids", where))
        rest = [o for o in shown[image["id"]] if o["id"] not in ids]
        known = {o["id"]: o for o in shown[image["id"]]}
        things = []
        for i, other in enumerate([*(entry(known, id, f"{where}.instance_ids, in {beside}") for id in ids), *rest]):
            at = f"{beside}: annotation {other['id']}"
            name = entry(entry(kinds, entry(other, "category_id", at), f"{at}: category_id"), "name", at)
            named = i < len(ids) and not other.get("iscrowd")
            things.append(Thing(name, mask_of(entry(other, "segmentation", at), size, at), named=named))
        hides = {p for o in _orders(one, "occlusion", len(ids), where) for p in o[1]}
        apart = [(o, pairs) for o, pairs in _orders(one, "depth", len(ids), where) if not o.get("overlap")]
        nearer = {p for _, pairs in apart for p in pairs}
        file = str(entry(image, "file_name", where))
        yield Annotated(
            Path(file).stem, pictures / file, tuple(things), frozenset(hides), frozenset(nearer), judged=not rest
        )


def kins(path: Path, pictures: Path) -> Iterator[Annotated]:
    """Read KINS, or any COCO-style file with a whole (a_segm, amodal_segm or segmentation) and a visible mask (i_segm, visible_segm or inmodal_seg).

    In a cluster of instances that touch (`oco_id`, not 0) the lower `ico_id` is nearer, and hides what it overlaps. Without these
    fields an instance hides another where it is seen inside the other's whole outline, more than the other in its. Raises BadData.
    """
    document = read_document(path)
    kinds, images = by_id(document, "categories", path), by_id(document, "images", path)
    found: dict[int, list[tuple[str, dict[str, Any]]]] = defaultdict(list)
    for where, one in listed(document, "annotations", path):
        found[entry(one, "image_id", where)].append((where, one))
    for number, group in found.items():
        image = entry(images, number, f"{group[0][0]}: image_id")
        size = size_of(image, group[0][0])
        things = []
        for where, one in group:
            kind = entry(kinds, entry(one, "category_id", where), f"{where}: category_id")
            whole, seen = (mask_of(_first(one, fields, where), size, where) for fields in (WHOLE, SEEN))
            name = str(entry(kind, "name", where))
            things.append(Thing(name, seen & whole, whole, named=not one.get("iscrowd")))
        hides = frozenset((a, b) for a, b in permutations(range(len(group)), 2) if _in_front(group, things, a, b))
        file = str(entry(image, "file_name", group[0][0]))
        yield Annotated(Path(file).stem, pictures / file, tuple(things), hides)


def _in_front(group: Sequence[tuple[str, Mapping[str, Any]]], things: Sequence[Thing], a: int, b: int) -> bool:
    if not (things[a].extent & things[b].extent).any():
        return False
    orders = [one for _, one in (group[a], group[b])]
    if all("oco_id" in o and "ico_id" in o for o in orders):
        clusters, ranks = ([whole_number(o, key, group[0][0]) for o in orders] for key in ("oco_id", "ico_id"))
        return clusters[0] == clusters[1] != 0 and ranks[0] < ranks[1]
    inside, back = (things[a].seen & things[b].extent).sum(), (things[b].seen & things[a].extent).sum()
    return bool(inside > back)


def _orders(one: Mapping[str, Any], key: str, count: int, where: str) -> list[tuple[Mapping[str, Any], list[Pair]]]:
    found = []
    for i, line in enumerate(entry(one, key, where)):
        at = f"{where}.{key}[{i}]"
        found.append((line, _checked(order_pairs, entry(line, "order", at), count, f"{at}.order")))
    return found


def _checked(read: Any, text: Any, count: int, where: str) -> list[Pair]:
    """Read an order and check that it is about things that are there. Raises BadData."""
    try:
        pairs: list[Pair] = read(str(text))
    except ValueError as error:
        raise BadData(f"{where} {text!r} cannot be read ({error})") from None
    for pair in pairs:
        if not all(0 <= i < count for i in pair) or pair[0] == pair[1]:
            raise BadData(f"{where} {text!r} names things that are not among the {count} of the picture")
    return pairs


def _first(one: Mapping[str, Any], fields: Sequence[str], where: str) -> Any:
    for field in fields:
        if field in one:
            return one[field]
    raise BadData(f"{where}: one of the fields {', '.join(fields)} is needed (there: {', '.join(one)})")
