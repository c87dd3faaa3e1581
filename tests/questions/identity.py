"""What questions are, byte for byte: digests of everything that is asked, answered, worded and scored about stored
graphs.

As a script it compares two working trees on one machine, one process a tree:

    python tests/questions/identity.py --draw 50 graphs.jsonl            draw 50 graphs of each family of scenes
    python tests/questions/identity.py --graphs graphs.jsonl OLD NEW     compare what two trees ask about them; 1 where
    they differ

The graphs are drawn once, so the trees are asked about the same ones. `tests/questions/test_identity.py` holds the
digests of a few.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from functools import cache
from importlib import import_module
from importlib.resources import files
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from tests.occlusion.graphs import NAMES, random_graph

from occlusight.occlusion.graph import Character, Inscription, SecondView

HERE = Path(__file__).parent
TREE = HERE.parents[1]
STORED = HERE / "graphs.jsonl"
MODULES = {  # today's name, and that of older trees
    "ask": ("questions.question", "occlusion.questions"),
    "balanced": ("scenes.make.balanced_quiz", "scenes.balanced_quiz"),
    "plan": ("scenes.make.plan", "scenes.plan"),
    "catalogue": ("scenes.meshes.catalogue", "scenes.catalogue"),
    "names": ("scenes.meshes.names", "scenes.names"),
    "vocabulary": ("reading.mentions", "occlusion.parse"),
    "facts": ("occlusion.facts", "occlusion.facts"),
    "graph": ("occlusion.graph", "occlusion.graph"),
    "paraphrase": ("bench.paraphrase", "bench.paraphrase"),
    "scorers": ("bench.scorers", "bench.scorers"),
}
KINDS = ("recognition", "occlusion", "explanation", "position", "count", "nearest", "farthest", "hidden_part")
KINDS += ("who_hides", "remove", "depth_pair", "through", "mirrored", "mirror_shows", "unknown", "viewpoint")
KINDS += ("characters", "character", "whole_text", "covers_text")
RANDOM = 8  # graphs of boxes at random
CHARACTERS = ("OPEN", "阳光药店", "EXIT")
WRONG = (
    "",
    "No idea.",
    "Yes.",
    "没有。",
    "The red car, on the left.",
    "两个,左边。",
    "3",
    "Nothing.",
    "It cannot be told.",
)
Line = dict[str, Any]


@cache
def module(name: str) -> ModuleType:
    """Import a module by what it is called today or was called before."""
    for path in MODULES[name]:
        try:
            return import_module(f"occlusight.{path}")
        except ModuleNotFoundError:
            continue
    raise ModuleNotFoundError(f"none of {MODULES[name]}")


@cache
def names() -> Mapping[str, Any]:
    """The names of every kind that scenes are made of."""
    return {**NAMES, **module("names").names_of(module("catalogue").full_catalogue())}


def facts_of(line: Line) -> Any:
    """What is true of a stored graph."""
    return module("facts").Facts(module("graph").Graph.from_json(line["graph"]))


def lines_of(path: Path) -> list[Line]:
    """Read JSON Lines."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def digest(lines: Iterable[Any]) -> str:
    """SHA-256 of lines of JSON, in short."""
    found = hashlib.sha256()
    for line in lines:
        found.update((json.dumps(line, ensure_ascii=False) + "\n").encode())
    return found.hexdigest()[:16]


def shipped(name: str) -> list[Line]:
    """The lines of a file of the set that comes with the package."""
    return lines_of(Path(str(files("occlusight") / "sets" / "occlusion-50" / name)))


def regenerated() -> Iterator[Line]:
    """The questions of occlusion-50, asked again about its graphs."""
    plan = module("plan").named_set("occlusion-50")
    scenes = [facts_of(line) for line in shipped("scenes.jsonl")]
    own = module("names").names_of(module("catalogue").whole_catalogue())  # what the set is made of: no signs
    for questions in module("balanced").balanced_quiz(plan, range(plan.count), scenes, own):
        yield from (q.to_json() for q in questions)


def balanced(family: str, recipe: str, lines: list[Line]) -> Iterator[Line]:
    """The balanced questions of a set of these scenes."""
    plans = module("plan")
    plan = getattr(plans, "DatasetPlan", None) or plans.Plan  # its name in older trees
    plan = plan((recipe,), 7, len(lines), balanced=True)
    for questions in module("balanced").balanced_quiz(plan, range(len(lines)), [facts_of(g) for g in lines], names()):
        yield from (q.to_json() for q in questions)


def drawn(lines: list[Line]) -> list[tuple[Any, Any]]:
    """Facts and questions of every kind about each graph, the same in both languages."""
    found = []
    for i, line in enumerate(lines):
        facts = facts_of(line)
        for lang in ("zh", "en"):
            rng = np.random.default_rng([7, i])
            asked = module("ask").ask(facts, names(), rng, lang, KINDS, 4, scene=f"{line['family']}-{i}", image="i")
            found += [(facts, q) for q in asked]
    return found


def scored(asked: list[tuple[Any, Any]]) -> Iterator[list[Any]]:
    """Every reply and paraphrase scored, and replies that belong to other questions, and texts that say little."""
    words: dict[int, Any] = {}
    for i, (facts, q) in enumerate(asked):
        known = words.setdefault(id(facts), module("vocabulary").Vocabulary(names(), facts))
        others = [asked[(i + step) % len(asked)][1].reply for step in (1, 2, 5)]
        own = module("paraphrase").paraphrases(q, facts, names())
        yield [q.id, own]
        texts = (q.reply, own[i % len(own)], *others, WRONG[i % len(WRONG)])
        for text, reason in (*((text, "stop") for text in texts), (q.reply, "length"), ("", "error")):
            s = module("scorers").score(q, text, reason, known)
            yield [s.value, s.outcome, repr(s.extracted), s.reason, repr(s.details)]


