"""Several pictures in one question: which of them, how many of them, and what became of a thing in a clip."""

from __future__ import annotations

import json
import re
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from occlusight.bench.paraphrase import paraphrases
from occlusight.bench.scorers import NO_ANSWER, RIGHT, WRONG, score
from occlusight.errors import BadData, BadInput
from occlusight.occlusion.facts import Facts
from occlusight.occlusion.graph import Graph, Relation
from occlusight.questions.album import Album
from occlusight.questions.phrases import Wording
from occlusight.questions.programs import execute
from occlusight.questions.question import Question, about_objects, ask, ask_album, reply
from occlusight.reading.mentions import Vocabulary


def clip(graphs) -> tuple[Facts, Facts, Facts]:
    """A bicycle goes behind a bush and comes out to the left of it: seen, hidden wholly, seen again."""
    street: Graph = graphs.street()
    bike = street.object("o3")
    others = tuple(o for o in street.objects if o.id != "o3")
    first = replace(bike, visible_fraction=1.0, box=bike.amodal_box)
    gone = replace(bike, visible_fraction=0.0, area=0.0, amodal_box=(670, 530, 770, 690), box=(670, 530, 770, 690))
    back = replace(first, amodal_box=(480, 500, 630, 650), box=(480, 500, 630, 650))
    cover = Relation("o4", "o3", "complete", 1.0, "all")
    rest = tuple(r for r in street.relations if r.occluded == "o1")
    return (
        Facts(replace(street, objects=(*others, first), relations=rest)),
        Facts(replace(street, objects=(*others, gone), relations=(*rest, cover))),
        Facts(replace(street, objects=(*others, back), relations=rest)),
    )


def stills(graphs) -> Album:
    """A street, the same without car and bus, and one thing alone."""
    street = graphs.street()
    few = tuple(street.object(id) for id in ("o3", "o5"))
    return Album((Facts(street), Facts(Graph(512, 512, few)), Facts(Graph(512, 512, few[:1]))))


CASES = [
    ("which_pictures.kind", [["which_pictures", ["car"]]], "The first.", "第一张。"),
    ("which_pictures.kind", [["which_pictures", ["person"]]], "The first and second.", "第一张、第二张。"),
    ("which_pictures.kind", [["which_pictures", ["bicycle"]]], "All.", "都有。"),
    ("which_pictures.kind", [["which_pictures", ["umbrella"]]], "None.", "都没有。"),
    ("count_pictures.kind", [["count_pictures", ["person"]]], "Two.", "两张。"),
    ("count_pictures.kind", [["count_pictures", ["umbrella"]]], "None.", "一张也没有。"),
]
CLIP_CASES = [  # of the first two stills, and of all three
    (2, "still_there.clip", [["still_there", ["o3"]]], "No. The bush hides it.", "不能。灌木丛挡住了它。"),
    (3, "still_there.clip", [["still_there", ["o3"]]], "Yes.", "能。"),
    (2, "hidden_now.clip", [["hidden_now", ["o3"]]], "The bush.", "灌木丛。"),
    (3, "hidden_now.clip", [["hidden_now", ["o3"]]], "Nothing.", "没有东西。"),
    (3, "moved.clip", [["moved", ["o3"]]], "To the left.", "向左。"),
    (3, "moved.clip", [["moved", ["o1"]]], "It did not move.", "没有移动。"),
]


@pytest.mark.parametrize(("template", "program", "en", "zh"), CASES)
def test_replies_about_stills(graphs, names, template: str, program, en: str, zh: str) -> None:
    album = stills(graphs)
    answer = execute(program, album)
    assert [reply(template, answer, Wording(album.naming, names, lang)) for lang in ("en", "zh")] == [en, zh]


@pytest.mark.parametrize(("shown", "template", "program", "en", "zh"), CLIP_CASES)
def test_replies_about_a_clip(graphs, names, shown: int, template: str, program, en: str, zh: str) -> None:
    album = Album(clip(graphs)[:shown], clip=True)
    answer = execute(program, album)
    assert [reply(template, answer, Wording(album.naming, names, lang)) for lang in ("en", "zh")] == [en, zh]


def asked(graphs, names) -> list[tuple[Album, Question]]:
    found = []
    for seed in range(24):
        pictures = [Facts(graphs.random_graph(np.random.default_rng((seed, k)), 4)) for k in range(2 + seed % 3)]
        albums = [Album(tuple(pictures)), Album(clip(graphs)[: 2 + seed % 2], clip=True)]
        for album in albums:
            for lang in ("en", "zh"):
                found += [(album, q) for q in ask_album(album, names, np.random.default_rng(seed), lang, per_kind=4)]
    return found


@pytest.fixture(scope="module")
def questions(graphs, names) -> list[tuple[Album, Question]]:
    return asked(graphs, names)


