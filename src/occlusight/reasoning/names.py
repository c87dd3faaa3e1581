"""Names of things in a question: of kinds, with colours and places, with slips of the pen, and of no known kind.

>>> found = named("Is the red car hidden by that elefant?")
>>> [name.text for name in found.names], found.without()
(['red car', 'elefant'], 'Is x1 hidden by x2?')
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from occlusight.reading.colours import colours
from occlusight.reasoning.vocabulary import Words, misspelt, normalised, shipped_words

_HAN = re.compile(r"[\u4e00-\u9fff]")
_PLACES = (
    "left|right|middle|center|centre|front|rear|leftmost|rightmost|frontmost|nearest|nearer|closest|farthest|furthest|"
    "first|second|third|fourth|last|upper|lower|bigger|smaller|biggest|smallest|larger|other"
)
_COLOURS = (
    "red|orange|yellow|green|blue|purple|violet|pink|white|black|grey|gray|brown|silver|golden|beige|crimson|"
    "scarlet|navy"
)
_LOOKS = (
    f"{_COLOURS}|(?:dark|light|bright|pale)(?=[ -](?:{_COLOURS}))|small|big|large|little|tall|short|old|new|wooden|"
    "tiny|huge|dark|striped|plastic|metal"
)
_DETERMINERS = r"(?:the|this|that|these|those|my|your|our|his|her|their|said|a certain)"
_BEFORE = re.compile(
    rf"(?:(?P<the>\b{_DETERMINERS}) )?(?P<place>(?:\b(?:{_PLACES})(?:-?(?:most|hand))?[ -])*)"
    rf"(?P<look>(?:\b(?:{_LOOKS})[ -](?:and (?=(?:{_COLOURS}) ))?)*)$",
    re.I,
)
_ONE = re.compile(rf"\b(?P<the>the|that|this) (?P<text>(?:(?:{_PLACES}|{_LOOKS})(?:-?(?:most|hand))? )+ones?)\b", re.I)
_ASIDE = re.compile(
    r" (?:(?:that is |that's |standing |over )?(?:on|at|to) (?:the|your|our) (?:far )?(?:left|right)(?: side)?|"
    r"in the (?:middle|front|back))(?= (?!of\b|or\b|side\b|hand\b|from\b)[a-z]|[?.!,]|$)",
    re.I,
)
_MEASURES = "个只辆条头位名根台件把张块盏棵匹座顶架扇面副双丛本部口支盆列套幅间艘"
_PLACE_ZH = (
    r"(?:最?(?:左|右|中间|当中|正中|前|后|上|下|里|外)(?:边|侧|面|手边|手|头|方|间)"
    r"(?:最?(?:远|近|大|小|高)(?:处)?)?|中间|当中|正中|最(?:左|右|前|后|上|下|里|外|大|小|高|远|近)(?:边|侧|面|头|方)?)"
)
_LOOK_ZH = (
    r"(?:(?:深|浅|淡|大|亮|暗)?(?:红|橙|橘|黄|绿|青|蓝|紫|粉红|粉|白|黑|灰|棕|褐|银|金)色?的?|"
    r"(?:小|大|高|矮|旧|新|老|木头|木|塑料)的?)"
)
_COLOUR_ZH = re.compile(r"(?:深|浅)?(?:红|橙|橘|黄|绿|蓝|紫|粉红|粉|白|黑|灰|棕|褐|银)色?的?")
_BEFORE_ZH = re.compile(
    rf"(?P<place>{_PLACE_ZH}(?:的(?=[那这]|最|{_LOOK_ZH}|$)|(?=[那这])))?(?P<the>[那这该此](?:一|几)?[{_MEASURES}](?:子)?|该)?"
    rf"(?P<look>{_LOOK_ZH}*)$"
)
_ONE_ZH = re.compile(
    rf"(?P<text>{_PLACE_ZH}的?[那这](?:一)?[{_MEASURES}])(?![\u4e00-\u9fff]?[辆])|(?P<red>{_LOOK_ZH}[那这]一?[{_MEASURES}])"
)
_WEAK = frozenset(
    (
        *("mirror", "mirrors", "camera", "cameras", "glass", "glasses", "box", "boxes", "window", "windows", "shelf"),
        *("shop window", "scale", "table", "desk", "person", "people", "present", "human", "screen", "panel", "guard"),
        *("镜子", "相机", "人", "橱窗", "窗户", "车", "书", "包", "箱子", "桌子", "人们", "车辆"),
    )
)
"""Names that often belong to the question, not to the picture: "can you see it in the mirror", "as a person would"."""
_FUNCTION_ZH = frozenset(
    "的了吗呢吧啊呀么没不是有在被把给让叫和与跟及同比对从到向往离于里上下中前后左右边面什谁哪啥几多少个只条这那它他她我你"
    "们请问看见得着过出来去也都就还又能会可要想说为因何若如果会全部最更第一二两三四五将咋嘛哦咯喽诶将以之而且其所该此很"
)
_NOUN = r"[a-z]+(?:(?:-|'(?!s\b))[a-z]+)*"
_JOINING = frozenset(
    ("of", "in", "on", "at", "to", "from", "by", "with", "and", "or", "than", "is", "are", "was", "be")
)


_BEFORE_NAME = re.compile(r"(?:^|[把被比和跟与离,]|[挡遮盖][住着了到])\s*$")
_AFTER_NAME = re.compile(r"\s*(?:[被把和跟与比离]|[挡遮盖][住着了到])")
_OF_TWO_ZH = re.compile(r"[和跟与] \s*(?:谁|哪[个一])")
_LONGEST_ZH = 4
LONGEST = 8000
"""Characters of a text in which names are looked for; questions and answers have fewer."""


@dataclass(frozen=True)
class Name:
    """A place in a question that names something: characters `start` to `end` of the normalised text.

    text: the name as it was said, without article or measure word ("red car on the left")
    noun: what says the kind ("car"); empty for "the left one"
    kinds: what it can mean, the likeliest first; empty where no kind is called so
    colour: the key of a colour that it is given
    place: words that tell it from others of its kind ("on the left"), or ""
    sure: whether the words can hardly mean anything but a thing of the picture
    """

    start: int
    end: int
    text: str
    noun: str
    kinds: tuple[str, ...] = ()
    colour: str | None = None
    place: str = ""
    sure: bool = True

    @property
    def look(self) -> str:
        """The colour as it was said: "dark red"; empty where none is given."""
        if self.colour is None or not self.noun:
            return ""
        return self.text.partition(self.noun)[0].strip().removesuffix("的")

    @property
    def same(self) -> str:
        """What is equal for two mentions of one thing."""
        return self.text.casefold()


@dataclass(frozen=True)
class Named:
    """A question and the names in it, in the order of their first mention."""

    text: str
    mentions: tuple[Name, ...]

    @property
    def names(self) -> tuple[Name, ...]:
        """Each thing that is named once."""
        found: dict[str, Name] = {}
        for m in self.mentions:
            found.setdefault(m.same, m)
        return tuple(found.values())

    def only(self, names: Sequence[Name]) -> Named:
        """The same question, of whose names only these are taken for such."""
        kept = {name.same for name in names}
        return replace(self, mentions=tuple(m for m in self.mentions if m.same in kept))

    def without(self) -> str:
        """Return the question with x1, x2 ... for its names, as readers are given it."""
        out, at = [], 0
        numbers: dict[str, int] = {}
        for m in self.mentions:
            out += [self.text[at : m.start], f"x{numbers.setdefault(m.same, len(numbers) + 1)}"]
            at = m.end
        return "".join((*out, self.text[at:]))


def named(question: str, words: Words | None = None) -> Named:
    """Find the names in a question, or in the first `LONGEST` characters of it, which are kept; longer ones win over
    shorter ones that they contain."""
    words = words or shipped_words()
    text = normalised(question[:LONGEST])
    found = [*_known(text, words)]
    found += [m for m in _ones(text) if not _overlaps(m, found)]
    found += list(_misspelt(text, found, words))
    found += list(_foreign(text, found, words))
    found += list(_foreign_zh(text, found, words))
    return Named(text, tuple(sorted((m for m in found if m.text), key=lambda m: m.start)))


def _overlaps(m: Name, found: Sequence[Name]) -> bool:
    return any(m.start < other.end and other.start < m.end for other in found)


def _known(text: str, words: Words) -> Iterator[Name]:
    """The names of known kinds, and with an empty text what only looks like one."""
    last = 0
    for match in words.pattern.finditer(text):
        kinds = words.meanings[match[0].lower()]
        if kinds and not _within_another(text, match, last, words):
            name = _whole(text, match.start(), match.end(), kinds, last)
            last = name.end
            yield name
        elif not kinds:
            last = match.end()
            yield Name(*match.span(), "", "")


def _within_another(text: str, match: re.Match[str], last: int, words: Words) -> bool:
    """Whether a name of one character ends another noun, as 马 does 斑马: before it stands nothing to ask with."""
    before = text[max(last, match.start() - 1) : match.start()]
    return (
        len(match[0]) == 1
        and bool(_HAN.match(before))
        and before not in (_FUNCTION_ZH | words.asking_zh | {*_MEASURES})
        and not re.match("[红橙橘黄绿青蓝紫粉白黑灰棕褐银金色旧老新]", before)
    )


def _whole(text: str, start: int, end: int, kinds: tuple[str, ...], last: int, sure: bool = True) -> Name:
    """A name with what stands before its noun and belongs to it."""
    noun = text[start:end]
    chinese = bool(_HAN.search(noun))
    before = (_BEFORE_ZH if chinese or _HAN.match(text[start - 1 : start]) else _BEFORE).search(text[last:start])
    place = look = the = ""
    if before:
        place, look, the = before["place"] or "", before["look"] or "", before["the"] or ""
        if chinese and place and ((last and not before.start()) or text[: last + before.start()].endswith("它")):
            place = ""  # "left of" the name, or of "it", before
            before = re.search(rf"{re.escape(the + look)}$", text[last:start])
        elif not chinese and place and not the:
            place = ""
            before = re.search(rf"{re.escape(look)}$", text[last:start])
    said = place + look + noun
    aside = None if chinese else _ASIDE.match(text, end)
    if aside and not (
        not last and aside.end() == len(text.rstrip("?.! ")) and re.match(r"(?:is|are|was)\b", text, re.I)
    ):
        end, said, place = aside.end(), said + aside[0], aside[0].strip()
    from_ = last + before.start() if before else start
    bare = not (look or place or (chinese and the))
    weak = noun.lower() in _WEAK and bare
    found = colours(look)
    return Name(
        from_,
        end,
        said.strip(),
        noun,
        kinds,
        found[0] if found else None,
        place.strip().removesuffix("的"),
        sure and not weak,
    )


def _ones(text: str) -> Iterator[Name]:
    """What is named by its place or colour alone: "the left one", "左边那个"."""
    for match in _ONE.finditer(text):
        found = colours(match["text"])
        yield Name(
            *match.span(), match["text"], "", (), found[0] if found else None, match["text"].split()[0], sure=False
        )
    for match in _ONE_ZH.finditer(text):
        found = colours(match[0])
        yield Name(*match.span(), match[0], "", (), found[0] if found else None, "" if found else match[0], sure=False)


def _gaps(text: str, found: Sequence[Name]) -> Iterator[tuple[int, int]]:
    """The stretches of a text that are no names."""
    ends = [0, *(at for m in sorted(found, key=lambda m: m.start) for at in (m.start, m.end)), len(text)]
    yield from zip(ends[::2], ends[1::2], strict=True)


def _pairs(text: str, low: int, high: int) -> Iterator[tuple[tuple[int, int], tuple[int, int]]]:
    """Each English word between two places with the next one, the last with itself."""
    tokens = [(m.start() + low, m.end() + low) for m in re.finditer(_NOUN, text[low:high], re.I)]
    yield from pairwise([*tokens, *tokens[-1:]])


def _misspelt(text: str, found: Sequence[Name], words: Words) -> Iterator[Name]:
    right = [word for word, kinds in words.meanings.items() if kinds and word.isascii() and len(word) > 3]
    for low, high in _gaps(text, found):
        last = low
        for (start, end), after in _pairs(text, low, high):
            if start < last or text[start:end].lower() in words.asking:
                continue
            for stop in dict.fromkeys((after[1], end)):
                slip = text[start:stop].lower()
                meant = next((word for word in right if misspelt(slip, word)), None)
                if meant is not None and not (stop != end and " " not in meant):
                    name = _whole(text, start, stop, words.meanings[meant], last)
                    last = name.end
                    yield name
                    break


def _foreign(text: str, found: Sequence[Name], words: Words) -> Iterator[Name]:
    """Nouns of no known kind: words that nobody asks with, best after an article; not what tells a known one from its
    like, as in "the coffee cup"."""
    begun = {m.start for m in found if m.kinds}
    for low, high in _gaps(text, found):
        run: list[tuple[int, int]] = []
        last = low
        for (start, end), after in _pairs(text, low, high):
            word = text[start:end].lower()
            strange = len(word) > 2 and not _asked_with(word, words)
            if strange:
                run.append((start, end))
            following = text[after[0] : after[1]].lower()
            joined = strange and text[end : after[0]] == " " and not following.endswith("ed") and "-" not in following
            if run and high in begun and re.fullmatch(" ?", text[run[-1][1] : high]):
                run = []
            if run and not (joined and len(run) < 2 and not _asked_with(following, words)):
                name = _whole(text, run[0][0], run[-1][1], (), last, sure=False)
                before = text[last : run[0][0]].lower()
                article = bool(re.search(rf"\b(?:{_DETERMINERS}|an?|any|many|one|some) (?:[\w-]+ )?$", before))
                last = name.end
                yield replace(name, sure=article)
                run = []


def _asked_with(word: str, words: Words) -> bool:
    """Whether a word is one that people ask with, or a slip of the pen for one."""
    stem = re.sub(r"'s$|'$", "", word)
    if {word, stem} & words.asking or word.endswith(("ing", "ly")) or word in _JOINING:
        return True
    if re.fullmatch(rf"{_PLACES}|{_LOOKS}|x\d", word):
        return True
    return any(misspelt(word, other) for other in words.asking if other[0] == word[0])


def _foreign_zh(text: str, found: Sequence[Name], words: Words) -> Iterator[Name]:
    """Chinese nouns of no known kind: what remains where a sentence is cut into the words that people ask with."""
    for low, high in _gaps(text, found):
        last = low
        for run in re.finditer(r"[\u4e00-\u9fff]+", text[low:high]):
            for start, end in _strange(run[0], words.asking_zh):
                a, b = low + run.start() + start, low + run.start() + end
                counted = text[a - 1 : a] in tuple(_MEASURES) and a > 0
                if b - a >= 2 or counted:
                    name = _whole(text, a, b, (), last, sure=False)
                    last = name.end
                    yield replace(name, sure=counted or (b - a <= _LONGEST_ZH and _like_a_name(text[:a], text[b:])))


def _like_a_name(before: str, after: str) -> bool:
    """Whether a Chinese word stands where names do: before 被, after 把, between 和 and 谁."""
    return bool(_BEFORE_NAME.search(before) and _AFTER_NAME.match(after)) or bool(
        _OF_TWO_ZH.search(f"{before} {after}")
    )


def _strange(run: str, asking: frozenset[str]) -> list[tuple[int, int]]:
    """Cut a run of characters at the least cost into words to ask with and strange ones; return the latter."""
    best: list[tuple[float, int, bool]] = [(0.0, 0, False)]
    for end in range(1, len(run) + 1):
        options = []
        for start in range(max(0, end - 5), end):
            piece = run[start:end]
            before = best[start][0]
            if piece in _FUNCTION_ZH or _COLOUR_ZH.fullmatch(piece):
                options.append((before + 1.0, start, False))
            elif piece in asking:
                options.append((before + (1.0 if len(piece) > 1 else 2.4), start, False))
            options.append((before + 2.0 + 1.3 * len(piece), start, True))
        best.append(min(options))
    cuts, at = [], len(run)
    while at:
        _, start, strange = best[at]
        if strange:
            cuts.append((start, at))
        at = start
    return cuts[::-1]
