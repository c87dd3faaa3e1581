"""Tiny checkpoints of families of vision-language models: random weights, tokenizers and processors made on the
spot."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
import transformers
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

LINES = (
    "Is the bicycle hidden by the bush? The lamp post hides part of the red car. Yes. No.",
    "自行车是否被灌木丛遮挡？是的。没有。",
)
ENDS = ("<s>", "</s>", "<pad>")
WIDE = {"hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 2}
CHAT = """{{ BOS }}{% for m in messages %}{{ m.role|upper }}: {% for part in m.content %}\
{% if part.type == 'image' %}IMAGE{% else %}{{ part.text }}{% endif %}{% endfor %}
{% endfor %}{% if add_generation_prompt %}ASSISTANT:{% endif %}"""


def tokenizer_with(extra: Sequence[str], named: dict[str, str] | None = None) -> Any:
    """Return a byte-level tokenizer with these control tokens; `named` ones are attributes of it."""
    inner = Tokenizer(models.BPE())
    inner.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    inner.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    inner.train_from_iterator(
        LINES, trainers.BpeTrainer(vocab_size=320, initial_alphabet=alphabet, show_progress=False)
    )
    inner.add_special_tokens([*ENDS, *extra])
    start, end, pad = ENDS
    return transformers.PreTrainedTokenizerFast(
        tokenizer_object=inner, bos_token=start, eos_token=end, pad_token=pad, extra_special_tokens=named or {}
    )


def template(image: str, start: str = "") -> str:
    """Return a chat template that writes `image` for a picture."""
    return CHAT.replace("IMAGE", image).replace("{{ BOS }}", start)


def llava(folder: Path) -> None:
    """LLaVA 1.5: a CLIP tower, every picture cropped to one square; the template begins with the tokenizer's start
    token."""
    tokenizer = tokenizer_with(["<image>"])
    vision = transformers.CLIPVisionConfig(**WIDE, image_size=32, patch_size=8)
    config = transformers.LlavaConfig(
        vision_config=vision,
        text_config=transformers.LlamaConfig(**WIDE, vocab_size=len(tokenizer)),
        image_token_index=tokenizer.convert_tokens_to_ids("<image>"),
    )
    images = transformers.CLIPImageProcessorPil(size={"shortest_edge": 32}, crop_size={"height": 32, "width": 32})
    about = {"patch_size": 8, "vision_feature_select_strategy": "default", "num_additional_image_tokens": 1}
    write(
        folder,
        transformers.LlavaForConditionalGeneration(config),
        tokenizer,
        images,
        about,
        template("<image>\n", "<s>"),
    )


def llava_next(folder: Path) -> None:
    """LLaVA-NeXT (1.6): pictures in tiles that follow their shape, with the whole one beside."""
    tokenizer = tokenizer_with(["<image>"])
    vision = transformers.CLIPVisionConfig(**WIDE, image_size=32, patch_size=8)
    pinpoints = [[32, 64], [64, 32], [64, 64]]
    config = transformers.LlavaNextConfig(
        vision_config=vision,
        text_config=transformers.LlamaConfig(**WIDE, vocab_size=len(tokenizer)),
        image_token_index=tokenizer.convert_tokens_to_ids("<image>"),
        image_grid_pinpoints=pinpoints,
    )
    images = transformers.LlavaNextImageProcessorPil(
        size={"shortest_edge": 32}, crop_size={"height": 32, "width": 32}, image_grid_pinpoints=pinpoints
    )
    about = {"patch_size": 8, "vision_feature_select_strategy": "default", "num_additional_image_tokens": 1}
    write(
        folder, transformers.LlavaNextForConditionalGeneration(config), tokenizer, images, about, template("<image>\n")
    )


def llava_onevision(folder: Path) -> None:
    """LLaVA-OneVision: a SigLIP tower before Qwen2, and a processor that wants videos as well."""
    tokenizer = tokenizer_with(["<image>", "<video>"])
    vision = transformers.SiglipVisionConfig(**WIDE, image_size=32, patch_size=8, vision_use_head=False)
    pinpoints = [[32, 64], [64, 32], [64, 64]]
    config = transformers.LlavaOnevisionConfig(
        vision_config=vision,
        text_config=transformers.Qwen2Config(**WIDE, num_key_value_heads=2, vocab_size=len(tokenizer)),
        image_token_index=tokenizer.convert_tokens_to_ids("<image>"),
        video_token_index=tokenizer.convert_tokens_to_ids("<video>"),
        image_grid_pinpoints=pinpoints,
    )
    images = transformers.LlavaOnevisionImageProcessorPil(
        size={"height": 32, "width": 32}, image_grid_pinpoints=pinpoints
    )
    about = {"num_image_tokens": 16, "vision_feature_select_strategy": "full", "vision_aspect_ratio": "anyres_max_9"}
    write(
        folder,
        transformers.LlavaOnevisionForConditionalGeneration(config),
        tokenizer,
        images,
        about,
        template("<image>\n"),
    )


def internvl(folder: Path) -> None:
    """InternVL 3: tiles of a fixed size, each a quarter of its patches, between tokens that its tokenizer names."""
    named = {
        "start_image_token": "<img>",
        "end_image_token": "</img>",
        "context_image_token": "<IMG_CONTEXT>",
        "video_token": "<video>",
    }
    tokenizer = tokenizer_with(list(named.values()), named)
    vision = transformers.InternVLVisionConfig(**WIDE, image_size=(32, 32), patch_size=(8, 8))
    config = transformers.InternVLConfig(
        vision_config=vision,
        text_config=transformers.Qwen2Config(**WIDE, num_key_value_heads=2, vocab_size=len(tokenizer)),
        image_token_id=tokenizer.convert_tokens_to_ids("<IMG_CONTEXT>"),
        image_seq_length=4,
    )
    images = transformers.GotOcr2ImageProcessorPil(
        size={"height": 32, "width": 32}, crop_to_patches=True, min_patches=1, max_patches=4
    )
    write(
        folder,
        transformers.InternVLForConditionalGeneration(config),
        tokenizer,
        images,
        {"image_seq_length": 4},
        template("<IMG_CONTEXT>\n"),
    )


def idefics3(folder: Path) -> None:
    """Idefics3, SmolVLM's family: tiles in rows and columns, padded pixels with a mask."""
    tiles = [f"<row_{row + 1}_col_{col + 1}>" for row in range(6) for col in range(6)]
    tokenizer = tokenizer_with(["<fake_token_around_image>", "<image>", "<end_of_utterance>", "<global-img>", *tiles])
    vision = transformers.models.idefics3.configuration_idefics3.Idefics3VisionConfig(
        **WIDE, image_size=32, patch_size=8
    )
    config = transformers.Idefics3Config(
        vision_config=vision.to_dict(),
        text_config=transformers.LlamaConfig(**WIDE, vocab_size=len(tokenizer), pad_token_id=2).to_dict(),
        image_token_id=tokenizer.convert_tokens_to_ids("<image>"),
        scale_factor=2,
        pad_token_id=2,
    )
    images = transformers.Idefics3ImageProcessorPil(size={"longest_edge": 64}, max_image_size={"longest_edge": 32})
    write(
        folder,
        transformers.Idefics3ForConditionalGeneration(config),
        tokenizer,
        images,
        {"image_seq_len": 4},
        template("<image>", "<s>"),
    )