def test_true_answers_in_any_words_are_right(questions, names) -> None:
    problems, seen = [], Counter[str]()
    for album, q in questions:
        words = Vocabulary(names, album.naming)
        assert execute(q.program, album) == q.answer
        for text in (q.reply, *paraphrases(q, album.naming, names)):
            found = score(q, text, "stop", words)
            seen[q.template] += 1
            if found.outcome != RIGHT:
                problems.append(f"{q.template} {q.text} -> {text}: {found.reason}; {q.answer}")
        assert not re.search(r"[{}]|  ", q.text + q.reply)
    assert not problems, "\n".join([f"{len(problems)} of {seen.total()}", *problems[:20]])
    assert len(seen) == 5


def test_only_what_is_beyond_doubt_is_asked(questions) -> None:
    """A kind is clearly there or not there at all; every answer comes up, and no place is favoured."""
    said = Counter[str]()
    for album, q in questions:
        if q.template == "which_pictures.kind":
            for i, facts in enumerate(album.pictures, 1):
                there = [o for o in facts.objects.values() if o.kind == q.answer["kind"]]
                assert bool(there) == (i in q.answer["value"])
            said[str(q.answer["value"])] += 1
    assert {"[1]", "[2]", "[]"} <= set(said)
    assert 0.4 < said["[1]"] / said["[2]"] < 2.5


def test_yes_and_no_about_clips_are_balanced_where_half_end_with_something_gone(graphs, names) -> None:
    said = Counter[str]()
    for seed in range(300):
        for shown in (2, 3):
            album = Album(clip(graphs)[:shown], clip=True)
            for q in ask_album(album, names, np.random.default_rng(seed), "en", ["still_there"]):
                said[q.answer["value"]] += 1
                said["bicycle", q.answer["value"]] += q.answer["object"] == "o3"
    assert 0.8 < said["yes"] / said["no"] < 1.25
    assert said["bicycle", "yes"] > 100  # what moves is not always gone
    assert said["bicycle", "no"] > 100


SAID = [
    ("which_pictures.kind", "Picture 1.", RIGHT),
    ("which_pictures.kind", "The first picture has one, not the second.", RIGHT),
    ("which_pictures.kind", "图1", RIGHT),
    ("which_pictures.kind", "The second.", WRONG),
    ("which_pictures.kind", "Both.", WRONG),
    ("which_pictures.kind", "Neither.", WRONG),
    ("which_pictures.kind", "A red car.", NO_ANSWER),
    ("count_pictures.kind", "Only one of them.", RIGHT),
    ("count_pictures.kind", "Both.", WRONG),
    ("count_pictures.kind", "都没有。", WRONG),
    ("still_there.clip", "看不见了。", RIGHT),
    ("still_there.clip", "It is no longer visible.", RIGHT),
    ("still_there.clip", "It is still visible.", WRONG),
    ("hidden_now.clip", "The bicycle went behind the shrub.", RIGHT),
    ("hidden_now.clip", "The bus.", WRONG),
    ("moved.clip", "It moved from right to left.", RIGHT),
    ("moved.clip", "向右边。", WRONG),
    ("moved.clip", "It moved.", NO_ANSWER),
]


@pytest.mark.parametrize(("template", "text", "outcome"), SAID)
def test_an_answer_is_scored_as_meant(graphs, names, template: str, text: str, outcome: str) -> None:
    asked = [CASES[0], ("count_pictures.kind", [["count_pictures", ["car"]]]), *(case[1:] for case in CLIP_CASES)]
    programs = {name: program for name, program, *_ in asked[:5] + asked[6:7]}
    album = stills(graphs)
    if template.endswith(".clip"):
        album = Album(clip(graphs)[: 3 if template == "moved.clip" else 2], clip=True)
    answer = execute(programs[template], album)
    q = Question("q", "s", "i", "en", template.partition(".")[0], template, "?", programs[template], answer, "")
    found = score(q, text, "stop", Vocabulary(names, album.naming))
    assert found.outcome == outcome, (found.extracted, found.reason)


def test_a_question_names_its_pictures(graphs, names) -> None:
    ids = ("a", "b", "c")
    q = ask_album(stills(graphs), names, np.random.default_rng(0), "en", ["which_pictures"], scenes=ids, image="c.png")[
        0
    ]
    assert (q.scenes, q.scene, q.image, q.id) == (ids, "c", "c.png", "a+b+c.en.0")
    assert Question.from_json(json.loads(json.dumps(q.to_json()))) == q
    (one,) = ask(graphs.street(), names, np.random.default_rng(0), "en", ["recognition"])
    assert "scenes" not in one.to_json()


def test_one_picture_is_never_asked_about_several_nor_several_about_one(graphs, names) -> None:
    assert not {"which_pictures", "count_pictures", "still_there", "hidden_now", "moved"} & set(about_objects())
    with pytest.raises(BadData, match="about several pictures"):
        execute([["which_pictures", ["car"]]], graphs.street())
    with pytest.raises(BadData, match="about one picture"):
        execute([["colour", ["o1"]]], stills(graphs))
    with pytest.raises(BadInput, match="but 'moved' was given"):
        ask_album(stills(graphs), names, np.random.default_rng(0), "en", ["moved"])
    with pytest.raises(BadInput, match="2 to 4 pictures"):
        Album((Facts(graphs.street()),))
