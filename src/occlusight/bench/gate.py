"""A gate for continuous integration: is a run as good as it must be?"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from occlusight.bench.record import Finished
from occlusight.errors import BadInput

SHORT = {
    "occlusion": "occlusion_balanced_accuracy",
    "recognition": "recognition_f1",
    "position": "position_accuracy",
    "explanation": "explanation_plausible",
    "contradiction": "contradiction_rate",
    "flip": "flip_rate",
    "ece": "calibration.ece",
}
"""Short names for the headline numbers; any number of scores.json may be named by its path, such as
by_lang.zh.pair_f1."""


@dataclass(frozen=True)
class Bound:
    """One condition: `name` at least or at most `value`."""

    name: str
    value: float
    least: bool

    @classmethod
    def parse(cls, text: str, least: bool) -> Bound:
        """Read "occlusion=0.9". Raises BadInput."""
        match = re.fullmatch(r"([\w.-]+)=(\d+(?:\.\d+)?|\.\d+)", text.strip())
        if match is None:
            option = "--min" if least else "--max"
            raise BadInput(f"{option} takes NAME=NUMBER, such as occlusion=0.9, but {text!r} was given")
        return cls(match.group(1), float(match.group(2)), least)

    def broken_by(self, scores: dict[str, Any]) -> str | None:
        """Return why the condition does not hold, None where it does. Raises BadInput for a name that is not in the
        scores.

        A number that could not be measured (no question bears on it) does not hold: silence is no pass.
        """
        path = SHORT.get(self.name, self.name)
        found: Any = scores
        for key in path.split("."):
            if not isinstance(found, dict) or key not in found:
                raise BadInput(
                    f"scores.json has no number {path!r}; short names are {', '.join(SHORT)}, and any path such "
                    "as by_lang.zh.pair_f1 works"
                )
            found = found[key]
        if found is None:
            return f"{self.name} could not be measured: no question of this run bears on it"
        if not isinstance(found, (int, float)) or isinstance(found, bool):
            raise BadInput(f"{path!r} in scores.json is not a number but a {type(found).__name__}")
        if self.least and found < self.value:
            return f"{self.name} is {found:g}, below the {self.value:g} that is asked for"
        if not self.least and found > self.value:
            return f"{self.name} is {found:g}, above the {self.value:g} that is allowed"
        return None


def check(run: Finished, bounds: Sequence[Bound]) -> list[str]:
    """Return every reason why a run does not pass. Raises BadInput without any condition."""
    if not bounds:
        raise BadInput("nothing to check: give --min NAME=NUMBER or --max NAME=NUMBER, as often as needed")
    reasons = [reason for bound in bounds if (reason := bound.broken_by(run.scores)) is not None]
    if failed := run.scores["failed"]:
        reasons.append(f"{failed} questions failed and are in no number; run bench run again to ask them")
    return reasons
