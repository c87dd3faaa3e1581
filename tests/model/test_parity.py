"""Our logits are those of transformers, and stop being so under every mutation that the model invites."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest
import torch
from torch import Tensor

from occlusight.model import grids, rope, text, vision
from occlusight.model.config import ModelConfig, TextConfig, VisionConfig
from occlusight.model.kv_cache import KVCache
from occlusight.model.qwen3vl import Qwen3VL

CASES = (
    "text",
    "image",
    "two images",
    "equal images",
    "extreme aspects",
    "video",
    "far text",
    "far image",
)
TOLERANCE = 1e-4
VISIBLE = 1e-2
"""A mutation must move some logit by at least this."""


def fresh(model: Qwen3VL) -> Qwen3VL:
    """The same weights without cached tables."""
    twin = Qwen3VL(model.config).eval()
    twin.load_state_dict(model.state_dict())
    return twin


@pytest.mark.parametrize("name", CASES)
def test_logits_equal_those_of_transformers(twins: Any, name: str) -> None:
    assert twins.logits[name].std() >= 1
    torch.testing.assert_close(twins.ours(twins.model, twins.cases[name]), twins.logits[name], atol=TOLERANCE, rtol=0)


def test_vision_features_equal_those_of_transformers(twins: Any) -> None:
    case = twins.cases["two images"]
    with torch.no_grad():
        features = twins.model.encode(case.patches, case.grids)
        reference = twins.reference.model.visual(case.patches, torch.tensor(case.grids))
    torch.testing.assert_close(features.embeds, reference.pooler_output, atol=TOLERANCE, rtol=0)
    torch.testing.assert_close(features.patches, reference.last_hidden_state, atol=TOLERANCE, rtol=0)
    assert len(features.taps) == len(reference.deepstack_features) == 2
    for tap, expected in zip(features.taps, reference.deepstack_features, strict=True):
        torch.testing.assert_close(tap, expected, atol=TOLERANCE, rtol=0)


@pytest.mark.parametrize("tied", [True, False])
def test_other_shapes_agree_too(twins: Any, make_model: Any, tmp_path: Any, tied: bool) -> None:
    """Three taps, patches of 4 merged 3 x 3, one key head, untied output, another vision theta."""
    from occlusight.model.weights import save_model

    case = twins.cases["image"]
    config = ModelConfig(
        TextConfig(300, 48, 64, layers=3, heads=3, kv_heads=1, head_dim=24, mrope_section=(4, 4, 4), rope_theta=1e4),
        VisionConfig(
            32,
            48,
            layers=5,
            heads=2,
            out_size=48,
            patch_size=4,
            merge_size=3,
            position_embeddings=16,
            taps=(0, 1, 4),
            rope_theta=50.0,
        ),
        290,
        291,
        292,
        293,
        tie_word_embeddings=tied,
    )
    model = make_model(config)
    save_model(model, tmp_path, torch.float32)
    ids = torch.tensor([5, 292, *[290] * 6, 293, 7, 8])
    patches = torch.randn(54, 96, generator=torch.Generator().manual_seed(1))
    case = type(case)(ids, patches, ((1, 6, 9),))
    expected = twins.theirs(twins.load(tmp_path), case)
    assert expected.std() >= 1
    torch.testing.assert_close(twins.ours(model, case), expected, atol=TOLERANCE, rtol=0)


def continued(model: Qwen3VL, case: Any, more: Tensor, delta_of: Callable[[int], int] = lambda delta: delta) -> Tensor:
    """Logits of tokens `more` read one at a time after the case."""
    place, delta = rope.positions(case.ids, case.grids, model.config)
    cache = KVCache(model.config.text)
    rows = []
    with torch.no_grad():
        model(case.ids[None], place[:, None], model.encode(case.patches, case.grids), cache=cache)
        for token in more:
            here = torch.tensor(cache.length + delta_of(delta)).expand(3, 1, 1)
            rows.append(model.logits(model(token[None, None], here, cache=cache))[0])
    return torch.cat(rows)


def test_tokens_after_two_images_are_placed_by_the_delta(twins: Any) -> None:
    case = twins.cases["two images"]
    more = torch.arange(20, 26)
    whole = type(case)(torch.cat([case.ids, more]), case.patches, case.grids)
    expected = twins.theirs(twins.reference, whole)[-len(more) :]
    torch.testing.assert_close(continued(twins.model, case, more), expected, atol=TOLERANCE, rtol=0)
    for wrong in (lambda delta: 0, lambda delta: delta + 1):
        assert (continued(twins.model, case, more, wrong) - expected).abs().max() > VISIBLE


@pytest.mark.parametrize("name", ["text", "image", "two images", "video"])
def test_greedy_answers_equal_those_of_transformers(twins: Any, name: str) -> None:
    case = twins.cases[name]
    count = 16
    with torch.no_grad():
        expected = twins.reference.generate(
            case.ids[None],
            attention_mask=torch.ones_like(case.ids)[None],
            max_new_tokens=count,
            do_sample=False,
            eos_token_id=None,
            pad_token_id=0,
            **twins.visuals(case),
        )[0, len(case.ids) :]
    twins.reference.model.rope_deltas = None
    assert greedy(twins.model, case, count) == expected.tolist()


def greedy(model: Qwen3VL, case: Any, count: int) -> list[int]:
    place, delta = rope.positions(case.ids, case.grids, model.config)
    cache = KVCache(model.config.text)
    answer: list[int] = []
    with torch.no_grad():
        features = model.encode(case.patches, case.grids) if case.grids else None
        hidden = model(case.ids[None], place[:, None], features, cache=cache)
        while True:
            answer.append(int(model.logits(hidden[0, -1]).argmax()))
            if len(answer) == count:
                return answer
            here = torch.tensor(cache.length + delta).expand(3, 1, 1)
            hidden = model(torch.tensor([[answer[-1]]]), here, cache=cache)


# --- mutations: each must break parity on the cases named


def swap_axes(patch: pytest.MonkeyPatch) -> None:
    right = rope.frequency_axes
    patch.setattr(rope, "frequency_axes", lambda config: [(0, 2, 1)[axis] for axis in right(config)])


def swap_vision_axes(patch: pytest.MonkeyPatch) -> None:
    right = grids.grid_tables
    patch.setattr(grids, "grid_tables", lambda config, rows, columns, device: right(config, columns, rows, device))


def sectioned(patch: pytest.MonkeyPatch) -> None:
    def axes(config: TextConfig) -> list[int]:
        return [axis for axis, count in enumerate(config.mrope_section) for _ in range(count)]

    patch.setattr(rope, "frequency_axes", axes)


def no_deepstack(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(text, "_deepstack_indices", lambda deepstack: (torch.empty(0, dtype=torch.int64), ()))


def deepstack_before(patch: pytest.MonkeyPatch) -> None:
    right_indices, right_forward = text._deepstack_indices, text.TextLayer.forward
    held: list[tuple[Tensor, tuple[Tensor, ...]]] = []

    def indices(deepstack: Any) -> tuple[Tensor, tuple[Tensor, ...]]:
        held[:] = [right_indices(deepstack)]
        return held[0][0], ()

    def forward(self: Any, x: Tensor, tables: Any, mask: Any, cache: Any, layer: int, wanted: Any) -> Tensor:
        where, taps = held[0]
        if layer < len(taps):
            x = x.flatten(0, 1).index_add(0, where, taps[layer]).view_as(x)
        return right_forward(self, x, tables, mask, cache, layer, wanted)

    patch.setattr(text, "_deepstack_indices", indices)
    patch.setattr(text.TextLayer, "forward", forward)


def deepstack_reversed(patch: pytest.MonkeyPatch) -> None:
    right = text._deepstack_indices

    def indices(deepstack: Any) -> tuple[Tensor, tuple[Tensor, ...]]:
        where, taps = right(deepstack)
        return where, taps[::-1]

    patch.setattr(text, "_deepstack_indices", indices)


def half_pixel(patch: pytest.MonkeyPatch) -> None:
    """Interpolation with `align_corners=False`."""

    def neighbours(index: Tensor, count: int, side: int) -> tuple[Tensor, Tensor, Tensor]:
        place = ((index.float() + 0.5) * side / count - 0.5).clamp(0, side - 1)
        low = place.floor()
        return low.long(), (low.long() + 1).clamp(max=side - 1), place - low

    patch.setattr(grids, "_neighbours", neighbours)


def nearest(patch: pytest.MonkeyPatch) -> None:
    right = grids._neighbours

    def neighbours(index: Tensor, count: int, side: int) -> tuple[Tensor, Tensor, Tensor]:
        low, high, far = right(index, count, side)
        return low, high, far.round()

    patch.setattr(grids, "_neighbours", neighbours)


def gelu_as(tanh: str, exact: str) -> Callable[[pytest.MonkeyPatch], None]:
    def apply(patch: pytest.MonkeyPatch) -> None:
        right = torch.nn.functional.gelu

        def gelu(x: Tensor, approximate: str = "none") -> Tensor:
            return right(x, approximate=tanh if approximate == "tanh" else exact)

        patch.setattr(vision.F, "gelu", gelu)

    return apply


def whole_clip(patch: pytest.MonkeyPatch) -> None:
    """Vision attention across the frame pairs of a clip."""
    right = vision.fused_attention

    def attention(q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None, causal: bool) -> Tensor:
        frames = q.shape[0]
        q, k, v = (x.transpose(0, 1).flatten(1, 2)[None] for x in (q, k, v))
        return right(q, k, v, mask, causal)[0].unflatten(1, (frames, -1)).transpose(0, 1)

    patch.setattr(vision, "fused_attention", attention)


MUTATIONS: dict[str, tuple[Callable[[pytest.MonkeyPatch], None], Sequence[str]]] = {
    "height and width swapped in MRoPE": (swap_axes, ["image", "two images", "video"]),
    "height and width swapped in the vision tower": (swap_vision_axes, ["image", "two images", "video"]),
    "sectioned MRoPE": (sectioned, ["image", "two images", "video"]),
    "no DeepStack": (no_deepstack, ["image", "two images", "video"]),
    "DeepStack before the layers": (deepstack_before, ["image", "two images", "video"]),
    "DeepStack taps in reverse": (deepstack_reversed, ["image"]),
    "position embeddings at half pixels": (half_pixel, ["image", "two images", "extreme aspects", "video"]),
    "nearest position embedding": (nearest, ["image", "two images", "extreme aspects", "video"]),
    "tanh GELU in the mergers": (gelu_as(tanh="tanh", exact="tanh"), ["image"]),
    "erf GELU in the blocks": (gelu_as(tanh="none", exact="none"), ["image"]),
    "vision attention across frames": (whole_clip, ["video", "equal images"]),
}


@pytest.mark.parametrize("mutation", MUTATIONS)
def test_parity_fails_under_a_mutation(twins: Any, monkeypatch: pytest.MonkeyPatch, mutation: str) -> None:
    apply, names = MUTATIONS[mutation]
    apply(monkeypatch)
    for name in names:
        difference = (twins.ours(fresh(twins.model), twins.cases[name]) - twins.logits[name]).abs().max()
        floor = 10 * TOLERANCE if "GELU" in mutation else VISIBLE
        assert difference > floor, f"{name}: {difference}"
