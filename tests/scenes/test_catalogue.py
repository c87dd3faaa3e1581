from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from occlusight.errors import BadData
from occlusight.occlusion.facts import Facts
from occlusight.occlusion.graph import Graph, Object
from occlusight.occlusion.kinds import Lang
from occlusight.questions.wording import VIEWER, ask_kind
from occlusight.reading.mentions import Vocabulary
from occlusight.reading.numbers import quantity
from occlusight.scenes.meshes.catalogue import (
    FIXTURE,
    LICENCES,
    PROCEDURAL,
    SETTINGS,
    Catalogue,
    full_catalogue,
    load_catalogue,
    parse_catalogue,
    wide_catalogue,
)
from occlusight.scenes.meshes.names import names_of
from occlusight.scenes.meshes.procedural import SHAPES

KIND = """
[[kind]]
key = "car"
en = "car"
plural = "cars"
zh = "汽车"
measure = "辆"
settings = ["street"]
paintable = true
meshes = [{ id = "a", library = "L", path = "a/a.obj", size = [1, 2, 3], \
author = "A", licence = "CC0-1.0", paint = ["p"] }]
"""
MESH = KIND.splitlines()[-1] + "\n"
COLOUR = '[[colour]]\nkey = "red"\nen = "red"\nzh = "红色"\nhue = [0, 1]\nsaturation = [1, 1]\nvalue = [0.5, 0.5]\n'


def test_there_are_at_least_forty_kinds_and_every_setting_has_many(catalogue: Catalogue) -> None:
    assert len(catalogue.kinds) >= 40
    assert all(len(catalogue.in_setting(s)) >= 15 for s in SETTINGS)


@pytest.mark.parametrize("language", ["en", "zh"])
def test_a_name_or_alias_means_one_kind(language: str) -> None:
    names: Counter[str] = Counter()
    for kind in wide_catalogue().kinds.values():
        own = (kind.en, kind.plural, *kind.aliases_en) if language == "en" else (kind.zh, *kind.aliases_zh)
        names.update({n.lower() for n in own})
    assert [n for n, count in names.items() if count > 1] == []


def test_every_name_and_alias_is_read_as_its_kind_even_where_it_holds_another() -> None:
    read = Vocabulary(names_of(wide_catalogue())).kinds
    wrong = [
        (kind.key, text)
        for kind in wide_catalogue().kinds.values()
        for text in (
            *(f"There is a {name}." for name in (kind.en, kind.plural, *kind.aliases_en)),
            *(f"有{name}。" for name in (kind.zh, *kind.aliases_zh)),
        )
        if read(text) != [kind.key]
    ]
    assert wrong == []


def test_a_count_is_read_with_the_measure_word_of_every_kind() -> None:
    kinds = wide_catalogue().kinds.values()
    said = {kind.key: quantity(f"图中有两{kind.measure}{kind.zh}。") for kind in kinds}
    assert {key: count for key, count in said.items() if count != 2} == {}


def test_wide_adds_kinds_and_meshes_and_changes_none() -> None:
    base, wide = full_catalogue(), wide_catalogue()
    for key, kind in base.kinds.items():
        assert replace(wide.kinds[key], meshes=kind.meshes) == kind
        assert wide.kinds[key].meshes[: len(kind.meshes)] == kind.meshes
    assert {id: wide.mesh_infos[id] for id in base.mesh_infos} == base.mesh_infos
    assert len(wide.kinds) - len(base.kinds) >= 100
    new = [m for id, m in wide.mesh_infos.items() if id not in base.mesh_infos]
    assert len(new) >= 290
    assert 0.10 <= sum(m.heldout for m in new) / len(new) <= 0.14
    held = {m.kind for m in new if m.heldout}
    assert all(len(wide.kinds[key].meshes) >= 3 for key in held)
    assert len(held) >= 20


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_questions_call_a_photo_camera_by_no_word_for_the_viewer(catalogue: Catalogue, lang: Lang) -> None:
    names = names_of(catalogue)
    camera = Object("o1", "camera", names["camera"].en, names["camera"].zh, (0, 0, 9, 9), (0, 0, 9, 9), 1.0)
    facts = Facts(Graph(64, 64, (camera,)))
    words = {ask_kind(names["camera"], facts, names, lang, draw / 20) for draw in range(20)}
    assert words == {names["camera"].en if lang == "en" else names["camera"].zh}
    assert not words & set(VIEWER)


