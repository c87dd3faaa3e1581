"""Make the example pictures from hand-written scenes: `python examples/make_examples.py [NAME ...]`.

Each scene is measured first. Its truth must hold what the example is there to show; then it is rendered to
`examples/<name>.webp`, with the relation graph beside it in `examples/<name>.json`. The meshes must be imported
(`occlusight scenes assets`).
"""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path

from PIL import Image

from occlusight.scenes.description import Camera, Light, Placed, Scene, Surroundings
from occlusight.scenes.meshes.catalogue import load_catalogue
from occlusight.scenes.render.path_tracer import render
from occlusight.scenes.truth.measure import measure

HERE = Path(__file__).parent
SAMPLES = 192  # rays per pixel
PAINT = {  # linear reflectance
    "red": (0.52, 0.015, 0.015),
    "blue": (0.03, 0.10, 0.42),
    "green": (0.04, 0.24, 0.06),
    "yellow": (0.70, 0.48, 0.03),
    "orange": (0.72, 0.20, 0.02),
    "white": (0.78, 0.78, 0.76),
    "brown": (0.16, 0.07, 0.03),
    "purple": (0.16, 0.04, 0.30),
    "grey": (0.22, 0.22, 0.22),
}


def objects(*rows: tuple[str, float, float, float, str | None]) -> tuple[Placed, ...]:
    """Place meshes given as (mesh, x, y, yaw, colour) on the ground, at their own sizes."""
    catalogue = load_catalogue()
    return tuple(
        Placed(f"o{i}", catalogue.mesh(mesh).kind, mesh, (x, y, 0.0), yaw, 1.0, colour, PAINT.get(colour or ""))
        for i, (mesh, x, y, yaw, colour) in enumerate(rows, 1)
    )


DAY = Light((0.62, 0.55, -0.72), (2.9, 2.7, 2.4), (0.62, 0.72, 0.86))
INDOORS = Light((0.5, 0.75, -0.8), (1.5, 1.42, 1.3), (0.8, 0.8, 0.8))

SCENES = {
    # a red car behind a lamp post
    "street": Scene(
        "street",
        1,
        1,
        objects(
            ("scopia-renault-scenic", 0.5, 7.6, -46, "red"),
            ("procedural-street-lamp-globe", 0.11, 4.6, 0, None),
            ("kator-female-01-casual-clothing", -1.75, 5.6, 25, None),
            ("scopia-dog", -1.15, 5.0, 60, None),
            ("kator-fire-hydrant", 1.75, 4.9, 200, "yellow"),
            ("scopia-peachBlossom", -3.2, 11.5, 40, None),
            ("kator-concrete-bench", 3.4, 9.6, -12, "brown"),
        ),
        Camera((0.0, 0.0, 1.65), (0.0, 6.0, 1.22), 52.0, 576, 448),
        DAY,
        Surroundings("ground", (0.20, 0.20, 0.205), (0.52, 0.42, 0.34), 16.0),
    ),
    # a bicycle behind a bush
    "bicycle": Scene(
        "street",
        1,
        2,
        objects(
            ("scopia-bicycle", 0.1, 5.2, 84, None),
            ("scopia-bush", -0.62, 3.9, 30, None),
            ("cc0-crate", 1.55, 4.6, 25, None),
            ("scopia-cat", 0.95, 3.9, 200, None),
            ("reallusion-male01", 1.7, 6.9, -15, None),
            ("procedural-sign-octagon", -1.9, 6.6, 8, None),
        ),
        Camera((0.0, 0.0, 1.5), (0.0, 4.5, 0.82), 48.0, 576, 448),
        DAY,
        Surroundings("ground", (0.105, 0.20, 0.06)),
    ),
    "desk": Scene(
        "desk",
        1,
        3,
        objects(
            ("blendswap-laptop", 0.0, 1.05, 4, None),
            ("kator-coffee-mug", 0.11, 0.80, 140, "orange"),
            ("procedural-book-thick", -0.295, 1.02, 12, "blue"),
            ("blendswap-lamp", 0.135, 1.50, 0, None),
            ("cc0-decorativePlant", -0.40, 1.36, 0, None),
            ("scopia-wine-bottle", -0.16, 0.84, 0, "green"),
            ("cc0-teddyBear", 0.315, 1.16, -14, None),
        ),
        Camera((0.0, 0.0, 0.42), (0.0, 1.0, 0.12), 46.0, 576, 448),
        INDOORS,
        Surroundings("table", (0.40, 0.26, 0.15), (0.62, 0.66, 0.66), 1.75),
    ),
    "room": Scene(
        "room",
        1,
        4,
        objects(
            ("scopia-leather-sofa", -0.35, 4.6, 0, "blue"),
            ("scopia-coffee-table2", -0.2, 3.35, 0, "brown"),
            ("procedural-floor-lamp", 1.05, 4.55, 0, None),
            ("cc0-armchair2", 1.32, 3.6, -38, "yellow"),
            ("kator-full-bookcase", -1.75, 5.25, 0, "white"),
            ("procedural-suitcase", -1.30, 3.75, 24, "orange"),
            ("blendswap-bulldog", 0.55, 2.75, 60, None),
        ),
        Camera((0.0, 0.0, 1.5), (0.0, 4.0, 0.72), 52.0, 576, 448),
        INDOORS,
        Surroundings("room", (0.34, 0.22, 0.13), (0.66, 0.62, 0.55), 5.6),
    ),
}
# what each example shows: (occluder, occluded, least and most share that is covered)
SHOWN = {
    "street": [("procedural-street-lamp-globe", "scopia-renault-scenic", 0.05, 0.25)],
    "bicycle": [("scopia-bush", "scopia-bicycle", 0.20, 0.60)],
    "desk": [
        ("kator-coffee-mug", "blendswap-laptop", 0.05, 0.5),
        ("scopia-wine-bottle", "procedural-book-thick", 0.1, 0.7),
    ],
    "room": [
        ("scopia-coffee-table2", "scopia-leather-sofa", 0.05, 0.7),
        ("scopia-leather-sofa", "kator-full-bookcase", 0.05, 0.7),
    ],
}


def make(name: str, width: int | None = None, samples: int = SAMPLES, folder: Path = HERE) -> None:
    """Measure and render one example; raises AssertionError where it does not show what it should."""
    scene = SCENES[name]
    if width is not None:
        scene = replace(scene, camera=replace(scene.camera, width=width, height=round(width * 448 / 576)))
    truth = measure(scene)
    ids = {p.mesh: p.id for p in scene.objects}
    for occluder, occluded, least, most in SHOWN[name]:
        covered = truth.graph.covered(ids[occluder], ids[occluded])
        assert least <= covered <= most, f"{name}: {occluder} covers {covered} of {occluded}"
    Image.fromarray(render(scene, samples)).save(folder / f"{name}.webp", quality=92, method=6)
    document = json.dumps(truth.graph.to_json(), ensure_ascii=False, indent=1)
    (folder / f"{name}.json").write_text(document + "\n", encoding="utf-8")


if __name__ == "__main__":
    for name in sys.argv[1:] or SCENES:
        make(name)
        print(HERE / f"{name}.webp")
