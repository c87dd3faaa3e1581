"""The dense Qwen3-VL models that Qwen released, by size: shapes from their config.json on the hub."""

from occlusight.errors import BadModel
from occlusight.model.config import ModelConfig, TextConfig, VisionConfig

VOCABULARY = 151_936


def preset(size: str) -> ModelConfig:
    """The configuration of Qwen3-VL `2B`, `4B`, `8B` or `32B`, Instruct and Thinking alike.

    Raises:
        BadModel: there is no such size.
    """
    try:
        build = PRESETS[size.upper()]
    except KeyError:
        raise BadModel(f"there is no Qwen3-VL of size {size!r}; sizes are {', '.join(PRESETS)}") from None
    return build()


def _small_vision(out_size: int) -> VisionConfig:
    """The tower of the 2B and 4B models, 0.3 B parameters."""
    return VisionConfig(1024, 4096, layers=24, heads=16, out_size=out_size, taps=(5, 11, 17))


def _large_vision(out_size: int) -> VisionConfig:
    """The tower of the 8B and 32B models, 0.4 B parameters (SigLIP-2 SO-400M)."""
    return VisionConfig(1152, 4304, layers=27, heads=16, out_size=out_size, taps=(8, 16, 24))


def _2b() -> ModelConfig:
    return ModelConfig(TextConfig(VOCABULARY, 2048, 6144, layers=28, heads=16, kv_heads=8), _small_vision(2048))


def _4b() -> ModelConfig:
    return ModelConfig(TextConfig(VOCABULARY, 2560, 9728, layers=36, heads=32, kv_heads=8), _small_vision(2560))


def _8b() -> ModelConfig:
    text = TextConfig(VOCABULARY, 4096, 12_288, layers=36, heads=32, kv_heads=8)
    return ModelConfig(text, _large_vision(4096), tie_word_embeddings=False)


def _32b() -> ModelConfig:
    text = TextConfig(VOCABULARY, 5120, 25_600, layers=64, heads=64, kv_heads=8)
    return ModelConfig(text, _large_vision(5120), tie_word_embeddings=False)


PRESETS = {"2B": _2b, "4B": _4b, "8B": _8b, "32B": _32b}
