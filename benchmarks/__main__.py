"""`python -m benchmarks`, from the repository's root: see README.md in this folder."""

from __future__ import annotations

import asyncio
import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

import typer
from rich.console import Console
from rich.table import Table

from benchmarks import load
from benchmarks.compare import Plan, calm_ones, compare, records_of
from benchmarks.engines import ENVIRONMENTS, Bench, engines_of
from benchmarks.memory import read_gb_per_s, weights_per_token
from benchmarks.setup import convert, dashscope_wheel, install
from benchmarks.ship import ship
from benchmarks.targets import METRICS, medians_of, verdicts
from benchmarks.there import there
from benchmarks.understood import understood
from occlusight.backends.options import EngineOptions
from occlusight.bench.record import surroundings
from occlusight.bench.speed import GB, open_for_timing, peak_rss_gb, processor
from occlusight.cli.app import fail
from occlusight.errors import BadInput, OcclusightError
from occlusight.model.config import ModelConfig
from occlusight.model.fields import read_json
from occlusight.model.quant.outliers import write_outliers

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    help="Our engine and its peers on the same checkpoint; shipping a model with its figures; understanding questions.",
)
for command in (ship, there, understood):
    app.command()(command)
Folder = Annotated[Path, typer.Option(help="Where environments, downloads and converted checkpoints are; some 20 GB.")]
Checkpoint = Annotated[Path, typer.Option(help="A Qwen3-VL checkpoint; `checkpoint` makes one.")]
TASKS = ("answers", "batch")


@app.command()
def checkpoint(
    out: Annotated[Path, typer.Option(help="The checkpoint's folder; OUT-outliers gets the one with outliers.")],
    folder: Folder,
    shape: Annotated[str, typer.Option(help="2B (4.3 GB each), or tiny, for trying out.")] = "2B",
    seed: Annotated[int, typer.Option(help="Draws the weights.")] = 0,
) -> None:
    """Make a checkpoint of Qwen3-VL-2B's shape with random weights and the real tokenizer, then one with outliers."""
    from benchmarks.checkpoint import make_checkpoint

    made = make_checkpoint(out, dashscope_wheel(folder), shape, seed)
    say(f"{out}: {'made' if made else 'was there'}")
    target = out.with_name(out.name + "-outliers")
    mark = target / "outliers.json"
    if made or not mark.is_file():
        found = write_outliers(out, target, seed)
        mark.write_text(
            json.dumps({"text": found.text, "vision": found.vision, "token": found.token}), encoding="utf-8"
        )
    say(f"{target}: ready")


@app.command()
def setup(
    folder: Folder,
    checkpoint: Checkpoint,
    peers: Annotated[str, typer.Option(help="Peers, separated by commas.")] = ",".join(ENVIRONMENTS),
) -> None:
    """Install each peer into an environment of its own and convert the checkpoint for it. What is there is kept."""
    bench = Bench(checkpoint.resolve(), folder.resolve())
    names = [name.strip() for name in peers.split(",") if name.strip()]
    if unknown := [name for name in names if name not in ENVIRONMENTS]:
        raise BadInput(f"--peers takes {', '.join(ENVIRONMENTS)}, but {', '.join(unknown)} was given")
    for name in names:
        say(f"{name}: installing (minutes)")
        say(f"{name}: {'installed' if install(bench, name) else 'was there'}; converting")
        made = convert(bench, name)
        say(f"{name}: ready{''.join(f', made {path.name}' for path in made)}")


@app.command("compare")
def compare_command(
    folder: Folder,
    checkpoint: Checkpoint,
    out: Annotated[Path, typer.Option(help="A line a visit; run again with the same file to go on.")],
    engines: Annotated[str, typer.Option(help="Which engines, separated by commas, or all.")] = "all",
    rounds: Annotated[int, typer.Option(min=1, help="Visits of each engine.")] = 5,
    image_size: Annotated[int, typer.Option(min=32, help="Side of the pictures.")] = 512,
    tokens: Annotated[int, typer.Option(min=2, help="Length of a single answer.")] = 24,
    questions: Annotated[int, typer.Option(min=1, help="How many are asked at once.")] = 8,
    batch_tokens: Annotated[int, typer.Option(min=1, help="Length of each of their answers.")] = 48,
    tasks: Annotated[str, typer.Option(help="answers, batch, or both.")] = "answers,batch",
    threads: Annotated[int, typer.Option(min=1, help="For every engine.")] = 2,
    memory: Annotated[float, typer.Option(help="Engines that fit into so many GB stay loaded between rounds.")] = 16.0,
    minutes: Annotated[float | None, typer.Option(help="Begin no further visit after this.")] = None,
    calm: Annotated[
        float, typer.Option(help="Visits during which others used more of the cores are made again by the next run.")
    ] = 0.15,
    amx: Annotated[bool, typer.Option("--amx/--no-amx", help="Deny all engines AMX: a CPU with AVX-512 only.")] = True,
) -> None:
    """Time every engine in turn, round after round; print medians and ratios, then one line of JSON."""
    kinds = tuple(kind.strip() for kind in tasks.split(",") if kind.strip())
    if not kinds or set(kinds) - set(TASKS):
        raise BadInput(f"--tasks takes {' and '.join(TASKS)}, separated by commas, but {tasks!r} was given")
    bench = Bench(checkpoint.resolve(), folder.resolve(), threads)
    plan = Plan(
        bench,
        engines_of(engines),
        rounds=rounds,
        side=image_size,
        tokens=tokens,
        questions=questions,
        batch_tokens=batch_tokens,
        tasks=kinds,
        memory_gb=memory,
        minutes=float("inf") if minutes is None else minutes,
        calm=calm,
        amx=amx,
    )
    out.parent.mkdir(parents=True, exist_ok=True)
    compare(plan, out, say)
    report(plan, out)


