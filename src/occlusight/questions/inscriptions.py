"""Texts that are partly hidden: which characters can be read, and what covers the others.

A sign of which a character is doubtful, neither clearly seen nor clearly hidden, is not asked about as a whole; that
character never.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from occlusight.errors import BadData
from occlusight.occlusion.facts import Facts
from occlusight.questions.draw import Draw
from occlusight.questions.paraphrases import decided, fill
from occlusight.questions.phrases import Wording, cap
from occlusight.questions.template import Answer, Asked, Template, about

GAP = "…"  # stands for characters that cannot be read


def characters(facts: Facts, a: str) -> Answer:
    """Which characters on `a` can be read? In the order of the text; `shown` has a dot for each run of others."""
    text, read = [c.character for c in facts.inscriptions[a].characters], facts.readable(a)
    value = [c for c, r in zip(text, read, strict=True) if r]
    shown = ""
    for c, r in zip(text, read, strict=True):
        shown += c if r else "" if shown.endswith(GAP) else GAP
    by = facts.covering(a)
    return {"value": value, "sign": a, "shown": shown, "by": by, "all": len(value) == len(text), "objects": [a, *by]}


def character(facts: Facts, a: str, c: str) -> Answer:
    """Can the character `c` on `a` be read?"""
    text = [k.character for k in facts.inscriptions[a].characters]
    if c not in text:
        raise BadData(f"a program asks about {c!r} on {a}, which carries {''.join(text)!r}")
    at = text.index(c)
    found = facts.inscriptions[a].characters[at]
    read = facts.readable(a)[at]
    by = [found.hidden_by] if not read and found.hidden_by is not None else []
    return {"value": "yes" if read else "no", "sign": a, "character": c, "by": by, "objects": [a, *by]}


def whole_text(facts: Facts, a: str) -> Answer:
    """Can all of the text on `a` be read?"""
    by = facts.covering(a)
    return {"value": "yes" if all(facts.readable(a)) else "no", "sign": a, "by": by, "objects": [a, *by]}


def covers_text(facts: Facts, a: str) -> Answer:
    """What covers characters on `a`?"""
    found = facts.covering(a)
    return {"value": found, "occluded": a, "objects": [*found, a]}


def _signs(draw: Draw) -> list[str]:
    return [id for id in draw.facts.nameable if id in draw.facts.inscriptions]


def draw_characters(draw: Draw) -> Sequence[Asked]:
    """Which characters on A can be read? Signs of which some are hidden first."""
    f = draw.facts
    clear = [id for id in _signs(draw) if f.legible(id) and any(f.readable(id))]
    found = draw.pick([id for id in clear if not all(f.readable(id))] or clear)
    return () if found is None else (about("characters", (found,), "a"),)


def draw_character(draw: Draw) -> Sequence[Asked]:
    """A character that can be read, and one that cannot; each is on its sign once."""
    f = draw.facts
    found: dict[bool, list[tuple[str, str]]] = {True: [], False: []}
    for a in _signs(draw):
        text = [c.character for c in f.inscriptions[a].characters]
        for c, read in zip(text, f.readable(a), strict=True):
            if read is not None and text.count(c) == 1:
                found[read].append((a, c))
    no = draw.pick(found[False])
    same = [p for p in found[True] if no is not None and p[0] == no[0]]
    yes = draw.pick(same or found[True])
    if yes is None or no is None:
        return ()
    return about("character", yes, "ac"), about("character", no, "ac")


def draw_whole(draw: Draw) -> Sequence[Asked]:
    """A sign of which all can be read, and one of which not all can."""
    f = draw.facts
    clear = [id for id in _signs(draw) if f.legible(id)]
    yes, no = (
        draw.pick([id for id in clear if all(f.readable(id))]),
        draw.pick([id for id in clear if not all(f.readable(id))]),
    )
    if yes is None or no is None:
        return ()
    return about("whole_text", (yes,), "a"), about("whole_text", (no,), "a")


def draw_covered(draw: Draw) -> Sequence[Asked]:
    """What covers characters on A? Where all that does can be named."""
    f = draw.facts
    told = [id for id in _signs(draw) if f.legible(id) and f.covering(id) and set(f.covering(id)) <= set(f.nameable)]
    found = draw.pick(told)
    return () if found is None else (about("covers_text", (found,), "a"),)


def say_characters(answer: Answer, w: Wording) -> str:
    """Which characters on A can be read?"""
    a, shown, by = w.the(answer["sign"]), answer["shown"], w.them(answer["by"])
    if w.lang == "zh":
        if answer["all"]:
            return f"全部都能看清:“{shown}”。"
        return f"能看清的是“{shown}”,其余的被{by}挡住了。" if by else f"能看清的是“{shown}”,其余的被挡住了。"
    if answer["all"]:
        return f'All of them: {a} reads "{shown}".'
    return f'On {a} "{shown}" can be read; the rest is covered{f" by {by}" if by else ""}.'


def say_character(answer: Answer, w: Wording) -> str:
    """Can the character C on A be read?"""
    a, c, by = w.the(answer["sign"]), answer["character"], w.them(answer["by"])
    if w.lang == "zh":
        if answer["value"] == "yes":
            return f"能。{a}上的“{c}”看得清。"
        return f"不能。{f'{by}挡住了它' if by else '它被挡住了'}。"
    if answer["value"] == "yes":
        return f'Yes. The "{c}" on {a} can be seen.'
    return f"No. {f'{cap(by)} covers it' if by else 'It is covered'}."


def say_whole(answer: Answer, w: Wording) -> str:
    """Can all of the text on A be read?"""
    a, by = w.the(answer["sign"]), w.them(answer["by"])
    if w.lang == "zh":
        if answer["value"] == "yes":
            return f"能。{a}上的字没有被挡住。"
        return f"不能。{a}上有字被{by}挡住了。"
    if answer["value"] == "yes":
        return f"Yes. No character on {a} is covered."
    return f"No. Part of the text on {a} is covered{f' by {by}' if by else ''}."


def say_covered(answer: Answer, w: Wording) -> str:
    """What covers characters on A?"""
    by, a = w.them(answer["value"]), w.the(answer["occluded"])
    if w.lang == "zh":
        return f"{by}挡住了{a}上的字。"
    return f"{cap(by)} {'cover' if len(answer['value']) > 1 else 'covers'} characters on {a}."


def retell_characters(answer: dict[str, Any], w: Wording) -> list[str]:
    frame = "reading.all" if answer["all"] else "reading.some"
    return fill(frame, w, {"a": w.the(answer["sign"]), "t": answer["shown"], "by": w.them(answer["by"])})


def retell_covered(answer: dict[str, Any], w: Wording) -> list[str]:
    return fill("text_covered", w, {"list": w.them(answer["value"]), "a": w.the(answer["occluded"])})


TEMPLATES = (
    Template(
        name="reading.characters",
        kind="characters",
        program=characters,
        draw=draw_characters,
        reply=say_characters,
        read="characters",
        paraphrase=retell_characters,
        about_text=True,
    ),
    Template(
        name="reading.character",
        kind="character",
        program=character,
        draw=draw_character,
        group=2,
        reply=say_character,
        read="readable",
        paraphrase=decided("character", "sign", "sign"),
        about_text=True,
    ),
    Template(
        name="reading.whole",
        kind="whole_text",
        program=whole_text,
        draw=draw_whole,
        group=2,
        reply=say_whole,
        read="readable",
        paraphrase=decided("whole", "sign", "sign"),
        about_text=True,
    ),
    Template(
        name="reading.covered_by",
        kind="covers_text",
        program=covers_text,
        draw=draw_covered,
        reply=say_covered,
        read="who_hides",
        paraphrase=retell_covered,
        about_text=True,
    ),
)
