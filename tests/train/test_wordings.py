"""The hand-written wordings of questions: every line says what it says it says, and no two say it alike."""

import json
import re
import tomllib
import unicodedata
from collections import Counter, defaultdict
from functools import cache
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest

import occlusight.train

FOLDER = Path(occlusight.train.__file__).parent / "wordings"
FILES = sorted(FOLDER.glob("*.jsonl"))
NEAR = 5  # two wordings of a kind and language are one if the longer has over so many characters for each edit
ANY = None  # any slots

# The slots that each kind's wordings have; {CS} counts as {C}.
SLOTS = {
    "": ("recognize", "describe", "nearest", "farthest", "order", "anything_hidden", "visible_all", "detect"),
    "A": (
        *("who_hides", "hides_what", "hides_anything", "hidden_part", "amount_hidden"),
        *("left_of", "right_of", "behind", "in_front", "colour", "read_text", "locate"),
        *("through_glass", "in_mirror", "mirrored", "unknown", "still_there", "hidden_now", "moved", "followup"),
    ),
    "A B": ("occl", "occl_passive", "occl_why", "position", "between", "depth_pair"),
    "A C": ("seed_like",),
    "C": ("count", "exists", "detect_kind", "which_pictures", "count_pictures"),
    "C S": ("exists_coloured",),
}
KINDS = {kind: {slots} for slots, kinds in SLOTS.items() for kind in kinds}
KINDS |= {"remove": {"A", "A B"}, "out_of_scope": {""}, "false_premise": ANY, "two_in_one": ANY}
# What a false premise takes for granted.
ASSUMED = {"colour", "count", "depth", "exists", "glass", "hidden", "mirror", "nearest", "occl", "position", "text"}
EXTRA = {"false_premise": {"assumes"}, "two_in_one": {"kinds"}}

SLOT = re.compile(r"\{(\w*)\}")
HAN = re.compile(r"[\u4e00-\u9fff]")


@cache
def lines(path):
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def slots_of(text):
    return " ".join(sorted({name.replace("CS", "C") for name in SLOT.findall(text)}))


def faults(line, lang):
    """What is wrong with one line of a file of that language."""
    kind, text = line["kind"], line["text"]
    if kind not in KINDS:
        return [f"unknown kind {kind!r}"]
    extra = EXTRA.get(kind, set()) | ({"mixed"} if "mixed" in line else set())
    found = []
    if set(line) != {"id", "lang", "kind", "text"} | extra:
        found.append(f"fields {sorted(line)}")
    if line["lang"] != lang or not line["id"].startswith(f"{lang}."):
        found.append(f"not of the language {lang}")
    if not text or text != text.strip() or "\n" in text or "  " in text:
        found.append("empty text, or stray space")
    if set(SLOT.findall(text)) - ({"A", "B", "C", "S"} if lang == "zh" else {"A", "B", "C", "CS", "S"}):
        found.append("unknown slot")
    if re.search(r"[{}]", SLOT.sub("", text)):
        found.append("a brace outside slots")
    if KINDS[kind] is not ANY and slots_of(text) not in KINDS[kind]:
        found.append(f"slots {slots_of(text)!r}, not {sorted(KINDS[kind])}")
    if kind == "false_premise" and line.get("assumes") not in ASSUMED:
        found.append(f"assumes {line.get('assumes')!r}")
    if kind == "two_in_one" and (len(line.get("kinds", ())) != 2 or set(line["kinds"]) - set(KINDS)):
        found.append(f"kinds {line.get('kinds')}")
    words = SLOT.sub(" ", text)
    if "mixed" in line and not (line["mixed"] is True and HAN.search(words) and re.search("[A-Za-z]", words)):
        found.append("not mixed")
    return found


def bare(text):
    """The text without slots, case and punctuation."""
    words = SLOT.sub(" ", unicodedata.normalize("NFKC", text).casefold())
    return re.sub(r"[\W_]+", " ", words).strip()


def distance(a, b, most):
    """Edits from a to b; most + 1 where there are more."""
    row = list(range(len(b) + 1))
    for i, x in enumerate(a, 1):
        above, row = row, [i]
        for j, y in enumerate(b, 1):
            row.append(min(above[j] + 1, row[-1] + 1, above[j - 1] + (x != y)))
        if min(row) > most:
            return most + 1
    return row[-1]


