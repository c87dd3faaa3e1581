"""Finding the things of a picture in free text: kinds by their names and aliases, objects by colour and kind."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from occlusight.occlusion.facts import Facts
from occlusight.occlusion.graph import Object
from occlusight.occlusion.kinds import KindNames, Names, pluralize

# Words that contain a kind's name but mean something else.
NOT_THINGS: tuple[str, ...] = (
    *("人行道", "车道", "停车场", "停车位", "机器人", "包括", "包含", "包围", "马路", "斑马线", "马上", "书写", "树立"),
    *(
        "sidewalk",
        "crosswalk",
        "bus stop",
        "bus lane",
        "bike lane",
        "car park",
        "parking lot",
        "table top",
        "street view",
    ),
    *("to the camera", "from the camera", "by the camera", "离相机", "距相机", "距离相机", "靠近相机"),
    *("are present", "is present", "objects present", "present in", "at present"),
)
# Words wider than a kind: they stand for those of these kinds that are in the picture.
WIDER: dict[tuple[str, ...], tuple[str, ...]] = {
    ("person", "people", "pedestrian", "pedestrians", "human", "人", "行人", "人物", "人们", "路人"): (
        "man",
        "woman",
        "boy",
        "girl",
    ),
    ("child", "children", "kid", "kids", "孩子", "小孩", "儿童"): ("boy", "girl"),
    ("lamp", "lamps", "灯", "灯具"): ("table_lamp", "floor_lamp", "street_lamp", "lantern"),
}
_ADJECTIVE = re.compile(
    r"\b(?:red|orange|yellow|green|blue|purple|pink|white|black|gr[ae]y|brown|silver|small|big|large|tall|dark|"
    r"light|wooden) $|"
    r"(?:红|橙|黄|绿|蓝|紫|粉|粉红|白|黑|灰|棕|银)色?的?$",
    re.I,
)
REACH = 60
"""How many characters before a word are looked at for what belongs to it; keeps reading linear in an answer's
length."""
_COLOUR = re.compile(
    r"(?:red|orange|yellow|green|blue|purple|pink|white|black|gr[ae]y|brown) |(?:红|橙|黄|绿|蓝|紫|粉|粉红|白|黑|"
    r"灰|棕)色?的?",
    re.I,
)


@dataclass(frozen=True)
class Mention:
    """A place in the text that names something: `ids` are the objects of the picture that it can mean, maybe none.

    `misnamed` says that it is given a colour which none of them has.
    """

    start: int
    end: int
    kinds: tuple[str, ...]
    ids: tuple[str, ...]
    misnamed: bool = False


class Vocabulary:
    """The words for every kind of a catalogue, and the objects of one picture."""

    def __init__(self, names: Names, facts: Facts | None = None) -> None:
        self.pattern, self.words = _words(tuple(names.values()))
        self.names = names
        self.facts = facts
        self.by_kind: dict[str, list[Object]] = {}
        for o in facts.objects.values() if facts else ():
            self.by_kind.setdefault(o.kind, []).append(o)

    def mentions(self, text: str) -> list[Mention]:
        """Return what the text names, in its order; longer names win over shorter ones that they contain."""
        found = []
        for match in self.pattern.finditer(text):
            word = match.group(0).lower()
            if word in NOT_THINGS:
                continue
            kinds, wide = self.words[word]
            here = tuple(kind for kind in kinds if kind in self.by_kind) or kinds[:1]
            if not wide:
                here = here[:1]
            before = text[max(0, match.start() - REACH) : match.start()]
            objects = [o for kind in here for o in self.by_kind.get(kind, ())]
            lengths = {o.id: self._colour(o, before) for o in objects}
            named = tuple(id for id, length in lengths.items() if length)
            start = match.start() - max([*lengths.values(), 0])
            misnamed = False
            if not named and (adjective := _ADJECTIVE.search(before)):
                start = adjective.start()
                coloured = bool(objects) and all(o.colour for o in objects)
                misnamed = coloured and _COLOUR.fullmatch(adjective.group(0)) is not None
            found.append(Mention(start, match.end(), here, named or tuple(lengths), misnamed))
        return found

    def kinds(self, text: str) -> list[str]:
        """Return the kinds that the text says are there, each once; "no bus" does not count."""
        found = [
            kind
            for m in self.mentions(text)
            if not _denied(text[max(0, m.start - REACH) : m.start])
            for kind in m.kinds
        ]
        return list(dict.fromkeys(found))

    def _colour(self, o: Object, before: str) -> int:
        """How many characters at the end of `before` are the object's colour; 0 where it is not named."""
        kind = self.names[o.kind]
        before = before.lower()
        prefix = o.name[: -len(kind.en)].lower() if o.name.lower().endswith(kind.en.lower()) else ""
        if prefix and before.endswith(prefix):
            return len(prefix)
        colour = o.name_zh[: -len(kind.zh)] if o.name_zh.endswith(kind.zh) else ""
        colour = colour.removesuffix("的")
        for stem in (colour, colour.removesuffix("色")):
            for words in (stem, f"{stem}的"):
                if stem and before.endswith(words):
                    return len(words)
        return 0


Words = dict[str, tuple[tuple[str, ...], bool]]  # word -> (kinds, whether it is wider than one kind)


@lru_cache(maxsize=8)
def _words(kinds: tuple[KindNames, ...]) -> tuple[re.Pattern[str], Words]:
    """One pattern for all words, longest first, and what each word means; a kind's own name comes before aliases."""
    words: dict[str, list[str]] = {}
    for kind in kinds:
        for word in (kind.en, kind.plural, kind.zh):
            words.setdefault(word.lower(), []).append(kind.key)
    for kind in kinds:
        aliases = [*kind.aliases_en, *map(pluralize, kind.aliases_en), *kind.aliases_zh]
        for word in aliases:
            keys = words.setdefault(word.lower(), [])
            if kind.key not in keys:
                keys.append(kind.key)
    meanings: Words = {word: (tuple(keys), False) for word, keys in words.items()}
    known = {kind.key for kind in kinds}
    for wider, members in WIDER.items():
        narrower = tuple(key for key in members if key in known)
        if narrower:
            meanings |= {word: (narrower, True) for word in wider if word not in meanings}
    ordered = sorted({*meanings, *NOT_THINGS}, key=len, reverse=True)
    spelled = [rf"(?<![a-z]){re.escape(w)}(?![a-z])" if w.isascii() else re.escape(w) for w in ordered]
    return re.compile("|".join(spelled), re.IGNORECASE), meanings


def _denied(before: str) -> bool:
    """Whether the text before a noun says that the thing is not there."""
    return bool(
        re.search(r"\b(no|not an?|not any|without( an?| any)?)\s+(\w+\s)?$|没有[^,，。;；、]{0,4}$", before, re.I)
    )
