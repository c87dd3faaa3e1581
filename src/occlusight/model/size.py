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
