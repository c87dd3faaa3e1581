"""A thing that somebody outlined in a picture."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Mask = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Thing:
    """What was outlined: `seen` (H, W) is what can be seen of it, `whole` (H, W) all of it; None where only what is
    seen was outlined.

    `named` says whether questions may name it. `colour` is a key of the catalogue's colours, `distance` in metres.
    """

    name: str
    seen: Mask
    whole: Mask | None = None
    named: bool = True
    colour: str | None = None
    distance: float | None = None

    @property
    def extent(self) -> Mask:
        """All of it as far as it was outlined."""
        return self.seen if self.whole is None else self.whole
