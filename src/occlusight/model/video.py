"""Clips: which frames to take, when they are, and their patches, pair by pair.

Qwen3-VL reads a clip as one vision span for every pair of frames, each preceded by its time as text, `<1.5 seconds>`.
Decoding files is not done here: frames come as PIL pictures.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Self

import numpy as np
from PIL import Image
from torch import Tensor

from occlusight.errors import BadInput
from occlusight.model.pixel_limits import PixelLimits
from occlusight.model.preprocess import PreprocessSettings, check_aspect, frame_patches, processor_fields
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
    max_frame_tokens: int = MAX_FRAME_TOKENS

    @classmethod
    def load(cls, directory: str | Path) -> Self:
        """Read the video processor in processor_config.json, else video_preprocessor_config.json, or take Qwen3-VL's
        defaults with the checkpoint's patch sizes.

        Raises:
            BadModel: a value cannot be used, or asks for what is not supported.
        """
        directory = Path(directory)
        fields = processor_fields(directory, "video_processor", FILE)
        if fields is None:
            return cls(replace(PreprocessSettings.load(directory), limits=cls().preprocess.limits))
        fields.expect("video_processor_type", "Qwen3VLVideoProcessor", "Qwen2VLVideoProcessor")
        fields.expect("do_sample_frames", True)
        for key in ("num_frames", "max_duration"):
            if key in fields:
                fields.refuse(
                    f"{key} is not supported; frames are taken by fps, min_frames and max_frames", between=": "
                )
        fields.without_effect("cap_pixels_per_frame return_metadata video_metadata max_image_size")
        read = cls(
            PreprocessSettings.from_hf(fields, PreprocessSettings(PixelLimits(131_072, 786_432))),
            fps=fields.number("fps", 2.0),
            min_frames=fields.integer("min_frames", 4),
            max_frames=fields.integer("max_frames", 768),
            max_frame_tokens=fields.integer("max_video_tokens", MAX_FRAME_TOKENS),
        )
        if not (read.fps > 0 and 0 < read.min_frames <= read.max_frames and read.max_frame_tokens > 0):
            fields.refuse(
                f"frames must be above 0 and rise, got {read.min_frames} to {read.max_frames} at {read.fps}",
                between=": ",
            )
        fields.close()
        return read


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
    return seconds_of_pairs([index / fps for index in indices], pair)


def seconds_of_pairs(seconds: Sequence[float], pair: int = 2) -> tuple[float, ...]:
    """The same of frames whose times are known."""
    padded = [*seconds, *[seconds[-1]] * (-len(seconds) % pair)]
    return tuple((padded[i] + padded[i + pair - 1]) / 2 for i in range(0, len(padded), pair))


def video_resize(frames: int, height: int, width: int, settings: VideoSettings) -> tuple[int, int]:
    """The size (height, width), in multiples of the factor, to which every frame of a clip is resized.

    Qwen3-VL's limits count all frames together; a frame's share is capped at 768 tokens, as qwen-vl-utils does.

    Raises:
        BadPicture: one side is more than 200 times the other.
    """
    factor, pair = settings.preprocess.factor, settings.preprocess.temporal_patch_size
    low, high = settings.preprocess.limits.min_pixels, settings.preprocess.limits.max_pixels
    high = frames * max(min(settings.max_frame_tokens * factor**2, high // frames), int(low * 1.05))
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
    resample = Image.Resampling(preprocess.resample)
    pixels = [np.asarray(frame.convert("RGB").resize((width, height), resample)) for frame in frames]
    pixels += [pixels[-1]] * (-len(pixels) % preprocess.temporal_patch_size)
    stacked = np.stack(pixels).reshape(-1, preprocess.temporal_patch_size, height, width, 3)
    grid = (stacked.shape[0], height // preprocess.patch_size, width // preprocess.patch_size)
    return frame_patches(stacked, preprocess), grid
