"""Patches are bit for bit those of transformers' `Qwen2VLImageProcessorPil`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from PIL import Image

from occlusight.errors import BadInput, BadModel, BadPicture
from occlusight.model.preprocess import (
    PixelLimits,
    PreprocessSettings,
    patches_of,
    patches_of_array,
    smart_resize,
)
from occlusight.model.presets import preset

SETTINGS = PreprocessSettings(PixelLimits(64 * 64, 256 * 256))


def picture(height: int, width: int, seed: int = 0) -> Image.Image:
    rng = np.random.default_rng(seed)
    return Image.fromarray(rng.integers(0, 256, (height, width, 3), dtype=np.uint8))


def theirs(config: dict[str, Any]) -> Any:
    from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil

    return Qwen2VLImageProcessorPil(**config)


@pytest.mark.parametrize(
    ("height", "width"), [(64, 96), (63, 97), (20, 31), (900, 700), (5, 900), (1100, 8), (1, 1), (16, 16)]
)
def test_patches_equal_those_of_transformers(height: int, width: int) -> None:
    image = picture(height, width)
    expected = theirs(SETTINGS.to_hf())(image, return_tensors="pt")
    patches, grid = patches_of(image, SETTINGS)
    assert list(grid) == expected["image_grid_thw"][0].tolist()
    assert torch.equal(patches, expected["pixel_values"])


@pytest.mark.parametrize(
    "config",
    [
        {"patch_size": 8, "size": {"shortest_edge": 1024, "longest_edge": 16384}},
        {"patch_size": 14, "min_pixels": 3136, "max_pixels": 50176, "size": {"shortest_edge": 1, "longest_edge": 2}},
        {"patch_size": 16, "merge_size": 3, "temporal_patch_size": 1, "image_mean": [0.4, 0.5, 0.6]},
        {"image_std": [0.2, 0.3, 0.4], "patch_size": 16},
        {"patch_size": 8, "do_normalize": False},
        {"patch_size": 8, "do_rescale": False},
        {"patch_size": 8, "rescale_factor": 0.01},
        {"patch_size": 8, "resample": 2},
        {"patch_size": 8, "size": None, "image_mean": None, "image_std": None},
    ],
)
def test_every_spelling_of_the_settings_is_read(tmp_path: Path, config: dict[str, Any]) -> None:
    config = {
        "image_mean": [0.5] * 3,
        "image_std": [0.5] * 3,
        "size": {"shortest_edge": 2048, "longest_edge": 9999},
        **config,
    }
    config = {key: value for key, value in config.items() if value is not None}
    image = picture(90, 150)
    expected = theirs(config)(image, return_tensors="pt")
    patches, grid = patches_of(image, load(tmp_path, config))
    assert list(grid) == expected["image_grid_thw"][0].tolist()
    assert torch.equal(patches, expected["pixel_values"])


def test_settings_survive_the_round_trip(tmp_path: Path) -> None:
    (tmp_path / "preprocessor_config.json").write_text(json.dumps(SETTINGS.to_hf()))
    assert PreprocessSettings.load(tmp_path) == SETTINGS


def test_a_batch_of_arrays_is_the_pictures_one_after_the_other() -> None:
    images = [picture(64, 96, seed) for seed in range(3)]
    batch = np.stack([np.asarray(image) for image in images])
    expected = torch.cat([patches_of(image, SETTINGS)[0] for image in images])
    assert torch.equal(patches_of_array(batch, SETTINGS), expected)
    assert torch.equal(patches_of_array(torch.from_numpy(batch), SETTINGS), expected)


@pytest.mark.parametrize(
    "array",
    [np.zeros((1, 64, 90, 3), np.uint8), np.zeros((1, 64, 64, 3), np.float32), np.zeros((1, 64, 64, 4), np.uint8)],
)
def test_arrays_that_cannot_be_cut_are_refused(array: Any) -> None:
    with pytest.raises(BadInput, match="multiples of 32"):
        patches_of_array(array, SETTINGS)


@settings(max_examples=200, deadline=None)
@given(
    st.integers(1, 5000), st.integers(1, 5000), st.sampled_from([16, 28, 32]), st.integers(1, 20), st.integers(1, 99)
)
def test_smart_resize_equals_that_of_transformers(height: int, width: int, factor: int, low: int, more: int) -> None:
    from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import smart_resize as theirs

    assume(max(height, width) <= 200 * min(height, width))
    limits = low * factor**2, (low + more) * factor**2
    assert smart_resize(height, width, factor, *limits) == theirs(height, width, factor, *limits)


def test_a_picture_too_narrow_is_refused() -> None:
    with pytest.raises(BadPicture, match="201x1 is too narrow"):
        patches_of(picture(1, 201), SETTINGS)


@pytest.mark.parametrize("limits", [(0, 5), (6, 5), (-1, -1)])
def test_impossible_limits_are_refused(limits: tuple[int, int]) -> None:
    with pytest.raises(BadInput, match="pixel limits"):
        PixelLimits(*limits)


def test_settings_that_cannot_be_read_are_refused(tmp_path: Path) -> None:
    with pytest.raises(BadModel, match=r"preprocessor_config\.json"):
        PreprocessSettings.load(tmp_path)
    (tmp_path / "preprocessor_config.json").write_text("{")
    with pytest.raises(BadModel, match="not valid JSON"):
        PreprocessSettings.load(tmp_path)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"resample": 9}, "resample 9"),
        ({"do_resize": False}, "do_resize is False"),
        ({"image_processor_type": "CLIPImageProcessor"}, "'CLIPImageProcessor'"),
        ({"size": 224}, "needs an object as size"),
        ({"size": {"shortest_edge": 9, "longest_edge": 5}}, "pixel limits must rise"),
        ({"size": {"shortest_edge": -9, "longest_edge": 5}}, "pixel limits must rise"),
        ({"size": {"shortest_edge": 9, "longest_edge": 1 << 70}}, "pixel limits must rise"),
        ({"patch_size": "16"}, "needs an integer patch_size, got '16'"),
        ({"image_mean": [0.5, 0.5]}, "three numbers as image_mean"),
        ({"image_std": [0.5, 0.0, 0.5]}, "image_std must be above 0"),
        ({"rescale_factor": 0}, "make black -1 and white -1"),
        ({"rescale_factor": -1}, "make black -1 and white -511"),
        ({"image_std": [0.5, 0.5, 1e30]}, "make black -5e-31"),
        ({"image_mean": [0.5, 1e6, 0.5]}, "which no model can tell apart"),
        ({"rescale_factor": "1/255"}, "needs a number as rescale_factor"),
    ],
)
def test_settings_that_are_not_followed_are_refused_by_name(tmp_path: Path, changes: dict[str, Any], says: str) -> None:
    with pytest.raises(BadModel, match=says):
        load(tmp_path, {**SETTINGS.to_hf(), **changes})


def test_the_processor_of_transformers_5_wins_and_a_difference_is_said(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    load(tmp_path, {**SETTINGS.to_hf(), "resample": 2})
    nested = {"image_processor": SETTINGS.to_hf(), "processor_class": "Qwen3VLProcessor"}
    (tmp_path / "processor_config.json").write_text(json.dumps(nested))
    assert PreprocessSettings.load(tmp_path) == SETTINGS
    assert "preprocessor_config.json differs from it in resample" in caplog.text
    (tmp_path / "preprocessor_config.json").unlink()
    assert PreprocessSettings.load(tmp_path) == SETTINGS


def test_pictures_must_be_cut_as_the_tower_takes_them() -> None:
    vision = preset("2B").vision
    PreprocessSettings().check_fits(vision)
    with pytest.raises(BadModel, match="patch_size is 14, but"):
        PreprocessSettings(patch_size=14).check_fits(vision)


def load(folder: Path, config: dict[str, Any]) -> PreprocessSettings:
    """Read a checkpoint's preprocessor_config.json."""
    (folder / "preprocessor_config.json").write_text(json.dumps(config))
    return PreprocessSettings.load(folder)
