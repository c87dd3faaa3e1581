"""The public benchmarks by name: how to read each one's local copy, and where its data is to be had."""

from __future__ import annotations

import pickle
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from occlusight.backends.options import SamplingParams
from occlusight.backends.protocol import Backend, Request
from occlusight.bench.asking import RunRequest, ask_all
from occlusight.bench.costs import costs
from occlusight.bench.public import choices, orders, statements
from occlusight.bench.public.items import Item, read_answer, score
from occlusight.bench.record import Progress, Record, surroundings
from occlusight.bench.run import described
from occlusight.bench.scorers import CUT, ERROR, NO_ANSWER, RIGHT, WRONG, Score
from occlusight.bench.settings import Settings
from occlusight.bench.statistics import f1, precision, rate, recall
from occlusight.errors import BadData, BadInput
from occlusight.files.text import is_file, shown

UNFIT = (LookupError, TypeError, ValueError, AttributeError, ArithmeticError, OSError, EOFError, pickle.PickleError)
"""What reading data of another shape raises."""


@dataclass(frozen=True)
class Benchmark:
    """`needs` is a file pattern that shows whether the data is there, `source` says where to get it."""

    read: Callable[[Path], Iterator[Item]]
    needs: str
    source: str


ASKED_FOR = {
    "choice": "which choice",
    "boolean": "yes or no",
    "pair": "yes or no",
    "number": "one number",
    "text": "anything",
    "box": "one box",
}
BENCHMARKS: dict[str, Benchmark] = {
    "o-bench": Benchmark(choices.o_bench, "*.json*", "its authors (announced with arXiv 2508.04059)"),
    "capture": Benchmark(statements.capture, "*.json", "https://huggingface.co/datasets/atinp/CAPTURe"),
    "whatsup": Benchmark(choices.whats_up, "*.json", "https://github.com/amitakamath/whatsup_vlms"),
    "vsr": Benchmark(
        statements.vsr,
        "*.jsonl",
        "https://github.com/cambridgeltl/visual-spatial-reasoning (data/splits/random/, pictures of COCO 2017)",
    ),
    "cv-bench": Benchmark(
        choices.cv_bench, "test*.jsonl", "https://huggingface.co/datasets/nyu-visionx/CV-Bench (saved as JSON Lines)"
    ),
    "blink": Benchmark(
        choices.blink,
        "*.jsonl",
        "https://huggingface.co/datasets/BLINK-Benchmark/BLINK (Relative_Depth, saved as JSON Lines)",
    ),
    "embspatial": Benchmark(
        choices.emb_spatial, "embspatial*.json*", "https://huggingface.co/datasets/FlagEval/EmbSpatial-Bench"
    ),
    "refcoco+": Benchmark(
        statements.refcoco_plus, "refs*.p", "https://github.com/lichengunc/refer, and COCO train2014"
    ),
    "gqa": Benchmark(
        statements.gqa, "*_balanced_questions.json", "https://cs.stanford.edu/people/dorarad/gqa/download.html"
    ),
    "nlvr2": Benchmark(statements.nlvr2, "*.json", "https://lil.nlp.cornell.edu/nlvr (the pictures on request)"),
    "instaorder": Benchmark(
        orders.insta_order, "InstaOrder_val2017.json", "https://github.com/POSTECH-CVLab/InstaOrder, and COCO 2017"
    ),
    "cocoa": Benchmark(
        orders.cocoa, "COCO_amodal_val2014*.json", "https://github.com/Wakeupbuddy/amodalAPI, and COCO val2014"
    ),
}


def read(name: str, folder: Path, limit: int | None = None) -> list[Item]:
    """Read a benchmark from its local copy. Raises BadInput for an unknown one, BadData with its source where the data
    is absent."""
    if name not in BENCHMARKS:
        raise BadInput(f"the public benchmarks are {', '.join(BENCHMARKS)}, but {name!r} was given")
    benchmark = BENCHMARKS[name]
    if not folder.is_dir() or not any(folder.glob(benchmark.needs)):
        raise BadData(
            f"{folder} does not hold {name} (no {benchmark.needs}); its data is to be had from {benchmark.source}"
        )
    items = []
    try:
        for item in benchmark.read(folder):
            missing = [p for p in item.pictures if isinstance(p, Path) and not is_file(p)]
            if missing:
                raise BadData(f"{name}: the picture {missing[0]} is missing; get the pictures from {benchmark.source}")
            items.append(item)
            if len(items) == limit:
                break
    except BadInput:
        raise
    except UNFIT as error:
        raise BadData(
            f"{folder}: not the format of {name} ({type(error).__name__}: {shown(str(error))}); get it from "
            f"{benchmark.source}"
        ) from error
    if not items:
        raise BadData(f"{folder} holds no question of {name}; get it from {benchmark.source}")
    return items


