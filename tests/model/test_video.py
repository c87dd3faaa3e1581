"""Clips: times against hand-computed cases, sampling and sizes against transformers' formulas, patches pair by pair."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from occlusight.errors import BadInput, BadModel, BadPicture
from occlusight.model.pixel_limits import PixelLimits
from occlusight.model.preprocess import PreprocessSettings, patches_of_array
from occlusight.model.video import Clip, VideoSettings, pair_seconds, patches_of_frames, sample_frames, video_resize

SMALL = VideoSettings(PreprocessSettings(PixelLimits(4096, 10**7), patch_size=8))


@pytest.mark.parametrize(
    ("total", "fps", "indices"),
    [
        (90, 30.0, [0, 18, 36, 53, 71, 89]),  # 3 s at 2 a second
        (25, 25.0, [0, 8, 16, 24]),  # 1 s would be 2 frames; at least 4
        (3, 25.0, [0, 1, 2]),  # no more than there are
        (1, 25.0, [0]),
        (10, 2.5, [0, 1, 3, 4, 5, 6, 8, 9]),
    ],
)
def test_frames_are_spread_evenly(total: int, fps: float, indices: list[int]) -> None:
    assert sample_frames(total, fps, SMALL) == indices


def test_long_clips_are_cut_to_the_most_frames() -> None:
    indices = sample_frames(100_000, 25.0, SMALL)
    assert len(indices) == 768
    assert (indices[0], indices[-1]) == (0, 99_999)


def test_the_time_of_a_pair_is_the_mean_of_its_frames() -> None:
    assert pair_seconds([0, 15, 30, 45], 30.0) == (0.25, 1.25)
    assert pair_seconds([0, 15, 30], 30.0) == (0.25, 1.0)  # the odd frame is its own partner
    assert pair_seconds([0, 18, 36, 53, 71, 89], 30.0) == pytest.approx((0.3, 1.48333, 2.66667), abs=1e-4)
    assert pair_seconds([10], 4.0) == (2.5,)


@pytest.mark.parametrize(
    ("frames", "height", "width", "size"),
    [
        (4, 96, 160, (96, 160)),
        (4, 8, 100, (16, 192)),  # first enlarged to 16 x 200, then 25 -> 12 pairs of blocks: round(200 / 16) = 12
        (2, 20, 20, (48, 48)),  # 800 pixels are too few: each side times sqrt(4096 / 800), rounded up
        (2, 2000, 2000, (432, 432)),  # 768 tokens of 16 x 16 a frame: 196,608 pixels
    ],
)
def test_sizes_by_hand(frames: int, height: int, width: int, size: tuple[int, int]) -> None:
    assert video_resize(frames, height, width, SMALL) == size


def test_all_frames_share_the_limit() -> None:
    settings = VideoSettings(PreprocessSettings(PixelLimits(1, 100_000), patch_size=8))
    height, width = video_resize(10, 300, 400, settings)
    assert 10 * height * width <= 100_000 < 10 * (height + 16) * (width + 16)


def test_patches_hold_both_frames_of_a_pair() -> None:
    rng = np.random.default_rng(0)
    frames = [Image.fromarray(rng.integers(0, 256, (64, 96, 3), dtype=np.uint8)) for _ in range(3)]
    patches, grid = patches_of_frames(frames, SMALL)
    assert grid == (2, 8, 12)
    stills = [patches_of_array(np.asarray(frame)[None], SMALL.preprocess) for frame in frames]
    still = [patch.view(-1, 3, 2, 64) for patch in stills]  # a still picture fills both frames
    got = patches.view(2, -1, 3, 2, 64)
    for pair, (first, second) in enumerate([(0, 1), (2, 2)]):
        assert torch.equal(got[pair][:, :, 0], still[first][:, :, 0])
        assert torch.equal(got[pair][:, :, 1], still[second][:, :, 0])


def test_settings_are_read_or_follow_the_pictures(tmp_path: Path) -> None:
    (tmp_path / "preprocessor_config.json").write_text(
        json.dumps({"patch_size": 8, "image_mean": [0.5] * 3, "image_std": [0.5] * 3})
    )
    assert VideoSettings.load(tmp_path) == VideoSettings(PreprocessSettings(PixelLimits(4096, 25_165_824), 8))
    config = {"patch_size": 16, "size": {"shortest_edge": 5, "longest_edge": 6}, "fps": 4, "max_frames": 32}
    (tmp_path / "video_preprocessor_config.json").write_text(json.dumps(config))
    read = VideoSettings.load(tmp_path)
    assert (read.preprocess.limits, read.fps, read.min_frames, read.max_frames) == (PixelLimits(5, 6), 4.0, 4, 32)
    nested = {"video_processor": {**config, "fps": 1, "max_video_tokens": 5}}
    (tmp_path / "processor_config.json").write_text(json.dumps(nested))
    assert (VideoSettings.load(tmp_path).fps, VideoSettings.load(tmp_path).max_frame_tokens) == (1.0, 5)
    (tmp_path / "processor_config.json").unlink()
    (tmp_path / "video_preprocessor_config.json").write_text(json.dumps({**config, "num_frames": 8}))
    with pytest.raises(BadModel, match="num_frames is not supported"):
        VideoSettings.load(tmp_path)
    (tmp_path / "video_preprocessor_config.json").write_text("{")
    with pytest.raises(BadModel, match="not valid JSON"):
        VideoSettings.load(tmp_path)


def test_clips_that_cannot_be_are_refused() -> None:
    with pytest.raises(BadInput, match="0 frames at 25"):
        sample_frames(0, 25.0, SMALL)
    with pytest.raises(BadInput, match="frame rate"):
        sample_frames(10, 0.0, SMALL)
    with pytest.raises(BadInput, match="needs as many times, got 1"):
        Clip((2, 4, 4), (0.5,))
    with pytest.raises(BadInput, match="one size"):
        patches_of_frames([Image.new("RGB", (64, 64)), Image.new("RGB", (64, 32))], SMALL)
    with pytest.raises(BadInput, match="got 0 frames"):
        patches_of_frames([], SMALL)
    with pytest.raises(BadPicture, match="too narrow"):
        video_resize(2, 20, 5000, SMALL)
