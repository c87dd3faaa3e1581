"""Questions about a picture with computed answers: what to ask is drawn at random, what is true is executed from the
graph."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from occlusight.errors import BadInput
from occlusight.occlusion.facts import Facts
from occlusight.occlusion.graph import Graph
from occlusight.occlusion.kinds import FULL_WIDTH, LANGS, Lang, Names, article, kind_names
from occlusight.questions.album import Album, AlbumDraw
from occlusight.questions.draw import Draw
from occlusight.questions.phrases import Wording, cap
from occlusight.questions.programs import execute
from occlusight.questions.registry import album_kinds, of_kind, reported_kinds, templates
from occlusight.questions.registry import kinds as picture_kinds
from occlusight.questions.template import Answer, Asked, Program, Template
from occlusight.questions.wording import ask_about, ask_kind, ask_kinds, wordings

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
KINDS += ("who_hides", "remove", "depth_pair")  # the default, in the order in which they are asked
PER_KIND: Mapping[str, int] = {"recognition": 1, "occlusion": 2, "explanation": 2, "position": 2, "remove": 2}
BARE_SHARE = 0.1  # of the questions come without their question mark

SIDES: Mapping[Lang, Mapping[str, str]] = {"en": {}, "zh": {"left": "左", "right": "右"}}


@dataclass(frozen=True)
class Question:
    """A line of `questions.jsonl`. `template` is the logical form ("occlusion.passive"); `reply` is a sentence to learn
    from.

    A question about several pictures has the scenes of all of them in `scenes`, in the order in which they are shown;
    `scene` and `image` are the last one's.
    """

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
    scenes: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return the line as a dict."""
        line = asdict(self)
        if not self.scenes:  # lines about one picture are as they always were
            del line["scenes"]
        return line

    @classmethod
    def from_json(cls, line: Mapping[str, Any]) -> Question:
        """Read a line; fields of other programs are left out, a missing reply is empty. Raises KeyError."""
        known = {name: line[name] for name in cls.__dataclass_fields__ if name not in ("reply", "scenes")}
        return cls(**known, reply=line.get("reply", ""), scenes=tuple(line.get("scenes", ())))


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
        if kind not in picture_kinds():
            possible = ", ".join((*KINDS, *(kind for kind in picture_kinds() if kind not in KINDS)))
            raise BadInput(f"the kind of question must be one of {possible}, but {kind!r} was given")
    limits = PER_KIND if per_kind is None else per_kind
    facts = graph if isinstance(graph, Facts) else Facts(graph)
    draw = Draw(facts, names, rng)
    drawn = (
        found
        for kind in wanted
        for found in drawn_of(kind, draw, limits if isinstance(limits, int) else limits.get(kind, 1))
    )
    return put(drawn, facts, names, rng, lang, scene=scene, image=image)


def ask_album(
    album: Album,
    names: Names,
    rng: np.random.Generator,
    lang: Lang,
    kinds: Iterable[str] | None = None,
    per_kind: int | Mapping[str, int] = 2,
    *,
    scenes: Sequence[str] = (),
    image: str = "",
) -> list[Question]:
    """Ask about several pictures together as `ask` does about one: by default what there is to ask of a clip, or of
    other stills.

    `scenes` are the pictures' ids (by default their numbers, from 1), `image` the last one's path. Raises BadInput for
    an unknown kind or language.
    """
    askable = (*album_kinds(clip=False), *(album_kinds(clip=True) if album.clip else ()))
    wanted = album_kinds(clip=album.clip) if kinds is None else tuple(kinds)
    for kind in wanted:
        if kind not in askable:
            raise BadInput(f"of these pictures the kinds of questions are {', '.join(askable)}, but {kind!r} was given")
    ids = tuple(scenes) or tuple(str(i) for i in range(1, len(album.pictures) + 1))
    draw = AlbumDraw(album, names, rng)
    drawn = (
        found
        for kind in wanted
        for found in drawn_of(kind, draw, per_kind if isinstance(per_kind, int) else per_kind.get(kind, 1))
    )
    return put(drawn, album, names, rng, lang, scene=ids[-1], image=image, scenes=ids)


def about_objects() -> tuple[str, ...]:
    """Return all that can be asked about pictures without inscriptions: first the default, then the rest."""
    return (*KINDS, *(kind for kind in picture_kinds(about_text=False) if kind not in KINDS))