@pytest.mark.parametrize(
    ("text", "kinds"),
    [
        ("A photo camera and a cup.", ["camera", "cup"]),
        ("Two cameras stand there.", ["camera"]),
        ("一台照相机和一个杯子。", ["camera", "cup"]),
        ("有一台相机。", ["camera"]),
        ("The cup is nearest to the camera.", ["cup"]),
        ("离相机最近的是杯子。", ["cup"]),
    ],
)
def test_answers_may_call_it_either_way(catalogue: Catalogue, text: str, kinds: list[str]) -> None:
    assert Vocabulary(names_of(catalogue)).kinds(text) == kinds


@pytest.mark.parametrize("read", [load_catalogue, wide_catalogue])
def test_kinds_are_whole(read: Callable[[], Catalogue]) -> None:
    catalogue = read()
    for kind in catalogue.kinds.values():
        assert all((kind.en, kind.zh, kind.measure, kind.plural))
        assert set(kind.settings) <= set(SETTINGS)
        assert kind.material in ("opaque", "transparent", "porous", "mirror")
        assert catalogue.meshes(kind.key), f"{kind.key} has no mesh for training"
        if len(kind.meshes) > 3 and all(m.library != FIXTURE for m in catalogue.meshes(kind.key)):
            assert catalogue.meshes(kind.key, heldout=True), f"{kind.key} keeps no mesh out of training"


def test_meshes_have_sizes_authors_and_licences() -> None:
    for mesh in wide_catalogue().mesh_infos.values():
        assert mesh.author, mesh.id
        assert mesh.licence in LICENCES
        assert all(0.005 < s < 15 for s in mesh.size), mesh
        assert mesh.library != PROCEDURAL or mesh.path in SHAPES


def test_notice_carries_the_attribution() -> None:
    notice = (Path(__file__).parents[2] / "NOTICE").read_text("utf-8")
    assert [line for line in wide_catalogue().attribution() if f"- {line}" not in notice.splitlines()] == []


def test_attribution_names_every_author_and_licence(catalogue: Catalogue) -> None:
    text = "\n".join(catalogue.attribution())
    for mesh in catalogue.mesh_infos.values():
        if mesh.library != PROCEDURAL:
            assert mesh.author in text
            assert mesh.path.split("/")[-2] in text
    assert "creativecommons.org/licenses/by/3.0/us/" in text


def test_colours_are_far_apart(catalogue: Catalogue) -> None:
    rng = np.random.default_rng(0)
    samples = {key: np.array([c.sample(rng) for _ in range(20)]) ** (1 / 2.2) for key, c in catalogue.colours.items()}
    assert 10 <= len(samples) <= 11
    for a, one in samples.items():
        assert one.min() >= 0
        assert one.max() <= 1
        for b, two in samples.items():
            if a < b:
                gaps = np.linalg.norm(one[:, None] - two[None], axis=-1)
                assert gaps.min() > 0.12, (a, b)


def test_unknown_names_say_what_there_is(catalogue: Catalogue) -> None:
    with pytest.raises(BadData, match="the kinds are car, bus"):
        catalogue.kind("dragon")
    with pytest.raises(BadData, match="dragon-1"):
        catalogue.mesh("dragon-1")
    with pytest.raises(BadData, match="street, desk, room"):
        catalogue.in_setting("moon")


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        (KIND + KIND, "appears twice"),
        (KIND.replace('paint = ["p"]', "paint = []"), "names no material"),
        (KIND.replace("CC0-1.0", "GPL-2.0"), "GPL-2.0"),
        (KIND + '[[more]]\nkind = "bus"\nmeshes = []\n', "no kind 'bus' to add meshes to"),
        (KIND + '[[more]]\nkind = "car"\n' + MESH, "mesh id 'a' appears twice"),
    ],
)
def test_a_catalogue_that_contradicts_itself_is_refused(text: str, complaint: str) -> None:
    with pytest.raises(BadData, match=complaint):
        parse_catalogue(text + COLOUR)


def test_meshes_are_added_to_a_kind_of_the_catalogue_before() -> None:
    base = parse_catalogue(KIND + COLOUR)
    more = parse_catalogue('[[more]]\nkind = "car"\n' + MESH.replace('"a"', '"b"'), base)
    assert more.kind("car").meshes == ("a", "b")
    assert more.mesh("b").kind == "car"
    assert more.colours == base.colours
    assert base.kind("car").meshes == ("a",)


def test_a_catalogue_of_one_kind_is_read() -> None:
    catalogue = parse_catalogue(KIND + COLOUR)
    assert catalogue.mesh("a").size == (1.0, 2.0, 3.0)
    assert catalogue.colours["red"].sample(np.random.default_rng(0))[1] < 0.01
