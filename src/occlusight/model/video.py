"""Clips: which frames to take, when they are, and their patches, pair by pair.

Qwen3-VL reads a clip as one vision span for every pair of frames, each preceded by its time as text, `<1.5 seconds>`.
Decoding files is not done here: frames come as PIL pictures.
"""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Self

import numpy as np
from PIL import Image
from torch import Tensor

from occlusight.errors import BadInput, BadModel
from occlusight.model.preprocess import PixelLimits, PreprocessSettings, check_aspect, frame_patches
from occlusight.model.rope import Grid

FILE = "video_preprocessor_config.json"
MAX_FRAME_TOKENS = 768
"""At most this many visual tokens for a frame: `VIDEO_MAX_TOKEN_NUM` of qwen-vl-utils."""


@dataclass(frozen=True)
class Clip:
    """A clip's grid (frame pairs, rows, columns) and the time of each pair in seconds."""

    grid: Grid
    seconds: tuple[float, ...]

    def __post_init__(self) -> None:
        if len(self.seconds) != self.grid[0]:
            raise BadInput(f"a clip of {self.grid[0]} frame pairs needs as many times, got {len(self.seconds)}")


@dataclass(frozen=True)
class VideoSettings:
    """How clips are sampled and resized; `preprocess.limits` count the pixels of all frames together."""

    preprocess: PreprocessSettings = field(
        default_factory=lambda: PreprocessSettings(PixelLimits(4_096, 25_165_824)),
    )
    fps: float = 2.0
    min_frames: int = 4
    max_frames: int = 768

    @classmethod
    def load(cls, directory: str | Path) -> Self:
        """Read video_preprocessor_config.json, or take Qwen3-VL's defaults with the checkpoint's patch sizes."""
        path = Path(directory) / FILE
        if not path.is_file():
            return cls(replace(PreprocessSettings.load(directory), limits=cls().preprocess.limits))
        try:
            config: Mapping[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        except json.JSONDecodeError as error:
            raise BadModel(f"{path}: not valid JSON ({error}); download the model again") from None
        return cls(
            PreprocessSettings.from_hf(config, cls().preprocess.limits),
            fps=float(config.get("fps") or 2.0),
            min_frames=int(config.get("min_frames") or 4),
            max_frames=int(config.get("max_frames") or 768),
        )


def sample_frames(total: int, fps: float, settings: VideoSettings) -> list[int]:
    """Indices of the frames to take from a clip of `total` frames at `fps` real frames a second.

    About `settings.fps` a second, spread evenly from the first to the last. 90 frames at 30 a second last 3 seconds,
    so 6 are taken: 0, 18, 36, 53, 71, 89.

    Raises:
        BadInput: there are no frames, or the rate is not positive.
    """
    if total < 1 or not fps > 0:
        raise BadInput(f"a clip needs frames and a frame rate, got {total} frames at {fps} a second")
    count = int(total / fps * settings.fps)
    count = min(max(count, settings.min_frames), settings.max_frames, total)
    return [int(index) for index in np.linspace(0, total - 1, count).round()]


def pair_seconds(indices: Sequence[int], fps: float, pair: int = 2) -> tuple[float, ...]:
    """The time of every pair of sampled frames: the mean of its first and last; an odd last frame is its own partner.

    Frames 0, 15, 30 at 30 a second: (0 + 0.5) / 2 = 0.25 and (1 + 1) / 2 = 1.0.
    """
    padded = [*indices, *[indices[-1]] * (-len(indices) % pair)]
    return tuple((padded[i] / fps + padded[i + pair - 1] / fps) / 2 for i in range(0, len(padded), pair))


def video_resize(frames: int, height: int, width: int, settings: VideoSettings) -> tuple[int, int]:
    """The size (height, width), in multiples of the factor, to which every frame of a clip is resized.

    Qwen3-VL's limits count all frames together; a frame's share is capped at 768 tokens, as qwen-vl-utils does.

    Raises:
        BadPicture: one side is more than 200 times the other.
    """
    factor, pair = settings.preprocess.factor, settings.preprocess.temporal_patch_size
    low, high = settings.preprocess.limits.min_pixels, settings.preprocess.limits.max_pixels
    high = frames * max(min(MAX_FRAME_TOKENS * factor**2, high // frames), int(low * 1.05))
    if height < factor or width < factor:
        scale = max(factor / height, factor / width)
        height, width = int(height * scale), int(width * scale)
    check_aspect(height, width)
    new_height, new_width = round(height / factor) * factor, round(width / factor) * factor
    even = round(frames / pair) * pair
    if even * new_height * new_width > high:
        shrink = math.sqrt(frames * height * width / high)
        new_height = max(factor, math.floor(height / shrink / factor) * factor)
        new_width = max(factor, math.floor(width / shrink / factor) * factor)
    elif even * new_height * new_width < low:
        grow = math.sqrt(low / (frames * height * width))
        new_height = math.ceil(height * grow / factor) * factor
        new_width = math.ceil(width * grow / factor) * factor
    return new_height, new_width


def patches_of_frames(frames: Sequence[Image.Image], settings: VideoSettings) -> tuple[Tensor, Grid]:
    """Patches `(pairs * rows * columns, 3 * 2 * P * P)` fp32 of sampled frames and their grid (pairs, rows, columns).

    An odd last frame is doubled. Frames are resized by PIL's bicubic filter; transformers uses torchvision's, which
    differs by rounding.

    Raises:
        BadInput: no frames, or frames of different sizes.
    """
    sizes = {frame.size for frame in frames}
    if len(sizes) != 1:
        raise BadInput(f"a clip needs frames of one size, got {len(frames)} frames of sizes {sorted(sizes)}")
    preprocess = settings.preprocess
    height, width = video_resize(len(frames), frames[0].height, frames[0].width, settings)
    bicubic = Image.Resampling.BICUBIC
    pixels = [np.asarray(frame.convert("RGB").resize((width, height), bicubic)) for frame in frames]
    pixels += [pixels[-1]] * (-len(pixels) % preprocess.temporal_patch_size)
    stacked = np.stack(pixels).reshape(-1, preprocess.temporal_patch_size, height, width, 3)
    grid = (stacked.shape[0], height // preprocess.patch_size, width // preprocess.patch_size)
    return frame_patches(stacked, preprocess), grid
