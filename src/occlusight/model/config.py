"""Shapes of a Qwen3-VL model: frozen, checked when built, and the only place that knows Hugging Face's key names.

Source of the key names and of the defaults: the `config.json` of Qwen/Qwen3-VL-2B-Instruct and the configuration
classes of transformers 5.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Self

from occlusight.errors import BadInput, BadModel
from occlusight.model.fields import Fields
from occlusight.model.yarn import Yarn, check, check_sizes, read_yarn, write_yarn

LONGEST = 1_048_576
"""The longest context in tokens that Qwen3-VL was stretched to."""
MOST_LAYERS = 512
NOTES = (
    "_name_or_path architectures auto_map transformers_version dtype torch_dtype _attn_implementation_autoset "
    "attn_implementation "
    "return_dict output_hidden_states output_attentions use_cache torchscript use_bfloat16 chunk_size_feed_forward "
    "is_encoder_decoder is_decoder add_cross_attention cross_attention_hidden_size tie_encoder_decoder tf_legacy_loss "
    "pruned_heads "
    "finetuning_task task_specific_params problem_type id2label label2id prefix sep_token_id decoder_start_token_id "
    "bos_token_id "
    "pad_token_id initializer_range attention_dropout tokenizer_class unsloth_version unsloth_fixed "
    # Settings of decoding that transformers 4 wrote here, all at their defaults; transformers 5 does not read them.
    "bad_words_ids begin_suppress_tokens diversity_penalty do_sample early_stopping encoder_no_repeat_ngram_size "
    "exponential_decay_length_penalty forced_bos_token_id forced_eos_token_id length_penalty max_length min_length "
    "no_repeat_ngram_size num_beam_groups num_beams num_return_sequences output_scores remove_invalid_values "
    "repetition_penalty "
    "return_dict_in_generate suppress_tokens temperature top_k top_p typical_p"
)
"""Fields of config.json and its parts that change no number here: notes, training, and how transformers runs a
model.
"""
QUANTIZED = ("quantization_config", "compression_config", "quantization")
"""Where checkpoints say that their weights are quantized: transformers, older compressed-tensors, MLX."""


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
        check_sizes(self, "vocab_size hidden_size intermediate_size layers heads kv_heads head_dim max_positions")
        check_sizes(self, "rope_theta rms_norm_eps")
        check(self.layers <= MOST_LAYERS, f"at most {MOST_LAYERS} layers are supported, got {self.layers}")
        check_sizes(self, "heads", times=self.head_dim)
        half = self.head_dim // 2
        check(self.head_dim % 2 == 0, f"head_dim must be even, got {self.head_dim}")
        check(self.heads % self.kv_heads == 0, f"heads ({self.heads}) must be a multiple of kv_heads ({self.kv_heads})")
        section = self.mrope_section
        check(
            len(section) == 3 and min(section) >= 0 and sum(section) == half,
            f"mrope_section must be three counts that sum to head_dim / 2 = {half}, got {section}",
        )
        fits = all(axis + 3 * (section[axis] - 1) < half for axis in (1, 2) if section[axis])
        check(fits, f"mrope_section {section} does not fit an interleaving of {half} frequencies: give time the most")

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
    rope_theta: float = 10_000.0

    def __post_init__(self) -> None:
        check_sizes(self, "hidden_size intermediate_size layers heads out_size patch_size temporal_patch_size")
        check_sizes(self, "merge_size position_embeddings rope_theta")
        check(self.layers <= MOST_LAYERS, f"at most {MOST_LAYERS} layers are supported, got {self.layers}")
        check_sizes(self, "patch_size temporal_patch_size", times=2**13)
        check_sizes(self, "merge_size", times=2**16)
        check(
            self.hidden_size % self.heads == 0 and self.head_dim % 4 == 0,
            f"vision hidden_size / heads must be a multiple of 4, got {self.hidden_size} / {self.heads}",
        )
        side = math.isqrt(self.position_embeddings)
        check(side * side == self.position_embeddings, f"{self.position_embeddings} position embeddings: no square")
        ordered = list(self.taps) == sorted(set(self.taps)) and all(0 <= tap < self.layers for tap in self.taps)
        check(ordered, f"DeepStack taps must rise within 0..{self.layers - 1}, got {self.taps}")

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
        """Numbers in one flattened patch: 3 channels x frames x height x width."""
        return 3 * self.temporal_patch_size * self.patch_size**2


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
        check(
            self.vision.out_size == self.text.hidden_size,
            f"vision out_size ({self.vision.out_size}) must equal text hidden_size ({self.text.hidden_size})",
        )
        check(
            len(self.vision.taps) <= self.text.layers,
            f"{len(self.vision.taps)} DeepStack taps need as many decoder layers, got {self.text.layers}",
        )
        for name in ("image_token_id", "video_token_id", "vision_start_token_id", "vision_end_token_id"):
            value = getattr(self, name)
            check(
                0 <= value < self.text.vocab_size, f"{name} {value} is outside the vocabulary ({self.text.vocab_size})"
            )
        check(self.image_token_id != self.video_token_id, "image_token_id and video_token_id must differ")

    @classmethod
    def from_hf(cls, config: Mapping[str, Any]) -> Self:
        """Read a parsed `config.json`, as hubs write it (`rope_scaling` + `rope_theta`) or as transformers 5 does
        (`rope_parameters`).

        Raises:
            BadModel: not a dense Qwen3-VL, a key is missing, or a value is one that this code does not compute.
        """
        top = Fields(config, "config.json")
        if top.get("model_type") != "qwen3_vl":
            raise BadModel(f"config.json: model_type is {top.get('model_type')!r}; only 'qwen3_vl' can be loaded")
        _refuse_quantized(top)
        text, vision = _part(top, "text_config"), _part(top, "vision_config")
        for part in (text, vision):
            _refuse_quantized(part)
            part.without_effect("model_type")
        tie = text.flag("tie_word_embeddings", False)
        read = cls(
            text=_read_text(text),
            vision=_read_vision(vision),
            image_token_id=top.integer("image_token_id", 151_655),
            video_token_id=top.integer("video_token_id", 151_656),
            vision_start_token_id=top.integer("vision_start_token_id", 151_652),
            vision_end_token_id=top.integer("vision_end_token_id", 151_653),
            tie_word_embeddings=top.flag("tie_word_embeddings", tie),
            eos_token_ids=token_ids(top, "eos_token_id") or token_ids(text, "eos_token_id"),
        )
        for part in (top, text, vision):
            part.without_effect(NOTES)
            part.close()
        return read

    def for_context(self, tokens: int) -> Self:
        """This model for sequences of at most `tokens`; beyond its own context, they are stretched as their positions
        need.

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
        rope = {"mrope_interleaved": True, "mrope_section": list(text.mrope_section), **write_yarn(text.yarn)}
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
                "in_channels": 3,
                "hidden_act": "gelu_pytorch_tanh",
                **({} if vision.rope_theta == 10_000.0 else {"rope_parameters": _axial(vision.rope_theta)}),
            },
        }


