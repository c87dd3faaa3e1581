"""Videos in our engine: what the model reads of them, against transformers' own formulae, and what is known again."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from tests.conftest import draw
from transformers.models.qwen3_vl.processing_qwen3_vl import Qwen3VLProcessor
from transformers.models.qwen3_vl.video_processing_qwen3_vl import Qwen3VLVideoProcessor, smart_resize
from transformers.video_utils import VideoMetadata

from occlusight.backends.completion import Completion
from occlusight.backends.film_reader import FilmReader
from occlusight.backends.honoured import refuse_others
from occlusight.backends.local import LocalBackend
from occlusight.backends.protocol import Message, Request
from occlusight.errors import BadInput, Cancelled
from occlusight.images.film import Film, Frame
from occlusight.model.pixel_limits import PixelLimits
from occlusight.model.preprocess import PreprocessSettings
from occlusight.model.traits import Traits
from occlusight.model.video import VideoSettings, patches_of_frames, sample_frames, seconds_of_pairs, video_resize

UNCAPPED = VideoSettings(max_frame_tokens=10**6)


def film(*seeds: int, times: Sequence[float] | None = None, size: tuple[int, int] = (96, 64)) -> Film:
    seconds = times or [0.5 * number for number in range(len(seeds))]
    frames = tuple(Frame(one, draw(seed, size)) for one, seed in zip(seconds, seeds, strict=True))
    return Film(frames, seconds[-1] + 0.5, 2.0, size)


@pytest.fixture(scope="module")
def theirs() -> Qwen3VLVideoProcessor:
    """The processor of the released Qwen3-VL, which can all but resize without torchvision."""
    return Qwen3VLVideoProcessor(size={"shortest_edge": 4_096, "longest_edge": 25_165_824})


@pytest.mark.parametrize(("total", "fps"), [(90, 30.0), (25, 25.0), (3, 25.0), (10, 2.5), (9_999, 23.976), (48, 60.0)])
def test_the_same_frames_are_taken(theirs: Qwen3VLVideoProcessor, total: int, fps: float) -> None:
    expected = theirs.sample_frames(VideoMetadata(total_num_frames=total, fps=fps))
    assert sample_frames(total, fps, VideoSettings()) == expected.tolist()


@pytest.mark.parametrize("frames", [2, 5, 20, 96, 768])
@pytest.mark.parametrize("size", [(64, 96), (720, 1280), (2160, 3840), (20, 20)])
def test_frames_get_the_same_size(frames: int, size: tuple[int, int]) -> None:
    limits = VideoSettings().preprocess.limits
    most = limits.max_pixels // frames * frames
    assert video_resize(frames, *size, UNCAPPED) == smart_resize(frames, *size, 2, 32, limits.min_pixels, most)
    share = max(min(768 * 32 * 32, limits.max_pixels // frames), int(limits.min_pixels * 1.05))  # cap_pixels_per_frame
    capped = smart_resize(frames, *size, 2, 32, limits.min_pixels, share * frames)
    assert video_resize(frames, *size, VideoSettings()) == capped


@pytest.mark.parametrize("count", [4, 5])
def test_patches_are_the_same_numbers(theirs: Qwen3VLVideoProcessor, count: int) -> None:
    """Of frames that need no resizing: that alone is torchvision's there."""
    frames = [draw(seed) for seed in range(count)]
    pixels = torch.from_numpy(np.stack([np.asarray(frame) for frame in frames])).permute(0, 3, 1, 2)[None].float()
    expected, *_ = theirs.patchify((pixels / 255 - 0.5) / 0.5, 16, 2, 2)
    patches, grid = patches_of_frames(frames, VideoSettings())
    assert grid == ((count + 1) // 2, 4, 6)
    assert torch.allclose(patches, expected.reshape(patches.shape), atol=1e-6)


def test_pairs_have_the_same_times() -> None:
    for indices in ([0, 18, 36, 53, 71, 89], [0, 15, 30]):
        expected = Qwen3VLProcessor._calculate_timestamps(None, list(indices), 30.0, 2)
        assert seconds_of_pairs([index / 30 for index in indices]) == pytest.approx(expected)


def test_each_pair_is_a_picture_with_its_time_before_it(tiny_checkpoint: Path) -> None:
    backend = LocalBackend(tiny_checkpoint)
    assert backend.info.video
    prompt = backend.prompt(Request("Who hides it?", films=(film(1, 2, 3, 4, 5, times=(0, 0.1, 1, 3, 7.25)),)))
    chat = backend.chat
    text = chat.tokenizer.decode(prompt.ids, skip_special=False)
    pads = "<|vision_start|>" + 6 * "<|video_pad|>" + "<|vision_end|>"
    assert f"user\n<0.1 seconds>{pads}<2.0 seconds>{pads}<7.2 seconds>{pads}Who hides it?" in text
    assert prompt.grids == [(1, 4, 6)] * 3
    assert prompt.image_tokens == 18


def test_pictures_come_before_videos_and_what_is_known_of_pairs_is_used_again(tiny_checkpoint: Path) -> None:
    backend = LocalBackend(tiny_checkpoint)
    encoded: list[int] = []
    backend.engine.model.vision.patch_embed.register_forward_hook(lambda *_: encoded.append(1))

    def ask(shown: Film, *pictures: Image.Image, history: tuple[Message, ...] = ()) -> Completion:
        request = Request("Is it hidden?", pictures, history=history, films=(shown,), max_tokens=4)
        return Completion.of(backend.generate(request))

    first = ask(film(1, 2, 3, 4))
    assert len(encoded) == 2
    again = ask(film(1, 2, 3, 4))
    assert (len(encoded), again.text) == (2, first.text)
    longer = ask(film(1, 2, 3, 4, 5, 6))
    assert len(encoded) == 3  # the new pair alone,
    assert longer.saved.reused > 12  # and of the others keys and values are kept
    still = ask(film(7, 7, 7, 7), draw(7))
    assert len(encoded) == 4  # a picture that stands still is one
    assert still.usage.image_tokens == 18
    assert len(still.usage.pictures) == 1
    later = (Message("user", "And now?", films=(film(1, 2, 3, 4),)), Message("assistant", "Yes."))
    assert ask(film(5, 6), history=later).usage.image_tokens == 18
    assert len(encoded) == 4


def test_frames_are_as_small_as_is_asked(tiny_checkpoint: Path) -> None:
    reader = FilmReader.of(tiny_checkpoint, LocalBackend(tiny_checkpoint).chat.config.vision)
    large = film(1, 2, size=(640, 480))
    assert reader.read(large)[1].grid == (1, 30, 40)
    assert reader.read(large, "model")[1].grid == (1, 30, 40)
    small = reader.read(large, 20 * 1024)[1].grid
    assert small[1] * small[2] <= 80
    assert LocalBackend(tiny_checkpoint, max_pixels=20 * 1024).prompt(Request("?", films=large)).grids == [small]


def test_who_cannot_see_videos_says_so(tiny_checkpoint: Path, tmp_path: Path) -> None:
    two = Request("?", history=(Message("user", "?", films=(film(1, 2),)),), films=film(3, 4))
    with pytest.raises(BadInput, match="the backend x cannot honour films='2 videos'"):
        refuse_others(two, {"history"}, "the backend x")
    folder = shutil.copytree(tiny_checkpoint, tmp_path / "single")
    Traits(1, ("hides",)).save(folder)
    single = LocalBackend(folder)
    assert not single.info.video
    with pytest.raises(BadInput, match="learnt single pictures, not videos"):
        single.prompt(Request("?", films=(film(1, 2),)))
    with pytest.raises(Cancelled):
        LocalBackend(tiny_checkpoint).generate(Request("?", films=(film(1, 2),)), lambda: True)


@pytest.mark.parametrize(
    ("frames", "said"),
    [
        ((), "need times that rise"),
        ((Frame(1, draw(1)), Frame(1, draw(2))), r"it has \[1, 1\]"),
        ((Frame(-1, draw(1)),), "rise from 0"),
        ((Frame(0, draw(1)), Frame(1, draw(1, (64, 64)))), r"one size, but these are of \[\(64, 64\), \(96, 64\)\]"),
    ],
)
def test_frames_that_make_no_video_are_refused(frames: tuple[Frame, ...], said: str) -> None:
    with pytest.raises(BadInput, match=said):
        Request("?", films=(Film(frames, 1.0, None, (96, 64)),))


def test_the_limits_of_all_frames_together_hold() -> None:
    settings = VideoSettings(PreprocessSettings(PixelLimits(4_096, 200_000)))
    visuals, clip = FilmReader(settings).read(film(*range(8), size=(640, 480)))
    assert len(visuals) == clip.grid[0] == 4
    assert 8 * clip.grid[1] * clip.grid[2] * 256 <= 200_000