def kinds_of_questions() -> tuple[str, ...]:
    """Return the kinds that stored questions have: first the default, then the rest."""
    return (*KINDS, *(kind for kind in reported_kinds() if kind not in KINDS))


def drawn_of(kind: str, draw: Draw | AlbumDraw, limit: int) -> Iterator[tuple[str, Asked]]:
    """Yield at most `limit` (template's name, what to ask) of a kind, none of them twice."""
    forms = list(of_kind(kind))
    seen: set[str] = set()
    for _ in range(limit // max((template.group for template in forms), default=1)):
        turns = ((template.name, template.asked_about(draw)) for template in draw.shuffled(forms))
        name, together = next(((name, found) for name, found in turns if found), ("", ()))
        keys = {f"{name}{asked}" for asked in together}
        if keys & seen:
            continue
        seen |= keys
        yield from ((name, asked) for asked in together)


def put(
    asked: Iterable[tuple[str, Asked]],
    facts: Facts | Album,
    names: Names,
    rng: np.random.Generator,
    lang: Lang,
    *,
    scene: str = "",
    image: str = "",
    scenes: tuple[str, ...] = (),
) -> list[Question]:
    """Put into words what is asked about a picture, or about several, and answer it. Raises BadInput for an unknown
    language."""
    if lang not in LANGS:
        raise BadInput(f"the language must be one of {', '.join(LANGS)}, but {lang!r} was given")
    words = Wording(facts.naming if isinstance(facts, Album) else facts, names, lang)
    questions: list[Question] = []
    for name, (program, mentions) in asked:
        template = templates()[name]
        answer = execute(program, facts)
        text = _text(template, mentions, words, rng)
        of = "+".join(scenes) or scene
        id = f"{of}.{lang}.{len(questions)}" if of else f"{lang}.{len(questions)}"
        said = reply(name, answer, words)
        questions.append(
            Question(id, scene, image, lang, template.reported_as, name, text, program, answer, said, scenes)
        )
    return questions


def reply(name: str, answer: Answer, words: Wording) -> str:
    """Return the reference reply for the structured answer to a question of the template `name`."""
    return finished(templates()[name], templates()[name].reply(answer, words), words.lang)


def finished(template: Template, sentence: str, lang: Lang) -> str:
    """Return a sentence that answers a question of a template with its language's punctuation."""
    if template.verbatim:
        return sentence
    return sentence.translate(FULL_WIDTH) if lang == "zh" else cap(sentence)


def _text(template: Template, mentions: dict[str, str], words: Wording, rng: np.random.Generator) -> str:
    """Word a question; draws the same number of times in every language."""
    choice, bare, full_width, *draws = rng.random(3 + 2 * len(mentions))
    lang, facts, names = words.lang, words.facts, words.names
    choices = (template.texts or wordings()[template.name])[lang]
    slots: dict[str, str] = {}
    for i, (slot, mentioned) in enumerate(mentions.items()):
        pair = (float(draws[2 * i]), float(draws[2 * i + 1]))
        if slot in ("s", "d", "c"):  # a side, an angle, a character: words, not objects
            slots[slot] = SIDES[lang].get(mentioned, mentioned)
        elif slot == "k":
            kind = kind_names(names, mentioned)
            slots |= {"k": ask_kinds(kind, facts, names, lang, pair[1]), "m": kind.measure}
        elif slot == "h":  # a colour
            word = words.colour(mentioned)
            slots[slot] = f"{word}的" if lang == "zh" else f"{article(word)} {word}"
        elif slot in ("e", "n", "t"):  # "a car", "the car", "car"
            noun = ask_kind(kind_names(names, mentioned), facts, names, lang, pair[1])
            before = {"e": f"{article(noun)} ", "n": "the ", "t": ""}[slot]
            slots[slot] = noun if lang == "zh" else before + noun
        else:
            slots[slot] = ask_about(mentioned, facts, names, lang, pair)
    text = choices[int(choice * len(choices))].format(**slots)
    text = cap(text)
    if bare < BARE_SHARE:
        text = text.rstrip("?\uff1f")
    return text.translate(FULL_WIDTH) if lang == "zh" and full_width < 0.5 else text
