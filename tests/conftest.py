"""What tests of several parts share: a tiny checkpoint with random weights, pictures, and relation graphs."""

from __future__ import annotations

import gc
import json
import os
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest
import tests.occlusion.graphs
import torch
from PIL import Image, ImageDraw
from tests.tiny import speaking_config
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

from occlusight.errors import BadData, BadInput
from occlusight.model.pixel_limits import PixelLimits
from occlusight.model.preprocess import PreprocessSettings
from occlusight.model.qwen3vl import Qwen3VL
from occlusight.model.weights import save_model
from occlusight.occlusion.kinds import KindNames
from occlusight.scenes.meshes.assets import import_assets, missing_meshes
from occlusight.scenes.meshes.map_assets import import_maps
from occlusight.scenes.render.rasterizer import Rasterizer

torch.set_num_threads(1)  # tiny matrices: a second thread costs more than it does, above all on a busy machine


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the browser's files first: they take the longest, and at the end one worker would be left alone with them."""
    items.sort(key=lambda item: item.get_closest_marker("page") is None)


def pytest_collection_finish() -> None:
    """Leave what was imported to itself: looking through all of torch, transformers and Gradio for garbage takes a
    second each time."""
    gc.collect()
    gc.freeze()


CONTROL = (
    "<|endoftext|>",
    "<|im_start|>",
    "<|im_end|>",
    "<|vision_start|>",
    "<|vision_end|>",
    "<|image_pad|>",
    "<|video_pad|>",
)
LINES = (
    "Is the bicycle hidden by the bush? The lamp post hides part of the red car, so it is nearer.",
    "图中有几辆车?它们与路灯杆的位置关系是什么?自行车是否被灌木丛遮挡?红色轿车在路灯杆后面。",
)
TEMPLATE = """\
{%- for message in messages %}
{{- '<|im_start|>' + message.role + '\n' }}
{%- if message.content is string %}
{{- message.content }}
{%- else %}
{%- for part in message.content %}
{%- if part.type == 'image' %}
{{- '<|vision_start|><|image_pad|><|vision_end|>' }}
{%- elif part.type == 'video' %}
{{- '<|vision_start|><|video_pad|><|vision_end|>' }}
{%- else %}
{{- part.text }}
{%- endif %}
{%- endfor %}
{%- endif %}
{{- '<|im_end|>\n' }}
{%- endfor %}
{%- if add_generation_prompt %}
{{- '<|im_start|>assistant\n' }}
{%- endif %}
"""


def write_checkpoint(folder: Path, seed: int = 1, context: int = 4096) -> Path:
    """Write a checkpoint of the smallest Qwen3-VL with random weights, large enough that its logits differ."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=400, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), special_tokens=[], show_progress=False
    )
    tokenizer.train_from_iterator(LINES, trainer)
    tokenizer.add_special_tokens(list(CONTROL))
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer.save(str(folder / "tokenizer.json"))
    ids = {name: tokenizer.token_to_id(name) for name in CONTROL}
    model = Qwen3VL(speaking_config(tokenizer.get_vocab_size(), ids, context))
    generator = torch.Generator().manual_seed(seed)
    model.init_weights(generator)
    with torch.no_grad():
        model.text.embed_tokens.weight.mul_(50)
        assert model.lm_head is not None
        model.lm_head.weight.mul_(8)
    save_model(model, folder, torch.float32)
    settings = PreprocessSettings(limits=PixelLimits(32 * 32, 128 * 128))
    (folder / "preprocessor_config.json").write_text(json.dumps(settings.to_hf()))
    (folder / "chat_template.jinja").write_text(TEMPLATE)
    (folder / "generation_config.json").write_text(
        json.dumps({"eos_token_id": [ids["<|im_end|>"], ids["<|endoftext|>"]]})
    )
    return folder


def draw(seed: int, size: tuple[int, int] = (96, 64)) -> Image.Image:
    """Return a picture of a few overlapping shapes; each seed gives another one."""
    image = Image.new("RGB", size, (200, 210, 220))
    pen = ImageDraw.Draw(image)
    for step in range(6):
        x, y = (seed * 37 + step * 29) % size[0], (seed * 53 + step * 17) % size[1]
        colour = ((seed * 71 + step * 40) % 256, (seed * 31 + step * 90) % 256, (step * 60) % 256)
        pen.ellipse((x - 15, y - 12, x + 15, y + 12), fill=colour)
    return image


@pytest.fixture(scope="session")
def tiny_checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint folder of a tiny model that answers nonsense, always the same."""
    return write_checkpoint(tmp_path_factory.mktemp("tiny") / "checkpoint")


@pytest.fixture
def make_checkpoint(tmp_path: Path) -> Callable[..., Path]:
    """Write a checkpoint that differs from the usual one; see `write_checkpoint`."""
    return lambda **settings: write_checkpoint(tmp_path / "checkpoint", **settings)


@pytest.fixture(scope="session")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Four picture files: PNG, JPG, WEBP of one size and a wide PNG."""
    folder = tmp_path_factory.mktemp("pictures")
    paths = []
    for seed, (name, size) in enumerate(
        {"a.png": (96, 64), "b.jpg": (96, 64), "c.webp": (96, 64), "wide.png": (200, 40)}.items()
    ):
        draw(seed, size).save(folder / name)
        paths.append(folder / name)
    return paths


@pytest.fixture(scope="session")
def graphs() -> ModuleType:
    """The module tests/occlusion/graphs.py."""
    return tests.occlusion.graphs


@pytest.fixture(scope="session")
def names(graphs: ModuleType) -> dict[str, KindNames]:
    """A small catalogue."""
    return graphs.NAMES


@pytest.fixture(scope="session")
def assets() -> None:
    """All meshes, imported when they are not yet; skips where they cannot be downloaded."""
    if missing_meshes():
        try:
            import_assets()
        except BadData as e:
            pytest.skip(f"the meshes cannot be imported here: {e}")


@pytest.fixture(scope="session")
def maps() -> None:
    """All HDR maps, imported when they are not yet; skips where they cannot be downloaded."""
    try:
        import_maps()
    except BadData as e:
        pytest.skip(f"the HDR maps cannot be imported here: {e}")


@pytest.fixture(scope="session")
def rasterizer() -> Rasterizer:
    """A rasterizer; without OpenGL the test is skipped, or fails where OpenGL was promised."""
    try:
        return Rasterizer()
    except BadInput as e:
        if os.environ.get("OCCLUSIGHT_REQUIRE_OPENGL"):
            pytest.fail(str(e))
        pytest.skip(str(e))
