"""Questions about texts that are partly hidden, on graphs written by hand, and how their answers are read."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from occlusight.bench.paraphrase import paraphrases
from occlusight.bench.scorers import NO_ANSWER, RIGHT, WRONG, score
from occlusight.errors import BadData
from occlusight.occlusion.facts import Facts
from occlusight.occlusion.graph import Character, Graph, Inscription, Object, Relation
from occlusight.questions.inscriptions import TEMPLATES
from occlusight.questions.programs import execute
from occlusight.questions.question import Question, ask
from occlusight.reading.inscriptions import can_be_read, characters_read
from occlusight.reading.mentions import Vocabulary
from occlusight.scenes.meshes.catalogue import full_catalogue
from occlusight.scenes.meshes.names import names_of

NAMES = names_of(full_catalogue())
LANGS = ("en", "zh")


def thing(id: str, kind: str, x: int, **fields: object) -> Object:
    box = (x, 300, x + 200, 700)
    k = NAMES[kind]
    plain = {"id": id, "kind": kind, "name": k.en, "name_zh": k.zh, "box": box, "amodal_box": box, "distance": 4.0}
    return Object(**{**plain, "visible_fraction": 1.0, "area": 0.05, **fields})


def text(sign: str, characters: str, seen: tuple[float, ...], by: str | None = None, high: int = 60) -> Inscription:
    cells = [
        Character(c, (40 * i, 400, 40 * i + 38, 400 + high), share, by if share < 1 else None)
        for i, (c, share) in enumerate(zip(characters, seen, strict=True))
    ]
    return Inscription(sign, characters, tuple(cells))


@pytest.fixture
def graph() -> Graph:
    """A red shop sign whose first and third characters a suitcase and a bush hide, a blue one that can be read, a
    notice of which one character is half hidden, and a parcel with letters too small to read."""
    chinese = text("o1", "阳光药店", (0.05, 1.0, 0.0, 0.97), "o5")
    third = replace(chinese.characters[2], hidden_by="o6")
    return Graph(
        512,
        512,
        (
            thing("o1", "shop_sign", 0, name="red shop sign", name_zh="红色的招牌", colour="red", visible_fraction=0.7),
            thing("o2", "shop_sign", 300, name="blue shop sign", name_zh="蓝色的招牌", colour="blue"),
            thing("o3", "notice_board", 500, visible_fraction=0.9),
            thing("o4", "parcel", 700),
            thing("o5", "suitcase", 10, distance=3.0),
            thing("o6", "bush", 90, distance=3.0),
        ),
        (
            Relation("o5", "o1", "partial", 0.2, "left"),
            Relation("o6", "o1", "partial", 0.1, "middle"),
            Relation("o6", "o3", "partial", 0.1, "left"),
        ),
        (("o5", "o6"), ("o1", "o2", "o3", "o4")),
        inscriptions=(
            replace(chinese, characters=(*chinese.characters[:2], third, chinese.characters[3])),
            text("o2", "BAKERY", (1.0,) * 6),
            text("o3", "CAUTION", (0.5, 1.0, 1.0, 1.0, 1.0, 1.0, 0.0), "o6"),
            text("o4", "PARTS", (1.0,) * 5, high=12),
        ),
    )


def asked(graph: Graph, per_kind: int = 4) -> list[Question]:
    return [
        q
        for seed in range(8)
        for lang in LANGS
        for q in ask(graph, NAMES, np.random.default_rng(seed), lang, [t.kind for t in TEMPLATES], per_kind)
    ]


def test_a_character_is_seen_hidden_or_doubtful(graph: Graph) -> None:
    facts = Facts(graph)
    assert facts.readable("o1") == (False, True, False, True)
    assert facts.readable("o3") == (None, True, True, True, True, True, False)
    assert facts.readable("o4") == (None,) * 5
    assert facts.readable("o5") == ()
    assert [facts.legible(id) for id in ("o1", "o2", "o3", "o4", "o5")] == [True, True, False, False, False]
    assert facts.covering("o1") == ["o5", "o6"]
    assert facts.covering("o2") == facts.covering("o5") == []


def test_programs_compute_what_can_be_read(graph: Graph) -> None:
    found = execute([["characters", ["o1"]]], graph)
    assert (found["value"], found["shown"], found["by"], found["all"]) == (["光", "店"], "…光…店", ["o5", "o6"], False)
    whole = execute([["characters", ["o2"]]], graph)
    assert ("".join(whole["value"]), whole["shown"], whole["all"]) == ("BAKERY", "BAKERY", True)
    hidden = execute([["character", ["o1", "药"]]], graph)
    assert (hidden["value"], hidden["by"]) == ("no", ["o6"])
    assert execute([["character", ["o1", "光"]]], graph)["value"] == "yes"
    assert [execute([["whole_text", [id]]], graph)["value"] for id in ("o1", "o2")] == ["no", "yes"]
    assert execute([["covers_text", ["o1"]]], graph)["value"] == ["o5", "o6"]
    with pytest.raises(BadData, match="carries '阳光药店'"):
        execute([["character", ["o1", "书"]]], graph)


def test_every_template_is_asked_and_nothing_doubtful_is(graph: Graph) -> None:
    found = asked(graph)
    assert {(q.template, q.lang) for q in found} == {(t.name, lang) for t in TEMPLATES for lang in LANGS}
    assert {q.kind for q in found} == {"reading"}
    about = {(q.template, q.answer.get("sign", q.answer.get("occluded"))) for q in found}
    assert about == {
        ("reading.characters", "o1"),
        ("reading.character", "o1"),
        ("reading.character", "o3"),  # of which other characters are doubtful
        ("reading.whole", "o1"),
        ("reading.whole", "o2"),
        ("reading.covered_by", "o1"),
    }
    assert "C" not in {q.answer["character"] for q in found if q.template == "reading.character"}
    tally = Counter((q.template, q.lang, q.answer["value"]) for q in found if isinstance(q.answer["value"], str))
    for template in ("reading.character", "reading.whole"):
        for lang in LANGS:
            assert tally[template, lang, "yes"] == tally[template, lang, "no"] > 0


def test_a_character_that_is_there_twice_is_not_asked_about_alone(graph: Graph) -> None:
    twice = replace(graph, inscriptions=(text("o1", "ABBA", (0.0, 0.0, 1.0, 1.0), "o5"),))
    assert not [q for q in asked(twice) if q.template == "reading.character"]
    some = {q.answer["shown"] for q in asked(twice) if q.template == "reading.characters"}
    assert some == {"…BA"}


def test_graphs_without_texts_are_asked_nothing_of_them(graph: Graph) -> None:
    assert asked(replace(graph, inscriptions=())) == []


def test_replies_and_paraphrases_are_right_and_their_opposites_wrong(graph: Graph) -> None:
    facts = Facts(graph)
    words = Vocabulary(NAMES, facts)
    seen = Counter[str]()
    for q in asked(graph):
        for said in (q.reply, *paraphrases(q, facts, NAMES)):
            found = score(q, said, "stop", words)
            assert found.outcome == RIGHT, (q.text, said, found)
            seen[q.template] += 1
        if q.answer["value"] in ("yes", "no"):
            wrong = {"yes": {"en": "No.", "zh": "不能。"}, "no": {"en": "Yes.", "zh": "能。"}}[q.answer["value"]][
                q.lang
            ]
        else:
            wrong = {
                "reading.characters": {"en": 'It reads "SHOP".', "zh": "能看清的是“阳光药店”。"},
                "reading.covered_by": {"en": "The parcel.", "zh": "包裹。"},
            }[q.template][q.lang]
        assert score(q, wrong, "stop", words).outcome == WRONG, (q.text, wrong)
        assert score(q, "The weather is fine today, I think.", "stop", words).outcome in (WRONG, NO_ANSWER)
    assert min(seen.values()) > 20


@pytest.mark.parametrize(
    ("said", "read"),
    [
        ("Yes. No character on the red shop sign is covered.", "yes"),
        ("Yes, no letters are hidden.", "yes"),
        ("Nothing covers it.", "yes"),
        ("None of the characters is blocked.", "yes"),
        ("没有字被挡住。", "yes"),
        ("没有被遮挡。", "yes"),
        ("能看清。", "yes"),
        ("It is legible.", "yes"),
        ("No. The suitcase covers it.", "no"),
        ("No, part of it is hidden; nothing covers the rest.", "no"),
        ("It cannot be read.", "no"),
        ("Only part of it can be read.", "no"),
        ("看不清。", "no"),
        ("不能,被行李箱挡住了。", "no"),
        ("被挡住了。", "no"),
        ("The sign is red.", None),
        ("", None),
    ],
)
def test_whether_it_can_be_read_is_read(said: str, read: str | None) -> None:
    assert can_be_read(said) == read


@pytest.mark.parametrize(
    ("said", "read"),
    [
        ('The characters "光" and "店" can be read.', "光店"),
        ("能看清的是“光店”,“阳”和“药”被挡住了。", "光店"),
        ("光、店", "光店"),
        ("能看到“光”和“店”两个字。", "光店"),
        ("…光…店", "光店"),
        ("The red shop sign shows 光 and 店; 阳 and 药 are covered.", "光店"),
        ("光和店可以看清,阳和药被遮住。", "光店"),
        ("能看到光、店这两个字。", "光店"),
        ("I cannot tell.", None),
        ("Nothing.", None),
    ],
)
def test_characters_are_read_in_free_words(said: str, read: str | None) -> None:
    assert characters_read(said, set("阳光药店"), {"red shop sign"}) == read


def test_words_of_an_answer_that_are_on_the_sign_stay() -> None:
    assert characters_read("和平可以看清。", set("和平街")) == "和平"


def test_letters_named_one_by_one_may_come_twice() -> None:
    assert characters_read('"B", "O", "O" and "K"', set("BOOK")) == "BOOK"
    assert characters_read('"BOOK". I repeat: "BOOK".', set("BOOK")) == "BOOK"
