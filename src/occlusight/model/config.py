"""Shapes of a Qwen3-VL model: frozen, checked when built, and the only place that knows Hugging Face's key names.

Source of the key names and of the defaults: the `config.json` of Qwen/Qwen3-VL-2B-Instruct and the configuration
classes of transformers 5.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Self

from occlusight.errors import BadInput, BadModel

LONGEST = 1_048_576
"""The longest context in tokens that Qwen3-VL was stretched to."""


@dataclass(frozen=True)
class Yarn:
    """How rotary frequencies are stretched for sequences whose positions pass `native` (YaRN, arXiv:2309.00071).

    Such a sequence is stretched by `factor`, or by the next whole number that its positions need; a shorter one not at all.
    Frequencies that turn more than `beta_fast` times within `native` positions stay, those that turn less than `beta_slow` times are
    divided by the factor. `attention_factor` multiplies queries and keys; None is the paper's 0.1 ln(factor) + 1.
    """

    factor: float = 2.0
    native: int = 262_144
    beta_fast: float = 32.0
    beta_slow: float = 1.0
    attention_factor: float | None = None

    def __post_init__(self) -> None:
        _positive(self, "native beta_fast beta_slow")
        _check(self.factor >= 1, f"YaRN's factor must be at least 1, got {self.factor}")
        _check(
            self.beta_fast > self.beta_slow,
            f"YaRN's beta_fast ({self.beta_fast}) must be above beta_slow ({self.beta_slow})",
        )

    def stretch(self, end: int) -> float:
        """The factor for a sequence whose positions stay below `end`: 1 within `native`."""
        return 1.0 if end <= self.native else max(self.factor, float(math.ceil(end / self.native)))


@dataclass(frozen=True)
class TextConfig:
    """The decoder: a Qwen3 transformer with query/key norms, grouped queries and interleaved MRoPE.

    `mrope_section` is how many of the `head_dim / 2` rotary frequencies follow time, height and width.
    """

    vocab_size: int
    hidden_size: int
    intermediate_size: int
    layers: int
    heads: int
    kv_heads: int
    head_dim: int = 128
    rope_theta: float = 5_000_000.0
    mrope_section: tuple[int, int, int] = (24, 20, 20)
    rms_norm_eps: float = 1e-6
    max_positions: int = 262_144
    yarn: Yarn | None = None

    def __post_init__(self) -> None:
        _positive(self, "vocab_size hidden_size intermediate_size layers heads kv_heads head_dim max_positions")
        _positive(self, "rope_theta rms_norm_eps")
        half = self.head_dim // 2
        _check(self.head_dim % 2 == 0, f"head_dim must be even, got {self.head_dim}")
        _check(
            self.heads % self.kv_heads == 0, f"heads ({self.heads}) must be a multiple of kv_heads ({self.kv_heads})"
        )
        section = self.mrope_section
        _check(
            len(section) == 3 and min(section) >= 0 and sum(section) == half,
            f"mrope_section must be three counts that sum to head_dim / 2 = {half}, got {section}",
        )
        fits = all(axis + 3 * (section[axis] - 1) < half for axis in (1, 2) if section[axis])
        _check(fits, f"mrope_section {section} does not fit an interleaving of {half} frequencies: give time the most")

    @property
    def matrix_numbers(self) -> int:
        """Numbers in the matrices of all layers: a token is multiplied with each."""
        attention = self.hidden_size * self.head_dim * (2 * self.heads + 2 * self.kv_heads)
        return self.layers * (attention + 3 * self.hidden_size * self.intermediate_size)


@dataclass(frozen=True)
class VisionConfig:
    """The vision tower: a ViT over patches of two frames, merged `merge_size` x `merge_size` into one token.

    `position_embeddings` is the size of the learned square table (a square number); `taps` are the blocks, counted
    from 0, whose outputs DeepStack hands to the decoder's first layers.
    """

    hidden_size: int
    intermediate_size: int
    layers: int
    heads: int
    out_size: int
    patch_size: int = 16
    temporal_patch_size: int = 2
    merge_size: int = 2
    position_embeddings: int = 2304
    taps: tuple[int, ...] = (5, 11, 17)
    in_channels: int = 3
    rope_theta: float = 10_000.0

    def __post_init__(self) -> None:
        _positive(self, "hidden_size intermediate_size layers heads out_size patch_size temporal_patch_size")
        _positive(self, "merge_size position_embeddings in_channels rope_theta")
        _check(
            self.hidden_size % self.heads == 0 and self.head_dim % 4 == 0,
            f"vision hidden_size / heads must be a multiple of 4, got {self.hidden_size} / {self.heads}",
        )
        side = math.isqrt(self.position_embeddings)
        _check(side * side == self.position_embeddings, f"{self.position_embeddings} position embeddings: no square")
        ordered = list(self.taps) == sorted(set(self.taps)) and all(0 <= tap < self.layers for tap in self.taps)
        _check(ordered, f"DeepStack taps must rise within 0..{self.layers - 1}, got {self.taps}")

    @property
    def head_dim(self) -> int:
        """Width of one attention head."""
        return self.hidden_size // self.heads

    @property
    def side(self) -> int:
        """Side of the square table of position embeddings."""
        return math.isqrt(self.position_embeddings)

    @property
    def patch_values(self) -> int:
        """Numbers in one flattened patch: channels x frames x height x width."""
        return self.in_channels * self.temporal_patch_size * self.patch_size**2


@dataclass(frozen=True)
class ModelConfig:
    """A whole Qwen3-VL. The defaults are the token ids of the Qwen vocabulary."""

    text: TextConfig
    vision: VisionConfig
    image_token_id: int = 151_655
    video_token_id: int = 151_656
    vision_start_token_id: int = 151_652
    vision_end_token_id: int = 151_653
    tie_word_embeddings: bool = True
    eos_token_ids: tuple[int, ...] = field(default=())

    def __post_init__(self) -> None:
        _check(
            self.vision.out_size == self.text.hidden_size,
            f"vision out_size ({self.vision.out_size}) must equal text hidden_size ({self.text.hidden_size})",
        )
        _check(
            len(self.vision.taps) <= self.text.layers,
            f"{len(self.vision.taps)} DeepStack taps need as many decoder layers, got {self.text.layers}",
        )
        for name in ("image_token_id", "video_token_id", "vision_start_token_id", "vision_end_token_id"):
            value = getattr(self, name)
            _check(
                0 <= value < self.text.vocab_size, f"{name} {value} is outside the vocabulary ({self.text.vocab_size})"
            )
        _check(self.image_token_id != self.video_token_id, "image_token_id and video_token_id must differ")

    @classmethod
    def from_hf(cls, config: Mapping[str, Any]) -> Self:
        """Read a parsed `config.json`, as hubs write it (`rope_scaling` + `rope_theta`) or as transformers 5 does
        (`rope_parameters`).

        Raises:
            BadModel: not a dense Qwen3-VL, a key is missing, or a value is one that this code does not compute.
        """
        if config.get("model_type") != "qwen3_vl":
            raise BadModel(f"config.json: model_type is {config.get('model_type')!r}; only 'qwen3_vl' can be loaded")
        text, vision = _part(config, "text_config"), _part(config, "vision_config")
        _expect(text, "hidden_act", "silu")
        _expect(text, "attention_bias", False)
        _expect(vision, "hidden_act", "gelu_pytorch_tanh")
        theta, section, yarn = _text_rope(text)
        tie = config.get("tie_word_embeddings", text.get("tie_word_embeddings", False))
        return cls(
            text=TextConfig(
                vocab_size=_need(text, "vocab_size"),
                hidden_size=_need(text, "hidden_size"),
                intermediate_size=_need(text, "intermediate_size"),
                layers=_need(text, "num_hidden_layers"),
                heads=_need(text, "num_attention_heads"),
                kv_heads=text.get("num_key_value_heads") or _need(text, "num_attention_heads"),
                head_dim=text.get("head_dim") or 128,
                rope_theta=theta,
                mrope_section=section,
                rms_norm_eps=float(text.get("rms_norm_eps", 1e-6)),
                max_positions=text.get("max_position_embeddings", 128_000),
                yarn=yarn,
            ),
            vision=VisionConfig(
                hidden_size=_need(vision, "hidden_size"),
                intermediate_size=_need(vision, "intermediate_size"),
                layers=_need(vision, "depth"),
                heads=_need(vision, "num_heads"),
                out_size=_need(vision, "out_hidden_size"),
                patch_size=_square(vision.get("patch_size", 16)),
                temporal_patch_size=_square(vision.get("temporal_patch_size", 2)),
                merge_size=vision.get("spatial_merge_size", 2),
                position_embeddings=vision.get("num_position_embeddings", 2304),
                taps=tuple(vision.get("deepstack_visual_indexes", (8, 16, 24))),
                in_channels=vision.get("in_channels", 3),
                rope_theta=float((vision.get("rope_parameters") or {}).get("rope_theta", 10_000.0)),
            ),
            image_token_id=config.get("image_token_id", 151_655),
            video_token_id=config.get("video_token_id", 151_656),
            vision_start_token_id=config.get("vision_start_token_id", 151_652),
            vision_end_token_id=config.get("vision_end_token_id", 151_653),
            tie_word_embeddings=bool(tie),
            eos_token_ids=_ids(config.get("eos_token_id", text.get("eos_token_id"))),
        )

    def for_context(self, tokens: int) -> Self:
        """This model for sequences of at most `tokens`; beyond its own context, they are stretched as their positions need.

        Raises:
            BadInput: more than `LONGEST`, or than the model's own context where that is longer.
        """
        own = self.text.max_positions
        if tokens <= own:
            return replace(self, text=replace(self.text, max_positions=tokens))
        if tokens > LONGEST:
            raise BadInput(f"a context of {tokens} tokens was asked for; this model takes at most {max(own, LONGEST)}")
        yarn = self.text.yarn or Yarn(native=own)
        return replace(self, text=replace(self.text, max_positions=tokens, yarn=yarn))

    def to_hf(self, dtype: str = "bfloat16") -> dict[str, Any]:
        """The `config.json` of this model, with the rope settings in both spellings, so that transformers 5
        (`rope_parameters`) and older readers (`rope_scaling`, `rope_theta`) agree."""
        text, vision = self.text, self.vision
        rope = {"mrope_interleaved": True, "mrope_section": list(text.mrope_section), **_scaling(text.yarn)}
        eos = list(self.eos_token_ids) if len(self.eos_token_ids) != 1 else self.eos_token_ids[0]
        return {
            "architectures": ["Qwen3VLForConditionalGeneration"],
            "model_type": "qwen3_vl",
            "dtype": dtype,
            "image_token_id": self.image_token_id,
            "video_token_id": self.video_token_id,
            "vision_start_token_id": self.vision_start_token_id,
            "vision_end_token_id": self.vision_end_token_id,
            "tie_word_embeddings": self.tie_word_embeddings,
            **({"eos_token_id": eos} if self.eos_token_ids else {}),
            "text_config": {
                "model_type": "qwen3_vl_text",
                "dtype": dtype,
                "vocab_size": text.vocab_size,
                "hidden_size": text.hidden_size,
                "intermediate_size": text.intermediate_size,
                "num_hidden_layers": text.layers,
                "num_attention_heads": text.heads,
                "num_key_value_heads": text.kv_heads,
                "head_dim": text.head_dim,
                "hidden_act": "silu",
                "attention_bias": False,
                "attention_dropout": 0.0,
                "rms_norm_eps": text.rms_norm_eps,
                "max_position_embeddings": text.max_positions,
                "tie_word_embeddings": self.tie_word_embeddings,
                "use_cache": True,
                "rope_theta": text.rope_theta,
                "rope_scaling": rope,
                "rope_parameters": {**rope, "rope_theta": text.rope_theta},
            },
            "vision_config": {
                "model_type": "qwen3_vl_vision",
                "dtype": dtype,
                "hidden_size": vision.hidden_size,
                "intermediate_size": vision.intermediate_size,
                "depth": vision.layers,
                "num_heads": vision.heads,
                "out_hidden_size": vision.out_size,
                "patch_size": vision.patch_size,
                "temporal_patch_size": vision.temporal_patch_size,
                "spatial_merge_size": vision.merge_size,
                "num_position_embeddings": vision.position_embeddings,
                "deepstack_visual_indexes": list(vision.taps),
                "in_channels": vision.in_channels,
                "hidden_act": "gelu_pytorch_tanh",
                **({} if vision.rope_theta == 10_000.0 else {"rope_parameters": _axial(vision.rope_theta)}),
            },
        }


def _axial(theta: float) -> dict[str, Any]:
    return {"rope_type": "axial", "rope_theta": theta}


def _scaling(yarn: Yarn | None) -> dict[str, Any]:
    if yarn is None:
        return {"rope_type": "default"}
    own = {"factor": yarn.factor, "original_max_position_embeddings": yarn.native}
    own |= {"beta_fast": yarn.beta_fast, "beta_slow": yarn.beta_slow}
    if yarn.attention_factor is not None:
        own["attention_factor"] = yarn.attention_factor
    return {"rope_type": "yarn", **own}


def _text_rope(text: Mapping[str, Any]) -> tuple[float, tuple[int, int, int], Yarn | None]:
    rope = {**(text.get("rope_scaling") or {}), **(text.get("rope_parameters") or {})}
    theta = rope.get("rope_theta", text.get("rope_theta"))
    if theta is None:
        raise BadModel("config.json: text_config has neither rope_theta nor rope_parameters.rope_theta")
    if rope.get("mrope_interleaved", True) is not True:
        raise BadModel(
            "config.json: mrope_interleaved is false; Qwen3-VL interleaves, sectioned MRoPE is not supported"
        )
    time, height, width = rope.get("mrope_section", (24, 20, 20))
    return float(theta), (time, height, width), _yarn(rope)


def _yarn(rope: Mapping[str, Any]) -> Yarn | None:
    kind = rope.get("rope_type", rope.get("type", "default"))
    if kind in ("default", "mrope"):
        return None
    if kind != "yarn":
        raise BadModel(f"config.json: rope type {kind!r} is not supported; only 'default' and 'yarn' are")
    if not isinstance(rope.get("factor"), (int, float)):
        raise BadModel(f"config.json: rope type 'yarn' needs a number as factor, got {rope.get('factor')!r}")
    unknown = [key for key in ("mscale", "mscale_all_dim") if rope.get(key)]
    if unknown or rope.get("truncate", True) is not True:
        raise BadModel(f"config.json: YaRN with {' and '.join(unknown) or 'truncate: false'} is not supported")
    attention = rope.get("attention_factor")
    return Yarn(
        factor=float(rope["factor"]),
        native=int(rope.get("original_max_position_embeddings") or 262_144),
        beta_fast=float(rope.get("beta_fast") or 32),
        beta_slow=float(rope.get("beta_slow") or 1),
        attention_factor=None if attention is None else float(attention),
    )


def _part(config: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    part = config.get(key)
    if not isinstance(part, Mapping):
        raise BadModel(f"config.json: {key} is missing; this is not a Qwen3-VL configuration")
    return part


def _need(part: Mapping[str, Any], key: str) -> int:
    if not isinstance(part.get(key), int):
        raise BadModel(f"config.json: {part.get('model_type', 'a part')} needs an integer {key}, got {part.get(key)!r}")
    return int(part[key])


def _expect(part: Mapping[str, Any], key: str, value: object) -> None:
    if part.get(key, value) != value:
        raise BadModel(f"config.json: {key} is {part[key]!r}; only {value!r} is supported")


def _square(size: int | list[int] | tuple[int, ...]) -> int:
    sizes = {size} if isinstance(size, int) else set(size)
    if len(sizes) != 1:
        raise BadModel(f"config.json: only square patches are supported, got {size}")
    return sizes.pop()


def _ids(value: int | list[int] | None) -> tuple[int, ...]:
    return () if value is None else (value,) if isinstance(value, int) else tuple(value)


def _check(holds: bool, message: str) -> None:
    if not holds:
        raise BadModel(f"model configuration: {message}")


def _positive(config: object, names: str) -> None:
    for name in names.split():
        value = getattr(config, name)
        _check(value > 0, f"{name} must be positive, got {value}")
