"""What comes and goes in a clip, for a model that says what there is and not where: by how its word changes from frame
to frame.

Such a model's word of a single frame is worth little: a thing of that name may be read into others, and what is hidden
is denied by halves. Over a clip the same word is high where the thing is seen and low where it is not, the more so as
all else stands still; so each thing is measured by its own highest and lowest word.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from occlusight.backends.completion import Completion
from occlusight.backends.fields import Picture
from occlusight.backends.options import SamplingParams
from occlusight.backends.protocol import Backend, Request
from occlusight.occlusion.kinds import Lang
from occlusight.questions.template import Program
from occlusight.reasoning.in_the_picture import as_thing
from occlusight.reasoning.looking import COUNT, denials
from occlusight.reasoning.names import named
from occlusight.reasoning.own_wording import Thing, own_wording
from occlusight.reasoning.vocabulary import Words

NEEDS = frozenset({"exists_coloured", "count", "who_hides"})
"""What a model has to have learnt to be asked so."""
LEAST = 8
"""Frames from which on a thing has a highest and a lowest word."""
MOST_KINDS, MOST_THINGS = 10, 14
"""Kinds that are looked for in every colour, and things that are then followed."""
HIGH, LOW = 0.85, 0.10
"""The shares of frames in which the word is below what counts as its highest, and its lowest."""
SEEN = 3.0
"""The least log-odds of the highest word, so that a thing is taken to be seen at all."""
APART = 2.0
"""The least distance between the two, so that a thing is taken to come and go."""
BETWEEN = 0.3
"""How far from the lowest to the highest word a thing is as likely seen as not."""
STEEP = 8.0
"""Log-odds from the lowest word to the highest."""
FLAT, NOISE = 8.0, 0.1
"""How many times their own spread, and this more, the words of a run are at least below the highest: those of a thing
that is gone are alike, those of one that is mistaken for others are not."""
STILL = 0.1
"""Two frames whose words of all things differ no more than this (root of the mean square) show the same."""
STEADY = 0.9
"""The probability in each frame that a thing is seen which does not come and go."""
IN_PART = 0.7
"""The same where its own word is low, but the frame is not as those in which it is gone: a part of it shows."""
OWN: Mapping[Lang, tuple[str, str]] = {"en": ("Yes", "No"), "zh": ("有", "没有")}
"""How the model begins to say whether there is one."""
MOST = 4.0
"""The greatest log-odds that a thing is seen, or not, in a frame."""
ONE, TWO = "One", "Two"
"""How it begins to say how many there are, in English."""
WordOfAll: TypeAlias = NDArray[np.float64]
"""Log-odds (frames, things)."""


@dataclass(frozen=True)
class Mover:
    """A thing that comes and goes: the probability that it is seen in each frame, the first and last frame of each run
    in which it is not, between others in which it is, and how many alike there are."""

    thing: Thing
    seen: tuple[float, ...]
    hidden: tuple[tuple[int, int], ...]
    alike: int = 1


def movers(
    backend: Backend, frames: Sequence[Picture], listed: Sequence[Sequence[Thing]], words: Words, request: Request
) -> list[Mover]:
    """Return what comes and goes among the kinds that the model lists in two frames or more, the surest first. Of what
    is gone at the same time one is taken: the others are other names of it."""
    times = Counter(kind for one in listed for kind in {thing.kind.key for thing in one})
    kinds = [words.kinds[kind] for kind, n in times.most_common() if n > 1 and kind in words.kinds][:MOST_KINDS]
    plain = [Thing(kind) for kind in kinds]
    coloured = [Thing(kind, colour) for kind in kinds for colour in words.colours.values()]
    if not plain:
        return []
    highest = np.max([_coloured(backend, request, frame, coloured) for frame in (frames[0], frames[-1])], axis=0)
    kept = [coloured[i] for i in np.argsort(-highest) if highest[i] > SEEN][:MOST_THINGS]
    said = np.array(
        [[*_plain(backend, request, frame, plain), *_coloured(backend, request, frame, kept)] for frame in frames]
    )
    found = [
        (sure, one) for thing, word in zip((*plain, *kept), said.T, strict=True) for sure, one in of_word(thing, word)
    ]
    best: list[Mover] = []
    for _, one in sorted(found, key=lambda pair: -pair[0]):
        if not any(a <= d and c <= b for other in best for a, b in other.hidden for c, d in one.hidden):
            best.append(one)
    return [_counted(backend, request, frames, in_part(one, said)) for one in best]


def of_word(thing: Thing, word: WordOfAll) -> Iterator[tuple[float, Mover]]:
    """Yield how sure it is that a thing comes and goes, and when, where it does."""
    seen, apart = levels(word)
    sure = {run: apart / (NOISE + _spread(word[run[0] : run[1] + 1])) for run in gone(seen)}
    hidden = tuple(run for run in sure if sure[run] >= FLAT)
    if hidden:
        yield max(sure[run] for run in hidden), Mover(thing, seen, hidden)


def _spread(word: WordOfAll) -> float:
    """The spread of the lower half of a run's words, and one more: its ends show a part of what is gone."""
    return float(np.std(np.sort(word)[: max(2, (len(word) + 1) // 2 + 1)]))


def in_part(mover: Mover, said: WordOfAll) -> Mover:
    """The same, where in the frames of a run that are not as its stillest ones a part of the thing shows; where none
    are alike, as when the camera moves, all of the run stays."""
    seen, hidden = list(mover.seen), []
    for first, last in mover.hidden:
        run = said[first : last + 1]
        apart = np.sqrt(((run[:, None] - run[None]) ** 2).mean(-1))  # (frames, frames)
        nearest = np.sort(apart, axis=1)[:, 1 : min(3, len(run))]
        middle = int(np.argmin(nearest.sum(axis=1)))
        a, b = first, last
        if nearest[middle, 0] <= STILL:
            a = b = first + middle
            while a > first and apart[middle, a - 1 - first] <= STILL:
                a -= 1
            while b < last and apart[middle, b + 1 - first] <= STILL:
                b += 1
        for at in (*range(first, a), *range(b + 1, last + 1)):
            seen[at] = IN_PART
        hidden.append((a, b))
    for first, last in gone(mover.seen):
        if (first, last) not in mover.hidden:
            seen[first : last + 1] = [IN_PART] * (last + 1 - first)
    return replace(mover, seen=tuple(seen), hidden=tuple(hidden))


def _counted(backend: Backend, request: Request, frames: Sequence[Picture], mover: Mover) -> Mover:
    """The same, with how many of its kind there are where it is seen best: one or two."""
    best = sorted(range(len(frames)), key=lambda at: -mover.seen[at])[:4]
    text = own_wording(COUNT, {"k": Thing(mover.thing.kind)}, "en")
    asked = [(replace(request, prompt=text, pictures=(frames[at],), history=()), [ONE, TWO]) for at in best]
    more = [two - one for one, two in backend.score_many(asked, whole=False)]
    return replace(mover, alike=2 if sum(more) > 0 else 1)


def levels(word: Sequence[float] | WordOfAll) -> tuple[tuple[float, ...], float]:
    """Return the probability that a thing is seen in each frame, by log-odds of the model's word, and how far its
    highest and lowest word are apart (0 where it does not come and go).

    >>> levels([5, 5, 5, 1, 1, 1, 5, 5, 5, 5])
    ((0.98, 0.98, 0.98, 0.08, 0.08, 0.08, 0.98, 0.98, 0.98, 0.98), 4.0)
    >>> levels([1, 1, 1, 2, 2])[1]
    0.0
    """
    low, high = (float(np.quantile(word, share)) for share in (LOW, HIGH))
    if high < SEEN or high - low < APART:
        return (STEADY,) * len(word), 0.0
    middle = low + BETWEEN * (high - low)
    steep = STEEP / (high - low)
    odds = (max(-MOST, min(MOST, steep * (one - middle))) for one in word)
    return tuple(round(1 / (1 + math.exp(-one)), 2) for one in odds), high - low


def gone(seen: Sequence[float]) -> Iterator[tuple[int, int]]:
    """Yield the first and last frame of each run of two or more in which a thing is not seen, with frames before and
    after in which it is.

    >>> list(gone([0.9, 0.1, 0.2, 0.9, 0.1, 0.9, 0.1, 0.1]))
    [(1, 2)]
    """
    at = 0
    while at < len(seen):
        last = at
        while last + 1 < len(seen) and (seen[last + 1] >= 0.5) == (seen[at] >= 0.5):
            last += 1
        if seen[at] < 0.5 and 0 < at < last and last + 1 < len(seen):
            yield at, last
        at = last + 1


def hider(
    backend: Backend,
    frames: Sequence[Picture],
    mover: Mover,
    run: tuple[int, int],
    words: Words,
    lang: Lang,
    request: Request,
) -> tuple[Thing, float] | None:
    """Return what the model says most often hides a thing, in the frames in which it goes and comes back, and the share
    of the frames in which it says so; None where it names nothing."""
    program: Program = [["recognised", ["b"]], ["who_hides", ["$0", "b"]]]
    text = own_wording(program, {"b": mover.thing}, lang)
    first, last = run
    asked = sorted({first - 1, first, (first + last) // 2, last, last + 1})
    named_there: list[Thing] = []
    for at in asked:
        greedy = replace(request, prompt=text, pictures=(frames[at],), history=(), sampling=SamplingParams())
        said = Completion.of(backend.generate(greedy)).text
        things = [as_thing(name, words) for name in named(said, words).mentions]
        named_there += [one for one in things if one is not None and one.kind.key != mover.thing.kind.key][:1]
    if not named_there:
        return None
    kind, times = Counter(one.kind.key for one in named_there).most_common(1)[0]
    thing = Counter(one for one in named_there if one.kind.key == kind).most_common(1)[0][0]
    return thing, times / len(asked)


def _coloured(backend: Backend, request: Request, picture: Picture, things: Sequence[Thing]) -> list[float]:
    """The log-odds that there is one of each thing's kind and colour: the mean of both languages."""
    asked = [
        (
            replace(
                request,
                prompt=own_wording(
                    [["recognised", ["t"]], ["exists_coloured", ["$0", "t", thing.colour[lang == "zh"]]]],
                    {"t": Thing(thing.kind)},
                    lang,
                ),
                pictures=(picture,),
                history=(),
            ),
            list(words),
        )
        for thing in things
        for lang, words in OWN.items()
    ]
    odds = [yes - no for yes, no in backend.score_many(asked, whole=False)]
    return [sum(odds[i : i + len(OWN)]) / len(OWN) for i in range(0, len(odds), len(OWN))]


def _plain(backend: Backend, request: Request, picture: Picture, things: Sequence[Thing]) -> list[float]:
    """The log-odds that there is one of each thing's kind, whatever its colour."""
    denied = denials(backend, replace(request, pictures=(picture,), history=()), things)
    return [math.log((1 - one) / one) for one in (min(0.999, max(0.001, chance)) for chance in denied)]
