"""How large a model is, by its configuration alone: nothing is loaded."""

from __future__ import annotations

from occlusight.model.config import ModelConfig, TextConfig, VisionConfig


def parameters_of(config: ModelConfig) -> int:
    """How many numbers a model's weights have; an output layer that is tied to the embeddings does not count."""
    head = 0 if config.tie_word_embeddings else embedding_of(config.text)
    return vision_parameters(config.vision) + text_parameters(config.text) + head


def embedding_of(text: TextConfig) -> int:
    """Numbers of the embeddings, and of the output layer."""
    return text.vocab_size * text.hidden_size


def text_parameters(text: TextConfig) -> int:
    """Numbers of the decoder, its embeddings included."""
    norms = text.layers * (2 * text.hidden_size + 2 * text.head_dim) + text.hidden_size
    return embedding_of(text) + text.matrix_numbers + norms


def vision_parameters(vision: VisionConfig) -> int:
    """Numbers of the vision tower."""
    wide, inner = vision.hidden_size, vision.intermediate_size
    joined = wide * vision.merge_size**2
    begin = wide * (vision.patch_values + 1 + vision.position_embeddings)
    block = 4 * wide * (wide + 1) + 2 * wide * inner + inner + wide + 4 * wide
    merger = joined * (joined + 1) + vision.out_size * (joined + 1)
    norms = 2 * wide + len(vision.taps) * 2 * joined
    return begin + vision.layers * block + (1 + len(vision.taps)) * merger + norms


def vision_work(vision: VisionConfig, patches: int) -> float:
    """Multiplications of the tower for a picture of so many patches: each matrix for each row, and attention among all
    patches.
    """
    joined, tokens = vision.hidden_size * vision.merge_size**2, patches // vision.merge_size**2
    block = 4 * vision.hidden_size**2 + 2 * vision.hidden_size * vision.intermediate_size
    mergers = (1 + len(vision.taps)) * tokens * joined * (joined + vision.out_size)
    rows = vision.layers * (block + 2 * patches * vision.hidden_size) + vision.hidden_size * vision.patch_values
    return float(patches * rows + mergers)


def text_work(text: TextConfig, end: int, begin: int = 0) -> float:
    """Multiplications of the decoder for tokens `begin` to `end` of a prompt: each matrix for each token, and attention
    to those before.
    """
    seen = (end - begin) * (end + begin) / 2
    return float((end - begin) * text.matrix_numbers + 2 * text.layers * text.heads * text.head_dim * seen)


def vision_bytes(vision: VisionConfig, patches: int) -> int:
    """Memory that a picture of so many patches takes while it is encoded: its pixels, hidden states, queries, keys and
    values, in fp32.
    """
    return 4 * patches * (vision.patch_values + 8 * vision.hidden_size)


def quantized_bytes(config: ModelConfig, text: float, vision: float) -> int:
    """Bytes of quantized weights, with so many a number in the decoder and the tower, and one in the output layer.

    Embeddings are mapped: of their file only what is looked up stays in memory.
    """
    matrices = text * (text_parameters(config.text) - embedding_of(config.text)) + vision * vision_parameters(
        config.vision
    )
    return round(matrices) + embedding_of(config.text)


def quantizing_bytes(config: ModelConfig) -> int:
    """What quantizing takes at most: the embeddings as they are and in fp32, and one layer with its copies (2.2 GB for
    the 2B).
    """
    layer = config.text.matrix_numbers // config.text.layers
    return 6 * embedding_of(config.text) + 6 * layer
