"""Sentences about glass, mirrors, hidden things and other cameras."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from occlusight.occlusion.kinds import article, kind_names

Answer = dict[str, Any]
Words = Any  # answers.Wording, which imports this

SIDE_ZH = {"left": "左", "right": "右"}


def cap(text: str) -> str:
    """Return the text with a capital at its start."""
    return text[:1].upper() + text[1:]


def through(answer: Answer, w: Words) -> str:
    """Is B seen through A?"""
    a, b = w.the(answer["glass"]), w.the(answer["object"])
    if w.lang == "zh":
        if answer["value"] == "yes":
            return f"是的。{b}在{a}的后面,透过玻璃仍然可见。"
        if answer["hides"]:
            return f"不能。{a}不透明,遮挡了{b}的一部分。"
        return f"不能。{b}不在{a}的后面。"
    if answer["value"] == "yes":
        return f"Yes. {cap(b)} is behind {a} and can be seen through the glass."
    if answer["hides"]:
        return f"No. {cap(a)} is opaque and hides part of {b}."
    return f"No. {cap(b)} is not behind {a}."


def mirrored(answer: Answer, w: Words) -> str:
    """Is B seen in A?"""
    a, b, only = w.the(answer["mirror"]), w.the(answer["object"]), answer["only"]
    if w.lang == "zh":
        if answer["value"] == "no":
            return f"不能。{a}里没有照出{b}。"
        return f"能。{a}里照出了{b}{',只有在镜像中才能看到' if only else ''}。"
    if answer["value"] == "no":
        return f"No. {cap(a)} does not show {b}."
    return f"Yes. {cap(a)} shows {b}{', which can only be seen there' if only else ''}."


def shown_in(answer: Answer, w: Words) -> str:
    """What does A show?"""
    if w.lang == "zh":
        return f"{w.the(answer['mirror'])}里照出了{w.them(answer['value'])}。"
    return f"{cap(w.the(answer['mirror']))} shows {w.them(answer['value'])}."


def told_behind(answer: Answer, w: Words) -> str:
    """Can it be told whether something is behind A?"""
    a, evidence = w.the(answer["occluder"]), answer["evidence"]
    if w.lang == "zh":
        if answer["value"] == "no":
            return f"不能确定。{a}完全挡住了后面,没有影子或倒影可以说明。"
        if evidence == "shadow":
            return f"能。地面上的影子说明{a}后面有东西。"
        return f"能。{w.the(answer['mirror'])}里照出了{a}后面的东西。"
    if answer["value"] == "no":
        return f"No. {cap(a)} hides all that may be behind it, and no shadow or reflection tells."
    if evidence == "shadow":
        return f"Yes. A shadow on the ground shows that something is behind {a}."
    mirror, thing = w.the(answer["mirror"]), answer["hidden"]
    noun = kind_names(w.names, w.facts.objects[thing].kind).en
    return f"Yes. {cap(mirror)} shows {article(noun)} {noun} behind {a}."


def hides_from(answer: Answer, w: Words) -> str:
    """Would A hide B from there?"""
    a, b, side, degrees = w.the(answer["occluder"]), w.the(answer["occluded"]), answer["side"], answer["degrees"]
    if w.lang == "zh":
        where = f"从{SIDE_ZH[side]}侧{degrees}度看"
        return f"会。{where},{a}仍然遮挡{b}。" if answer["value"] == "yes" else f"不会。{where},{a}不遮挡{b}。"
    where = f"from {degrees} degrees to the {side}"
    if answer["value"] == "yes":
        return f"Yes. Seen {where}, {a} hides part of {b}."
    return f"No. Seen {where}, {a} does not hide {b}."


REPLIES: dict[str, Callable[[Answer, Words], str]] = {
    "occlusion.through": through,
    "occlusion.mirror": mirrored,
    "recognition.mirror": shown_in,
    "unknown.behind": told_behind,
    "viewpoint.side": hides_from,
}
