"""Pictures to patches, the same numbers as transformers' `Qwen2VLImageProcessorPil`."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image
from torch import Tensor

from occlusight.errors import BadInput, BadModel, BadPicture
from occlusight.model.config import VisionConfig
from occlusight.model.fields import Fields, read_json, warn_once
from occlusight.model.pixel_limits import PixelLimits
from occlusight.model.rope import Grid

MAX_ASPECT = 200
SETTINGS, PROCESSOR = "preprocessor_config.json", "processor_config.json"
MOST_PIXELS = 1 << 30
MOST_VALUE, LEAST_CONTRAST = 1e4, 1e-2
"""How far from zero a pixel may come once rescaled and normalized, and how far black and white must come apart."""
CLIP_MEAN, CLIP_STD = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)
IMAGE_PROCESSORS = tuple(
    f"Qwen{version}VLImageProcessor{backend}" for version in ("2", "2_5_", "3") for backend in ("", "Fast", "Pil")
)
NOTES = (
    "processor_class auto_map image_processor_type video_processor_type do_convert_rgb device data_format "
    "input_data_format return_tensors "
    "disable_grouping default_to_square do_center_crop crop_size do_pad pad_size image_seq_length "
    "feature_extractor_type "
    "transformers_version backend"
)
"""Fields that change no number: every picture is made RGB anyway, and transformers' processor for Qwen neither crops
nor pads.
"""


@dataclass(frozen=True)
class PreprocessSettings:
    """What `preprocessor_config.json` says; the defaults are those of Qwen3-VL."""

    limits: PixelLimits = field(default_factory=PixelLimits)
    patch_size: int = 16
    temporal_patch_size: int = 2
    merge_size: int = 2
    mean: tuple[float, float, float] = (0.5, 0.5, 0.5)
    std: tuple[float, float, float] = (0.5, 0.5, 0.5)
    scale: float = 1 / 255
    """What a byte is multiplied with before mean and deviation."""
    resample: int = Image.Resampling.BICUBIC

    @property
    def factor(self) -> int:
        """Sides of a resized picture are multiples of this many pixels."""
        return self.patch_size * self.merge_size

    @classmethod
    def from_hf(cls, fields: Fields, default: Self) -> Self:
        """Read what an image or video processor is made of; `default` is what its class in transformers takes for what
        is left out.

        `size` counts pixels in `shortest_edge` and `longest_edge`, despite their names; `min_pixels` and `max_pixels`
        win over it.

        Raises:
            BadModel: a value cannot be used, or asks for what is not supported.
        """
        size = fields.part("size") or Fields({}, "size")
        low, high = (
            fields.integer(own, size.integer(other, size.integer(own, limit)))
            for own, other, limit in (
                ("min_pixels", "shortest_edge", default.limits.min_pixels),
                ("max_pixels", "longest_edge", default.limits.max_pixels),
            )
        )
        size.close()
        if not 0 < low <= high <= MOST_PIXELS:
            fields.refuse(
                f"pixel limits must rise from above 0 to at most {MOST_PIXELS}, got {low} to {high}", between=": "
            )
        fields.expect("do_resize", True)
        resample = fields.integer("resample", default.resample)
        if resample not in set(Image.Resampling):
            fields.refuse(f"resample {resample} is none of PIL's filters (0 to 5)", between=": ")
        rescales, normalizes = fields.flag("do_rescale", True), fields.flag("do_normalize", True)
        scale = fields.number("rescale_factor", default.scale)
        mean, std = _three(fields, "image_mean", default.mean), _three(fields, "image_std", default.std)
        if min(std) <= 0:
            fields.refuse(f"image_std must be above 0, got {std}", between=": ")
        scale = scale if rescales else 1.0
        mean, std = (mean, std) if normalizes else ((0.0,) * 3, (1.0,) * 3)
        for one_mean, one_std in zip(mean, std, strict=True):
            black, white = -one_mean / one_std, (255 * scale - one_mean) / one_std
            if not (max(abs(black), abs(white)) < MOST_VALUE and white - black > LEAST_CONTRAST):
                fields.refuse(
                    f"rescale_factor {scale}, image_mean {one_mean} and image_std {one_std} make black {black:g} and "
                    f"white {white:g}, "
                    "which no model can tell apart or reckon with",
                    between=": ",
                )
        fields.without_effect(NOTES)
        return cls(
            limits=PixelLimits(low, high),
            patch_size=fields.integer("patch_size", default.patch_size),
            temporal_patch_size=fields.integer("temporal_patch_size", default.temporal_patch_size),
            merge_size=fields.integer("merge_size", default.merge_size),
            mean=mean,
            std=std,
            scale=scale,
            resample=resample,
        )

    @classmethod
    def load(cls, directory: str | Path) -> Self:
        """The settings of a checkpoint directory: in processor_config.json, else in preprocessor_config.json, as in
        transformers.

        Raises:
            BadModel: there is neither, or a value cannot be used.
        """
        fields = processor_fields(Path(directory), "image_processor", SETTINGS)
        if fields is None:
            raise BadModel(
                f"{directory}: no {SETTINGS}, nor an image_processor in {PROCESSOR}; a model needs one of them"
            )
        fields.expect("image_processor_type", *IMAGE_PROCESSORS)
        read = cls.from_hf(fields, cls(PixelLimits(3_136, 1_003_520), 14, mean=CLIP_MEAN, std=CLIP_STD))
        fields.close()
        return read

    def check_fits(self, vision: VisionConfig) -> None:
        """Raise BadModel unless pictures are cut as the vision tower takes them."""
        for name in ("patch_size", "temporal_patch_size", "merge_size"):
            own, needed = getattr(self, name), getattr(vision, name)
            if own != needed:
                raise BadModel(f"the image processor's {name} is {own}, but config.json's vision tower takes {needed}")

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
            "resample": int(self.resample),
            "do_convert_rgb": True,
            "do_normalize": True,
            "do_rescale": True,
            "do_resize": True,
            "rescale_factor": self.scale,
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
    rgb = image if image.mode == "RGB" else image.convert("RGB")
    resized = rgb.resize((width, height), Image.Resampling(settings.resample))
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
    scaled = (np.arange(256, dtype=np.float64) * settings.scale).astype(np.float32)
    mean, std = np.array(settings.mean, dtype=np.float32), np.array(settings.std, dtype=np.float32)
    return (scaled - mean[:, None]) / std[:, None]


def processor_fields(directory: Path, part: str, file: str) -> Fields | None:
    """Return the fields of a processor: a part of processor_config.json (transformers 5), else a file of its own; None
    where there is neither.

    Where both are there, the first wins, as in transformers; a difference is warned about.
    """
    nested: Fields | None = None
    if (directory / PROCESSOR).is_file():
        whole = Fields(read_json(directory, PROCESSOR), str(directory / PROCESSOR))
        whole.without_effect("image_processor video_processor processor_class auto_map chat_template")
        whole.close()
        nested = whole.part(part)
    if not (directory / file).is_file():
        return nested
    own = read_json(directory, file)
    if nested is None:
        return Fields(own, str(directory / file))
    if differ := [
        key for key, value in own.items() if key in nested and nested.get(key) != value and key not in NOTES.split()
    ]:
        warn_once(f"{directory}: {PROCESSOR} is followed; {file} differs from it in {', '.join(differ[:5])}")
    return Fields(read_json(directory, PROCESSOR)[part], f"{directory / PROCESSOR}: {part}")


def _three(fields: Fields, key: str, default: tuple[float, float, float]) -> tuple[float, float, float]:
    values = fields.numbers(key, default)
    if len(values) != 3:
        fields.refuse(f"needs three numbers as {key}, got {values!r:.80}")
    return values[0], values[1], values[2]