@app.command("long")
def long_command(
    checkpoint: Checkpoint,
    tokens: Annotated[int, typer.Option(min=1, help="How many tokens the cache holds.")] = 262_000,
    decode: Annotated[int, typer.Option(min=1, help="How many are decoded after them.")] = 4,
    quantize: Annotated[str, typer.Option(help="Weights: none, int8 or int4.")] = "int8",
    cache: Annotated[str, typer.Option(help="Keys and values: int8, or plain.")] = "int8",
    threads: Annotated[int, typer.Option(min=1, help="CPU threads.")] = 2,
) -> None:
    """Decode a few tokens after a cache filled with random numbers; print seconds a token and memory, then one line of
    JSON."""
    import torch

    from benchmarks.long_context import cache_bytes, decode_after

    torch.set_num_threads(threads)
    kv_bytes = cache_bytes(ModelConfig.from_hf(read_json(checkpoint, "config.json")).text, tokens, cache)
    backend = open_for_timing(
        str(checkpoint), EngineOptions(device="cpu", quantize=quantize, kv_gb=max(0.001, kv_bytes / GB))
    )
    say(f"loaded; {peak_rss_gb():.2f} GB")
    found = decode_after(backend.engine.model, tokens, decode, cache, say)
    record = surroundings()
    machine = {**record["machine"], **processor()}
    about = {"quantize": quantize, "cache": cache, "dtype": backend.info.dtype, "threads": threads, "machine": machine}
    print(json.dumps({**found, **about, "versions": record["versions"], "commit": record["commit"]}))


@app.command("pairs")
def pairs_command(
    checkpoint: Checkpoint,
    data: Annotated[str, typer.Option(help="A data set with scenes that show so many things.")],
    objects: Annotated[int, typer.Option(min=2, help="Things in a picture.")] = 10,
    image_size: Annotated[int, typer.Option(min=32, help="Pictures are brought to this many pixels a side.")] = 512,
    runs: Annotated[int, typer.Option(min=1, help="Scenes; each is looked at twice.")] = 5,
    quantize: Annotated[str, typer.Option(help="Weights: none, int8 or int4.")] = "int8",
    threads: Annotated[int, typer.Option(min=1, help="CPU threads.")] = 2,
) -> None:
    """Time all pairs of a relation graph beside the first token about a new picture; print one line of JSON."""
    import torch

    from benchmarks.pairs import measure
    from occlusight.datasets.dataset import open_set

    torch.set_num_threads(threads)
    scenes = list(open_set(data).scenes.values())
    backend = open_for_timing(str(checkpoint), EngineOptions(device="cpu", quantize=quantize))
    say(f"loaded; {peak_rss_gb():.2f} GB")
    found = measure(backend, scenes, objects=objects, side=image_size, runs=runs, progress=say)
    record = surroundings()
    about = {"quantize": quantize, "threads": threads, "machine": {**record["machine"], **processor()}}
    print(json.dumps({**found, **about, "versions": record["versions"], "commit": record["commit"]}))


