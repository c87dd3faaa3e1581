"""The truth of targeted scenes: what `truth` measures, with objects that are glass or mirror in part, reflections and
shadows."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from occlusight.occlusion.graph import Box, Graph, Object, Reflection, SecondView, Shadow
from occlusight.scenes.description import Camera, Scene
from occlusight.scenes.meshes.catalogue import Catalogue, wide_catalogue
from occlusight.scenes.truth.measure import Truth, graph_from_depths, object_names
from occlusight.scenes.truth.optics import OpticalMaps, Reach, opaque_reach, optical_maps
from occlusight.scenes.truth.reflections import Mirrored, reflections
from occlusight.scenes.truth.shadows import direction, shadow_masks

SOFT = 6.0  # degrees of the sun's radius up to which shadows have a shape
LEAST = 0.0004  # of the picture: smaller reflections and shadows are not listed

Mask = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class TargetedTruth:
    """The truth, with the masks of reflections (object, mirror) and of shadows (object), (H, W)."""

    truth: Truth
    mirrored: Mapping[tuple[str, str], Mask]
    shaded: Mapping[str, Mask]

    @property
    def graph(self) -> Graph:
        """The graph of the truth."""
        return self.truth.graph


@dataclass(frozen=True)
class SecondCamera:
    """A camera that went `degrees` round a scene to the `side` (left or right), as the first camera sees it."""

    camera: Camera
    side: str
    degrees: int


Look = Callable[[Scene], OpticalMaps]


def measure_targeted(
    scene: Scene,
    catalogue: Catalogue | None = None,
    second: SecondCamera | None = None,
    *,
    shadows: bool = True,
    look: Look = optical_maps,
    reach: Reach = opaque_reach,
) -> TargetedTruth:
    """Return the truth of a targeted scene at its camera's resolution, and who hides whom from the `second` camera;
    without `shadows` none are looked for. `look` and `reach` cast the rays (or the quicker ones of `quick_raycast`).

    Objects that are outside the picture are left out unless a mirror shows them. Raises BadData when a mesh is not
    imported.
    """
    found = catalogue or wide_catalogue()
    maps = look(scene)
    truth = graph_from_depths(maps.depth, scene.objects, found, scene.camera, solid=maps.solid, mirror=maps.mirror)
    graph = _with_alone(truth.graph, truth.amodal, truth.visible)
    graph, mirrored = _with_reflections(scene, reflections(scene, maps, reach=reach), graph, found)
    shaded: dict[str, Mask] = {}
    if shadows and scene.light.softness <= SOFT:  # a wide lamp's are too soft to have a shape
        graph, shaded = _with_shadows(scene, shadow_masks(scene, maps, reach=reach), graph)
    if second is not None:
        graph = replace(graph, views=(_second(scene, found, second, look),))
    return TargetedTruth(_padded(truth, graph), mirrored, shaded)


def _with_alone(graph: Graph, amodal: Mask, visible: Mask) -> Graph:
    """The graph with the share of each covered object that its occluder alone hides, from the masks (n, H, W) of its
    objects."""
    rows = {o.id: i for i, o in enumerate(graph.objects)}
    hiders: dict[str, list[str]] = {}
    for r in graph.relations:
        if r.type != "transparent":
            hiders.setdefault(r.occluded, []).append(r.occluder)
    found = []
    for r in graph.relations:
        a, b = rows[r.occluder], rows[r.occluded]
        hidden = amodal[a] & amodal[b] & ~visible[b]
        for other in hiders.get(r.occluded, ()):
            if other != r.occluder:
                hidden = hidden & ~amodal[rows[other]]
        found.append(replace(r, alone_fraction=round(float(hidden.sum() / amodal[b].sum()), 4)))
    return replace(graph, relations=tuple(found))


def _padded(truth: Truth, graph: Graph) -> Truth:
    """The truth with empty masks for the objects that only a mirror shows, which are the graph's last."""
    more = len(graph.objects) - len(truth.graph.objects)
    shape = (more, *truth.amodal.shape[1:])
    none = np.zeros(shape, bool)
    return Truth(
        graph,
        np.concatenate([truth.amodal, none]),
        np.concatenate([truth.visible, none]),
        np.concatenate([truth.depth, np.full(shape, np.inf, np.float32)]),
    )


def _with_reflections(
    scene: Scene, mirrored: Iterable[Mirrored], graph: Graph, catalogue: Catalogue
) -> tuple[Graph, dict[tuple[str, str], Mask]]:
    masks: dict[tuple[str, str], Mask] = {}
    entries: list[Reflection] = []
    shown: dict[str, Mirrored] = {}
    for m in mirrored:
        share = float(m.seen.mean())
        if share < LEAST:
            continue
        masks[m.object, m.mirror] = m.seen
        fraction = round(float(m.seen.sum() / m.whole.sum()), 4)
        entries.append(Reflection(m.object, m.mirror, relative_box(m.seen), fraction, round(share, 6)))
        if m.object not in shown or m.seen.sum() > shown[m.object].seen.sum():
            shown[m.object] = m
    objects = [replace(o, seen="reflection") if o.seen == "nowhere" and o.id in shown else o for o in graph.objects]
    known = {o.id for o in objects}
    names = dict(zip((p.id for p in scene.objects), object_names(scene.objects, catalogue), strict=True))
    for p in scene.objects:
        if p.id in known or p.id not in shown:
            continue
        en, zh, unique = names[p.id]
        box = relative_box(shown[p.id].seen)
        material = catalogue.kind(p.kind).material
        whole = relative_box(shown[p.id].whole)
        objects.append(
            Object(
                p.id, p.kind, en, zh, box, whole, 0.0, material, None, colour=p.colour, unique=unique, seen="reflection"
            )
        )
    # a name is only its object's own among everything that the picture shows
    seen_names = [o.name for o in objects]
    objects = [replace(o, unique=o.unique and seen_names.count(o.name) == 1) for o in objects]
    return replace(graph, objects=tuple(objects), reflections=tuple(entries)), masks


def _with_shadows(scene: Scene, every: Mask, graph: Graph) -> tuple[Graph, dict[str, Mask]]:
    times = every.sum(axis=0)
    where = direction(scene)
    masks: dict[str, Mask] = {}
    entries: list[Shadow] = []
    for p, mask in zip(scene.objects, every, strict=True):
        alone = mask & (times == 1)
        share = float(alone.mean())
        if share >= LEAST:
            masks[p.id] = alone
            entries.append(Shadow(p.id, relative_box(alone), round(share, 6), where))
    return replace(graph, shadows=tuple(entries)), masks


def _second(scene: Scene, catalogue: Catalogue, second: SecondCamera, look: Look) -> SecondView:
    maps = look(replace(scene, camera=second.camera))
    truth = graph_from_depths(maps.depth, scene.objects, catalogue, second.camera, solid=maps.solid, mirror=maps.mirror)
    visible = {o.id: o.visible_fraction for o in truth.graph.objects}
    return SecondView(second.side, second.degrees, visible, truth.graph.relations)


def relative_box(mask: Mask) -> Box:
    """Return the box around a mask that is not empty, in 0-1000."""
    height, width = mask.shape
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return (
        round(1000 * int(columns[0]) / width),
        round(1000 * int(rows[0]) / height),
        round(1000 * (int(columns[-1]) + 1) / width),
        round(1000 * (int(rows[-1]) + 1) / height),
    )
