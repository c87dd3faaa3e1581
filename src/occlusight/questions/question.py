"""Questions about a picture with computed answers: what to ask is drawn at random, what is true is executed from the graph."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from occlusight.errors import BadInput
from occlusight.occlusion.facts import Facts
from occlusight.occlusion.graph import Graph
from occlusight.occlusion.kinds import FULL_WIDTH, LANGS, Lang, Names, kind_names
from occlusight.questions.draw import Draw
from occlusight.questions.inscription_questions import TEXT_KINDS
from occlusight.questions.programs import Answer, execute
from occlusight.questions.replies import Wording, reply
from occlusight.questions.targeted_questions import STAGED_KINDS, Asked, Program
from occlusight.questions.wording import ask_about, ask_kinds, texts

KINDS: tuple[str, ...] = (
    "recognition",
    "occlusion",
    "explanation",
    "position",
    "count",
    "nearest",
    "farthest",
    "hidden_part",
)
KINDS += ("who_hides", "remove", "depth_pair")
# what is asked about pictures without text; the first are the default
ASKED_FOR: tuple[str, ...] = (*KINDS, *STAGED_KINDS)
POSSIBLE: tuple[str, ...] = (*ASKED_FOR, *TEXT_KINDS)  # what `ask` may be asked for
OF_QUESTIONS: tuple[str, ...] = (*KINDS, "unknown", "viewpoint", "reading", "own")  # kinds that questions have
PER_KIND: Mapping[str, int] = {"recognition": 1, "occlusion": 2, "explanation": 2, "position": 2, "remove": 2}
BARE_SHARE = 0.1  # of the questions come without their question mark

SIDES: Mapping[Lang, Mapping[str, str]] = {"en": {}, "zh": {"left": "左", "right": "右"}}


@dataclass(frozen=True)
class Question:
    """A line of `questions.jsonl`. `template` is the logical form ("occlusion.passive"); `reply` is a sentence to learn from."""

    id: str
    scene: str
    image: str
    lang: Lang
    kind: str
    template: str
    text: str
    program: Program
    answer: Answer
    reply: str

    def to_json(self) -> dict[str, Any]:
        """Return the line as a dict."""
        return asdict(self)

    @classmethod
    def from_json(cls, line: Mapping[str, Any]) -> Question:
        """Read a line; fields of other programs are left out, a missing reply is empty. Raises KeyError."""
        known = {name: line[name] for name in cls.__dataclass_fields__ if name != "reply"}
        return cls(**known, reply=line.get("reply", ""))


def ask(
    graph: Graph | Facts,
    names: Names,
    rng: np.random.Generator,
    lang: Lang,
    kinds: Iterable[str] | None = None,
    per_kind: int | Mapping[str, int] | None = None,
    *,
    scene: str = "",
    image: str = "",
) -> list[Question]:
    """Ask about a picture: at most `per_kind` questions of each kind, fewer where the picture does not offer them.

    Yes and no are equally many in every template that has them (so give those kinds an even number). The generator
    state alone decides what is asked: the same state asks the same things in both languages.
    Raises BadInput for an unknown kind or language.
    """
    wanted = KINDS if kinds is None else tuple(kinds)
    for kind in wanted:
        if kind not in POSSIBLE:
            raise BadInput(f"the kind of question must be one of {', '.join(POSSIBLE)}, but {kind!r} was given")
    limits = PER_KIND if per_kind is None else per_kind
    facts = graph if isinstance(graph, Facts) else Facts(graph)
    draw = Draw(facts, names, rng)
    drawn = (
        found
        for kind in wanted
        for found in draw.of_kind(kind, limits if isinstance(limits, int) else limits.get(kind, 1))
    )
    return put(drawn, facts, names, rng, lang, scene=scene, image=image)


def put(
    asked: Iterable[tuple[str, Asked]],
    facts: Facts,
    names: Names,
    rng: np.random.Generator,
    lang: Lang,
    *,
    scene: str = "",
    image: str = "",
) -> list[Question]:
    """Put into words what is asked about a picture, and answer it. Raises BadInput for an unknown language."""
    if lang not in LANGS:
        raise BadInput(f"the language must be one of {', '.join(LANGS)}, but {lang!r} was given")
    words = Wording(facts, names, lang)
    questions: list[Question] = []
    for template, (program, mentions) in asked:
        answer = execute(program, facts)
        text = _text(template, mentions, words, rng)
        id = f"{scene}.{lang}.{len(questions)}" if scene else f"{lang}.{len(questions)}"
        wording = reply(template, answer, words)
        kind = template.partition(".")[0]
        questions.append(Question(id, scene, image, lang, kind, template, text, program, answer, wording))
    return questions


def _text(template: str, mentions: dict[str, str], words: Wording, rng: np.random.Generator) -> str:
    """Word a question; draws the same number of times in every language."""
    choice, bare, full_width, *draws = rng.random(3 + 2 * len(mentions))
    lang, facts, names = words.lang, words.facts, words.names
    choices = texts()[template][lang]
    slots: dict[str, str] = {}
    for i, (slot, mentioned) in enumerate(mentions.items()):
        pair = (float(draws[2 * i]), float(draws[2 * i + 1]))
        if slot in ("s", "d", "c"):  # a side, an angle, a character: words, not objects
            slots[slot] = SIDES[lang].get(mentioned, mentioned)
        elif slot == "k":
            kind = kind_names(names, mentioned)
            slots |= {"k": ask_kinds(kind, facts, names, lang, pair[1]), "m": kind.measure}
        else:
            slots[slot] = ask_about(mentioned, facts, names, lang, pair)
    text = choices[int(choice * len(choices))].format(**slots)
    text = text[:1].upper() + text[1:]
    if bare < BARE_SHARE:
        text = text.rstrip("?\uff1f")
    return text.translate(FULL_WIDTH) if lang == "zh" and full_width < 0.5 else text
