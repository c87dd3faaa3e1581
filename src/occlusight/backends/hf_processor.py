"""From a conversation to the inputs of a transformers model: the checkpoint's own chat template, tokenizer and picture
preparation."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import transformers
from PIL import Image
from transformers.models.auto.processing_auto import PROCESSOR_MAPPING
from transformers.utils.hub import PushToHubMixin

Inputs = dict[str, Any]


class Processor:
    """Puts messages and their pictures into the form that a checkpoint was trained with.

    A checkpoint without a chat template (BLIP's family) is given the texts as they stand, joined by line breaks, and
    the pictures.

    Raises (what transformers raises):
        OSError, ValueError, KeyError, ImportError and others: it has no processor, or none that can be loaded here.
    """

    def __init__(self, folder: Path, config: Any, tokenizer: Any, trust_remote_code: bool) -> None:
        self.inner = processor_of(folder, config, tokenizer, trust_remote_code)
        if not isinstance(self.inner, transformers.ProcessorMixin):
            raise ValueError(
                f"it comes with no processor of pictures and text, only with a {type(self.inner).__name__}"
            )
        self.template = self.inner.chat_template or tokenizer.chat_template

    def __call__(self, messages: list[dict[str, Any]]) -> Inputs:
        """Return the model's inputs for one conversation: ids and masks of shape (1, T), pixels as the family has
        them."""
        if self.template is not None:
            found = self.inner.apply_chat_template(
                messages,
                chat_template=self.template,
                add_generation_prompt=True,
                tokenize=True,
                return_dict=True,
                return_tensors="pt",
            )
        else:
            parts = [part for message in messages for part in message["content"]]
            pictures = [part["image"] for part in parts if part["type"] == "image"]
            text = "\n".join(part["text"] for part in parts if part["type"] == "text")
            found = self.inner(images=pictures or None, text=text, return_tensors="pt")
        return dict(found)


def content_of(text: str, pictures: list[Image.Image]) -> list[dict[str, Any]]:
    """Return a message's parts, pictures first."""
    return [*({"type": "image", "image": picture} for picture in pictures), {"type": "text", "text": text}]


def processor_of(folder: Path, config: Any, tokenizer: Any, trust_remote_code: bool) -> Any:
    """Load a checkpoint's processor.

    Many families' processors prepare videos too, which wants torchvision; where that is absent, such a processor is put
    together without its part for videos.
    """
    try:
        return transformers.AutoProcessor.from_pretrained(  # type: ignore[no-untyped-call]
            folder, trust_remote_code=trust_remote_code
        )
    except (ImportError, ValueError) as error:
        kind: Any = PROCESSOR_MAPPING.get(type(config), None)
        if "torchvision" not in str(error).lower() or kind is None:
            raise
    parts = {
        "tokenizer": lambda: tokenizer,
        "image_processor": lambda: transformers.AutoImageProcessor.from_pretrained(folder),  # type: ignore[no-untyped-call]
        "video_processor": NoVideos,
    }
    about, _ = kind.get_processor_dict(folder)
    still: Any = type(kind.__name__, (kind,), {"check_argument_for_proper_class": _checked})
    return still.from_args_and_dict([parts[name]() for name in kind.get_attributes()], about)


class NoVideos(PushToHubMixin):
    """Stands where a processor keeps its part for videos; nothing is asked about any."""

    model_input_names: tuple[str, ...] = ()
    unused_input_names: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Its settings: none."""
        return {}


def _checked(self: Any, name: str, part: Any) -> Any:
    """Take `NoVideos` for a part of a processor; all else is checked as it is usually."""
    mixin: Any = transformers.ProcessorMixin
    return NoVideos if isinstance(part, NoVideos) else mixin.check_argument_for_proper_class(self, name, part)
