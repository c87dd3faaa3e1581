"""Other ways to say a wording: synonyms, the other voice, frames, typos, traditional characters. What is meant
stays."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from importlib.resources import files
from random import Random
from typing import Any

NAME = r"(\{[AB]\})"
ADVERB = r"((?:partly |partially |fully |completely |at all |being )?)"
KEYS = {"a": "sqz", "e": "wr", "i": "uo", "o": "ip", "t": "ry", "n": "bm", "s": "ad", "r": "et", "h": "gj", "l": "k"}
"""Keys beside a key."""


@cache
def _data() -> Mapping[str, Any]:
    data: Mapping[str, Any] = tomllib.loads(
        files("occlusight.train").joinpath("rewording.toml").read_text(encoding="utf-8")
    )
    return data


def reworded(text: str, lang: str, draw: Random) -> str:
    """Return a wording said in another way; slots stay, though their order may turn with the voice."""
    if draw.random() < 0.35:
        text = other_voice(text, lang)
    if draw.random() < 0.6:
        text = with_synonyms(text, lang, draw)
    if draw.random() < 0.25:
        text = _framed(text, lang, draw)
    if draw.random() < 0.3:
        text = text.rstrip("?？.。!！ ") or text
    if lang == "en":
        if draw.random() < 0.35:
            text = _outside_slots(text, str.lower)
        if draw.random() < 0.2:
            text = _outside_slots(text, lambda part: _mistyped(part, draw))
    elif draw.random() < 0.05:
        text = _traditional(text)
    return text


@cache
def _synonyms(lang: str) -> tuple[re.Pattern[str], Mapping[str, Sequence[str]]]:
    groups: Sequence[Sequence[str]] = _data()["synonyms"][lang]
    group_of = {word: group for group in groups for word in group}
    words = "|".join(re.escape(word) for word in sorted(group_of, key=len, reverse=True))
    return re.compile(rf"\b(?:{words})\b" if lang == "en" else words), group_of


def with_synonyms(text: str, lang: str, draw: Random) -> str:
    """Return a text with half of the words that have synonyms exchanged."""
    pattern, group_of = _synonyms(lang)
    return pattern.sub(lambda match: draw.choice(group_of[match[0]]) if draw.random() < 0.5 else match[0], text)


@cache
def _turns(lang: str) -> tuple[tuple[re.Pattern[str], Callable[[re.Match[str]], str]], ...]:
    """Patterns of who hides whom, and how each is said in the other voice."""
    if lang == "zh":
        verb = f"((?:{'|'.join(_data()['voice']['zh'])})(?:了|住了|到了)?)"
        asks = r"((?:有没有|是不是|是否|会不会|有没|到底)?)"
        return (
            (re.compile(f"{NAME}{asks}被{NAME}(?:给)?{verb}"), lambda m: f"{m[3]}{m[2]}把{m[1]}{m[4]}"),
            (re.compile(f"{NAME}{asks}把{NAME}(?:给)?{verb}"), lambda m: f"{m[3]}{m[2]}被{m[1]}{m[4]}"),
            (re.compile(f"{NAME}{asks}{verb}{NAME}"), lambda m: f"{m[4]}{m[2]}被{m[1]}{m[3]}"),
        )
    forms: Sequence[Sequence[str]] = _data()["voice"]["en"]
    other = {form: verb for verb in forms for form in verb}
    base, third, doing, done = (f"({'|'.join(verb[i] for verb in forms)})" for i in range(4))
    ignore = re.IGNORECASE
    return (
        (
            re.compile(f"(does|did) {NAME} {base} {NAME}", ignore),
            lambda m: f"is {m[4]} {other[m[3].lower()][3]} by {m[2]}",
        ),
        (
            re.compile(f"(is) {NAME} {doing} {NAME}", ignore),
            lambda m: f"is {m[4]} being {other[m[3].lower()][3]} by {m[2]}",
        ),
        (
            re.compile(f"^(is) {NAME} {ADVERB}{done} by {NAME}", ignore),
            lambda m: f"is {m[5]} {m[3].replace('being ', '')}{other[m[4].lower()][2]} {m[2]}",
        ),
        (
            re.compile(f"{NAME} {third} {NAME}", ignore),
            lambda m: f"{m[3]} is {other[m[2].lower()][3]} by {m[1]}",
        ),
        (
            re.compile(f"{NAME} is {ADVERB}{done} by {NAME}", ignore),
            lambda m: f"{m[4]} {m[2].replace('being ', '')}{other[m[3].lower()][1]} {m[1]}",
        ),
    )


def other_voice(text: str, lang: str) -> str:
    """Return who hides whom in the other voice where a text says it plainly, else the text.

    >>> other_voice("Does {A} cover {B}?", "en")
    'is {B} covered by {A}?'
    >>> other_voice("{A}是不是挡住了{B}", "zh")
    '{B}是不是被{A}挡住了'
    """
    for pattern, turned in _turns(lang):
        if pattern.search(text):
            return pattern.sub(turned, text, count=1)
    return text


def _framed(text: str, lang: str, draw: Random) -> str:
    frames: Mapping[str, Sequence[str]] = _data()["frames"][lang]
    if draw.random() < 0.6:
        return draw.choice(frames["before"]) + text
    mark = "?" if text.endswith(("?", "？")) and draw.random() < 0.5 else ""
    return text.rstrip("?？.。!！ ") + draw.choice(frames["after"]) + mark


def _outside_slots(text: str, change: Callable[[str], str]) -> str:
    return "".join(part if part.startswith("{") else change(part) for part in re.split(r"(\{\w+\})", text))


def _mistyped(text: str, draw: Random) -> str:
    """Return a text with a slip in one of its longer words."""
    words = list(re.finditer(r"[A-Za-z]{4,}", text))
    if not words:
        return text
    word = draw.choice(words)
    at = draw.randrange(word.start() + 1, word.end() - 1)
    slip = draw.randrange(4)
    if slip == 0:
        return text[:at] + text[at + 1] + text[at] + text[at + 2 :]
    if slip == 1:
        return text[:at] + text[at + 1 :]
    if slip == 2:
        return text[:at] + text[at] + text[at:]
    return text[:at] + draw.choice(KEYS.get(text[at], text[at])) + text[at + 1 :]


@cache
def _table() -> Mapping[int, int]:
    characters = _data()["traditional"]
    return str.maketrans(characters["simplified"], characters["traditional"])


def _traditional(text: str) -> str:
    return text.translate(_table())
