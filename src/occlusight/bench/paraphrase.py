"""True answers in other words than the templates': what the readers and scorers must get right if they are to be trusted.

Every question has one paraphrase, chosen by its id, so that a set of some hundred questions uses them all.
"""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Callable
from functools import cache
from importlib.resources import files
from typing import Any

from occlusight.occlusion.facts import Facts
from occlusight.occlusion.kinds import FULL_WIDTH, Names, counted, kind_names, listed
from occlusight.questions.question import Question
from occlusight.questions.replies import AMOUNT_EN, AMOUNT_ZH, BROUGHT, OPPOSITE, Wording, stated

PART_EN = {"left": "the left side", "right": "the right side", "top": "the top", "bottom": "the bottom"}
PART_EN |= {"middle": "the middle", "all": "almost all"}
PART_ZH = {"left": "左边", "right": "右边", "top": "上部", "bottom": "下部", "middle": "中间", "all": "几乎全部"}
SEEN_EN = {"left": "the right part", "right": "the left part", "top": "the lower part", "bottom": "the upper part"}
SEEN_EN |= {"middle": "both ends", "all": "only a few bits"}
SEEN_ZH = {
    "left": "右边",
    "right": "左边",
    "top": "下半部分",
    "bottom": "上半部分",
    "middle": "两边",
    "all": "一些小块",
}
DEPTH = {"en": {"front": "in front of", "behind": "behind"}, "zh": {"front": "前", "behind": "后"}}
SIDE = {"en": {"left": "left", "right": "right"}, "zh": {"left": "左", "right": "右"}}
VERTICAL = {"en": {"above": "on top of", "below": "underneath"}, "zh": {"above": "上", "below": "下"}}
Slots = dict[str, str]


@cache
def frames() -> dict[str, Any]:
    """The sentences of paraphrases.toml."""
    return tomllib.loads((files("occlusight.bench") / "paraphrases.toml").read_text(encoding="utf-8"))


def paraphrases(question: Question, facts: Facts, names: Names) -> list[str]:
    """Return every paraphrase that says the true answer to this question."""
    words = Wording(facts, names, question.lang)
    found = TEMPLATES[question.template](question.answer, words)
    if question.lang == "zh":
        return [text.translate(FULL_WIDTH) for text in found]
    return [text[:1].upper() + text[1:] for text in found]


def paraphrase(question: Question, facts: Facts, names: Names) -> str:
    """Return one of them, by the question's id."""
    found = paraphrases(question, facts, names)
    digest = hashlib.sha256(question.id.encode()).digest()
    return found[int.from_bytes(digest[:4], "big") % len(found)]


def _fill(path: str, w: Wording, slots: Slots) -> list[str]:
    group: Any = frames()
    for key in path.split("."):
        group = group[key]
    return [text.format(**slots) for text in group[w.lang]]


def _two(answer: dict[str, Any], w: Wording, a: str = "occluder", b: str = "occluded") -> Slots:
    return {"a": w.the(answer[a]), "b": w.the(answer[b])}


def _covered(answer: dict[str, Any], w: Wording) -> Slots:
    part, en = answer["hidden_part"], w.lang == "en"
    amount = (AMOUNT_EN if en else AMOUNT_ZH)[answer["amount"]]
    return {"part": (PART_EN if en else PART_ZH)[part], "seen": (SEEN_EN if en else SEEN_ZH)[part], "amount": amount}


def _recognition(answer: dict[str, Any], w: Wording) -> list[str]:
    phrases = [counted(kind_names(w.names, kind), n, w.lang) for kind, n in answer["counts"].items()]
    return _fill("recognition", w, {"list": listed(phrases, w.lang)})


def _pair(answer: dict[str, Any], w: Wording) -> list[str]:
    return _fill(f"occlusion.pair_{answer['value']}", w, _two(answer, w))


def _anything(answer: dict[str, Any], w: Wording) -> list[str]:
    return _fill(f"occlusion.any_{answer['value']}", w, {"b": w.the(answer["occluded"])})


def _explanation(answer: dict[str, Any], w: Wording) -> list[str]:
    slots = _two(answer, w)
    if answer["value"] == "yes":
        return _fill("explanation.yes", w, slots | _covered(answer, w))
    if answer["reverse"]:
        return _fill("explanation.no_reverse", w, slots)
    place = w.where(answer, answer["occluder"], answer["occluded"])
    joint = "; " if w.lang == "en" else ";"
    return _fill("explanation.no_apart", w, slots | {"place": f"{joint}{place}" if place else ""})


