"""Sentences about texts that are partly hidden."""

from __future__ import annotations

from collections.abc import Callable

from occlusight.questions.targeted_replies import Answer, Words, cap


def characters(answer: Answer, w: Words) -> str:
    """Which characters on A can be read?"""
    a, shown, by = w.the(answer["sign"]), answer["shown"], w.them(answer["by"])
    if w.lang == "zh":
        if answer["all"]:
            return f"全部都能看清:“{shown}”。"
        return f"能看清的是“{shown}”,其余的被{by}挡住了。" if by else f"能看清的是“{shown}”,其余的被挡住了。"
    if answer["all"]:
        return f'All of them: {a} reads "{shown}".'
    return f'On {a} "{shown}" can be read; the rest is covered{f" by {by}" if by else ""}.'


def character(answer: Answer, w: Words) -> str:
    """Can the character C on A be read?"""
    a, c, by = w.the(answer["sign"]), answer["character"], w.them(answer["by"])
    if w.lang == "zh":
        if answer["value"] == "yes":
            return f"能。{a}上的“{c}”看得清。"
        return f"不能。{f'{by}挡住了它' if by else '它被挡住了'}。"
    if answer["value"] == "yes":
        return f'Yes. The "{c}" on {a} can be seen.'
    return f"No. {f'{cap(by)} covers it' if by else 'It is covered'}."


def whole(answer: Answer, w: Words) -> str:
    """Can all of the text on A be read?"""
    a, by = w.the(answer["sign"]), w.them(answer["by"])
    if w.lang == "zh":
        if answer["value"] == "yes":
            return f"能。{a}上的字没有被挡住。"
        return f"不能。{a}上有字被{by}挡住了。"
    if answer["value"] == "yes":
        return f"Yes. No character on {a} is covered."
    return f"No. Part of the text on {a} is covered{f' by {by}' if by else ''}."


def covered_by(answer: Answer, w: Words) -> str:
    """What covers characters on A?"""
    by, a = w.them(answer["value"]), w.the(answer["occluded"])
    if w.lang == "zh":
        return f"{by}挡住了{a}上的字。"
    return f"{cap(by)} {'cover' if len(answer['value']) > 1 else 'covers'} characters on {a}."


REPLIES: dict[str, Callable[[Answer, Words], str]] = {
    "reading.characters": characters,
    "reading.character": character,
    "reading.whole": whole,
    "reading.covered_by": covered_by,
}
