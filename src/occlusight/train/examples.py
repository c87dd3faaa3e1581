"""Training examples: a picture with several questions packed behind it, and dense targets for its patches.

Layout of the tokens, which is that of a chat with one picture::

    <|im_start|>user\\n<|vision_start|> pads <|vision_end|>   the prefix, segment 0, seen by every question
    question<|im_end|>\\n<|im_start|>assistant\\nanswer<|im_end|>   segments 1, 2, ...: each sees the prefix and itself,
                                                              and its positions start where the prefix ends

A question lies within one slot; see `packed_attention`. Several pictures stand one after the other in the prefix.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from tokenizers import Encoding, Tokenizer
from torch import Tensor

from occlusight.model.config import ModelConfig
from occlusight.model.grids import block_order
from occlusight.model.rope import positions
from occlusight.model.traits import Traits
from occlusight.occlusion.facts import Facts
from occlusight.occlusion.graph import Graph
from occlusight.occlusion.kinds import LANGS, Names
from occlusight.questions.album import MOST, Album
from occlusight.questions.question import Question, about_objects, ask, ask_album
from occlusight.questions.registry import templates
from occlusight.scenes.meshes.catalogue import Catalogue
from occlusight.scenes.truth.measure import Truth
from occlusight.train.recipe import TrainRecipe
from occlusight.train.scenes import CLIPS, STILLS

IGNORE = -100
PIVOTS = (
    " to in left right front behind top bottom middle sides small most almost half nearer farther partly hides",
    "左 右 前 后 左边 右边 前面 后面 左侧 右侧 上部 下部 中间 两侧 一小部分 一部分 大部分 更近 更远 遮挡",
)
"""Words inside an answer that carry its content, as the first token of a yes or no does. What may stand in a word's
place is among them ("to the left of", "behind"), since a weight that only one of two has makes an answer of it too
often."""

SEPARATORS = re.compile(".*(?:[:\uff1a,\uff0c\u3001\u548c]| and)", re.DOTALL)
"""Everything before the next item of a list: the last of : , 、 和 and "and"."""

LISTS = frozenset({"kinds", "listed", "order", "description"})
"""Readers of answers that name several things; each name counts alike."""
PLAIN = frozenset({"boxes", "characters", "readable", "shown"})
"""Readers of answers without a first word that decides."""
OFTEN: Mapping[str, float] = {
    "recognition": 4,
    "occlusion": 5,
    "explanation": 5,
    "position": 5,
    "detect": 2,
    "order": 1.5,
    "through": 4,
    "mirrored": 4,
    "mirror_shows": 5,
    "unknown": 4,
    "viewpoint": 0,
}
"""How often a kind of question is asked against others, where the picture offers it."""
AT_A_TIME: Mapping[str, int] = {
    "occlusion": 4,
    "explanation": 4,
    "position": 4,
    "through": 2,
    "mirrored": 2,
    "unknown": 2,
}
"""The most questions of a kind about a picture; two, a yes and a no, of most others that have them."""
TOGETHER = 14
"""Kinds of questions that are drawn for a picture and a language, more than there is room for."""


@dataclass(frozen=True)
class Dense:
    """Targets per patch, in the processor's order (L patches, K kinds).

    kind: index of the kind that most of the patch shows, K for none; amodal: which kinds' whole extent reaches into the
    patch; hidden: which of them something covers there; colour: index of the visible paint, -1 for none; depth: log of
    metres, NaN for none; box: (L, 4), the box around what can be seen of the thing shown, 0 to 1, 0 for none.
    """

    kind: npt.NDArray[np.int64]
    amodal: npt.NDArray[np.uint8]
    hidden: npt.NDArray[np.uint8]
    colour: npt.NDArray[np.int64]
    depth: npt.NDArray[np.float32]
    box: npt.NDArray[np.float32]


def dense_targets(truth: Truth, catalogue: Catalogue, kinds: Sequence[str], patch: int) -> Dense:
    """Targets of one picture whose masks divide into patches of `patch` pixels."""
    n, height, width = truth.amodal.shape
    rows, columns = height // patch, width // patch
    row, column = (t.numpy() for t in block_order(rows, columns, 2))

    def share(masks: npt.NDArray[np.bool_]) -> npt.NDArray[np.float32]:
        boxes = masks[:, : rows * patch, : columns * patch].reshape(n, rows, patch, columns, patch)
        out: npt.NDArray[np.float32] = boxes.mean((2, 4), dtype=np.float32)[:, row, column]
        return out  # (n, L)

    visible, whole = share(truth.visible), share(truth.amodal)
    kind_of = np.array([kinds.index(o.kind) for o in truth.graph.objects], np.int64)
    colours = list(catalogue.colours)
    colour_of = np.array([colours.index(o.colour) if o.colour else -1 for o in truth.graph.objects], np.int64)
    top = visible.argmax(0)
    shown = visible.max(0) > np.maximum(0.25, 0.6 * (1 - visible.sum(0)))
    amodal = np.zeros((len(row), len(kinds)), np.uint8)
    hidden = np.zeros_like(amodal)
    for i in range(n):
        amodal[whole[i] > 0.25, kind_of[i]] = 1
        hidden[(whole[i] - visible[i]) > 0.08, kind_of[i]] = 1
    distance = np.array([o.distance or np.nan for o in truth.graph.objects], np.float32)
    box = np.array([o.box for o in truth.graph.objects], np.float32) / 1000
    return Dense(
        kind=np.where(shown, kind_of[top], len(kinds)),
        amodal=amodal,
        hidden=hidden,
        colour=np.where(shown, colour_of[top], -1),
        depth=np.where(shown, np.log(distance[top]), np.nan).astype(np.float32),
        box=np.where(shown[:, None], box[top], 0).astype(np.float32),
    )


@dataclass(frozen=True)
class Packed:
    """Tokens of one picture's questions (T of them, without the prefix): ids, labels (the next token, or IGNORE), the
    loss's weights, the segment (1, 2, ...; -1 for padding), the position counted from the prefix's end, and where
    things are, (T, 5) as in `places_of`: at a name's last token the thing named, and at the token before a thing that a
    list is about to name, that thing; NaN at other tokens."""

    ids: npt.NDArray[np.int64]
    labels: npt.NDArray[np.int64]
    weights: npt.NDArray[np.float32]
    segments: npt.NDArray[np.int64]
    positions: npt.NDArray[np.int64]
    places: npt.NDArray[np.float32]
    ahead: npt.NDArray[np.float32]


Places = Mapping[str, npt.NDArray[np.float32]]
"""Where things are, by their names in both languages: (5,) log of metres, box of what can be seen from 0 to 1."""


def places_of(graph: Graph, shared: bool = False) -> Places:
    """Places of the objects whose names are their own; with `shared`, of a name's nearest object."""
    places: dict[str, npt.NDArray[np.float32]] = {}
    for o in sorted(graph.objects, key=lambda o: -(o.distance or np.inf)):
        if (o.unique or shared) and o.distance:
            where = np.array([np.log(o.distance), *(edge / 1000 for edge in o.box)], np.float32)
            places |= {o.name: where, o.name_zh: where}
    return places