def _placed(entry: dict[str, Any], a: str, b: str, w: Wording) -> list[str]:
    lang, slots = w.lang, {"a": w.the(a), "b": w.the(b)}
    for slot, words, axis in (
        ("side", SIDE, "horizontal"),
        ("depth", DEPTH, "depth"),
        ("vertical", VERTICAL, "vertical"),
    ):
        if entry[axis] != "none":
            slots |= {slot: words[lang][entry[axis]], f"other_{slot}": words[lang][OPPOSITE[entry[axis]]]}
    which = (
        "vertical"
        if "vertical" in slots
        else "across"
        if "depth" not in slots
        else "both"
        if "side" in slots
        else "deep"
    )
    return _fill(f"position.{which}", w, slots)


def _position(answer: dict[str, Any], w: Wording) -> list[str]:
    return _placed(answer["value"], answer["object"], answer["reference"], w)


def _count_position(answer: dict[str, Any], w: Wording) -> list[str]:
    counts = _fill("position.count", w, {"n": str(answer["value"]), "m": kind_names(w.names, answer["kind"]).measure})
    found = []
    for i, opening in enumerate(counts):
        places = [_placed(entry, entry["object"], answer["reference"], w) for entry in answer["positions"]]
        said = [
            options[i % len(options)] if w.the(entry["object"]) in options[i % len(options)] else options[0]
            for options, entry in zip(places, answer["positions"], strict=True)
        ]
        found.append(opening + (" " if w.lang == "en" else "").join(said))
    return found


def _count(answer: dict[str, Any], w: Wording) -> list[str]:
    kind, n = kind_names(w.names, answer["kind"]), answer["value"]
    noun = kind.zh if w.lang == "zh" else kind.en if n == 1 else kind.plural
    return _fill("count.some" if n else "count.none", w, {"n": str(n), "k": noun, "m": kind.measure})


def _one(kind: str) -> Callable[[dict[str, Any], Wording], list[str]]:
    return lambda answer, w: _fill(kind, w, {"a": w.the(answer["value"])})


def _part(answer: dict[str, Any], w: Wording) -> list[str]:
    return _fill("hidden_part", w, _two(answer, w) | _covered(answer, w))


def _who(answer: dict[str, Any], w: Wording) -> list[str]:
    b = w.the(answer["occluded"])
    if not answer["value"]:
        return _fill("who_hides.none", w, {"b": b})
    return _fill("who_hides.some", w, {"who": w.them(answer["value"]), "b": b})


def _remove(answer: dict[str, Any], w: Wording) -> list[str]:
    return _fill(f"remove.{answer['value']}", w, _two(answer, w, "removed"))


def _depth_pair(which: str) -> Callable[[dict[str, Any], Wording], list[str]]:
    return lambda answer, w: _fill(f"depth_pair.{which}", w, {"w": w.the(answer["value"]), "o": w.the(answer["other"])})


def _staged(frame: str, a: str, b: str) -> Callable[[dict[str, Any], Wording], list[str]]:
    return lambda answer, w: _fill(
        f"{frame}.{answer['value']}", w, {"a": w.the(answer[a]), "b": w.the(answer.get(b, answer[a]))}
    )


def _stated(answer: dict[str, Any], w: Wording) -> list[str]:
    return [stated(answer, w)]


def _shown(answer: dict[str, Any], w: Wording) -> list[str]:
    return _fill("shown", w, {"list": w.them(answer["value"])})


def _reading(answer: dict[str, Any], w: Wording) -> list[str]:
    frame = "reading.all" if answer["all"] else "reading.some"
    return _fill(frame, w, {"a": w.the(answer["sign"]), "t": answer["shown"], "by": w.them(answer["by"])})


def _covers_text(answer: dict[str, Any], w: Wording) -> list[str]:
    return _fill("text_covered", w, {"list": w.them(answer["value"]), "a": w.the(answer["occluded"])})


TEMPLATES: dict[str, Callable[[dict[str, Any], Wording], list[str]]] = {
    "recognition.list": _recognition,
    "occlusion.active": _pair,
    "occlusion.passive": _pair,
    "occlusion.anything": _anything,
    "explanation.active": _explanation,
    "explanation.passive": _explanation,
    "position.relative": _position,
    "position.count": _count_position,
    "count.kind": _count,
    "nearest.all": _one("nearest"),
    "farthest.all": _one("farthest"),
    "hidden_part.pair": _part,
    "who_hides.one": _who,
    "remove.one": _remove,
    "depth_pair.nearer": _depth_pair("nearer"),
    "depth_pair.farther": _depth_pair("farther"),
    "occlusion.through": _staged("through", "glass", "object"),
    "occlusion.mirror": _staged("mirror", "mirror", "object"),
    "recognition.mirror": _shown,
    "unknown.behind": _staged("behind", "occluder", "occluder"),
    **dict.fromkeys(BROUGHT, _stated),
    "viewpoint.side": _staged("view", "occluder", "occluded"),
    "reading.characters": _reading,
    "reading.character": _staged("character", "sign", "sign"),
    "reading.whole": _staged("whole", "sign", "sign"),
    "reading.covered_by": _covers_text,
}
