"""The words of questions: names of kinds and colours in both languages, and words that people ask with."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from occlusight.occlusion.kinds import KindNames, Names, pluralize
from occlusight.reading.mentions import NOT_THINGS, WIDER

_TRADITIONAL = (
    "車輛貓馬雞燈長書電話機風籃傘鐵鍋鋼樹叢單貨麵駕輪嬰兒廣標誌誌錐桶傢紙櫃遮擋這個隻張條盞頂臺檯雙塊顆們麼誰哪後邊裡裏"
    "開關閉離遠還沒見視線圖畫體東問題對話說請嗎與於從為甚藍綠黃紅灰紫橘爐壺鏡牆樓門窗輕轎玩具飛禮盒帶鞋頭盔烤麥箱餐廳"
    "鋁畫點顏幾數個裝讓給動過來樣處兩側間層疊蓋壓藏隱現顯檢測認識別應該聽講寫讀字電腦筆記視冰廁龍魚鳥獅貝豬熊象驢鴨鵝"
)
_SIMPLIFIED = (
    "车辆猫马鸡灯长书电话机风篮伞铁锅钢树丛单货面驾轮婴儿广标志志锥桶家纸柜遮挡这个只张条盏顶台台双块颗们么谁哪后边里里"
    "开关闭离远还没见视线图画体东问题对话说请吗与于从为什蓝绿黄红灰紫橘炉壶镜墙楼门窗轻轿玩具飞礼盒带鞋头盔烤麦箱餐厅"
    "铝画点颜几数个装让给动过来样处两侧间层叠盖压藏隐现显检测认识别应该听讲写读字电脑笔记视冰厕龙鱼鸟狮贝猪熊象驴鸭鹅"
)
_TO_SIMPLIFIED = str.maketrans(_TRADITIONAL, _SIMPLIFIED)

ALSO_NOT_THINGS = (
    *("bounding box", "bounding boxes", "blind person", "mirror image", "mirrored", "on a scale", "at a glass"),
    *("神马", "猫着", "倒车", "开车", "拖车", "停车", "包住", "包不包", "立马", "客人", "家人们", "别人"),
    *("盲人", "工人", "什么人", "拍照的人", "主人", "人家", "书立", "所书", "书架上的书名", "摄像机", "打包", "车牌"),
)
"""Words that contain a kind's name and name nothing, beside those of answers."""

ALSO_CALLED = {
    "man": ("guy", "gentleman", "先生", "男生", "大叔"),
    "woman": ("girl", "小姐", "女生", "女孩", "阿姨"),
    "bus": ("公车", "公交"),
    "car": ("小车", "auto", "sedan"),
    "laptop": ("computer", "notebook", "电脑"),
    "television": ("telly",),
    "dog": ("puppy", "doggy", "狗狗"),
    "cat": ("kitty", "kitten", "猫猫"),
    "window": ("glass door", "玻璃门"),
    "phone": ("手机",),
    "trash_can": ("bin", "trash"),
    "stroller": ("pram", "buggy"),
    "motorbike": ("motor bike",),
    "table": ("coffee table", "tea table", "side table", "dining table", "茶几", "咖啡桌", "矮桌"),
    "street_lamp": ("post", "pole", "light pole", "lamp pole", "柱子", "杆子"),
}
"""Further words for kinds that people ask with, and that no answer uses."""

PARTS_OF_THINGS = frozenset(
    (
        *("wheel", "tyre", "tire", "leg", "tail", "head", "arm", "ear", "eye", "nose", "foot", "paw", "hand", "face"),
        *("handle", "handlebar", "pedal", "saddle", "seat", "headlight", "bumper", "bonnet", "hood", "trunk", "roof"),
        *("windscreen", "windshield", "licence plate", "license plate", "keyboard", "lid", "cap", "label", "spout"),
        *(
            "page",
            "cover",
            "leaf",
            "branch",
            "backrest",
            "armrest",
            "cushion",
            "drawer",
            "shade",
            "bulb",
            "knob",
            "door",
        ),
        *("轮子", "车轮", "轮胎", "腿", "尾巴", "头", "耳朵", "眼睛", "鼻子", "脚", "爪子", "手", "脸", "把手", "车把"),
        *("踏板", "车座", "座椅", "车灯", "车门", "车窗", "车顶", "引擎盖", "后备箱", "车牌", "键盘", "盖子", "瓶盖"),
        *("标签", "书页", "封面", "叶子", "树叶", "树枝", "树干", "靠背", "扶手", "靠垫", "抽屉", "灯罩", "灯泡", "门"),
    )
)
"""What things are made of, and no thing by itself."""
SURFACES = frozenset(
    (
        *("table", "desk", "tabletop", "desktop", "floor", "ground", "wall", "ceiling", "street", "road", "pavement"),
        *("sidewalk", "grass", "lawn", "carpet", "rug", "shelf", "counter", "table top", "desk top"),
        *(
            "桌子",
            "桌面",
            "书桌",
            "地面",
            "地板",
            "地上",
            "墙",
            "墙壁",
            "天花板",
            "街道",
            "马路",
            "路面",
            "人行道",
            "草地",
        ),
        *("地毯", "架子", "台面"),
    )
)
"""What things stand on or before, which may be none of the things that a model knows."""


