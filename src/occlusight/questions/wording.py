"""How questions are asked: the texts of each template in both languages, and the names of things in them."""

from __future__ import annotations

import re
import tomllib
from functools import cache
from importlib.resources import files

from occlusight.occlusion.facts import Facts
from occlusight.occlusion.kinds import (
    UNCOUNTED,
    KindNames,
    Lang,
    Names,
    colour_prefix,
    is_plural,
    kind_names,
    pluralize,
)

ALIAS_SHARE = 0.3  # of the names in questions are another word for the same kind
SHORT_SHARE = 0.35  # of the names drop the colour where the kind alone tells the object apart
TIGHT_SHARE = 0.4  # of the Chinese names with a colour leave out the "的" between colour and kind
VIEWER = ("camera", "相机")  # words that mean the viewer in questions; answers may use them for a photo camera


@cache
def wordings() -> dict[str, dict[str, tuple[str, ...]]]:
    """Return template -> language -> texts of wordings.toml."""
    body = tomllib.loads((files("occlusight.questions") / "wordings.toml").read_text(encoding="utf-8"))
    return {template: {lang: tuple(found) for lang, found in langs.items()} for template, langs in body.items()}


def ask_about(id: str, facts: Facts, names: Names, lang: Lang, draws: tuple[float, float]) -> str:
    """Name an object in a question: now and then by an alias or without its colour, but never ambiguously."""
    o = facts.objects[id]
    kind = kind_names(names, o.kind)
    noun, full = (kind.en, o.name) if lang == "en" else (kind.zh, o.name_zh)
    prefix = colour_prefix(full, noun)
    if prefix is not None:
        alone = all(other.id == id or other.kind != o.kind for other in facts.objects.values())
        if alone and draws[0] < SHORT_SHARE:
            prefix = ""
        elif draws[0] > 1 - TIGHT_SHARE:
            prefix = prefix.removesuffix("的")
        full = prefix + ask_kind(kind, facts, names, lang, draws[1])
    return full if lang == "zh" else f"the {full}"


def ask_kind(kind: KindNames, facts: Facts, names: Names, lang: Lang, draw: float) -> str:
    """Name a kind in a question, by an alias in a share of cases."""
    noun = kind.en if lang == "en" else kind.zh
    if draw >= ALIAS_SHARE:
        return noun
    choices = [alias for alias in _aliases(kind, lang) if not _taken(alias, kind, facts, names, lang)]
    return choices[int(draw / ALIAS_SHARE * len(choices))] if choices else noun


def ask_kinds(kind: KindNames, facts: Facts, names: Names, lang: Lang, draw: float) -> str:
    """`ask_kind` in the plural."""
    noun = ask_kind(kind, facts, names, lang, draw)
    if lang == "zh":
        return noun
    return kind.plural if noun == kind.en else pluralize(noun)


def _aliases(kind: KindNames, lang: Lang) -> tuple[str, ...]:
    """Aliases that fit where the kind's own name does ("headphones" does not, beside "a pair of headphones"), and do
    not mean the viewer."""
    found = kind.aliases_zh if lang == "zh" else [alias for alias in kind.aliases_en if not is_plural(alias)]
    return tuple(alias for alias in found if alias not in (*UNCOUNTED, *VIEWER))


def confusable(kind: KindNames, facts: Facts, names: Names) -> bool:
    """Whether the kind's own name, in either language, could mean another kind in the picture ("lamp" and "street
    lamp")."""
    return _taken(kind.en, kind, facts, names, "en") or _taken(kind.zh, kind, facts, names, "zh")


def _taken(word: str, kind: KindNames, facts: Facts, names: Names, lang: Lang) -> bool:
    """Whether another kind in the picture could be meant by this word ("车" beside a bus, "lamp" beside a street
    lamp)."""
    for key in {o.kind for o in facts.objects.values()} - {kind.key}:
        other = kind_names(names, key)
        words = (other.en, *other.aliases_en) if lang == "en" else (other.zh, *other.aliases_zh)
        if any(word == w or (word in w if lang == "zh" else re.search(rf"\b{re.escape(word)}\b", w)) for w in words):
            return True
    return False