@app.command("load")
def load_command(
    url: Annotated[str, typer.Option(help="A running `occlusight serve` on this machine.")] = "http://127.0.0.1:7860",
    clients: Annotated[int, typer.Option(min=1, help="Visitors who ask at the same time.")] = 64,
    seconds: Annotated[float, typer.Option(help="How long they go on asking.")] = 120.0,
    addresses: Annotated[int, typer.Option(min=1, help="Loopback addresses that they come from, 127.0.0.2 on.")] = 1,
    answers: Annotated[int, typer.Option(min=1, help="Stop after so many answers in all.")] = 100_000,
    question: Annotated[str, typer.Option(help="Asked of a picture that is new each time.")] = load.Plan.question,
    tokens: Annotated[int, typer.Option(min=1, help="The longest answer.")] = 512,
    ask: Annotated[str, typer.Option(help="The page, or of the API chat or decisions.")] = "page",
) -> None:
    """Visit the page of a running server as many browsers would, or ask its API as many programs; print a table, then
    one line of JSON."""
    visit = load.Plan(url, clients, seconds, addresses, answers, question, tokens, ask)
    server = load.listener(urlsplit(url).port or 80)
    if server is None:
        say("the server's process is not to be seen, so its memory is not measured")
    before = load.resident_mb(server) if server is not None else None
    tally, took = asyncio.run(load.load(visit, server))
    found = {
        **load.summary(visit, tally, took),
        "rss_before_mb": before and round(before, 1),
        "rss_after_mb": round(load.resident_mb(server), 1) if server is not None else None,
        "rss_growth_of_second_half_mb": tally.growth_mb,
    }
    shown = Table("what", "", title=f"{clients} visitors of {url} from {addresses} address{'es' * (addresses > 1)}")
    for name, value in found.items():
        if isinstance(value, dict):
            value = "\n".join(f"{count} x {kind}" for kind, count in value.items()) or "none"
        shown.add_row(name.replace("_", " "), str(value))
    Console(stderr=True).print(shown)
    record = surroundings()
    print(
        json.dumps({**found, **{name: record[name] for name in ("machine", "versions", "commit")}}, ensure_ascii=False)
    )


def report(plan: Plan, out: Path) -> None:
    """Print everything that the file holds with or without AMX, pictures of all sizes, and what it says about the
    targets."""
    records = [r for side in (512, 1024) for r in records_of(replace(plan, side=side), out)]
    if plan.side not in (512, 1024):
        records += records_of(plan, out)
    every, records = len(records), calm_ones(plan, records)
    if every > len(records):
        say(
            f"{every - len(records)} of {every} visits do not count: others used more than {plan.calm:.0%} of the cores"
        )
    medians, console = medians_of(records), Console()
    shown = Table(
        title=f"{plan.bench.checkpoint.name}, {plan.bench.threads} threads, AMX {'on' if plan.amx else 'denied'}"
    )
    for column in ("engine", "side", *(metric.replace("_", " ") for metric in METRICS), "runs"):
        shown.add_column(column)
    for (name, side), found in medians.items():
        cells = [f"{found[metric][0]:.2f}" if metric in found else "-" for metric in METRICS]
        shown.add_row(name, str(side), *cells, str(max(number for _, number in found.values())))
    console.print(shown)
    rows = verdicts(medians)
    targets = Table(title="targets")
    for column in ("what", "ours", "against", "at least", "ratio", "reached"):
        targets.add_column(column)
    for row in rows:
        reached = {True: "yes", False: "no", None: "-"}[row["reached"]]
        ratio = "-" if row["ratio"] is None else f"{row['ratio']:.2f}"
        targets.add_row(row["what"], row["ours"], row["against"], f"{row['at_least']:g}", ratio, reached)
    console.print(targets)
    print(json.dumps({"medians": flat(medians), "targets": rows, **about(plan, records)}, ensure_ascii=False))


def flat(medians: Any) -> dict[str, dict[str, float]]:
    """Medians under `engine@side`, for JSON."""
    return {
        f"{name}@{side}": {metric: round(value, 4) for metric, (value, _) in found.items()}
        for (name, side), found in medians.items()
    }


def about(plan: Plan, records: list[dict[str, Any]]) -> dict[str, Any]:
    """What a reader needs to judge the figures."""
    versions: dict[str, str] = {}
    for record in records:
        versions |= record["versions"]
    text = ModelConfig.from_hf(read_json(plan.bench.checkpoint, "config.json")).text
    speed = read_gb_per_s(plan.bench.threads)
    found = surroundings()
    return {
        "amx": plan.amx,
        "threads": plan.bench.threads,
        "lengths": {"answer": plan.tokens, "questions": plan.questions, "batch_answer": plan.batch_tokens},
        "calm": plan.calm,
        "warm_up": "one short answer a process",
        "memory_read_gb_per_s": round(speed, 2),
        "decode_limit_int8_per_s": round(speed * 1e9 / weights_per_token(text), 2),
        "versions": {**found["versions"], **versions},
        "machine": {**found["machine"], **processor()},
        "commit": found["commit"],
    }


def say(line: str) -> None:
    """Tell how far it is."""
    print(line, file=sys.stderr, flush=True)


def main(arguments: list[str] | None = None) -> int:
    """Run; return the exit code, as `occlusight` does."""
    try:
        app(args=arguments, prog_name="python -m benchmarks", standalone_mode=False)
    except KeyboardInterrupt:
        return fail("interrupted; run the same command again to go on", 130)
    except BadInput as error:
        return fail(str(error), 2)
    except OcclusightError as error:
        return fail(str(error), 1)
    except typer.TyperException as error:
        return fail(str(error), 2)
    return 0


if __name__ == "__main__":
    sys.exit(main())