def _axial(theta: float) -> dict[str, Any]:
    return {"rope_type": "axial", "rope_theta": theta}


def token_ids(fields: Fields, key: str) -> tuple[int, ...]:
    """Return the token ids of a field: one, several or none.

    Raises:
        BadModel: it is anything else.
    """
    value = fields.get(key)
    values = value if isinstance(value, (list, tuple)) else [] if value is None else [value]
    if not all(isinstance(one, int) and not isinstance(one, bool) and one >= 0 for one in values):
        fields.refuse(f"needs token ids (whole numbers) as {key}, got {value!r:.80}")
    return tuple(values)


def _read_text(text: Fields) -> TextConfig:
    text.expect("hidden_act", "silu")
    text.expect("attention_bias", False)
    theta, section, yarn = _text_rope(text)
    heads = text.integer("num_attention_heads")
    return TextConfig(
        vocab_size=text.integer("vocab_size"),
        hidden_size=text.integer("hidden_size"),
        intermediate_size=text.integer("intermediate_size"),
        layers=text.integer("num_hidden_layers"),
        heads=heads,
        kv_heads=text.integer("num_key_value_heads", heads),
        head_dim=text.integer("head_dim", 128),
        rope_theta=theta,
        mrope_section=section,
        rms_norm_eps=text.number("rms_norm_eps", 1e-6),
        max_positions=text.integer("max_position_embeddings", 128_000),
        yarn=yarn,
    )


