"""How probable an answer about a clip is: by the best story in which it would be another answer."""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from occlusight.reasoning.pairs import Pair
from occlusight.reasoning.rules import solver
from occlusight.reasoning.rules.program import HUNDREDTHS, SUREST
from occlusight.reasoning.tracking.timeline import Sighting, Story, program_of, text

LONGEST_S = 1.0
"""Seconds for the rival of a story."""
Run: TypeAlias = tuple[str, str, int, int]


@dataclass(frozen=True)
class Hidings:
    """An answer about who is wholly hidden by whom.

    says: which pairs there are, how many hidings, or when they begin and end (a frame more or less is the same answer)
    asked: (what hides, what it hides) of all pairs that could have been the answer
    told: (what hides, what it hides, first frame, frame after the last) of those that are
    """

    says: Literal["pairs", "number", "times"]
    asked: tuple[Pair, ...]
    told: tuple[Run, ...] = ()

    def rules(self) -> Iterator[str]:
        """Yield a program that has the stories alone in which the answer is another one."""
        yield f"of_{self.says}. number({len(self.told)}).\n"
        yield from (f'asked("{occluded}","{occluder}").\n' for occluder, occluded in self.asked)
        yield from (f'told("{of}","{by}",{first},{after}).\n' for by, of, first, after in self.told)
        yield text("claims.lp")


@dataclass(frozen=True)
class Place:
    """An answer about where a thing is in a frame: `seen`, `behind o2` or `out`."""

    id: str
    frame: int
    where: str

    def rules(self) -> Iterator[str]:
        """See `Hidings.rules`."""
        state, _, by = self.where.partition(" ")
        others = f',"{by}"' if by else ""
        yield f':- {state}("{self.id}"{others},{self.frame}).\n'


Claim: TypeAlias = Hidings | Place


def probability(sightings: Sequence[Sighting], told: Story, claims: Iterable[Claim]) -> tuple[float, bool]:
    """Return how probable it is that all claims of an answer hold, and whether that was proved in time.

    p = 1 / (1 + exp((C - C') / 100))

    C is the cost of the most probable story, in hundredths of log-odds (`timeline.lp`: what the frames say, and how
    rare happenings are), C' that of the most probable one in which the claim does not hold. A claim that holds in all
    stories has the greatest probability that anything has (`SUREST`); of several claims the least counts. Where the
    time is up before it is proved, there may be a better rival, and the probability is too high.
    """
    least, proved = SUREST, told.optimal
    for claim in claims:
        found = solver.solve(program_of(sightings) + "".join(claim.rules()), time.monotonic() + LONGEST_S)
        if found is not None:
            margin = max(0, found.cost - told.cost) / HUNDREDTHS
            least, proved = min(least, 1 / (1 + math.exp(-margin))), proved and found.optimal
    return least, proved
