"""A backend of known answers, for tests of what browsers do with them."""

from __future__ import annotations

import time
from collections.abc import Iterator

from occlusight.backends.events import Done, Event, PictureUse, TextDelta, Timings, Usage
from occlusight.backends.protocol import Backend, CancelCheck, ModelInfo, Request
from occlusight.serve.page.words import all_words

ZH = "图中有几辆车?它们与路灯杆的位置关系是什么?"
EN = "How many cars are there, and where are they relative to the lamp post?"
REPLIES = {
    ZH: "图中有一辆红色轿车,它在路灯杆后面。路灯杆遮挡了它的中间部分,所以路灯杆更近。",
    EN: "There is one red car, behind the lamp post. The post hides part of its middle, so the post is nearer.",
}
EN_WORDS, ZH_WORDS = all_words()["en"], all_words()["zh"]


class Replies(Backend):
    """Known answers, a character at a time; others repeat the question."""

    info = ModelInfo("default", "r", 4096, dtype="float32")

    def __init__(self) -> None:
        self.requests: list[Request] = []

    def generate(self, request: Request, cancelled: CancelCheck | None = None) -> Iterator[Event]:
        self.requests.append(request)
        text = REPLIES.get(request.prompt, f"You asked: {request.prompt}")
        for character in text:
            time.sleep(0.002)
            yield TextDelta(character)
        use = PictureUse(14, 18, 252, (576, 448), (576, 448))
        yield Done("stop", Usage(280, len(text), 256, (use,)), Timings(0.42, 0.1, 0.52, len(text) * 0.005))
