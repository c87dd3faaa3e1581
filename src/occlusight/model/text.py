"""The decoder of Qwen3-VL: a Qwen3 transformer whose first layers also receive the vision tower's taps (DeepStack)."""

from collections.abc import Generator
from typing import Protocol

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from occlusight.errors import BadInput
from occlusight.model.attention import Attention, fused_attention
from occlusight.model.config import TextConfig
from occlusight.model.kv_cache import KVCache
from occlusight.model.rope import rotary_tables, rotate
from occlusight.model.steps import finished

FEW = 1 << 15
"""Of so few numbers the calls cost more than the passes over them."""


class Packed(Protocol):
    """Rows of several sequences in one batch row, each with keys and values of its own: it computes their attention
    itself.
    """

    def attend(self, layer: int, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        """Take the rows' keys and values `(1, G, R, d)`; return what each query `(1, H, R, d)` finds in its own
        sequence.
        """
        ...

    def advance(self, tokens: int) -> None:
        """Count the rows as read by every layer."""
        ...


class RMSNorm(nn.Module):
    """Root mean square norm, computed in fp32 (arXiv:1910.07467); in fewer passes where no gradient is wanted."""

    def __init__(self, size: int, eps: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(size))
        self.eps = eps

    def forward(self, x: Tensor) -> Tensor:
        if x.dtype == torch.float32 and not torch.is_grad_enabled():
            if x.numel() < FEW:
                return F.rms_norm(x, self.weight.shape, self.weight, self.eps)
            length = torch.linalg.vector_norm(x, dim=-1, keepdim=True)
            return (x * self.weight).mul_(torch.rsqrt(length.square_() / x.shape[-1] + self.eps))
        wide = x.float()
        scale = torch.rsqrt(wide.square().mean(-1, keepdim=True) + self.eps)
        return self.weight * (wide * scale).to(x.dtype)


class TextAttention(nn.Module):
    """Grouped-query attention with normalised queries and keys."""

    def __init__(self, config: TextConfig) -> None:
        super().__init__()
        self.heads, self.kv_heads, self.head_dim = config.heads, config.kv_heads, config.head_dim
        self.attend: Attention = fused_attention
        self.q_proj = nn.Linear(config.hidden_size, config.heads * config.head_dim, bias=False)
        self.k_proj = nn.Linear(config.hidden_size, config.kv_heads * config.head_dim, bias=False)
        self.v_proj = nn.Linear(config.hidden_size, config.kv_heads * config.head_dim, bias=False)
        self.o_proj = nn.Linear(config.heads * config.head_dim, config.hidden_size, bias=False)
        self.q_norm = RMSNorm(config.head_dim, config.rms_norm_eps)
        self.k_norm = RMSNorm(config.head_dim, config.rms_norm_eps)

    def forward(
        self,
        x: Tensor,
        tables: tuple[Tensor, Tensor],
        mask: Tensor | None,
        cache: KVCache | Packed | None,
        layer: int,
        wanted: Tensor | None = None,
    ) -> Tensor:
        batch, length, _ = x.shape
        q, k, v = self.project(x, tables)
        if cache is None or isinstance(cache, KVCache):
            if cache is not None:
                k, v = cache.append(layer, k, v)
            out = self.attend(q, k, v, mask, mask is None and length > 1)
        else:
            out = cache.attend(layer, q, k, v)
        found = out.transpose(1, 2).reshape(batch, length, -1)
        if wanted is not None:
            found = found[:, wanted]
            if not len(wanted):
                return found
        mixed: Tensor = self.o_proj(found)
        return mixed

    def project(self, x: Tensor, tables: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor, Tensor]:
        """Queries, keys and values `(B, heads, T, head_dim)` of `(B, T, D)`, normalised and turned."""
        batch, length, _ = x.shape
        q = self.q_norm(self.q_proj(x).view(batch, length, self.heads, self.head_dim)).transpose(1, 2)
        k = self.k_norm(self.k_proj(x).view(batch, length, self.kv_heads, self.head_dim)).transpose(1, 2)
        v = self.v_proj(x).view(batch, length, self.kv_heads, self.head_dim).transpose(1, 2)
        return rotate(q, *tables).to(v.dtype), rotate(k, *tables).to(v.dtype), v


class TextMLP(nn.Module):
    """SwiGLU (arXiv:2002.05202)."""

    def __init__(self, config: TextConfig) -> None:
        super().__init__()
        self.gate_proj = nn.Linear(config.hidden_size, config.intermediate_size, bias=False)
        self.up_proj = nn.Linear(config.hidden_size, config.intermediate_size, bias=False)
        self.down_proj = nn.Linear(config.intermediate_size, config.hidden_size, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.down_proj(F.silu(self.gate_proj(x)) * self.up_proj(x))
        return out


class TextLayer(nn.Module):
    """One decoder layer."""

    def __init__(self, config: TextConfig) -> None:
        super().__init__()
        self.self_attn = TextAttention(config)
        self.mlp = TextMLP(config)
        self.input_layernorm = RMSNorm(config.hidden_size, config.rms_norm_eps)
        self.post_attention_layernorm = RMSNorm(config.hidden_size, config.rms_norm_eps)

    def forward(
        self,
        x: Tensor,
        tables: tuple[Tensor, Tensor],
        mask: Tensor | None,
        cache: KVCache | Packed | None,
        layer: int,
        wanted: Tensor | None = None,
    ) -> Tensor:
        mixed = self.self_attn(self.input_layernorm(x), tables, mask, cache, layer, wanted)
        if wanted is not None:
            x = x[:, wanted]
            if not len(wanted):  # only keys and values were needed
                return x
        x = x + mixed
        out: Tensor = x + self.mlp(self.post_attention_layernorm(x))
        return out


class TextModel(nn.Module):
    """Token embeddings, decoder layers and the last norm."""

    def __init__(self, config: TextConfig) -> None:
        super().__init__()
        self.config = config
        self.embed_tokens = nn.Embedding(config.vocab_size, config.hidden_size)
        self.layers = nn.ModuleList(TextLayer(config) for _ in range(config.layers))
        self.norm = RMSNorm(config.hidden_size, config.rms_norm_eps)

    def forward(
        self,
        embeds: Tensor,
        positions: Tensor,
        mask: Tensor | None = None,
        cache: KVCache | Packed | None = None,
        deepstack: tuple[Tensor, tuple[Tensor, ...]] | None = None,
        rope_factor: Tensor | None = None,
    ) -> Tensor:
        """Hidden states `(B, T, D)` of embeddings `(B, T, D)` at positions `(3, B, T)`.

        Args:
            mask: bool, `(B or 1, 1, T, S)`, true where a query (T) may look at a key (S = cached + T). None is causal.
            cache: keys and values of earlier tokens; these T are added to it. With `Packed`, B is 1 and there is no
                mask.
            deepstack: where visual tokens are, `(B, T)` bool, and the taps, each `(n_visual, D)` in row-major order
                of the true ones; tap i is added after layer i.
            rope_factor: the factor of each token's sequence, `(B, T)`, where some are longer than the native context.

        Raises:
            BadInput: a tap has another number of rows than there are visual tokens.
        """
        return finished(self.steps(embeds, positions, mask, cache, deepstack, rope_factor))

    def steps(
        self,
        embeds: Tensor,
        positions: Tensor,
        mask: Tensor | None = None,
        cache: KVCache | Packed | None = None,
        deepstack: tuple[Tensor, tuple[Tensor, ...]] | None = None,
        rope_factor: Tensor | None = None,
        wanted: Tensor | None = None,
    ) -> Generator[None, None, Tensor]:
        """`forward` in pieces: yields after every layer, so that one may do something else meanwhile, or stop.

        The cache counts the tokens at the end; until then nobody else may add any to it. Where only some tokens' hidden
        states are `wanted`, `(W,)` indices, there are `(B, W, D)` in the end, and the last layer leaves the others out.
        """
        batch, length, width = embeds.shape
        if mask is None and isinstance(cache, KVCache) and cache.length and length > 1:
            mask = causal_mask(length, cache.length + length, embeds.device)
        indices, taps = _deepstack_indices(deepstack)
        tables = rotary_tables(positions, self.config, rope_factor)
        x = embeds
        last = len(self.layers) - 1 if len(taps) < len(self.layers) else None  # else the last tap needs every row
        for index, layer in enumerate(self.layers):
            x = layer(x, tables, mask, cache, index, wanted if index == last else None)
            if index < len(taps):
                x = x.reshape(-1, width).index_add(0, indices, taps[index].to(x.dtype)).view(batch, length, width)
            yield
        if cache is not None:
            cache.advance(length)
        if wanted is not None and last is None:
            x = x[:, wanted]
        hidden: Tensor = self.norm(x)
        return hidden


def causal_mask(queries: int, keys: int, device: torch.device | str = "cpu") -> Tensor:
    """`(1, 1, queries, keys)` bool: the last query sees every key, the one before it all but one, and so on.

    2 queries after 2 cached keys: [[1, 1, 1, 0], [1, 1, 1, 1]]. (`is_causal=True` of PyTorch's attention would align
    at the top left instead, [[1, 0, 0, 0], [1, 1, 0, 0]].)
    """
    return torch.ones(queries, keys, dtype=torch.bool, device=device).tril(keys - queries)[None, None]


def _deepstack_indices(deepstack: tuple[Tensor, tuple[Tensor, ...]] | None) -> tuple[Tensor, tuple[Tensor, ...]]:
    if deepstack is None:
        return torch.empty(0, dtype=torch.int64), ()
    visual, taps = deepstack
    indices = visual.flatten().nonzero().flatten()  # (n_visual,)
    for tap in taps:
        if tap.shape[0] != indices.shape[0]:
            raise BadInput(f"DeepStack tap of {tap.shape[0]} rows for {indices.shape[0]} visual tokens")
    return indices, taps
