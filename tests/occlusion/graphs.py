"""A catalogue of kinds and graphs for the tests: hand-made, and random but consistent. Reached through the fixture
`graphs`."""

from __future__ import annotations

import numpy as np

from occlusight.occlusion.graph import Graph, Object, Relation
from occlusight.occlusion.kinds import KindNames

KINDS = (
    KindNames("car", "car", "cars", "轿车", "辆", ("automobile", "vehicle"), ("汽车", "小汽车", "车")),
    KindNames("bus", "bus", "buses", "公交车", "辆", ("coach",), ("巴士", "公共汽车")),
    KindNames("bicycle", "bicycle", "bicycles", "自行车", "辆", ("bike",), ("单车", "脚踏车")),
    KindNames("street_lamp", "street lamp", "street lamps", "路灯", "盏", ("lamp post", "street light"), ("路灯杆",)),
    KindNames("person", "person", "people", "行人", "个", ("pedestrian", "human"), ("人",)),
    KindNames("bush", "bush", "bushes", "灌木丛", "丛", ("shrub", "hedge"), ("灌木", "矮树丛")),
    KindNames("umbrella", "umbrella", "umbrellas", "雨伞", "把", (), ("伞",)),
    KindNames("lamp", "lamp", "lamps", "台灯", "盏", ("table lamp",), ("灯",)),
    KindNames("table", "table", "tables", "桌子", "张", ("desk",), ("书桌",)),
    KindNames("cup", "cup", "cups", "杯子", "个", ("mug",), ("水杯",)),
)
NAMES = {kind.key: kind for kind in KINDS}
COLOURS = {"red": "红色", "blue": "蓝色", "white": "白色", "green": "绿色"}


def thing(id: str, kind: str, box: tuple[int, int, int, int], **more: object) -> Object:
    """An object of the catalogue, wholly visible unless told otherwise."""
    names = NAMES[kind]
    fields = {"name": names.en, "name_zh": names.zh, "amodal_box": box, "visible_fraction": 1.0, "area": 0.05} | more
    return Object(id=id, kind=kind, box=box, **fields)  # type: ignore[arg-type]


def street() -> Graph:
    """A lamp post before a red car, a bush that hides most of a bicycle, a person and a far bus."""
    return Graph(
        width=512,
        height=512,
        objects=(
            thing(
                "o1",
                "car",
                (200, 430, 600, 655),
                name="red car",
                name_zh="红色轿车",
                colour="red",
                distance=9.0,
                visible_fraction=0.9,
            ),
            thing("o2", "street_lamp", (230, 50, 260, 700), distance=6.0),
            thing(
                "o3",
                "bicycle",
                (750, 500, 850, 650),
                amodal_box=(700, 500, 850, 650),
                distance=8.5,
                visible_fraction=0.4,
            ),
            thing("o4", "bush", (650, 520, 780, 700), distance=6.5),
            thing("o5", "person", (900, 400, 960, 700), distance=12.0),
            thing("o6", "bus", (400, 300, 600, 430), distance=30.0),
        ),
        relations=(
            Relation("o2", "o1", "partial", 0.1, "left"),
            Relation("o4", "o3", "partial", 0.6, "left"),
            Relation("o1", "o6", "partial", 0.02, "bottom"),
        ),
        depth_order=(("o2",), ("o4",), ("o3",), ("o1",), ("o5",), ("o6",)),
    )


def random_graph(rng: np.random.Generator, n: int = 8) -> Graph:
    """Upright boxes at random distances; a nearer box hides what it overlaps."""
    kinds = [KINDS[i].key for i in rng.integers(0, len(KINDS), n)]
    colours = [str(c) for c in rng.choice(list(COLOURS), n)]
    labels = list(zip(kinds, colours, strict=True))
    distances = np.sort(rng.uniform(2, 40, n))
    boxes = []
    for _ in range(n):
        x, y, w, h = rng.integers(5, 600), rng.integers(5, 600), rng.integers(60, 380), rng.integers(60, 380)
        boxes.append((int(x), int(y), int(x + w), int(y + h)))
    relations, visible = [], np.ones(n)
    for near in range(n):
        for far in range(near + 1, n):
            p, q = boxes[near], boxes[far]
            across, down = min(p[2], q[2]) - max(p[0], q[0]), min(p[3], q[3]) - max(p[1], q[1])
            if across <= 0 or down <= 0 or rng.random() < 0.3:
                continue
            fraction = across * down / ((q[2] - q[0]) * (q[3] - q[1]))
            part = str(rng.choice(["left", "right", "top", "bottom", "middle"])) if fraction < 0.9 else "all"
            relations.append(Relation(f"o{near}", f"o{far}", "partial", float(fraction), part))
            visible[far] *= 1 - fraction
    objects = []
    for i, (kind, colour) in enumerate(labels):
        names = NAMES[kind]
        box = boxes[i]
        objects.append(
            Object(
                id=f"o{i}",
                kind=kind,
                name=f"{colour} {names.en}",
                name_zh=f"{COLOURS[colour]}{names.zh}",
                box=box,
                amodal_box=box,
                visible_fraction=float(visible[i]),
                colour=colour,
                unique=labels.count((kind, colour)) == 1,
                area=float(visible[i]) * (box[2] - box[0]) * (box[3] - box[1]) / 1e6,
                distance=float(distances[i]),
            )
        )
    return Graph(512, 512, tuple(objects), tuple(relations), tuple((f"o{i}",) for i in range(n)))