def run(
    backend: Backend,
    items: list[Item],
    out: Path,
    max_tokens: int = 64,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Ask every item and return the scores; answers are saved as they come, and an interrupted run resumes.

    `scored.jsonl` has what was read from each answer, its raw text and the reason for its score, `costs.json` what the
    answers took.

    Raises BadInput where `out` holds a run of another model or other questions, or another process writes it,
    OcclusightError when too many answers in a row fail.
    """
    settings = Settings(sampling=SamplingParams(max_tokens=max_tokens), certainty=False)
    about = {
        "model": asdict(backend.info),
        "backend": described(backend),
        "settings": settings.to_json(),
        **surroundings(),
    }
    asked = [request_for(item, settings) for item in items]
    with Record(out).held() as record:
        known = record.begin(about)
        for one in asked:
            if one.id in known and known[one.id].get("question") != one.about["question"]:
                raise BadInput(
                    f"{out} holds answers to other questions (another one is called {one.id!r}); give another --out"
                )
        ask_all(backend, asked, known, record, together=settings.together, progress=progress)
        record.settle(one.id for one in asked)
        scored = {item.id: judge(item, known[item.id]["answer"], known[item.id]["finish_reason"]) for item in items}
        record.write(record.out / "scored.jsonl", [{"id": id, **asdict(one)} for id, one in scored.items()])
        record.write_document("costs.json", costs(record.read(record.timings), {one.id: one.group for one in asked}))
        result = {"model": backend.info.name, "revision": backend.info.revision, **summarise(items, scored)}
        record.write_document("scores.json", result)
    return result


def request_for(item: Item, settings: Settings) -> RunRequest:
    """Return what is asked of an item; those about the same picture files are one group."""
    paths = [str(picture) for picture in item.pictures if isinstance(picture, Path)]
    group = "\n".join(paths) if paths and len(paths) == len(item.pictures) else item.id
    request = Request(item.prompt, item.pictures, settings.system, sampling=settings.sampling)
    return RunRequest(group, request, {"id": item.id, "question": item.prompt})


def judge(item: Item, answer: str, finish_reason: str) -> Score:
    """Score one answer; its value is that of `items.score`. What was cut is read as far as it says anything; an error
    has no value."""
    if finish_reason == "error":
        return Score(None, ERROR, None, answer, "the backend failed")
    said = read_answer(item, answer)
    value = score(item, said)
    if said is None:
        cut = finish_reason == "length"
        outcome, reason = (CUT, "the answer was cut before it said") if cut else (NO_ANSWER, "the text does not say")
        return Score(value, outcome, None, answer, f"{reason} {ASKED_FOR[item.scoring]}")
    right = value == (0.0 if item.scoring == "number" else 1.0)
    return Score(value, RIGHT if right else WRONG, said, answer, "agrees" if right else f"the truth is {item.truth}")


def summarise(items: list[Item], scored: dict[str, Score]) -> dict[str, Any]:
    """Return accuracy (mean error for numbers) by group with intervals clustered by picture, F1 for pairs, and what
    could not be read.

    Answers that failed count nowhere.
    """
    rows: dict[str, dict[str, list[tuple[float, ...]]]] = defaultdict(lambda: defaultdict(list))
    pairs: dict[str, list[tuple[float, ...]]] = defaultdict(list)
    for item in items:
        if scored[item.id].outcome == ERROR:
            continue
        said = scored[item.id].extracted
        cluster = item.cluster or item.id
        for group in {"all", item.group or "all"}:
            rows[group][cluster].append((score(item, said), 1.0))
        if item.scoring == "pair":
            pairs[cluster].append(
                (float(bool(said) and item.truth), float(bool(said) and not item.truth), float(item.truth and not said))
            )
    label = "mean_error" if items[0].scoring == "number" else "accuracy"
    outcomes = [one.outcome for one in scored.values()]
    unparsed = outcomes.count(NO_ANSWER) + outcomes.count(CUT)
    result: dict[str, Any] = {
        "n": len(items),
        "unparsed": unparsed,
        "cut": outcomes.count(CUT),
        "failed": outcomes.count(ERROR),
        **rate(rows["all"]).to_json(label),
    }
    if pairs:
        for name, statistic in (("f1", f1), ("precision", precision), ("recall", recall)):
            result |= rate(pairs, statistic).to_json(name)
    return result | {"by_group": {g: {**rate(r).to_json(label), "n": rate(r).n} for g, r in rows.items() if g != "all"}}
