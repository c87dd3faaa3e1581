"""What the rules gain where a model is wrong at random: the figures of docs/rules.md.

python -m benchmarks.noisy_graphs [--repeats 5]

The truth of each scene of occlusion-50 is told with log-odds of 2 for what is so and -2 for what is not, and with noise
on them; boxes are those of what is visible.
"""

from __future__ import annotations

import argparse
import json
import math
from dataclasses import replace

import numpy as np

from occlusight.datasets.dataset import open_set
from occlusight.occlusion.facts import Facts
from occlusight.occlusion.graph import Graph, Relation
from occlusight.reasoning.rules.check import check
from occlusight.reasoning.rules.observed import Observed
from occlusight.reasoning.rules.places import meet

SURE = 2.0  # log-odds
NOISE = (1.0, 2.0, 3.0)  # standard deviations on them


def told(graph: Graph, noise: float, rng: np.random.Generator) -> tuple[Graph, set[tuple[str, str]]]:
    """Return a scene as a noisy model tells it, and which pairs are true; doubtful ones are left out of both."""
    facts = Facts(graph)
    seen = [o for o in graph.objects if o.visible_fraction > 0 and o.seen == "direct"]
    relations, true = [], set()
    for a in seen:
        for b in seen:
            hides = facts.hides(a.id, b.id)
            if a is b or hides is None or not meet(a.box, b.box):
                continue
            p = 1 / (1 + math.exp(-(SURE if hides else -SURE) - float(rng.normal(0, noise))))
            relations.append(Relation(a.id, b.id, "partial", 0.0, "unknown", probability=p, raw_probability=p))
            if hides:
                true.add((a.id, b.id))
    objects = tuple(replace(o, touches_ground_at=None, supported_by=None, amodal_box=o.box) for o in seen)
    return Graph(graph.width, graph.height, objects, tuple(relations)), true


def f1(found: int, said: int, true: int) -> float:
    """Return F1 from how many were found, said and true."""
    return 2 * found / (said + true) if said + true else 1.0


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=5)
    repeats = parser.parse_args().repeats
    scenes = list(open_set("occlusion-50").scenes.values())
    for noise in NOISE:
        rng = np.random.default_rng(0)
        counts = {"without": np.zeros(3, int), "with": np.zeros(3, int)}
        lost = right = 0
        for scene in scenes * repeats:
            graph, true = told(scene.graph, noise, rng)
            pairs = {(r.occluder, r.occluded): r.probability or 0.0 for r in graph.relations}
            before = {pair for pair, p in pairs.items() if p >= 0.5}
            after = {(r.occluder, r.occluded) for r in check(Observed(graph), budget_s=5).graph.relations}
            for name, said in (("without", before), ("with", after & pairs.keys())):
                counts[name] += (len(said & true), len(said), len(true))
            good = {pair for pair in pairs if (pair in before) == (pair in true)}
            right += len(good)
            lost += sum((pair in after) != (pair in true) for pair in good)
        print(
            json.dumps(
                {
                    "noise": noise,
                    "graphs": len(scenes) * repeats,
                    "f1_without_rules": round(f1(*counts["without"]), 4),
                    "f1_with_rules": round(f1(*counts["with"]), 4),
                    "right_decisions_that_rules_changed": round(lost / right, 4),
                }
            ),
            flush=True,
        )


if __name__ == "__main__":
    main()
