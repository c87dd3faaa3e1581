"""Qwen3-VL: the vision tower and the decoder as one trainable and runnable module."""

import math
from collections.abc import Generator, Sequence
from typing import Any, Self

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from occlusight.errors import BadInput
from occlusight.model.attention import Attention
from occlusight.model.config import ModelConfig
from occlusight.model.kv_cache import KVCache
from occlusight.model.rope import Grid
from occlusight.model.steps import finished
from occlusight.model.text import Packed, RMSNorm, TextAttention, TextModel
from occlusight.model.vision import PatchProjection, VisionAttention, VisionFeatures, VisionTower

EMBEDDING_STD = 0.02


class WithoutInitialValues(TorchFunctionMode):
    """Lets what is in `torch.nn.init` do nothing."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return None if getattr(func, "__module__", "") == "torch.nn.init" else func(*args, **(kwargs or {}))


class Qwen3VL(nn.Module):
    """A Qwen3-VL of any size. It keeps nothing about the sequences that it reads."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        self.vision = VisionTower(config.vision)
        self.text = TextModel(config.text)
        self.lm_head: nn.Module | None = None
        if not config.tie_word_embeddings:
            self.lm_head = nn.Linear(config.text.hidden_size, config.text.vocab_size, bias=False)

    @classmethod
    def without_values(cls, config: ModelConfig) -> Self:
        """The shapes alone, on the meta device, to be filled from a checkpoint.

        Initial values would be computed even there, by `torch._dynamo`: two seconds and 70 MB.
        """
        with torch.device("meta"), WithoutInitialValues():
            return cls(config)

    @property
    def device(self) -> torch.device:
        """Where it is."""
        return self.text.norm.weight.device

    @property
    def dtype(self) -> torch.dtype:
        """The type of keys and values: that of the embeddings, which quantizing leaves alone."""
        return self.text.embed_tokens.weight.dtype

    def fit_context(self, tokens: int) -> None:
        """Take sequences of at most so many tokens; see `ModelConfig.for_context`."""
        self.config = self.config.for_context(tokens)
        self.text.config = self.config.text

    def encode(self, patches: Tensor, grids: Sequence[Grid]) -> VisionFeatures:
        """Features of pictures' patches `(N, 3 * 2 * P * P)`; see `VisionTower.forward`."""
        features: VisionFeatures = self.vision(patches, grids)
        return features

    def forward(
        self,
        input_ids: Tensor,
        positions: Tensor,
        features: VisionFeatures | None = None,
        mask: Tensor | None = None,
        cache: KVCache | Packed | None = None,
        rope_factor: Tensor | None = None,
    ) -> Tensor:
        """Hidden states `(B, T, D)` of ids `(B, T)` at positions `(3, B, T)`.

        `features` are those of exactly the visual tokens in `input_ids`, row after row; for a chunk that splits a
        picture, their `slice`. See `TextModel.forward` for `mask`, `cache` and `rope_factor`.

        Raises:
            BadInput: the number of features is not that of the visual tokens.
        """
        return finished(self.steps(input_ids, positions, features, mask, cache, rope_factor))

    def steps(
        self,
        input_ids: Tensor,
        positions: Tensor,
        features: VisionFeatures | None = None,
        mask: Tensor | None = None,
        cache: KVCache | Packed | None = None,
        rope_factor: Tensor | None = None,
        wanted: Tensor | None = None,
    ) -> Generator[None, None, Tensor]:
        """`forward` in pieces; see `TextModel.steps`."""
        embeds: Tensor = self.text.embed_tokens(input_ids)
        if features is None:
            return (yield from self.text.steps(embeds, positions, mask, cache, None, rope_factor, wanted))
        visual = (input_ids == self.config.image_token_id) | (input_ids == self.config.video_token_id)  # (B, T)
        indices = visual.flatten().nonzero().flatten()
        if indices.shape[0] != len(features):
            raise BadInput(f"{len(features)} visual features for {indices.shape[0]} visual tokens")
        flat = embeds.flatten(0, 1).index_copy(0, indices, features.embeds.to(embeds.dtype))
        taps = (visual, features.taps)
        return (yield from self.text.steps(flat.view_as(embeds), positions, mask, cache, taps, rope_factor, wanted))

    def logits(self, hidden: Tensor) -> Tensor:
        """Logits `(.., V)` of hidden states `(.., D)`."""
        if self.lm_head is not None:
            out: Tensor = self.lm_head(hidden)
            return out
        return F.linear(hidden, self.text.embed_tokens.weight)

    def use_attention(self, attend: Attention) -> None:
        """Compute attention everywhere with this function (see `model.attention`)."""
        for module in self.modules():
            if isinstance(module, (VisionAttention, TextAttention)):
                module.attend = attend

    @torch.no_grad()
    def init_weights(self, generator: torch.Generator) -> None:
        """Fresh weights for training from scratch.

        Linear layers are normal with deviation sqrt(2 / (5 fan_in)) (arXiv:1910.05895), those that write to a
        residual stream divided by sqrt(2 layers) (GPT-2); biases 0, norms 1, embeddings 0.02.
        """
        last = {"attn.proj": self.config.vision.layers, "mlp.linear_fc2": self.config.vision.layers}
        last |= {"self_attn.o_proj": self.config.text.layers, "mlp.down_proj": self.config.text.layers}
        for name, module in self.named_modules():
            if isinstance(module, (nn.Linear, PatchProjection)):
                fan_in = module.weight[0].numel()
                layers = next((count for end, count in last.items() if name.endswith(end)), None)
                shrink = 1.0 if layers is None else 1 / math.sqrt(2 * layers)
                module.weight.normal_(0.0, shrink * math.sqrt(2 / (5 * fan_in)), generator=generator)
                if module.bias is not None:
                    module.bias.zero_()
            elif isinstance(module, nn.Embedding):
                module.weight.normal_(0.0, EMBEDDING_STD, generator=generator)
            elif isinstance(module, (nn.LayerNorm, RMSNorm)):
                module.weight.fill_(1.0)
                if isinstance(module, nn.LayerNorm):
                    module.bias.zero_()