def qwen2_5_vl(folder: Path) -> None:
    """Qwen2.5-VL: pictures of any shape, positions in three dimensions."""
    names = ["<|vision_start|>", "<|vision_end|>", "<|image_pad|>", "<|video_pad|>"]
    tokenizer = tokenizer_with(names)
    start, end, image, video = tokenizer.convert_tokens_to_ids(names)
    config = transformers.Qwen2_5_VLConfig(
        vision_config={
            "depth": 2,
            "hidden_size": 32,
            "intermediate_size": 48,
            "num_heads": 2,
            "patch_size": 8,
            "spatial_merge_size": 2,
            "out_hidden_size": 32,
            "window_size": 32,
            "fullatt_block_indexes": [1],
        },
        text_config={
            **WIDE,
            "num_key_value_heads": 2,
            "vocab_size": len(tokenizer),
            "bos_token_id": tokenizer.bos_token_id,
            "eos_token_id": tokenizer.eos_token_id,
            "rope_parameters": {"rope_type": "default", "rope_theta": 10000.0, "mrope_section": [2, 3, 3]},
        },
        image_token_id=image,
        video_token_id=video,
        vision_start_token_id=start,
        vision_end_token_id=end,
    )
    images = transformers.Qwen2VLImageProcessorPil(
        patch_size=8, merge_size=2, size={"shortest_edge": 32 * 32, "longest_edge": 96 * 96}
    )
    write(
        folder,
        transformers.Qwen2_5_VLForConditionalGeneration(config),
        tokenizer,
        images,
        {},
        template("<|vision_start|><|image_pad|><|vision_end|>"),
    )