def random_lines() -> list[Line]:
    """Boxes at random; on some of them are texts, partly hidden, and a second camera sees half of what is hidden."""
    lines = []
    for i in range(RANDOM):
        rng = np.random.default_rng(i)
        graph = random_graph(rng, 5 + i % 5)
        at = [o.box for o in graph.objects]
        cells = [tuple(int(v) for v in (x, y, x + 30, y + 40)) for x, y, _, _ in at]
        texts = [
            Inscription(
                f"o{k}",
                CHARACTERS[k],
                tuple(
                    Character(c, cells[k], share, f"o{k + 1}" if share < 1 else None)
                    for c, share in zip(CHARACTERS[k], rng.choice([0.0, 1.0, 1.0], 4).tolist(), strict=True)
                ),
            )
            for k in range(3)
        ]
        view = SecondView("left", 40, {o.id: 1.0 for o in graph.objects}, graph.relations[::2])
        graph = replace(graph, inscriptions=tuple(texts), views=(view,))
        lines.append({"family": "random", "graph": graph.to_json()})
    return lines


def digests(graphs: Path = STORED) -> dict[str, str]:
    """Return a digest of each part: what the shipped set asks, and what is asked and scored about each family's
    graphs."""
    found = {"occlusion-50": digest(regenerated())}
    families: dict[str, list[Line]] = {"random": random_lines()}
    for line in lines_of(graphs):
        families.setdefault(line["family"], []).append(line)
    for family, lines in families.items():
        asked = drawn(lines)
        found[f"{family}: {len(asked)} questions"] = digest(q.to_json() for _, q in asked)
        found[f"{family}: scores"] = digest(scored(asked[::3]))
        if family in ("free", "random", "targeted"):
            recipe = lines[0].get("recipe", "street")
            found[f"{family}: balanced"] = digest(balanced(family, recipe, lines))
    return found


def draw(count: int, out: Path) -> None:
    """Write `count` graphs of each family of scenes to `out`, one after the other; those of clips are a frame of each
    of so many clips."""
    from occlusight.scenes.make.clips import clip_frame
    from occlusight.scenes.make.graph_pool import graphs_of
    from occlusight.scenes.make.plan import DatasetPlan as Plan
    from occlusight.scenes.make.signs import sign_scene
    from occlusight.scenes.meshes.catalogue import full_catalogue, load_catalogue, whole_catalogue
    from occlusight.scenes.recipes.clips import CLIPS
    from occlusight.scenes.recipes.free import SETTINGS
    from occlusight.scenes.recipes.signs import SIGNS
    from occlusight.scenes.recipes.targeted import STAGES

    free, targeted = Plan(tuple(SETTINGS), 7, count, 112, 1), Plan(STAGES, 7, count, 112, 1)
    signs, clips = Plan(SIGNS, 7, count, 112, 1), Plan(CLIPS, 7, 8 * count, 112, 1, frames=8)
    families: dict[str, Callable[[int], tuple[str, Any]]] = {
        "free": lambda i: (free.recipe(i), graphs_of(free, i, load_catalogue())[0]),
        "targeted": lambda i: (targeted.recipe(i), graphs_of(targeted, i, whole_catalogue())[0]),
        "signs": lambda i: (signs.recipe(i), sign_scene(signs.slot(i), full_catalogue()).graph),
        "clips": lambda i: (clips.recipe(8 * i), clip_frame(clips.slot(8 * i + i % 8), 8).graph),
    }
    with out.open("w", encoding="utf-8") as file:
        for family, drawn in families.items():
            for i in range(count):
                recipe, graph = drawn(i)
                line = {"family": family, "recipe": recipe, "graph": graph.to_json()}
                file.write(json.dumps(line, ensure_ascii=False) + "\n")
                file.flush()


def compare(trees: list[Path], graphs: Path) -> int:
    """Print the digests of each tree side by side; return how many differ."""
    found = []
    for tree in trees:
        environment = {**os.environ, "PYTHONPATH": f"{tree / 'src'}{os.pathsep}{TREE}"}
        command = [sys.executable, str(Path(__file__).resolve()), "--graphs", str(graphs.resolve())]
        done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True, cwd=tree)
        found.append(json.loads(done.stdout))
    differing = 0
    for part in dict.fromkeys(part for one in found for part in one):
        values = [one.get(part, "-") for one in found]
        differing += len(set(values)) > 1
        print(f"{'same' if len(set(values)) == 1 else 'DIFFERENT':10} {part:32} {' '.join(values)}")
    return differing


def main() -> int:
    """Draw graphs, print the digests of this tree, or compare trees."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--graphs", type=Path, default=STORED)
    parser.add_argument("--draw", type=int, metavar="COUNT")
    parser.add_argument("trees", type=Path, nargs="*")
    options = parser.parse_args()
    if options.draw:
        draw(options.draw, options.trees[0])
        return 0
    if options.trees:
        return compare(options.trees, options.graphs)
    print(json.dumps(digests(options.graphs), indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