def is_part(noun: str) -> bool:
    """Whether a noun names a part of things, one or several.

    >>> is_part("Wheels"), is_part("leaves"), is_part("轮子"), is_part("bicycle")
    (True, True, True, False)
    """
    word = noun.lower()
    return word in PARTS_OF_THINGS or any(pluralize(one) == word for one in PARTS_OF_THINGS if one.isascii())


def normalised(text: str) -> str:
    """Return a question with full-width signs, traditional characters and white space as names are written.

    >>> normalised("公車  擋住ｃａｒ了嗎？")
    '公车 挡住car了吗?'
    """
    return re.sub(r"\s+", " ", unicodedata.normalize("NFKC", text).translate(_TO_SIMPLIFIED)).strip()


@dataclass(frozen=True)
class Words:
    """What questions are made of.

    kinds: names of kinds by their keys; colours: key -> its word in English and Chinese
    meanings: a name in lower case -> the kinds that it can mean, its own first; empty where it is no thing at all
    asking: words, or for Chinese parts of sentences, that people ask with
    """

    kinds: Names
    colours: Mapping[str, tuple[str, str]]
    meanings: Mapping[str, tuple[str, ...]]
    asking: frozenset[str]
    asking_zh: frozenset[str]
    pattern: re.Pattern[str]


@cache
def shipped_words() -> Words:
    """Return the words of the shipped model's kinds."""
    room = files("occlusight.reasoning")
    body = json.loads(room.joinpath("vocabulary.json").read_text("utf-8"))
    asking = json.loads(room.joinpath("asking.json").read_text("utf-8"))
    listed = [_kind(kind) for kind in body["kinds"]]
    kinds = {kind.key: kind for kind in listed}
    colours = {key: (en, zh) for key, (en, zh) in body["colours"].items()}
    meanings: dict[str, tuple[str, ...]] = {}
    for word, key in names_of_kinds(kinds):
        meanings[word] = tuple(dict.fromkeys((*meanings.get(word, ()), key)))
    for key, more in ALSO_CALLED.items():
        meanings |= {word: (key,) for one in more for word in (one, pluralize(one)) if word not in meanings}
    for words, members in WIDER.items():
        meanings |= {word: members for word in words if word not in meanings}
    meanings |= dict.fromkeys((*NOT_THINGS, *ALSO_NOT_THINGS), ())
    ordered = sorted(meanings, key=len, reverse=True)
    spelled = (rf"(?<![a-z]){re.escape(w)}(?![a-z])" if w.isascii() else re.escape(w) for w in ordered)
    return Words(
        kinds,
        colours,
        meanings,
        frozenset(asking["en"].split()),
        frozenset(asking["zh"].split()),
        re.compile("|".join(spelled), re.IGNORECASE),
    )


def _kind(line: dict[str, Any]) -> KindNames:
    aliases = {name: tuple(line[name]) for name in ("aliases_en", "aliases_zh")}
    return KindNames(line["key"], line["en"], line["plural"], line["zh"], line["measure"], **aliases)


def names_of_kinds(kinds: Names) -> Iterator[tuple[str, str]]:
    """Yield every name in lower case with its kind's key: all own names first, then aliases."""
    for kind in kinds.values():
        yield from ((word.lower(), kind.key) for word in (kind.en, kind.plural, kind.zh))
    for kind in kinds.values():
        words = (*kind.aliases_en, *map(pluralize, kind.aliases_en), *kind.aliases_zh)
        yield from ((word.lower(), kind.key) for word in words)


def misspelt(word: str, right: str) -> bool:
    """Whether a word is another with a slip of the pen: a letter too many, one too few or two exchanged; in long words
    a wrong one, too. Short words, and other first letters, are other words.

    >>> misspelt("bicylce", "bicycle"), misspelt("sofaa", "sofa"), misspelt("house", "horse")
    (True, True, False)
    """
    a, b = (word, right) if len(word) >= len(right) else (right, word)
    if len(a) < 5 or len(a) - len(b) > 1 or a[0] != b[0] or a == b:
        return False
    i = next(i for i in range(len(a)) if i >= len(b) or a[i] != b[i])
    if len(a) > len(b):
        return a[i + 1 :] == b[i:]
    exchanged = a[i : i + 2] == b[i : i + 2][::-1] and a[i + 2 :] == b[i + 2 :]
    return exchanged or (len(a) >= 8 and a[i + 1 :] == b[i + 1 :])
