"""What is said around a model's own words: in both languages."""

from __future__ import annotations

from collections.abc import Mapping

from occlusight.occlusion.kinds import Lang

SAY: Mapping[str, Mapping[Lang, str]] = {
    "absent": {"en": "I see no {it} in this picture", "zh": "我在图中没有看到{it}"},
    "instead": {"en": "; I see {told}.", "zh": "，我看到的是{told}。"},
    "recoloured": {"en": "I see no {it}, but {other}. ", "zh": "我没有看到{it}，看到的是{other}。"},
    "yes": {"en": "Yes, there is {it}.", "zh": "有，图中有{it}。"},
    "no": {"en": "No, I see no {it}", "zh": "没有，我没看到{it}"},
    "order": {"en": "From front to back: {all}.", "zh": "从前到后依次是：{all}。"},
    "unlearnt": {"en": "I have not learnt that yet.", "zh": "这个我还没有学会。"},
    "unpainted": {
        "en": "I know colours of painted things alone, and cannot tell that of {it}.",
        "zh": "我只认得涂了颜色的东西，说不出{it}的颜色。",
    },
    "place": {
        "en": "I cannot tell things of one kind apart by their place yet; say which one by its colour.",
        "zh": "我还不会按位置区分同类物体，请用颜色说明是哪一个。",
    },
    "part": {
        "en": "I know whole things alone, and cannot tell their parts ({it}).",
        "zh": "我只认得整件的东西，认不出它们的部件（{it}）。",
    },
    "surface": {
        "en": "I know no {it} here among things; what they stand on I have not learnt to tell.",
        "zh": "在这些东西里我没有认出{it}；它们放在什么上面，我还没有学会。",
    },
    "counted": {"en": "That is how many I see in the whole picture.", "zh": "这是整张图里的数量。"},
    "outside": {
        "en": "I can only tell what is in a picture, where it stands and what hides what; ask, for example: {example}",
        "zh": "我只能说图里有什么、在哪里、谁挡住了谁，比如可以问：{example}",
    },
    "no_picture": {
        "en": "I answer questions about a picture; give me one.",
        "zh": "我回答关于图片的问题，请先给我一张图片。",
    },
    "several": {
        "en": "I have learnt to look at {most} at a time, and {given} were given; ask about each by itself.",
        "zh": "我一次只会看{most}张图片，但收到了{given}张，请分开提问。",
    },
    "other_world": {
        "en": "This does not look like the rendered scenes that I know, so do not rely on what follows; "
        "photographs need a larger model, such as Qwen3-VL-2B-Instruct. ",
        "zh": "这不像我熟悉的渲染场景，下面的回答不可靠；照片需要更大的模型，比如 Qwen3-VL-2B-Instruct。",
    },
    "clip": {
        "en": "I have learnt single pictures, not videos, so do not rely on what follows. ",
        "zh": "我只学过单张图片，没有学过视频，下面的回答不可靠。",
    },
    "hides": {"en": "{a} hides {b}", "zh": "{a}遮挡了{b}"},
    "free": {"en": "{a} does not hide {b}", "zh": "{a}没有遮挡{b}"},
    "which": {"en": "Do you mean: {one} Or: {two}", "zh": "您是想问：{one}还是：{two}"},
}
SPACE: Mapping[Lang, str] = {"en": " ", "zh": ""}
"""What stands between two sentences."""


def sentence(what: str, lang: Lang, slots: Mapping[str, object] | None = None) -> str:
    """Return a sentence with its slots filled.

    >>> sentence("yes", "en", {"it": "a dog"})
    'Yes, there is a dog.'
    """
    return SAY[what][lang].format(**(slots or {}))