class Packer:
    """Turns questions into tokens."""

    def __init__(self, tokenizer: Tokenizer, config: ModelConfig, recipe: TrainRecipe) -> None:
        self.tokenizer, self.config, self.recipe = tokenizer, config, recipe
        self.turn = self._ids("<|im_end|>\n<|im_start|>assistant\n")
        self.end = self._ids("<|im_end|>")
        words = [f" {word}" for word in PIVOTS[0].split()] + PIVOTS[1].split()
        self.pivots = np.array(sorted({self._ids(word)[0] for word in words}))
        self.vision_start, self.vision_end = self._ids("<|vision_start|>"), self._ids("<|vision_end|>")
        self.blind_opening = self._ids("<|im_start|>user\n")

    def _encode(self, text: str) -> Encoding:
        return self.tokenizer.encode(text, add_special_tokens=False)

    def _ids(self, text: str) -> list[int]:
        return list(self._encode(text).ids)

    def prefix(self, rows: int, columns: int, pictures: int = 1) -> tuple[Tensor, Tensor, int]:
        """Ids `(P,)` and positions `(3, P)` of the prefix for pictures of `rows` x `columns` patches each, and the next
        position."""
        if self.recipe.blind:
            ids = torch.tensor(self.blind_opening)
            return ids, positions(ids, [], self.config)[0], len(ids)
        pads = rows * columns // self.config.vision.merge_size**2
        span = [*self.vision_start, *[self.config.image_token_id] * pads, *self.vision_end]
        ids = torch.tensor([*self.blind_opening, *span * pictures])
        where, delta = positions(ids, [(1, rows, columns)] * pictures, self.config)
        return ids, where, len(ids) + delta

    def pack(self, questions: Sequence[Question], graph: Graph | None) -> Packed:
        """As many of the questions as fit into the recipe's slots: each in the first slot with room for it. Without a
        graph (about several pictures) it is not said where things are."""
        slot_tokens = self.recipe.slot_tokens
        room = self.recipe.slots * slot_tokens
        out = Packed(
            np.zeros(room, np.int64),
            np.full(room, IGNORE, np.int64),
            np.zeros(room, np.float32),
            np.full(room, -1, np.int64),
            np.zeros(room, np.int64),
            np.full((room, 5), np.nan, np.float32),
            np.full((room, 5), np.nan, np.float32),
        )
        places = {} if graph is None else places_of(graph)
        listed = {} if graph is None else places_of(graph, shared=True)
        used, segment = np.zeros(self.recipe.slots, np.int64), 0
        for question in questions:
            text, reply = (self._encode(part) for part in (question.text, question.reply))
            asked, answer = [*text.ids, *self.turn], [*reply.ids, *self.end]
            total = len(asked) + len(answer)
            open_slots = np.flatnonzero(used + total <= slot_tokens)
            if not len(open_slots):
                continue
            slot = int(open_slots[0])
            begin = slot * slot_tokens + int(used[slot])
            segment += 1
            at = slice(begin, begin + total)
            out.ids[at] = asked + answer
            first = begin + len(asked) - 1  # the token that predicts the answer's first
            out.labels[first : begin + total - 1] = answer
            read = templates()[question.template].read
            out.weights[first : begin + total - 1] = self.recipe.list_weight if read in LISTS else 1.0
            pivotal = first + np.flatnonzero(np.isin(answer, self.pivots))
            out.weights[pivotal] = self.recipe.pivot_weight
            if read not in LISTS | PLAIN:
                out.weights[first] = self.recipe.decision_weight
            out.segments[at] = segment
            out.positions[at] = np.arange(total)
            for start, encoded, words in ((begin, text, question.text), (first + 1, reply, question.reply)):
                for name in named(words, places):
                    out.places[start + token_before(encoded, name.end)] = name.place
            if question.kind == "recognition":
                for name in named(question.reply, listed):
                    before = SEPARATORS.match(question.reply, 0, name.start)
                    if before:
                        out.ahead[first + 1 + token_before(reply, before.end())] = name.place
            used[slot] += total
        return out


