"""`occlusight models`: which models there are, what they take, and what can be done to them before they answer."""

from __future__ import annotations

import shutil
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from occlusight.cli.options import QuantizeVision
from occlusight.cli.results import for_people, for_programs, say
from occlusight.errors import BadInput

if TYPE_CHECKING:
    from occlusight.model.quant.plan import QuantPlan

models_app = typer.Typer(no_args_is_help=True, help="See, download, remove and prepare models.")
OnHub = Annotated[str, typer.Argument(help="A hub id such as Qwen/Qwen3-VL-2B-Instruct, or modelscope:ORG/NAME.")]


@models_app.callback()
def models() -> None:
    """See, download, remove and prepare models."""


@models_app.command("list")
def list_command() -> None:
    """List the shipped model and those that were downloaded: their size, and whether they fit.

    The last line of the output is the list as JSON.
    """
    from rich.table import Table

    from occlusight.backends.downloads import free_bytes
    from occlusight.backends.hub import HUBS, SHIPPED, shipped
    from occlusight.backends.needs import fitting, needs_of

    hubs = [hub() for hub in HUBS]
    rows: list[dict[str, Any]] = []
    for name, folder, size in [
        *((name, shipped(name), None) for name in SHIPPED),
        *((one.name, one.folder, one.bytes) for hub in hubs for one in hub.stored()),
    ]:
        needs = None if folder is None else needs_of(folder)
        rows.append(
            {
                "name": name,
                "bytes": sum(path.stat().st_size for path in folder.iterdir()) if size is None and folder else size,
                "whole": folder is not None,
                "supported": needs is not None,
                "fits": [] if needs is None else fitting(needs),
            }
        )
    folders = [{"folder": str(hub.root), "free_bytes": free_bytes(hub.root)} for hub in hubs]
    table = Table(title="models")
    for column in ("name", "on the disk", "fits into the free memory"):
        table.add_column(column, overflow="fold")
    for row in rows:
        fits = ", ".join(row["fits"]) or "no" if row["supported"] else "not a model for our engine"
        fits = fits if row["whole"] else "download not ended: models pull goes on"
        table.add_row(row["name"], f"{row['bytes'] / 1e9:.2f} GB", fits)
    for_people(table)
    for_people(*(f"{hub.title}: {free_bytes(hub.root) / 1e9:.1f} GB free in {hub.root}" for hub in hubs))
    for_programs({"models": rows, "folders": folders})


@models_app.command("show")
def show_command(
    model: Annotated[str, typer.Argument(help="default, a checkpoint folder, or a hub id.")],
) -> None:
    """Tell what a model takes, before anything of it is loaded or downloaded: disk, memory, speed where it was
    measured.

    Of one on a hub it says, too, whether there is a newer revision than the one that was downloaded. The
    last line of the output is the same as JSON.
    """
    from occlusight.backends.needs import about_model

    told = about_model(model)
    for_people(*told.lines())
    for_programs(told.to_json())


