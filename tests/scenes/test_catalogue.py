from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from occlusight.errors import BadData
from occlusight.occlusion.facts import Facts
from occlusight.occlusion.graph import Graph, Object
from occlusight.occlusion.kinds import Lang
from occlusight.questions.wording import VIEWER, ask_kind
from occlusight.reading.mentions import Vocabulary
from occlusight.scenes.meshes.catalogue import LICENCES, PROCEDURAL, SETTINGS, Catalogue, parse_catalogue
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
meshes = [{ id = "a", library = "L", path = "a/a.obj", size = [1, 2, 3], author = "A", licence = "CC0-1.0", paint = ["p"] }]
"""
COLOUR = '[[colour]]\nkey = "red"\nen = "red"\nzh = "红色"\nhue = [0, 1]\nsaturation = [1, 1]\nvalue = [0.5, 0.5]\n'


def test_there_are_at_least_forty_kinds_and_every_setting_has_many(catalogue: Catalogue) -> None:
    assert len(catalogue.kinds) >= 40
    assert all(len(catalogue.in_setting(s)) >= 15 for s in SETTINGS)


@pytest.mark.parametrize("language", ["en", "zh"])
def test_a_name_or_alias_means_one_kind(catalogue: Catalogue, language: str) -> None:
    names: Counter[str] = Counter()
    for kind in catalogue.kinds.values():
        aliases = kind.aliases_en if language == "en" else kind.aliases_zh
        names.update({n.lower() for n in (getattr(kind, language), *aliases)})
    assert [n for n, count in names.items() if count > 1] == []


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


def test_kinds_are_whole(catalogue: Catalogue) -> None:
    for kind in catalogue.kinds.values():
        assert all((kind.en, kind.zh, kind.measure, kind.plural))
        assert set(kind.settings) <= set(SETTINGS)
        assert kind.material in ("opaque", "transparent", "porous")
        assert catalogue.meshes(kind.key), f"{kind.key} has no mesh for training"
        if len(kind.meshes) > 3:
            assert catalogue.meshes(kind.key, heldout=True), f"{kind.key} keeps no mesh out of training"


def test_meshes_have_sizes_authors_and_licences(catalogue: Catalogue) -> None:
    for mesh in catalogue.mesh_infos.values():
        assert mesh.author, mesh.id
        assert mesh.licence in LICENCES
        assert all(0.01 < s < 15 for s in mesh.size), mesh
        assert mesh.library != PROCEDURAL or mesh.path in SHAPES


def test_notice_carries_the_attribution(catalogue: Catalogue) -> None:
    notice = (Path(__file__).parents[2] / "NOTICE").read_text("utf-8")
    assert [line for line in catalogue.attribution() if f"- {line}" not in notice.splitlines()] == []


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
    ],
)
def test_a_catalogue_that_contradicts_itself_is_refused(text: str, complaint: str) -> None:
    with pytest.raises(BadData, match=complaint):
        parse_catalogue(text + COLOUR)


def test_a_catalogue_of_one_kind_is_read() -> None:
    catalogue = parse_catalogue(KIND + COLOUR)
    assert catalogue.mesh("a").size == (1.0, 2.0, 3.0)
    assert catalogue.colours["red"].sample(np.random.default_rng(0))[1] < 0.01
