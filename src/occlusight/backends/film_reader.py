"""From a video that a user gives to what the engine reads: a picture of every pair of frames, and their times."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from occlusight.backends.options import MaxPixels
from occlusight.engine.prompt import Visual
from occlusight.images.film import Film
from occlusight.model.config import VisionConfig
from occlusight.model.video import Clip, VideoSettings, patches_of_frames, seconds_of_pairs


@dataclass(frozen=True)
class FilmReader:
    """Reads videos as a checkpoint's own settings say."""

    settings: VideoSettings

    @classmethod
    def of(cls, checkpoint: Path, vision: VisionConfig) -> FilmReader:
        """Read the settings. Raises BadModel where they cannot be used."""
        settings = VideoSettings.load(checkpoint)
        settings.preprocess.check_fits(vision)
        return cls(settings)

    def within(self, max_pixels: MaxPixels) -> VideoSettings:
        """Return the settings where a frame has at most so many pixels."""
        if not isinstance(max_pixels, int):
            return self.settings
        tokens = max(1, max_pixels // self.settings.preprocess.factor**2)
        return replace(self.settings, max_frame_tokens=min(self.settings.max_frame_tokens, tokens))

    def read(self, film: Film, max_pixels: MaxPixels = None) -> tuple[list[Visual], Clip]:
        """Resize and cut a video: each pair of frames is a picture of its own, so that what is known of one is known
        again in another video, or where nothing moves. Raises BadPicture for frames that are too narrow.
        """
        settings = self.within(max_pixels)
        patches, (pairs, rows, columns) = patches_of_frames([frame.image for frame in film.frames], settings)
        visuals = [Visual.of(own.contiguous(), (1, rows, columns)) for own in patches.chunk(pairs)]
        seconds = seconds_of_pairs([frame.seconds for frame in film.frames], settings.preprocess.temporal_patch_size)
        return visuals, Clip((pairs, rows, columns), seconds)
