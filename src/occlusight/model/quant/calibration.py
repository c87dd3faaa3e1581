"""What a checkpoint is calibrated on: a few pictures, and the questions that are usually asked of them, with
answers.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

import torch
from PIL import Image

from occlusight.errors import BadPicture
from occlusight.model.chat import Chat
from occlusight.model.picture import open_picture
from occlusight.model.preprocess import PreprocessSettings, patches_of
from occlusight.model.quant.quantizer import Sample

SIDE = 256
"""Pictures are made this small: calibration wants different tokens, not many."""
TALKS = (
    (
        "Which objects are in the picture, and which of them are partly hidden?",
        "A red car, a lamp post and a bush; the post hides a strip of the car.",
    ),
    ("图中有几辆车?它们与路灯杆的位置关系是什么?", "图中有一辆红色的汽车,它在路灯杆的后面,被路灯杆遮挡了一小部分。"),
    (
        "Is the bicycle hidden by the bush, and why?",
        "Yes. The bush stands nearer to the viewer, and its leaves cover the lower part of both wheels.",
    ),
    ("哪个物体离我们最近?请说明理由。", "杯子离我们最近:它的底部在画面中最低,并且挡住了后面的书。"),
)


def calibration_samples(checkpoint: Path, pictures: Sequence[Path]) -> list[Sample]:
    """Write the talks, one a picture in turn, as the checkpoint's template does."""
    chat, settings = Chat.load(checkpoint), PreprocessSettings.load(checkpoint)
    samples = []
    for place, (question, answer) in enumerate(TALKS):
        image = open_picture(pictures[place % len(pictures)])
        image.thumbnail((SIDE, SIDE), Image.Resampling.LANCZOS)
        patches, grid = patches_of(image, settings)
        user = {"role": "user", "content": [{"type": "image"}, {"type": "text", "text": question}]}
        assistant = {"role": "assistant", "content": [{"type": "text", "text": answer}]}
        ids = chat.prompt([user, assistant], [grid], add_generation_prompt=False)
        samples.append(Sample(torch.tensor(ids), patches, grid))
    return samples


def pictures_digest(pictures: Sequence[Path]) -> str:
    """A digest of what these files hold, and of their order.

    Raises:
        BadPicture: one of them cannot be read.
    """
    digest = hashlib.sha256()
    for path in pictures:
        try:
            digest.update(hashlib.sha256(path.read_bytes()).digest())
        except OSError as error:
            raise BadPicture(f"the calibration picture {path} cannot be read ({error.strerror})") from None
    return digest.hexdigest()
