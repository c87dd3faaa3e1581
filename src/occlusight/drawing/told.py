"""What a drawing says of things and relations, in words and by the weight of lines."""

from __future__ import annotations

from occlusight.occlusion.graph import Object, Relation
from occlusight.occlusion.kinds import Lang

LONGEST = 26  # characters of a name
THIN, THICK = 1.6, 6.0  # pixels: of the line of what is as likely as not, and of what is sure
WORDS = {
    "en": {
        "title": "Who hides whom: {n} things, {m} relations",
        "hides": "{a} hides part of {b}",
        "complete": "{a} hides all of {b}",
        "transparent": "{b} is seen through {a}",
        "reflective": "{a} covers part of {b} with images",
        "doubted": "not sure: {said}",
        "sure": ", probability {p:.0%}",
        "raw": ", by a model that is not calibrated {p:.0%}",
        "rules": "; decided by rules: {rules}",
        "visible": "{name}, {v:.0%} visible",
        "unseen": "{name}, cannot be seen",
        "mirrored": "{name}, seen in a mirror",
        "arrow": "hides; the thicker, the surer",
        "dashes": "goes on unseen",
        "near": "near",
        "far": "far",
    },
    "zh": {
        "title": "谁挡住了谁：{n} 件东西，{m} 个关系",
        "hides": "{a}挡住{b}的一部分",
        "complete": "{a}完全挡住{b}",
        "transparent": "透过{a}看到{b}",
        "reflective": "{a}用影像盖住{b}的一部分",
        "doubted": "不确定：{said}",
        "sure": "，概率 {p:.0%}",
        "raw": "，未校准的模型给出 {p:.0%}",
        "rules": "；由规则决定：{rules}",
        "visible": "{name}，可见 {v:.0%}",
        "unseen": "{name}，看不见",
        "mirrored": "{name}，在镜中看到",
        "arrow": "挡住，越粗越有把握",
        "dashes": "看不见的部分",
        "near": "近",
        "far": "远",
    },
}


def short_name(o: Object, lang: Lang) -> str:
    """The name of a thing, cut where it is long."""
    name = o.name_zh if lang == "zh" else o.name
    return name if len(name) <= LONGEST else name[: LONGEST - 1] + "…"


def width(r: Relation) -> float:
    """How thick the arrow of a relation is: the surer the thicker."""
    p = r.raw_probability if r.probability is None else r.probability
    return THIN + (THICK - THIN) * max(0.0, min(1.0, 2 * (0.75 if p is None else p) - 1))


def object_said(o: Object, name: str, words: dict[str, str]) -> str:
    """What a thing is, and how much of it is seen."""
    if o.seen == "reflection":
        return words["mirrored"].format(name=name)
    form = "unseen" if o.visible_fraction == 0 else "visible"
    return words[form].format(name=name, v=o.visible_fraction)


def relation_said(r: Relation, names: dict[str, str], words: dict[str, str], *, doubted: bool = False) -> str:
    """Who hides whom, how surely, and by which rules; `doubted` where that is not sure enough to be said."""
    form = r.type if r.type in words else "hides"
    said = words[form].format(a=names[r.occluder], b=names[r.occluded])
    if doubted:
        said = words["doubted"].format(said=said)
    if r.probability is not None:
        said += words["sure"].format(p=r.probability)
    elif r.raw_probability is not None:
        said += words["raw"].format(p=r.raw_probability)
    return said + (words["rules"].format(rules=", ".join(r.changed_by)) if r.changed_by else "")
