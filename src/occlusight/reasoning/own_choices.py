"""A choice between things, put to a model that knows its own wordings alone: the question and the choices in its words,
since it says "street lamp", whatever others call a lamp post."""

from __future__ import annotations

from collections.abc import Collection

from occlusight.occlusion.kinds import Lang
from occlusight.reasoning.in_the_picture import as_thing
from occlusight.reasoning.names import Name, named
from occlusight.reasoning.own_wording import Thing, own_wording
from occlusight.reasoning.understanding import Understanding, language
from occlusight.reasoning.vocabulary import Words

MOST_KINDS = 6
"""Kinds that a name may mean, at most, of which the model's own names are told."""


def own_question(question: str, understanding: Understanding, learnt: Collection[str]) -> str:
    """Return a question in the words of a model that has learnt some steps; as it stands where its meaning is not sure,
    is another step, or is about what has no known kind."""
    asked = understanding.of(question)
    if asked.scope != "inside" or asked.parts or asked.both_ways or asked.program[-1][0] not in learnt:
        return question
    known = [(name, thing) for name in asked.names if (thing := as_thing(name, understanding.words))]
    things = {text: thing for name, thing in known for text in (name.text, name.noun)}
    try:
        return own_wording(asked.program, things, asked.lang)
    except (KeyError, ValueError):  # it names what is no thing, or more than the wording does
        return question


def own_names(value: str, words: Words) -> tuple[str, ...]:
    """Return how a model calls the thing that a value names, for each kind that it may mean; nothing where it names
    none, or says more.

    >>> from occlusight.reasoning.vocabulary import shipped_words
    >>> [own_names(value, shipped_words()) for value in ("the red lamp post", "路灯杆", "none", "the car and the dog")]
    [('red street lamp',), ('路灯',), (), ()]
    """
    found = _one_thing(value, words)
    if found is None:
        return ()
    name, lang = found
    colour = words.colours[name.colour] if name.colour else ("", "")
    kinds = [words.kinds[key] for key in name.kinds if key in words.kinds][:MOST_KINDS]
    return tuple(dict.fromkeys(Thing(kind, colour).called(lang) for kind in kinds))


def coloured_names(value: str, words: Words) -> tuple[str, ...]:
    """Return how a model may call the thing that a value names without its colour, in every colour: it says "red car"
    to tell a car from another. Nothing where the value says a colour, or may mean several kinds.

    >>> from occlusight.reasoning.vocabulary import shipped_words
    >>> [len(coloured_names(value, shipped_words())) for value in ("car", "red car", "vehicle", "none")]
    [11, 0, 0, 0]
    >>> coloured_names("lamp post", shipped_words())[0], coloured_names("汽车", shipped_words())[0]
    ('red street lamp', '红色的汽车')
    """
    found = _one_thing(value, words)
    if found is None or found[0].colour is not None:
        return ()
    name, lang = found
    kinds = [words.kinds[key] for key in name.kinds if key in words.kinds]
    if len(kinds) != 1:
        return ()
    return tuple(Thing(kinds[0], colour).called(lang) for colour in words.colours.values())


def _one_thing(value: str, words: Words) -> tuple[Name, Lang] | None:
    """Return the one thing that a value names and says nothing more of, and its language."""
    found = named(value, words)
    if len(found.names) != 1 or found.without().lower().removeprefix("the ") != "x1":
        return None
    return found.names[0], language(found)