def suspects(texts):
    """Pairs of texts that have enough characters in common to be near each other."""
    bags = [Counter(text) for text in texts]
    column = {c: i for i, c in enumerate({c for bag in bags for c in bag})}
    times = np.zeros((len(texts), len(column)), np.uint8)
    for row, bag in zip(times, bags, strict=True):
        row[[column[c] for c in bag]] = list(bag.values())
    lengths = times.sum(1)
    for i in range(len(texts)):
        longer = np.maximum(lengths[i], lengths[i + 1 :])
        edits = longer - np.minimum(times[i], times[i + 1 :]).sum(1)
        for j in np.flatnonzero(NEAR * edits < np.maximum(longer, 1)):
            yield i, i + 1 + int(j)


def near(texts):
    """Pairs of texts that say it alike."""
    found = []
    cut = [bare(text) for text in texts]
    for i, j in suspects(cut):
        length = max(len(cut[i]), len(cut[j]), 1)
        if NEAR * distance(cut[i], cut[j], length // NEAR) < length:
            found.append((texts[i], texts[j]))
    return found


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_lines_are_valid(path):
    name, lang, _ = path.name.split(".")
    assert lang in ("en", "zh")
    wrong = {line["id"]: found for line in lines(path) if (found := faults(line, lang))}
    assert not wrong
    if name in KINDS:
        assert {line["kind"] for line in lines(path)} == {name}


def test_ids_are_unique():
    assert FILES
    ids = Counter(line["id"] for path in FILES for line in lines(path))
    assert not [id for id, times in ids.items() if times > 1]


def test_no_two_wordings_of_a_kind_are_alike():
    groups = defaultdict(list)
    for path in FILES:
        for line in lines(path):
            groups[line["lang"], line["kind"]].append(line["text"])
    alike = [f"{group}: {pair}" for group, texts in groups.items() for pair in near(texts)]
    assert not alike, "\n".join(alike)


def test_no_wording_is_of_two_kinds():
    kinds = defaultdict(set)
    for path in FILES:
        for line in lines(path):
            kinds[re.sub(r"[\s?.!?。!]+$", "", line["text"].casefold())].add(line["kind"])
    assert not {text: found for text, found in kinds.items() if len(found) > 1}


@pytest.mark.parametrize(
    ("a", "b", "alike"),
    [
        ("Does {A} hide {B}?", "does {B} hide {A}", True),
        ("whats in front of {A}", "What's in front of {A}?", True),
        ("Does {A} hide {B}?", "Is {B} behind {A}?", False),
        ("{A}是什么颜色", "{A}是啥颜色", False),
        ("{A}挡住{B}了没有", "{A}挡着{B}了没有", True),
    ],
)
def test_likeness_is_told(a, b, alike):
    assert bool(near([a, b])) == alike


def test_likeness_is_found_wherever_it_is():
    texts = [bare(line["text"]) for line in lines(FILES[0])[:30]] + ["abcdefghij", "abcdefghix", "abcdefgxyz"]
    a, b, c = range(len(texts) - 3, len(texts))
    length = {(i, j): max(len(texts[i]), len(texts[j])) for i, j in combinations(range(len(texts)), 2)}
    alike = {(i, j) for i, j in length if NEAR * distance(texts[i], texts[j], length[i, j]) < length[i, j]}
    assert alike <= set(suspects(texts))
    assert (a, b) in alike
    assert (a, c) not in alike


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ({"kind": "occl", "text": "Does {A} hide it?"}, "slots"),
        ({"kind": "hides", "text": "Does {A} hide {B}?"}, "unknown kind"),
        ({"kind": "count", "text": "How many {K} are there?"}, "unknown slot"),
        ({"kind": "order", "text": "Sort all. "}, "stray space"),
        ({"kind": "order", "text": "Sort all.", "mixed": True}, "not mixed"),
        ({"kind": "two_in_one", "text": "Colour of {A}, and order?", "kinds": ["colour", "sort"]}, "kinds"),
        ({"kind": "false_premise", "text": "Why is {A} so big?", "assumes": "size"}, "assumes"),
        ({"kind": "describe", "text": "Describe it.", "note": ""}, "fields"),
    ],
)
def test_faults_are_found(line, fault):
    assert any(fault in found for found in faults({"id": "en.x", "lang": "en", **line}, "en"))


def test_they_are_not_packed():
    project = tomllib.loads(Path("pyproject.toml").read_text("utf-8"))
    assert "occlusight.train.wordings" in project["tool"]["setuptools"]["packages"]["find"]["exclude"]