def _read_vision(vision: Fields) -> VisionConfig:
    vision.expect("hidden_act", "gelu_pytorch_tanh")
    vision.expect("in_channels", 3)
    theta = 10_000.0
    if (rope := vision.part("rope_parameters")) is not None:
        rope.expect("rope_type", "axial", "default")
        rope.expect("partial_rotary_factor", 1.0)
        theta = rope.number("rope_theta", theta)
        rope.close()
    return VisionConfig(
        hidden_size=vision.integer("hidden_size"),
        intermediate_size=vision.integer("intermediate_size"),
        layers=vision.integer("depth"),
        heads=vision.integer("num_heads"),
        out_size=vision.integer("out_hidden_size"),
        patch_size=_square(vision, "patch_size", 16),
        temporal_patch_size=_square(vision, "temporal_patch_size", 2),
        merge_size=vision.integer("spatial_merge_size", 2),
        position_embeddings=vision.integer("num_position_embeddings", 2304),
        taps=vision.integers("deepstack_visual_indexes", (8, 16, 24)),
        rope_theta=theta,
    )


def _text_rope(text: Fields) -> tuple[float, tuple[int, int, int], Yarn | None]:
    """Return theta, MRoPE's sections and YaRN. `rope_parameters` win over `rope_scaling`, as they do in
    transformers.
    """
    parts = [text.get(key) or {} for key in ("rope_scaling", "rope_parameters")]
    if not all(isinstance(part, Mapping) for part in parts):
        text.refuse("needs objects as rope_scaling and rope_parameters")
    rope = Fields({**parts[0], **parts[1]}, f"{text.where}: rope settings")
    if "rope_theta" not in rope and "rope_theta" not in text:
        text.refuse("has neither rope_theta nor rope_parameters.rope_theta")
    theta = text.number("rope_theta", rope.number("rope_theta", 1.0))
    theta = rope.number("rope_theta", theta)
    if not rope.flag("mrope_interleaved", True):
        rope.refuse("mrope_interleaved is false; Qwen3-VL interleaves, sectioned MRoPE is not supported", between=": ")
    section = rope.integers("mrope_section", (24, 20, 20))
    check(len(section) == 3, f"mrope_section must be three counts, got {section}")
    rope.expect("partial_rotary_factor", 1.0)
    yarn = read_yarn(rope)
    rope.close()
    return theta, (section[0], section[1], section[2]), yarn


def _part(config: Fields, key: str) -> Fields:
    part = config.part(key)
    if part is None:
        raise BadModel(f"config.json: {key} is missing; this is not a Qwen3-VL configuration")
    return part


def _refuse_quantized(fields: Fields) -> None:
    for key in QUANTIZED:
        found = fields.get(key)
        if found:
            method = found.get("quant_method") or found.get("format") if isinstance(found, Mapping) else None
            fields.refuse(
                f"{key} says that the weights are quantized ({method or 'by an unnamed method'}), which cannot be "
                "loaded; "
                "give the checkpoint in bf16, and --quantize int8 or int4 if it is to be small",
                between=": ",
            )


def _square(fields: Fields, key: str, default: int) -> int:
    value = fields.get(key)
    if not isinstance(value, (list, tuple)):
        return fields.integer(key, default)
    sizes = set(fields.integers(key, ()))
    if len(sizes) != 1:
        fields.refuse(f"only square patches are supported, got {key} {value!r:.80}", between=": ")
    return sizes.pop()
