"""The comparison: every engine in turn, round after round, each in its own process.

A line of JSON a visit goes to a file as it comes; a visit that is there is not made again, so a run can be cut into
pieces.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import Any

from benchmarks.engines import Bench, Engine
from benchmarks.neighbours import Neighbours
from benchmarks.process import Worker, WorkerFailed
from occlusight.errors import BadInput

WARM_PICTURE = 1_000_000


@dataclass(frozen=True)
class Plan:
    """What is measured.

    `rounds` visits of every engine; `memory_gb` bounds how many stay loaded between their visits; after `minutes` no
    further visit begins. A visit during which other processes used more than `calm` of the machine's cores does not
    count: it stays in the file, and is made again when the same command is run again. Without `amx` the processes are
    denied it. `tasks` are answers, batch, or both.
    """

    bench: Bench
    engines: Mapping[str, Engine]
    rounds: int = 5
    side: int = 512
    tokens: int = 24
    questions: int = 8
    batch_tokens: int = 48
    tasks: tuple[str, ...] = ("answers", "batch")
    memory_gb: float = 16.0
    minutes: float = float("inf")
    calm: float = 0.15
    amx: bool = True

    def __post_init__(self) -> None:
        if min(self.rounds, self.questions, self.batch_tokens) < 1 or self.tokens < 2:
            raise BadInput("compare needs at least 1 round, 1 question, 1 batch token and 2 tokens")

    def visits(self) -> list[tuple[int, str]]:
        """(round, engine) in the order of time."""
        wanted = [name for name, engine in self.engines.items() if set(engine.tasks) & set(self.tasks)]
        return [(number, name) for number in range(1, self.rounds + 1) for name in wanted]

    def kept(self) -> set[str]:
        """Engines that stay loaded: the first ones that together fit."""
        found, used = set(), 0.0
        for _, name in self.visits()[: len(self.engines)]:
            if used + self.engines[name].gb <= self.memory_gb:
                found.add(name)
                used += self.engines[name].gb
        return found


def compare(plan: Plan, out: Path, tell: Callable[[str], None] = lambda line: None) -> list[dict[str, Any]]:
    """Make the visits that `out` lacks; return all records of this plan that it then holds and that count.

    Raises:
        WorkerFailed: an engine could not be loaded or failed.
    """
    done = calm_ones(plan, records_of(plan, out))
    made = {(record["round"], record["engine"], task) for record in done for task in record["tasks"]}
    kept, ends = plan.kept(), monotonic() + 60 * plan.minutes
    logs = out.parent / (out.stem + "-logs")
    logs.mkdir(parents=True, exist_ok=True)
    workers: dict[str, Worker] = {}
    with ExitStack() as stack, out.open("a", encoding="utf-8") as lines:
        for number, name in plan.visits():
            tasks = [t for t in plan.engines[name].tasks if t in plan.tasks and (number, name, t) not in made]
            if not tasks:
                continue
            if monotonic() > ends:
                tell("out of time; run the same command again to go on")
                break
            tell(f"round {number} of {plan.rounds}: {name}")
            worker = workers.get(name)
            if worker is None:
                worker = Worker(name, plan.engines[name], plan.bench, logs / f"{name}.log", plan.amx)
                stack.callback(worker.close)
                warm_up(worker, plan, tasks)
            record = visit(worker, plan, number, tasks)
            if name in kept:
                workers[name] = worker
            else:
                worker.close()
            lines.write(json.dumps(record) + "\n")
            lines.flush()
            if calm_ones(plan, [record]):
                done.append(record)
            else:
                tell(f"  others used {record['others_busy']:.0%} of the cores: does not count")
    return done


def warm_up(worker: Worker, plan: Plan, tasks: list[str]) -> None:
    """One short answer about a picture that does not come again."""
    if "answers" in tasks:
        worker.ask(do="answer", picture=WARM_PICTURE, side=plan.side, number=0, tokens=4)
    else:
        worker.ask(do="together", picture=WARM_PICTURE, side=plan.side, numbers=[0], tokens=4)


def visit(worker: Worker, plan: Plan, number: int, tasks: list[str]) -> dict[str, Any]:
    """Time one engine once on each of the tasks."""
    question = 1 + (number - 1) * (plan.questions + 2)
    neighbours = Neighbours(worker.pid)
    record: dict[str, Any] = {"round": number, "engine": worker.name, **settings_of(plan), "tasks": tasks}
    record |= {"load_s": worker.loaded["load_s"], "versions": worker.loaded.get("versions", {})}
    if "answers" in tasks:
        first = worker.ask(do="answer", picture=2 * number, side=plan.side, number=question, tokens=plan.tokens)
        later = worker.ask(do="answer", picture=2 * number, side=plan.side, number=question + 1, tokens=1)
        record |= {
            "first_new_s": first["first_token_s"],
            "first_same_s": later["first_token_s"],
            "decode_per_s": first["decode_tokens_per_s"],
            "prompt_tokens": first["prompt_tokens"],
            "peak_rss_gb": later["peak_rss_gb"],
        }
    if "batch" in tasks:
        numbers = list(range(question + 2, question + 2 + plan.questions))
        found = worker.ask(
            do="together", picture=2 * number + 1, side=plan.side, numbers=numbers, tokens=plan.batch_tokens
        )
        if found["tokens"] != plan.questions * plan.batch_tokens:
            raise WorkerFailed(
                f"{worker.name} said {found['tokens']} tokens, not {plan.questions} x {plan.batch_tokens}"
            )
        record |= {"batch_s": found["seconds"], "batch_peak_rss_gb": found["peak_rss_gb"]}
    return {**record, "others_busy": neighbours.share()}


def records_of(plan: Plan, out: Path) -> list[dict[str, Any]]:
    """The records of a file that were measured under the plan's settings. Raises BadInput where a line is no record."""
    wanted = settings_of(plan)
    return [record for record in read(out) if {name: record.get(name) for name in wanted} == wanted]


def calm_ones(plan: Plan, records: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The records during which others left the machine alone, as far as is known."""
    return [record for record in records if (record["others_busy"] or 0.0) <= plan.calm]


def read(out: Path) -> Iterator[dict[str, Any]]:
    """Every record of a file."""
    if not out.is_file():
        return
    for number, line in enumerate(out.read_text(encoding="utf-8").splitlines(), 1):
        try:
            yield json.loads(line)
        except ValueError:
            raise BadInput(f"line {number} of {out} is no record; give another --out, or delete that line") from None


def settings_of(plan: Plan) -> dict[str, Any]:
    """What must agree for two records to be compared."""
    return {
        "checkpoint": plan.bench.checkpoint.name,
        "threads": plan.bench.threads,
        "amx": plan.amx,
        "side": plan.side,
        "tokens": plan.tokens,
        "questions": plan.questions,
        "batch_tokens": plan.batch_tokens,
    }
