"""What names of a question mean in one picture: which things the model sees there, and which of them is meant."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from occlusight.occlusion.kinds import Lang, counted, listed, number
from occlusight.reasoning.names import Name, named
from occlusight.reasoning.own_wording import Thing
from occlusight.reasoning.vocabulary import Words

MOST_TOLD = 4
"""Things that a sentence tells of at most."""


@dataclass(frozen=True)
class Seen:
    """The things that a model says it sees in a picture, in the order in which it says them."""

    things: tuple[Thing, ...]
    words: Words

    @classmethod
    def of(cls, lists: Sequence[str], words: Words) -> Seen:
        """Read what the model said when it was asked what is there; things of several lists are put together."""
        found: list[Thing] = []
        for text in lists:
            told = [thing for name in named(text, words).mentions if (thing := as_thing(name, words))]
            kinds = {thing.kind.key for thing in found}
            found += [thing for thing in told if thing.kind.key not in kinds]
        return cls(tuple(found), words)

    def meant(self, name: Name) -> Thing | None:
        """Return the thing that a name means; None where nothing of its kinds is there."""
        for thing in self.things:
            if thing.kind.key in name.kinds:
                colour = self.words.colours[name.colour] if name.colour else ("", "")
                return Thing(thing.kind, colour if name.colour else thing.colour)
        return None

    def without(self, name: Name) -> Seen:
        """Return the rest, without what a name could mean; things of another colour than it says are kept."""
        said = self.words.colours[name.colour] if name.colour else None
        differs = (
            one
            for one in self.things
            if one.kind.key not in name.kinds or (said and one.colour[0] not in ("", said[0]))
        )
        return Seen(tuple(differs), self.words)

    def told(self, lang: Lang) -> str:
        """Return what is there as a phrase: "a street lamp, a dog and two cars"; empty where nothing is."""
        kinds = list(dict.fromkeys(thing.kind.key for thing in self.things))[:MOST_TOLD]
        phrases = []
        for key in kinds:
            same = [thing for thing in self.things if thing.kind.key == key]
            n = len(same)
            name = same[0].called(lang) if n == 1 else None
            phrases.append(counted(same[0].kind, n, lang, name, single_article=True))
        return listed(phrases, lang)


def as_thing(name: Name, words: Words) -> Thing | None:
    """Return what a name means by its words alone; None where it is of no known kind."""
    if not name.kinds:
        return None
    return Thing(words.kinds[name.kinds[0]], words.colours[name.colour] if name.colour else ("", ""))


def list_of(things: Sequence[Thing], lang: Lang) -> str:
    """Return a list of things as the model words it, each by itself.

    >>> from occlusight.reasoning.vocabulary import shipped_words
    >>> kinds = shipped_words().kinds
    >>> list_of([Thing(kinds["dog"]), Thing(kinds["car"], ("red", "红色"))], "en")
    'There are two objects: a dog and a red car.'
    >>> list_of([Thing(kinds["dog"])], "zh")
    '图中有一个物体：一只狗。'
    """
    n, told = len(things), listed([thing.one(lang) for thing in things], lang)
    if lang == "zh":
        return f"图中有{number(n, 'zh')}个物体：{told}。"
    there = "is one object" if n == 1 else f"are {number(n, 'en')} objects"
    return f"There {there}: {told}."
