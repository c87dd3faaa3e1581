"""Readers of annotations of who hides whom: COCOA (arXiv 1509.01329), InstaOrder (2111.14562) and KINS (CVPR 2019)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import permutations
from pathlib import Path
from typing import Any

import numpy as np

from occlusight.errors import BadData
from occlusight.files.text import shown
from occlusight.scenes.imports.annotated import Annotated, Pair
from occlusight.scenes.imports.coco import mask_of, size_of
from occlusight.scenes.imports.fields import (
    Id,
    as_id,
    by_id,
    entry,
    found_by,
    id_at,
    list_at,
    listed,
    name_at,
    objects_at,
    read_document,
    text_at,
    whole_number,
)
from occlusight.scenes.imports.thing import Thing

WHOLE = ("a_segm", "amodal_segm", "segmentation")  # KINS 2020, other tools, KINS 2019
SEEN = ("i_segm", "visible_segm", "inmodal_seg")
BESIDE = "instances_{split}.json"


def order_pairs(order: str) -> list[Pair]:
    """Read InstaOrder's notation: "0<2" is (0, 2), 0 hides (or is nearer than) 2; "0<2 & 2<0" both; "0=2" none. Raises
    ValueError.

    >>> order_pairs("0<2 & 2<0"), order_pairs("0=2")
    ([(0, 2), (2, 0)], [])
    """
    pairs = []
    for part in order.split("&"):
        if "<" in part:
            a, b = part.split("<")
            pairs.append((int(a), int(b)))
        elif "=" not in part:
            raise ValueError(f'an order is "0<1", "0=1" or "0<1 & 1<0", not {shown(order)}')
    return pairs


def constraint_pairs(constraint: str) -> list[Pair]:
    """Read COCOA's notation: "1-2,1-3" says that the first region hides the second and the third; counted from 0 here.
    Raises ValueError.

    >>> constraint_pairs("1-2,1-3")
    [(0, 1), (0, 2)]
    """
    pairs = []
    for part in filter(None, constraint.split(",")):
        a, b = part.split("-")
        pairs.append((int(a) - 1, int(b) - 1))
    return pairs


def cocoa(path: Path, pictures: Path) -> Iterator[Annotated]:
    """Read COCO_amodal_*.json: per picture regions (name, segmentation, visible_mask where hidden, isStuff) and
    depth_constraint.

    Without a visible mask a region shows what no region in front of it covers. Stuff (sky, road) is not named. Raises
    BadData.
    """
    document = read_document(path)
    images = by_id(document, "images", path)
    for where, one in listed(document, "annotations", path):
        image = found_by(images, id_at(one, "image_id", where), f"{where}.image_id")
        regions = objects_at(one, "regions", where)
        size = size_of(image, where, len(regions))
        hides = _pairs(constraint_pairs, one, "depth_constraint", len(regions), where)
        names = [name_at(region, "name", at) for at, region in regions]
        whole = [mask_of(entry(region, "segmentation", at), size, f"{at}.segmentation") for at, region in regions]
        things = []
        for i, (at, region) in enumerate(regions):
            front = [whole[a] for a, b in hides if b == i]
            if "visible_mask" in region:
                seen = mask_of(region["visible_mask"], size, f"{at}.visible_mask") & whole[i]
            else:
                seen = whole[i] & ~np.logical_or.reduce(front) if front else whole[i]
            things.append(Thing(names[i], seen, whole[i], named=not region.get("isStuff")))
        yield _annotated(where, image, pictures, things, frozenset(hides))


def insta_order(path: Path, pictures: Path, instances: Path | None = None) -> Iterator[Annotated]:
    """Read InstaOrder_*.json (image_id, instance_ids, occlusion, depth) with COCO's instances of the same split, by
    default beside it.

    Only what is seen is outlined, so how much is hidden is not known. Pairs that are not annotated hide nothing; a
    nearer instance is one whose depths do not overlap the other's. Things of a picture whose instances were not all
    judged are named by their place among all of them. Raises BadData.
    """
    split = path.stem.partition("_")[2]
    beside = instances or path.with_name(BESIDE.format(split=split))
    document, coco = read_document(path), read_document(beside)
    kinds, images = by_id(coco, "categories", beside), by_id(coco, "images", beside)
    instances_of: dict[Id, dict[Id, tuple[str, dict[str, Any]]]] = defaultdict(dict)
    for at, one in listed(coco, "annotations", beside):
        group, id = instances_of[id_at(one, "image_id", at)], id_at(one, "id", at)
        if id in group:
            raise BadData(f"{at}: the id {id!r} is that of another instance of this picture")
        group[id] = at, one
    for where, one in listed(document, "annotations", path):
        number = id_at(one, "image_id", where)
        image = found_by(images, number, f"{where}.image_id, in {beside}")
        ids = [as_id(id, f"{where}.instance_ids[{i}]") for i, id in enumerate(list_at(one, "instance_ids", where))]
        known = instances_of[number]
        judged = [found_by(known, id, f"{where}.instance_ids, in {beside}") for id in ids]
        rest = [known[id] for id in known if id not in ids]
        size = size_of(image, where, len(judged) + len(rest))
        things = []
        for i, (at, other) in enumerate([*judged, *rest]):
            kind = found_by(kinds, id_at(other, "category_id", at), f"{at}.category_id")
            named = i < len(ids) and not other.get("iscrowd")
            mask = mask_of(entry(other, "segmentation", at), size, f"{at}.segmentation")
            things.append(Thing(name_at(kind, "name", f"{at}.category_id"), mask, named=named))
        hides = {p for _, pairs in _orders(one, "occlusion", len(ids), where) for p in pairs}
        apart = [pairs for order, pairs in _orders(one, "depth", len(ids), where) if not order.get("overlap")]
        nearer = frozenset(p for pairs in apart for p in pairs)
        yield _annotated(where, image, pictures, things, frozenset(hides), nearer, judged=not rest)


def kins(path: Path, pictures: Path) -> Iterator[Annotated]:
    """Read KINS, or any COCO-style file with a whole (a_segm, amodal_segm or segmentation) and a visible mask (i_segm,
    visible_segm or inmodal_seg).

    In a cluster of instances that touch (`oco_id`, not 0) the lower `ico_id` is nearer, and hides what it overlaps.
    Without these fields an instance hides another where it is seen inside the other's whole outline, more than the
    other in its. Raises BadData.
    """
    document = read_document(path)
    kinds, images = by_id(document, "categories", path), by_id(document, "images", path)
    found: dict[Id, list[tuple[str, dict[str, Any]]]] = defaultdict(list)
    for where, one in listed(document, "annotations", path):
        found[id_at(one, "image_id", where)].append((where, one))
    for number, group in found.items():
        image = found_by(images, number, f"{group[0][0]}.image_id")
        size = size_of(image, group[0][0], len(group))
        things = []
        for where, one in group:
            kind = found_by(kinds, id_at(one, "category_id", where), f"{where}.category_id")
            whole, seen = (mask_of(one[field], size, f"{where}.{field}") for field in _masks(one, where))
            name = name_at(kind, "name", f"{where}.category_id")
            things.append(Thing(name, seen & whole, whole, named=not one.get("iscrowd")))
        hides = frozenset((a, b) for a, b in permutations(range(len(group)), 2) if _in_front(group, things, a, b))
        yield _annotated(group[0][0], image, pictures, things, hides)


def _annotated(
    where: str,
    image: Mapping[str, Any],
    pictures: Path,
    things: Sequence[Thing],
    hides: frozenset[Pair],
    nearer: frozenset[Pair] = frozenset(),
    judged: bool = True,
) -> Annotated:
    file = text_at(image, "file_name", where)
    return Annotated(Path(file).stem, pictures / file, tuple(things), hides, nearer, judged, where)


def _in_front(group: Sequence[tuple[str, Mapping[str, Any]]], things: Sequence[Thing], a: int, b: int) -> bool:
    if not (things[a].extent & things[b].extent).any():
        return False
    orders = [one for _, one in (group[a], group[b])]
    if all("oco_id" in o and "ico_id" in o for o in orders):
        clusters, ranks = ([whole_number(o, key, at) for at, o in (group[a], group[b])] for key in ("oco_id", "ico_id"))
        return clusters[0] == clusters[1] != 0 and ranks[0] < ranks[1]
    inside, back = (things[a].seen & things[b].extent).sum(), (things[b].seen & things[a].extent).sum()
    return bool(inside > back)


def _orders(one: Mapping[str, Any], key: str, count: int, where: str) -> list[tuple[Mapping[str, Any], list[Pair]]]:
    return [(line, _pairs(order_pairs, line, "order", count, at)) for at, line in objects_at(one, key, where)]


def _pairs(read: Callable[[str], list[Pair]], one: Mapping[str, Any], key: str, count: int, where: str) -> list[Pair]:
    """Read an order and check that it is about things that are there. Raises BadData."""
    text = entry(one, key, where)
    if not isinstance(text, str):
        raise BadData(f"{where}.{key} must be a text, but is {shown(text)}")
    try:
        pairs = read(text)
    except ValueError as error:
        raise BadData(f"{where}.{key} {shown(text)} cannot be read ({error})") from None
    for pair in pairs:
        if not all(0 <= i < count for i in pair) or pair[0] == pair[1]:
            raise BadData(f"{where}.{key} {shown(text)} names things that are not among the {count} of the picture")
    return pairs


def _masks(one: Mapping[str, Any], where: str) -> list[str]:
    """Return the names of the fields of the whole and of the visible mask. Raises BadData."""
    found = [next((field for field in fields if field in one), None) for fields in (WHOLE, SEEN)]
    for field, fields in zip(found, (WHOLE, SEEN), strict=True):
        if field is None:
            raise BadData(
                f"{where}: one of the fields {', '.join(fields)} is needed (there: {', '.join(map(shown, one))})"
            )
    return [field for field in found if field is not None]