def gemma3(folder: Path) -> None:
    """Gemma 3: the tokens of a picture see one another, so that the model must be told which they are."""
    named = {"boi_token": "<start_of_image>", "eoi_token": "<end_of_image>", "image_token": "<image_soft_token>"}
    tokenizer = tokenizer_with(list(named.values()), named)
    start, end, image = tokenizer.convert_tokens_to_ids(list(named.values()))
    text = {
        **WIDE,
        "num_key_value_heads": 2,
        "head_dim": 16,
        "vocab_size": len(tokenizer),
        "layer_types": ["full_attention"] * 2,
    }
    config = transformers.Gemma3Config(
        text_config=transformers.Gemma3TextConfig(**text),
        vision_config=transformers.SiglipVisionConfig(**WIDE, image_size=32, patch_size=8, vision_use_head=False),
        mm_tokens_per_image=4,
        boi_token_index=start,
        eoi_token_index=end,
        image_token_index=image,
    )
    images = transformers.Gemma3ImageProcessorPil(size={"height": 32, "width": 32})
    model = transformers.Gemma3ForConditionalGeneration(config)
    write(folder, model, tokenizer, images, {"image_seq_length": 4}, template("<start_of_image>", "<s>"))


def mllama(folder: Path) -> None:
    """Llama 3.2 Vision: text attends to pictures across, and each token has a mask of what it may look at."""
    tokenizer = tokenizer_with(["<|image|>"])
    vision = {
        "hidden_size": 32,
        "intermediate_size": 48,
        "num_hidden_layers": 2,
        "num_global_layers": 1,
        "attention_heads": 2,
        "image_size": 32,
        "patch_size": 8,
        "max_num_tiles": 4,
        "intermediate_layers_indices": [0, 1],
        "vision_output_dim": 96,
        "supported_aspect_ratios": [[1, 1], [1, 2], [1, 3], [1, 4], [2, 1], [2, 2], [3, 1], [4, 1]],
    }
    image = tokenizer.convert_tokens_to_ids("<|image|>")  # never said, so beyond the vocabulary
    text = {**WIDE, "num_key_value_heads": 2, "vocab_size": image, "cross_attention_layers": [1]}
    text |= {"bos_token_id": tokenizer.bos_token_id, "eos_token_id": tokenizer.eos_token_id, "pad_token_id": 2}
    config = transformers.MllamaConfig(vision_config=vision, text_config=text, image_token_index=image)
    images = transformers.MllamaImageProcessorPil(size={"height": 32, "width": 32}, max_image_tiles=4)
    write(
        folder, transformers.MllamaForConditionalGeneration(config), tokenizer, images, {}, template("<|image|>", "<s>")
    )


def instructblip(folder: Path) -> None:
    """InstructBLIP, the design of MiniGPT-4: a Q-Former reads the picture with the question; there is no chat
    template."""
    tokenizer, reader = tokenizer_with(["<image>"]), tokenizer_with([])
    config = transformers.InstructBlipConfig(
        vision_config={**WIDE, "image_size": 32, "patch_size": 8},
        qformer_config={**WIDE, "vocab_size": len(reader), "encoder_hidden_size": 32},
        text_config=transformers.LlamaConfig(**WIDE, vocab_size=len(tokenizer)).to_dict(),
        num_query_tokens=4,
        image_token_index=tokenizer.convert_tokens_to_ids("<image>"),
    )
    images = transformers.BlipImageProcessorPil(size={"height": 32, "width": 32})
    reader.save_pretrained(folder / "qformer_tokenizer")
    write(
        folder,
        transformers.InstructBlipForConditionalGeneration(config),
        tokenizer,
        images,
        {"num_query_tokens": 4},
        None,
    )


def write(folder: Path, model: Any, tokenizer: Any, images: Any, about: dict[str, Any], chat: str | None) -> None:
    """Write a checkpoint as a hub holds it: weights, tokenizer, the processor's settings and the chat template."""
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if name.endswith("_gate"):  # Llama 3.2 begins blind
                parameter.fill_(1.0)
            elif parameter.ndim > 1:  # large enough that what is seen changes what is said
                parameter.normal_(std=0.2)
    model.generation_config.eos_token_id = tokenizer.eos_token_id
    model.generation_config.pad_token_id = tokenizer.pad_token_id
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    images.save_pretrained(folder)
    kind = type(model).__name__.removesuffix("ForConditionalGeneration") + "Processor"
    (folder / "processor_config.json").write_text(json.dumps({"processor_class": kind, **about}))
    if chat is not None:
        (folder / "chat_template.jinja").write_text(chat)


FAMILIES: dict[str, Callable[[Path], None]] = {
    one.__name__: one
    for one in (llava, llava_next, llava_onevision, internvl, idefics3, qwen2_5_vl, gemma3, mllama, instructblip)
}
