"""Pictures to patches, the same numbers as transformers' `Qwen2VLImageProcessorPil`."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image
from torch import Tensor

from occlusight.errors import BadInput, BadModel, BadPicture
from occlusight.model.rope import Grid

MAX_ASPECT = 200
SETTINGS = "preprocessor_config.json"


@dataclass(frozen=True)
class PixelLimits:
    """How many pixels a picture may have after resizing."""

    min_pixels: int = 65_536
    max_pixels: int = 16_777_216

    def __post_init__(self) -> None:
        if not 0 < self.min_pixels <= self.max_pixels:
            raise BadInput(f"pixel limits must rise from above 0, got {self.min_pixels} to {self.max_pixels}")

    def within(self, max_pixels: int | None, min_pixels: int | None) -> PixelLimits:
        """Return what is left of these limits where others, if given, hold too: the smaller maximum; then the larger minimum, up to it."""
        high = self.max_pixels if max_pixels is None else min(self.max_pixels, max_pixels)
        return PixelLimits(min(max(self.min_pixels, min_pixels or 0), high), high)


@dataclass(frozen=True)
class PreprocessSettings:
    """What `preprocessor_config.json` says; the defaults are those of Qwen3-VL."""

    limits: PixelLimits = PixelLimits()
    patch_size: int = 16
    temporal_patch_size: int = 2
    merge_size: int = 2
    mean: tuple[float, float, float] = (0.5, 0.5, 0.5)
    std: tuple[float, float, float] = (0.5, 0.5, 0.5)

    @property
    def factor(self) -> int:
        """Sides of a resized picture are multiples of this many pixels."""
        return self.patch_size * self.merge_size

    @classmethod
    def from_hf(cls, config: Mapping[str, Any], default: PixelLimits = PixelLimits()) -> Self:
        """Read a parsed `preprocessor_config.json`: `size` with `shortest_edge`/`longest_edge` (which count pixels
        here, despite their names), or `min_pixels`/`max_pixels`, which win as they do in transformers."""
        size = config.get("size") or {}
        low = config.get("min_pixels") or size.get("shortest_edge") or size.get("min_pixels") or default.min_pixels
        high = config.get("max_pixels") or size.get("longest_edge") or size.get("max_pixels") or default.max_pixels
        if config.get("resample", 3) != 3:
            raise BadModel(f"{SETTINGS}: resample {config['resample']} is not supported; only 3 (bicubic) is")
        return cls(
            limits=PixelLimits(int(low), int(high)),
            patch_size=int(config.get("patch_size", 16)),
            temporal_patch_size=int(config.get("temporal_patch_size", 2)),
            merge_size=int(config.get("merge_size", 2)),
            mean=_three(config.get("image_mean", (0.5, 0.5, 0.5))),
            std=_three(config.get("image_std", (0.5, 0.5, 0.5))),
        )

    @classmethod
    def load(cls, directory: str | Path) -> Self:
        """The settings of a checkpoint directory.

        Raises:
            BadModel: the file is missing or is not JSON.
        """
        path = Path(directory) / SETTINGS
        try:
            return cls.from_hf(json.loads(path.read_text(encoding="utf-8")))
        except (OSError, json.JSONDecodeError) as error:
            raise BadModel(f"{path}: cannot be read ({error}); a model needs its {SETTINGS}") from None

    def to_hf(self) -> dict[str, Any]:
        """The content of `preprocessor_config.json`."""
        return {
            "image_processor_type": "Qwen2VLImageProcessorFast",
            "processor_class": "Qwen3VLProcessor",
            "size": {"shortest_edge": self.limits.min_pixels, "longest_edge": self.limits.max_pixels},
            "patch_size": self.patch_size,
            "temporal_patch_size": self.temporal_patch_size,
            "merge_size": self.merge_size,
            "image_mean": list(self.mean),
            "image_std": list(self.std),
            "resample": 3,
            "do_convert_rgb": True,
            "do_normalize": True,
            "do_rescale": True,
            "do_resize": True,
            "rescale_factor": 1 / 255,
        }


def smart_resize(height: int, width: int, factor: int, min_pixels: int, max_pixels: int) -> tuple[int, int]:
    """The size, in multiples of `factor`, that keeps the aspect and lies within the pixel limits: (height, width).

    Raises:
        BadPicture: one side is more than 200 times the other.
    """
    check_aspect(height, width)
    new_height, new_width = round(height / factor) * factor, round(width / factor) * factor
    if new_height * new_width > max_pixels:
        shrink = math.sqrt(height * width / max_pixels)
        new_height = max(factor, math.floor(height / shrink / factor) * factor)
        new_width = max(factor, math.floor(width / shrink / factor) * factor)
    elif new_height * new_width < min_pixels:
        grow = math.sqrt(min_pixels / (height * width))
        new_height = math.ceil(height * grow / factor) * factor
        new_width = math.ceil(width * grow / factor) * factor
    return new_height, new_width


def check_aspect(height: int, width: int) -> None:
    """Raise BadPicture if one side is more than 200 times the other."""
    if max(height, width) > MAX_ASPECT * min(height, width):
        raise BadPicture(
            f"a picture of {width}x{height} is too narrow; one side may be at most {MAX_ASPECT} times the other"
        )


def patches_of(
    image: Image.Image, settings: PreprocessSettings, size: tuple[int, int] | None = None
) -> tuple[Tensor, Grid]:
    """Resize a picture and cut it: patches `(rows * columns, 3 * 2 * P * P)` fp32 and their grid (1, rows, columns).

    `size` is the (width, height) that a picture had which comes reduced already: it is resized as if it still had.

    Raises:
        BadPicture: the picture is too narrow.
    """
    limits = settings.limits
    width, height = size or image.size
    height, width = smart_resize(height, width, settings.factor, limits.min_pixels, limits.max_pixels)
    resized = image.convert("RGB").resize((width, height), Image.Resampling.BICUBIC)
    patches = patches_of_array(np.asarray(resized)[None], settings)
    return patches, (1, height // settings.patch_size, width // settings.patch_size)


def patches_of_array(pixels: npt.NDArray[np.uint8] | Tensor, settings: PreprocessSettings) -> Tensor:
    """Cut a batch of RGB pictures `(B, H, W, 3)` uint8 of one size: `(B * rows * columns, 3 * 2 * P * P)` fp32.

    Each picture stands for both frames of its pair. Nothing is resized: sides must be multiples of `settings.factor`.
    """
    frames = np.asarray(pixels)[:, None]  # (B, 1, H, W, 3)
    return frame_patches(
        np.broadcast_to(frames, (frames.shape[0], settings.temporal_patch_size, *frames.shape[2:])), settings
    )


def frame_patches(frames: npt.NDArray[np.uint8], settings: PreprocessSettings) -> Tensor:
    """Cut pairs of frames: `(pairs, temporal, H, W, 3)` uint8 to `(pairs * rows * columns, 3 * temporal * P * P)`."""
    pairs, temporal, height, width, channels = frames.shape
    if frames.dtype != np.uint8 or channels != 3 or height % settings.factor or width % settings.factor:
        raise BadInput(
            f"pictures must be uint8 RGB with sides that are multiples of {settings.factor}, "
            f"got {frames.dtype} of shape {frames.shape}"
        )
    merge, patch = settings.merge_size, settings.patch_size
    rows, columns = height // settings.factor, width // settings.factor  # of blocks
    values = _value_table(settings)
    out = np.empty((pairs, rows, columns, merge, merge, channels, temporal, patch, patch), dtype=np.float32)
    for channel in range(channels):
        plane = frames[..., channel].reshape(pairs, temporal, rows, merge, patch, columns, merge, patch)
        out[:, :, :, :, :, channel] = values[channel][plane.transpose(0, 2, 5, 3, 6, 1, 4, 7)]
    return torch.from_numpy(out.reshape(-1, channels * temporal * patch * patch))


def _value_table(settings: PreprocessSettings) -> npt.NDArray[np.float32]:
    """`(3, 256)`: what each byte becomes in each channel, rounded as transformers rounds it."""
    scaled = (np.arange(256, dtype=np.float64) * (1 / 255)).astype(np.float32)
    mean, std = np.array(settings.mean, dtype=np.float32), np.array(settings.std, dtype=np.float32)
    return (scaled - mean[:, None]) / std[:, None]


def _three(values: Any) -> tuple[float, float, float]:
    red, green, blue = (float(value) for value in values)
    return red, green, blue
