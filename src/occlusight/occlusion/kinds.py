"""Names of kinds of things in both languages, and the small grammar that sentences about them need."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from occlusight.errors import BadData

Lang = Literal["en", "zh"]
LANGS: tuple[Lang, ...] = ("en", "zh")

FULL_WIDTH = str.maketrans({",": "\uff0c", "?": "\uff1f", ":": "\uff1a", ";": "\uff1b"})  # punctuation in Chinese text

NUMBERS_EN = ["no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"]
NUMBERS_ZH = ["零", "一", "两", "三", "四", "五", "六", "七", "八", "九", "十", "十一", "十二"]
HUMANS = frozenset(
    ["person", "man", "woman", "child", "boy", "girl", "pedestrian", "cyclist", "worker", "policeman", "police_officer"]
)
UNCOUNTED = ("luggage", "milk")
_IRREGULAR = {
    "person": "people",
    "man": "men",
    "woman": "women",
    "child": "children",
    "shelf": "shelves",
    "mouse": "mice",
}
_LIKE_A = ("uni", "use", "usu", "eu", "one", "ute")
_LIKE_AN = ("hour", "honest", "heir")


@dataclass(frozen=True)
class KindNames:
    """A kind of thing: `measure` is the Chinese measure word ("辆"); aliases are other words that mean the same kind.
    `settings` are the places where it belongs (street, desk, room), none where that is not known."""

    key: str
    en: str
    plural: str
    zh: str
    measure: str
    aliases_en: tuple[str, ...] = ()
    aliases_zh: tuple[str, ...] = ()
    settings: tuple[str, ...] = ()

    @property
    def human(self) -> bool:
        """Whether "it" is the wrong pronoun."""
        return self.key in HUMANS


Names = Mapping[str, KindNames]


def kind_names(names: Names, key: str) -> KindNames:
    """Look a kind up. Raises BadData for a kind that the catalogue does not have."""
    try:
        return names[key]
    except KeyError:
        raise BadData(
            f"the kind {key!r} is in a graph but not in the catalogue of kinds; add it to kinds.toml"
        ) from None


def article(noun: str) -> str:
    """Return "a" or "an".

    >>> article("umbrella"), article("unicycle"), article("red car")
    ('an', 'a', 'a')
    """
    word = noun.lower()
    if word.startswith(_LIKE_A):
        return "a"
    return "an" if word[:1] in "aeiou" or word.startswith(_LIKE_AN) else "a"


def pluralize(noun: str) -> str:
    """Return the plural of an English noun phrase: of its last word, or of what comes before "of".

    >>> pluralize("bus"), pluralize("young person"), pluralize("pair of shoes"), pluralize("shoes")
    ('buses', 'young people', 'pairs of shoes', 'shoes')
    """
    if " of " in noun:
        head, _, rest = noun.partition(" of ")
        return f"{pluralize(head)} of {rest}"
    before, _, word = noun.rpartition(" ")
    before = before + " " if before else ""
    if word in _IRREGULAR:
        return before + _IRREGULAR[word]
    for end, plural in (("person", "people"), ("woman", "women"), ("man", "men")):
        if word.endswith(end) and word != "human":
            return before + word[: -len(end)] + plural
    if is_plural(noun) or word in UNCOUNTED:
        return noun
    if word.endswith(("s", "x", "z", "ch", "sh")):
        return before + word + "es"
    if word.endswith("y") and word[-2:-1] not in tuple("aeiou"):
        return before + word[:-1] + "ies"
    return before + word + "s"


def is_plural(noun: str) -> bool:
    """Whether an English noun phrase is a plural already ("shoes", but not "bus" or "glass")."""
    return noun.endswith("s") and not noun.endswith(("ss", "us", "is"))


def number(n: int, lang: Lang) -> str:
    """Return the number as the word that stands before a noun ("two", "两")."""
    words = NUMBERS_EN if lang == "en" else NUMBERS_ZH
    return words[n] if 0 <= n < len(words) else str(n)


def colour_prefix(name: str, noun: str) -> str | None:
    """Return what stands before the noun in a name ("red " in "red car"); None where the name does not end in the
    noun."""
    return name[: len(name) - len(noun)] if name.endswith(noun) else None


def counted(kind: KindNames, n: int, lang: Lang, name: str | None = None, *, single_article: bool = False) -> str:
    """Return "two red cars" / "两辆红色轿车"; `name` tells the things apart, by default it is the kind's own.

    With `single_article` one thing gets "a" instead of "one" in English.
    """
    if lang == "zh":
        return f"{number(n, 'zh')}{kind.measure}{name or kind.zh}"
    noun = name or kind.en
    if n == 1:
        return f"{article(noun) if single_article else 'one'} {noun}"
    prefix = colour_prefix(noun, kind.en)
    plural = pluralize(noun) if prefix is None else prefix + kind.plural
    return f"{number(n, 'en')} {plural}"


def listed(items: list[str], lang: Lang) -> str:
    """Join noun phrases: "a, b and c" / "a、b和c"."""
    if len(items) < 2:
        return "".join(items)
    comma, last = (", ", " and ") if lang == "en" else ("、", "和")
    return comma.join(items[:-1]) + last + items[-1]
