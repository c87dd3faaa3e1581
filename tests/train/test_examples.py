"""Packing, masks, patches and dense targets: the fast forms equal the plain ones."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from tests.train.conftest import tiny_config, truth_of
from tokenizers import Tokenizer

from occlusight.model.attention import plain_attention
from occlusight.model.preprocess import PreprocessSettings, patches_of_array
from occlusight.model.qwen3vl import Qwen3VL
from occlusight.occlusion.facts import Facts
from occlusight.questions.album import MOST, Album
from occlusight.questions.question import ask
from occlusight.scenes.meshes.catalogue import wide_catalogue
from occlusight.scenes.meshes.names import names_of
from occlusight.train.examples import IGNORE, Packer, dense_targets, named, questions_of, token_before, traits_of
from occlusight.train.loop import training_patches
from occlusight.train.packed_attention import packed_attention, slot_mask
from occlusight.train.recipe import Stage, TrainRecipe, load_recipe
from occlusight.train.tokenizer import SPECIAL

SLOT = 80


def test_training_patches_are_those_of_inference() -> None:
    rgb = torch.from_numpy(np.random.default_rng(0).integers(0, 256, (2, 64, 96, 3), np.uint8))
    fast = training_patches(rgb, 16, torch.float32)
    assert torch.allclose(fast, patches_of_array(rgb, PreprocessSettings()), atol=1e-6)


def segment_mask(segments: torch.Tensor) -> torch.Tensor:
    """The plain twin of `slot_mask`: bool, over all tokens `(B, T)`, the prefix being segment 0."""
    causal = torch.ones(segments.shape[1], segments.shape[1], dtype=torch.bool).tril()
    queries, keys = segments[:, :, None], segments[:, None, :]
    return (((keys == queries) | (keys == 0)) & causal)[:, None]


def test_attention_over_slots_equals_attention_over_everything() -> None:
    generator = torch.Generator().manual_seed(0)
    segments = torch.full((2, 3 * SLOT), -1)
    segments[0, :30], segments[0, 30:70], segments[0, SLOT : SLOT + 75] = 1, 2, 3
    segments[1, :80], segments[1, 2 * SLOT : 2 * SLOT + 9] = 1, 2
    whole = torch.cat((torch.zeros(2, 7, dtype=torch.int64), segments), 1)
    q, k, v = (torch.randn(2, heads, whole.shape[1], 8, generator=generator) for heads in (4, 2, 2))
    fast = packed_attention(q, k, v, slot_mask(segments, 7, SLOT, torch.float32), False)
    plain = plain_attention(q, k, v, segment_mask(whole), False)
    real = whole >= 0
    assert torch.allclose(fast.transpose(1, 2)[real], plain.transpose(1, 2)[real], atol=1e-6)


@pytest.mark.parametrize("pictures", [1, 2])
def test_packed_questions_have_the_logits_of_questions_asked_alone(tokenizer: Tokenizer, pictures: int) -> None:
    config, recipe = tiny_config(tokenizer), TrainRecipe(slots=3, slot_tokens=SLOT)
    model = Qwen3VL(config).eval()
    model.init_weights(torch.Generator().manual_seed(0))
    model.use_attention(packed_attention)
    packer = Packer(tokenizer, config, recipe)
    rng = np.random.default_rng(1)
    graphs = [truth_of("partial", index).graph for index in range(pictures)]
    about = graphs[0] if pictures == 1 else Album(tuple(map(Facts, graphs)))
    packed = packer.pack(questions_of(about, names_of(wide_catalogue()), rng), graphs[0] if pictures == 1 else None)
    rows, columns = 4, 6
    rgb = torch.from_numpy(rng.integers(0, 256, (pictures, 16 * rows, 16 * columns, 3), np.uint8))
    prefix, where, after = packer.prefix(rows, columns, pictures)
    features = model.encode(training_patches(rgb, 16, torch.float32), [(1, rows, columns)] * pictures)

    def logits(ids: torch.Tensor, places: torch.Tensor, segments: torch.Tensor | None) -> torch.Tensor:
        mask = None if segments is None else slot_mask(segments[None], len(prefix), recipe.slot_tokens, torch.float32)
        text = torch.cat((where, (places + after).expand(3, -1)), 1)[:, None]
        hidden = model(torch.cat((prefix, ids))[None], text, features, mask)
        return model.logits(hidden)[0, len(prefix) :]

    with torch.no_grad():
        ids, places = torch.from_numpy(packed.ids), torch.from_numpy(packed.positions)
        segments = torch.from_numpy(packed.segments)
        together = logits(ids, places, segments)
        assert int(segments.max()) >= 3
        for segment in range(1, int(segments.max()) + 1):
            at = segments == segment
            alone = logits(ids[at], places[at], None)
            assert torch.allclose(together[at], alone, atol=1e-4)


def test_labels_are_the_answers_and_nothing_else(tokenizer: Tokenizer) -> None:
    packer = Packer(tokenizer, tiny_config(tokenizer), TrainRecipe())
    rng = np.random.default_rng(2)
    truth = truth_of("desk-wide", 7)
    questions = questions_of(truth.graph, names_of(wide_catalogue()), rng)
    packed = packer.pack(questions, truth.graph)
    replies = {q.reply for q in questions}
    for segment in range(1, int(packed.segments.max()) + 1):
        labels = packed.labels[packed.segments == segment]
        text = tokenizer.decode(labels[labels != IGNORE].tolist(), skip_special_tokens=True)
        assert text in replies


@pytest.mark.usefixtures("assets")
def test_dense_targets_agree_with_the_masks() -> None:
    catalogue, truth = wide_catalogue(), truth_of("room-wide", 2)
    kinds = tuple(catalogue.kinds)
    dense = dense_targets(truth, catalogue, kinds, 8)
    present = {kinds.index(o.kind) for o in truth.graph.objects}
    assert set(np.unique(dense.kind)) <= present | {len(kinds)}
    assert set(np.flatnonzero(dense.amodal.any(0))) <= present
    assert set(np.flatnonzero(dense.hidden.any(0))) <= present
    assert np.isfinite(dense.depth[dense.kind < len(kinds)]).all()


def test_the_tokenizer_keeps_names_whole_and_gives_text_back(tokenizer: Tokenizer) -> None:
    alone, within = (tokenizer.encode(text).ids for text in ("路灯", "红色的路灯是否被遮挡?"))
    assert "".join(map(str, alone)) in "".join(map(str, within))
    for text in ("Does the red car hide the bush?", "自行车是否被灌木丛遮挡？", "naïve 😀 text\nlines"):
        assert tokenizer.decode(tokenizer.encode(text).ids) == text
    assert all(tokenizer.token_to_id(name) is not None for name in SPECIAL)


def test_places_stand_at_the_last_token_of_the_longest_name(tokenizer: Tokenizer) -> None:
    car, red = np.full(5, 1, np.float32), np.full(5, 2, np.float32)
    text = "The red car hides a car."
    found = {name.end: name.place[0] for name in named(text, {"car": car, "red car": red})}
    assert found == {11: 2, 23: 1}
    encoded = tokenizer.encode(text, add_special_tokens=False)
    start, stop = encoded.offsets[token_before(encoded, 11)]
    assert start < 11 <= stop
    assert [name.end for name in named("红色的汽车在哪里", {"红色的汽车": red})] == [5]


def test_a_list_knows_the_place_of_what_it_names_next(tokenizer: Tokenizer) -> None:
    packer = Packer(tokenizer, tiny_config(tokenizer), TrainRecipe())
    truth = truth_of("desk-wide", 7)
    names = names_of(wide_catalogue())
    question = ask(truth.graph, names, np.random.default_rng(0), "en", ["recognition"])[0]
    packed = packer.pack([question], truth.graph)
    at = np.flatnonzero(np.isfinite(packed.ahead[:, 0]))
    nearest = next(o for o in truth.graph.objects if o.id == question.answer["objects"][0])
    assert len(at) == len({(o.kind, o.name) for o in truth.graph.objects if o.id in question.answer["objects"]})
    assert np.allclose(packed.ahead[at[0], 1:], np.array(nearest.box) / 1000)
    assert tokenizer.decode([packed.ids[at[0]]]).strip() == ":"
    assert np.isnan(packed.places[at]).all()


def test_a_model_declares_what_its_recipe_asks() -> None:
    stills = traits_of(load_recipe("eyes"))
    assert {"hides", "exists", "which_pictures", "moved"} <= set(stills.learnt)
    assert "hides_from" not in stills.learnt  # of cameras that stand elsewhere: `OFTEN` says never
    assert stills.pictures == MOST
    alone = traits_of(TrainRecipe((Stage("answers", 48, shares={"street-wide": 1.0}),)))
    assert set(stills.learnt) - set(alone.learnt) >= {"which_pictures", "moved"}
    assert alone.pictures == 1
    assert traits_of(TrainRecipe((Stage("tower", 48, "tower"),))).pictures == 1
    assert traits_of(load_recipe("blind")).learnt == ()