@models_app.command("pull")
def pull_command(model: OnHub) -> None:
    """Download a model. What was interrupted goes on where it ended; digests are compared.

    HF_ENDPOINT names another hub than huggingface.co, HF_HOME the folder; MODELSCOPE_ENDPOINT and MODELSCOPE_CACHE do
    it for ModelScope, MODELSCOPE_API_TOKEN says who asks.
    """
    from occlusight.backends.hub import hub_of
    from occlusight.cli.progress import progress

    hub = hub_of(model)
    if hub is None:
        raise BadInput(
            f"there is nothing to download for {model!r}; give a hub id such as Qwen/Qwen3-VL-2B-Instruct, or "
            "modelscope:ORG/NAME"
        )
    with progress(model, "MB") as tell:
        folder = hub.pull(model, tell=lambda done, total: tell(done // 10**6, total // 10**6))
    for_people(f"{model} is in {folder}")
    for_programs({"name": model, "folder": str(folder)})


@models_app.command("remove")
def remove_command(model: OnHub) -> None:
    """Delete a model that was downloaded, with all its revisions."""
    from occlusight.backends.hub import hub_of
    from occlusight.backends.hugging_face import HuggingFace

    freed = (hub_of(model) or HuggingFace()).remove(model)
    for_people(f"{model} is deleted; {freed / 1e9:.2f} GB are free again")
    for_programs({"name": model, "freed_bytes": freed})


@models_app.command("quantize")
def quantize_command(
    model: Annotated[str, typer.Argument(help="default, a checkpoint folder, a hub id, or modelscope:ORG/NAME.")],
    quantize: Annotated[str, typer.Option(help="Bits of the decoder's weights: int8, int4 or none.")] = "int8",
    quantize_vision: QuantizeVision = None,
    group: Annotated[int, typer.Option(help="How many 4-bit weights share a scale: 32 or 64.")] = 32,
    median: Annotated[
        float, typer.Option(min=0.0, max=1e6, help="The budget: a layer's median relative error per token, 8 bits.")
    ] = 0.03,
    p99: Annotated[float, typer.Option(min=0.0, max=1e6, help="The budget: the 99th percentile of it.")] = 0.10,
    kl: Annotated[
        float,
        typer.Option(min=0.0, max=1e6, help="The budget: mean Kullback-Leibler divergence of the next token, in nats."),
    ] = 0.05,
    int4_median: Annotated[float, typer.Option(min=0.0, max=1e6, help="The same of a layer in 4 bits: median.")] = 0.14,
    int4_p99: Annotated[
        float, typer.Option(min=0.0, max=1e6, help="The same of a layer in 4 bits: 99th percentile.")
    ] = 0.25,
    int4_kl: Annotated[
        float, typer.Option(min=0.0, max=1e6, help="The same divergence where the decoder has 4 bits.")
    ] = 0.5,
    pictures: Annotated[
        list[Path] | None, typer.Option("--picture", help="Calibrate on these pictures instead of the shipped ones.")
    ] = None,
    again: Annotated[bool, typer.Option("--again", help="Make it again even where it is stored.")] = False,
) -> None:
    """Quantize a model and print the plan: what each kind of layer needs so that few bits suffice.

    Each layer is measured on calibration pictures and questions, and gets the cheapest treatment within the budget:
    rounded plainly, channels equalized, outlier channels kept apart, or bf16. `ask`, `serve` and `bench` with the same
    --quantize use the stored form; one with pictures, a group or a budget of its own they use when its folder is given:
    --quantize FOLDER. The last line is the plan as JSON. Exit code 1: the whole misses the budget.
    """
    from occlusight.backends.fitting import check_fits
    from occlusight.backends.hub import checkpoint_of
    from occlusight.backends.quantized import calibration_pictures, quantizing_bar
    from occlusight.model.device import Placement
    from occlusight.model.quant.calibration import calibration_samples, pictures_digest
    from occlusight.model.quant.plan import Budget, QuantSettings
    from occlusight.model.quant.store import load_quantized
    from occlusight.model.quant.store_file import Origin
    from occlusight.model.revision import revision_of

    settings = QuantSettings.of(
        quantize,
        quantize_vision,
        group=group,
        budget=Budget(median, p99, kl),
        int4_budget=Budget(int4_median, int4_p99, int4_kl),
    )
    if settings is None:
        raise BadInput(
            "there is nothing to quantize with --quantize none; give int8 or int4, or --quantize-vision int8"
        )
    checkpoint = checkpoint_of(model)
    seen = pictures or calibration_pictures()
    origin = Origin(revision_of(checkpoint), pictures_digest(seen), settings)
    if again:
        shutil.rmtree(origin.folder, ignore_errors=True)
    check_fits(checkpoint, Placement.choose(checkpoint, "cpu"), settings, origin.folder.is_dir())
    with quantizing_bar(say) as progress:
        _, plan = load_quantized(checkpoint, origin, lambda: calibration_samples(checkpoint, seen), progress)
    show(plan, model, origin.folder)
    for_programs({**plan.document(), "folder": str(origin.folder)})
    if not plan.within:
        raise typer.Exit(1)


def show(plan: QuantPlan, model: str, folder: Path) -> None:
    """Print a row for each kind of layer and choice, with the largest errors among its layers."""
    from rich.table import Table

    rows = defaultdict(list)
    for site in plan.sites:
        rows[site.kind, site.bits, site.choice].append(site)
    table = Table(title=f"{model}: {plan.settings.label}, calibrated on {plan.tokens} tokens in {plan.seconds:.0f} s")
    for name in ("layer", "n", "treatment", "error, p99", "plainly, p99"):
        table.add_column(name, min_width=9 if name == "treatment" else None, overflow="fold")
    for (kind, bits, choice), sites in rows.items():
        worst = [max(getattr(s, key) for s in sites) for key in ("median", "p99", "plain_median", "plain_p99")]
        median, p99, plain_median, plain_p99 = (f"{100 * value:.1f} %" for value in worst)
        columns = f" (up to {most})" if (most := max(s.columns for s in sites)) else ""
        treatment = bits if choice in ("plain", bits) else f"{bits}, {choice}{columns}"
        table.add_row(kind, str(len(sites)), treatment, f"{median}, {p99}", f"{plain_median}, {plain_p99}")
    for_people(table)
    budgets = {"8": plan.settings.budget}
    if plan.settings.text == "int4":
        budgets["4"] = plan.settings.int4_budget
    kept = "; ".join(f"in {bits} bits {100 * b.median:g} %, {100 * b.p99:g} %" for bits, b in budgets.items())
    for_people(f"errors are a token's median and 99th percentile, of all output channels alike; the budget: {kept}")
    out = plan.output
    for_people(
        f"next token at {out.tokens} places: divergence {out.kl_mean:.4f} nats (p99 {out.kl_p99:.4f}), the same "
        f"likeliest token at {100 * out.next_token_agreement:.1f} %; {'within' if plan.within else 'NOT within'} the "
        f"budget of {plan.most_kl:g} nats; stored in {folder}"
    )