@dataclass(frozen=True)
class Named:
    """A name in a text, and where its thing is."""

    start: int
    end: int
    place: npt.NDArray[np.float32]


def named(text: str, places: Places) -> list[Named]:
    """The names in a text; of names within one another the longest counts."""
    found: list[Named] = []
    taken = [False] * len(text)
    lowered = text.lower()
    for name in sorted(places, key=len, reverse=True):
        at = lowered.find(name.lower())
        while at >= 0:
            end = at + len(name)
            if not any(taken[at:end]):
                found.append(Named(at, end, places[name]))
                taken[at:end] = [True] * len(name)
            at = lowered.find(name.lower(), end)
    return found


def token_before(encoded: Encoding, end: int) -> int:
    """The token that holds the character before `end`."""
    token: int | None = encoded.char_to_token(end - 1)
    assert token is not None, "a tokenizer of bytes leaves no character out"
    return token


def traits_of(recipe: TrainRecipe) -> Traits:
    """What a model of a recipe declares: the steps that it is asked in training, and the pictures at a time."""
    if recipe.blind:
        return Traits(pictures=1)
    shown = {source for stage in recipe.stages if stage.learns == "answers" for source in stage.shares}
    albums = {album for album, source in (("stills", STILLS), ("clip", CLIPS)) if source in shown}
    asked = (
        template.program.__name__
        for template in templates().values()
        if (template.album in albums if template.album else template.kind in about_objects())
        and OFTEN.get(template.kind, 1.0) > 0
    )
    return Traits(MOST if albums else 1, tuple(sorted(set(asked))))


def questions_of(about: Graph | Album, names: Names, rng: np.random.Generator) -> list[Question]:
    """A shuffled mixture of questions in both languages about a picture, or about several together."""
    out: list[Question] = []
    if isinstance(about, Album):
        for lang in LANGS:
            out += ask_album(about, names, rng, lang)
        rng.shuffle(out)
        return out
    facts = Facts(about)
    for lang in LANGS:
        out += ask(facts, names, rng, lang, _kinds(rng), {kind: AT_A_TIME.get(kind, 2) for kind in about_objects()})
    keys = rng.random(len(out)) ** [1 / OFTEN.get(question.kind, 1.0) for question in out]
    return [out[i] for i in np.argsort(-keys)]


def _kinds(rng: np.random.Generator) -> list[str]:
    """Some kinds of questions, drawn by their weights (Efraimidis and Spirakis, 2006)."""
    weighted = {kind: OFTEN.get(kind, 1.0) for kind in about_objects() if OFTEN.get(kind, 1.0) > 0}
    keys = rng.random(len(weighted)) ** (1 / np.array(list(weighted.values())))
    return [list(weighted)[i] for i in np.argsort(-keys)[:TOGETHER]]
