"""The oracle: answers known questions about known pictures from the truth. What it does not reach, a scorer gets
wrong."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from occlusight.backends.protocol import ModelInfo, Request
from occlusight.backends.scripted import Scripted
from occlusight.errors import BadInput

Known = Mapping[tuple[Path | str, ...], str]  # (resolved pictures, question) -> true answer


class Oracle(Scripted):
    """Answers by picture and question. Raises BadInput for a question that it does not know."""

    def __init__(self, known: Known) -> None:
        super().__init__(self.look_up, name="oracle")
        self.known = known

    @property
    def info(self) -> ModelInfo:
        """The truth itself."""
        return ModelInfo(name=self.name, revision="truth", context=2**20, dtype="none")

    def look_up(self, request: Request) -> str:
        """Return the true answer."""
        paths = [picture.resolve() for picture in request.pictures if isinstance(picture, Path)]
        found = self.known.get((*paths, request.prompt))
        if found is not None:
            return found
        raise BadInput(
            f"the oracle knows the questions of its data set alone, and {request.prompt!r} on these pictures is not one"
        )
