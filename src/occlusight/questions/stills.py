"""Several pictures: which of them has one of a kind, how many of them; and what became of a thing in a clip.

The value of "which" is a list of numbers of pictures, from 1. A thing is still there where it can be seen in the last
picture.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain, islice

from occlusight.occlusion.facts import HORIZONTAL_MARGIN, Facts
from occlusight.occlusion.kinds import kind_names, listed
from occlusight.questions.album import Album, AlbumDraw
from occlusight.questions.paraphrases import fill
from occlusight.questions.phrases import Wording, cap
from occlusight.questions.seeing import absent_kinds, is_missing, present
from occlusight.questions.surroundings import say_listed
from occlusight.questions.template import Answer, Asked, Template, about

ORDINALS = {"en": ("first", "second", "third", "fourth"), "zh": ("一", "二", "三", "四")}
NUMBERS = {"en": ("None", "One", "Two", "Three", "Four"), "zh": ("一张也没有", "一张", "两张", "三张", "四张")}
ALONE = (
    0.7  # of the questions which picture has one of a kind have one picture as their answer, where there is such a kind
)
ABSENT = 2  # kinds that are not there, of those drawn for each picture
STILL = 12  # thousandths of the picture: what moved less stands still


def which_pictures(album: Album, kind: str) -> Answer:
    """Which of the pictures have one of this kind?"""
    found = [i for i, facts in enumerate(album.pictures, 1) if _shows(facts, kind)]
    return {"value": found, "kind": kind, "pictures": len(album.pictures), "objects": []}


def count_pictures(album: Album, kind: str) -> Answer:
    """How many of the pictures have one of this kind?"""
    found = which_pictures(album, kind)
    return {**found, "value": len(found["value"])}


def still_there(album: Album, a: str) -> Answer:
    """Can `a` still be seen in the last picture? If not, by what it is hidden there."""
    there = album.last.objects.get(a)
    seen = there is not None and there.visible_fraction > 0
    by = [] if there is None else hiders_now(album.last, a)
    return {"value": "yes" if seen else "no", "object": a, "hidden_by": [] if seen else by, "objects": [a, *by]}


def hidden_now(album: Album, a: str) -> Answer:
    """What hides `a` in the last picture? The one that covers most first; empty for nothing."""
    by = hiders_now(album.last, a)
    return {"value": by, "may": [], "about": [a], "occluded": a, "objects": [a, *by]}


def moved(album: Album, a: str) -> Answer:
    """Which way did `a` move from the first picture to the last? left, right or nowhere."""
    shift = _shift(album, a)
    value = "nowhere" if abs(shift) <= STILL else "left" if shift < 0 else "right"
    return {"value": value, "object": a, "objects": [a]}


def hiders_now(facts: Facts, a: str) -> list[str]:
    """What hides `a`, most first; of a thing that cannot be seen at all, what is before it."""
    by = facts.occluders(a)
    if by or facts.objects[a].visible_fraction > 0:
        return by
    found = [
        r for (_, b), r in facts.relations.items() if b == a and r.type != "transparent" and r.covered_fraction > 0
    ]
    return [r.occluder for r in sorted(found, key=lambda r: (-r.covered_fraction, r.occluder))]


def _shows(facts: Facts, kind: str) -> bool:
    return any(facts.objects[id].kind == kind for id in facts.recognised)


def _shift(album: Album, a: str) -> float:
    one, two = (f.objects[a].amodal_box for f in (album.first, album.last))
    return (two[0] + two[2] - one[0] - one[2]) / 2


def _told(draw: AlbumDraw) -> dict[str, list[int]]:
    """Kinds of which it is beyond doubt which pictures have them, and those pictures: all that are there, and some that
    could be."""
    there = [present(c) for c in draw.candidates]
    absent = [kind for c in draw.candidates for kind in islice(absent_kinds(c, draw.rng), ABSENT)]
    told = {}
    for kind in dict.fromkeys([*chain(*there), *absent]):
        places = [i for i, kinds in enumerate(there) if kind in kinds]
        if all(i in places or is_missing(c, kind) for i, c in enumerate(draw.candidates)):
            told[kind] = places
    return told


def draw_which(draw: AlbumDraw) -> Sequence[Asked]:
    """Which of the pictures? Mostly one, each as often as the others; now and then several, or none."""
    told = _told(draw)
    by: dict[tuple[int, ...], list[str]] = {}
    for kind, places in told.items():
        by.setdefault(tuple(places), []).append(kind)
    alone, others = ([where for where in sorted(by) if (len(where) == 1) == one] for one in (True, False))
    first = alone if draw.rng.random() < ALONE else others
    where = draw.pick(first or alone or others)
    return _of_kind("which_pictures", draw.pick(by[where] if where is not None else []))


def _of_kind(op: str, kind: str | None) -> Sequence[Asked]:
    return () if kind is None else (([[op, [kind]]], {"e": kind}),)


def draw_count(draw: AlbumDraw) -> Sequence[Asked]:
    """How many of the pictures? Each number as often, where there is a kind for it."""
    by: dict[int, list[str]] = {}
    for kind, places in _told(draw).items():
        by.setdefault(len(places), []).append(kind)
    times = draw.pick(sorted(by))
    return _of_kind("count_pictures", draw.pick(by[times] if times is not None else []))


def gone_or_not(album: Album) -> tuple[list[str], list[str]]:
    """Things seen well in the first picture that cannot be seen in the last, and those that can be seen well there
    too."""
    last = album.last
    gone = [a for a in album.first.nameable if a not in last.objects or last.objects[a].visible_fraction == 0]
    return gone, [a for a in album.first.nameable if a in last.nameable]


def draw_still(draw: AlbumDraw) -> Sequence[Asked]:
    """Something that is gone, half of the times beside something that is not; where nothing is, half of the times
    something that came back: yes and no are equally many where half of the clips end with something gone."""
    album, (gone, stayed) = draw.album, gone_or_not(draw.album)
    back = [a for a in stayed if any(a not in f.nameable for f in album.pictures[1:-1])]
    eventful = back or [a for a in stayed if abs(_shift(album, a)) > STILL or album.last.occluders(a)]
    both = draw.rng.random() < 0.5
    no, yes = draw.pick(gone), draw.pick((eventful or stayed) if gone else back)
    found = [no, *([yes] if both else [])] if gone else [yes] if both else []
    return tuple(about("still_there", (a,), "a") for a in found if a is not None)


def draw_hidden(draw: AlbumDraw) -> Sequence[Asked]:
    """What hides it now? Something that is gone or was hidden since; in a third of cases something that nothing
    hides."""
    album = draw.album
    gone, stayed = gone_or_not(album)
    last = album.last
    hidden = [a for a in gone if a in last.objects and _named(album, hiders_now(last, a))]
    hidden += [a for a in stayed if album.first.untouched(a) and last.occluders(a) and _named(album, last.occluders(a))]
    free = [a for a in stayed if last.untouched(a) and last.whole_in_picture(a)]
    a = draw.pick((hidden if draw.rng.random() < 2 / 3 else free) or hidden)
    return () if a is None else (about("hidden_now", (a,), "a"),)


def _named(album: Album, ids: Sequence[str]) -> bool:
    return bool(ids) and all(id in album.last.nameable for id in ids)


def draw_moved(draw: AlbumDraw) -> Sequence[Asked]:
    """Something that moved clearly, or that stood still."""
    album = draw.album
    seen = [a for a in album.first.nameable if a in album.last.nameable]
    went = [a for a in seen if abs(_shift(album, a)) > HORIZONTAL_MARGIN]
    stood = [a for a in seen if album.first.objects[a].amodal_box == album.last.objects[a].amodal_box]
    a = draw.pick((went if draw.rng.random() < 2 / 3 else stood) or went)
    return () if a is None else (about("moved", (a,), "a"),)


def say_which(answer: Answer, w: Wording) -> str:
    """The pictures by their places."""
    found, n = answer["value"], answer["pictures"]
    if w.lang == "zh":
        if len(found) in (0, n):
            return "都没有。" if not found else "都有。"
        return "、".join(f"第{ORDINALS['zh'][i - 1]}张" for i in found) + "。"
    if len(found) in (0, n):
        return ("Neither." if n == 2 else "None.") if not found else ("Both." if n == 2 else "All.")
    return f"The {listed([ORDINALS['en'][i - 1] for i in found], 'en')}."


def say_times(answer: Answer, w: Wording) -> str:
    """The number."""
    return f"{NUMBERS[w.lang][answer['value']]}{'.' if w.lang == 'en' else '。'}"


def say_still(answer: Answer, w: Wording) -> str:
    """Yes or no, and what hides it."""
    by = answer["hidden_by"]
    if w.lang == "zh":
        return "能。" if answer["value"] == "yes" else f"不能。{w.them(by)}挡住了它。" if by else "不能。它不在图中了。"
    if answer["value"] == "yes":
        return "Yes."
    return f"No. {cap(w.them(by))} {'hides' if len(by) == 1 else 'hide'} it." if by else "No. It is gone."


def say_moved(answer: Answer, w: Wording) -> str:
    """The way."""
    en = {"left": "To the left.", "right": "To the right.", "nowhere": "It did not move."}
    zh = {"left": "向左。", "right": "向右。", "nowhere": "没有移动。"}
    return (en if w.lang == "en" else zh)[answer["value"]]


def retell_which(answer: Answer, w: Wording) -> list[str]:
    found, n = answer["value"], answer["pictures"]
    if len(found) in (0, n):
        return fill(f"which_pictures.{'none' if not found else 'all'}", w, {})
    words = [ORDINALS[w.lang][i - 1] for i in found]
    pictures = "、".join(f"第{word}张" for word in words) if w.lang == "zh" else listed(words, "en")
    return fill("which_pictures.some", w, {"p": pictures})


def retell_times(answer: Answer, w: Wording) -> list[str]:
    n, kind = answer["value"], kind_names(w.names, answer["kind"])
    slots = {"n": str(n), "w": NUMBERS[w.lang][n].lower(), "k": kind.zh if w.lang == "zh" else kind.en}
    return fill(f"count_pictures.{'some' if n else 'none'}", w, slots)


def retell_still(answer: Answer, w: Wording) -> list[str]:
    return fill(f"still_there.{answer['value']}", w, {"a": w.the(answer["object"])})


def retell_hidden(answer: Answer, w: Wording) -> list[str]:
    slots = {"a": w.the(answer["occluded"]), "list": w.them(answer["value"])}
    return fill(f"hidden_now.{'some' if answer['value'] else 'none'}", w, slots)


def retell_moved(answer: Answer, w: Wording) -> list[str]:
    return fill(f"moved.{answer['value']}", w, {"a": w.the(answer["object"])})


TEMPLATES = (
    Template(
        name="which_pictures.kind",
        kind="which_pictures",
        program=which_pictures,
        album="stills",
        draw=draw_which,
        reply=say_which,
        read="which_pictures",
        paraphrase=retell_which,
    ),
    Template(
        name="count_pictures.kind",
        kind="count_pictures",
        program=count_pictures,
        album="stills",
        draw=draw_count,
        reply=say_times,
        read="count_pictures",
        paraphrase=retell_times,
    ),
    Template(
        name="still_there.clip",
        kind="still_there",
        program=still_there,
        album="clip",
        draw=draw_still,
        group=2,
        reply=say_still,
        read="still_there",
        paraphrase=retell_still,
    ),
    Template(
        name="hidden_now.clip",
        kind="hidden_now",
        program=hidden_now,
        album="clip",
        draw=draw_hidden,
        reply=say_listed,
        read="listed",
        paraphrase=retell_hidden,
    ),
    Template(
        name="moved.clip",
        kind="moved",
        program=moved,
        album="clip",
        draw=draw_moved,
        reply=say_moved,
        read="moved",
        paraphrase=retell_moved,
    ),
)
