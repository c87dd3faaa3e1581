"""The training loop: batches in, checkpoints and a learning curve out. It resumes from its own folder."""

from __future__ import annotations

import io
import json
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any, TypeAlias

import torch
import torch.nn.functional as F
from tokenizers import Tokenizer
from torch import Tensor

from occlusight.errors import BadInput, BadModel, OcclusightError
from occlusight.files.journal import Journal
from occlusight.files.whole import write_whole
from occlusight.model.allocator import give_back_gaps
from occlusight.model.config import ModelConfig
from occlusight.model.device import device_of
from occlusight.model.qwen3vl import Qwen3VL
from occlusight.model.revision import revision_of
from occlusight.model.vision import VisionAttention, VisionFeatures, VisionMLP
from occlusight.model.weights import load_model
from occlusight.train.examples import IGNORE, Packer
from occlusight.train.heads import DenseHeads, GroundingHeads
from occlusight.train.optimizer import MasterOptimizer
from occlusight.train.packed_attention import packed_attention, slot_mask
from occlusight.train.recipe import BEGINNING, Stage, TrainRecipe
from occlusight.train.stream import Batch

STATE = "state.pt"
CONFIG = "config.json"
CURVE = "curve.jsonl"
SAVE_SECONDS = 240.0
LOG_STEPS = 50
PROBE_STEPS = 250


Batches: TypeAlias = Callable[[Stage, int], Iterator[Batch]]
Probes: TypeAlias = Callable[[Stage], list[Batch]]
Progress: TypeAlias = Callable[[int, int, dict[str, float]], None]


class Trainer:
    """A model, its heads and its optimizer in a run folder, on a device.

    Attributes:
        stage: index of the stage that it is in; `len(recipe.stages)` after the last.
        step: steps taken in that stage.
        pictures: shown in all stages.
        seconds: of training.
    """

    def __init__(
        self,
        folder: Path,
        tokenizer: Tokenizer,
        config: ModelConfig,
        recipe: TrainRecipe,
        kinds: int,
        colours: int,
        device: str = "cpu",
        start: Path | None = None,
    ) -> None:
        """Take the state that is in `folder`; else begin with the weights of the checkpoint `start`, else with random
        ones. The heads, which no checkpoint keeps, are random then.

        Raises:
            BadInput: the run in the folder went through other stages, or began from another checkpoint; the recipe
                averages a checkpoint, and there is none.
            BadModel: the checkpoint cannot be read, or its shape is not that of `config`.
        """
        self.start = None if start is None else revision_of(start)
        self.folder, self.recipe, self.config, self.device = folder, recipe, config, device_of(device)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / CONFIG).write_text(json.dumps(config.to_hf(), indent=2) + "\n")
        self.packer = Packer(tokenizer, config, recipe)
        self.model = Qwen3VL(config)
        self.model.init_weights(torch.Generator().manual_seed(recipe.seed))
        if start is not None and not (folder / STATE).exists():
            begun = load_model(start)
            if begun.config != config:
                raise BadModel(f"{start} has another shape than the small model of this version; train from nothing")
            self.model.load_state_dict(begun.state_dict())
        with torch.random.fork_rng():
            torch.manual_seed(recipe.seed)
            self.heads = DenseHeads(config.vision.hidden_size, config.vision.out_size, kinds, colours)
            self.grounding = GroundingHeads(config.text.hidden_size)
        self.model.to(self.device, torch.bfloat16)
        self.model.use_attention(packed_attention)
        self._inside: list[Tensor] = []  # what the last pass had after the middle layer and after the one behind it
        middle = config.text.layers // 2 - 1
        for layer in self.model.text.layers[middle : middle + 2]:
            layer.register_forward_hook(lambda module, args, output: self._inside.append(output))
        modules = {
            "model": self.model,
            "heads": self.heads.to(self.device),
            "grounding": self.grounding.to(self.device),
        }
        self.optimizer = MasterOptimizer(modules, recipe)
        if BEGINNING in recipe.ends and not (folder / STATE).exists():
            if start is None:
                raise BadInput(
                    "the recipe averages the weights that the run begins with: give their checkpoint (--start)"
                )
            _write(folder / end_of(BEGINNING), self.optimizer.state_dict()["masters"])
        self.stage, self.step, self.pictures, self.seconds = 0, 0, 0, 0.0
        self._resume()

    def _resume(self) -> None:
        path = self.folder / STATE
        if not path.exists():
            return
        state = torch.load(path, map_location="cpu", weights_only=True)
        now = [stage.digest for stage in self.recipe.stages]
        for index, digest in enumerate(state["stages"]):
            if index >= len(now) or now[index] != digest:
                raise BadInput(
                    f"the run in {self.folder} went through another stage number {index + 1} than the recipe has now; "
                    "give the recipe that it was begun with (stages may be appended), or another --out"
                )
        if self.start not in (None, state["start"]):
            began = f"from {state['start']}" if state["start"] else "from nothing"
            raise BadInput(
                f"the run in {self.folder} began {began}, not from {self.start}; leave out --start, or give another "
                "--out"
            )
        self.start = state["start"]
        self.optimizer.load_state_dict(state["optimizer"])
        self.stage, self.step = state["stage"], state["step"]
        self.pictures, self.seconds = state["pictures"], state["seconds"]
        if self.stage < len(now) and self.step >= self.recipe.stages[self.stage].steps:
            self.stage, self.step = self.stage + 1, 0

    def save(self) -> None:
        """Write the state, whole or not at all. Raises Unwritable."""
        state = {
            "optimizer": self.optimizer.state_dict(),
            "start": self.start,
            "stages": [stage.digest for stage in self.recipe.stages[: self.stage + 1]],
            "stage": self.stage,
            "step": self.step,
            "pictures": self.pictures,
            "seconds": self.seconds,
            "recipe": asdict(self.recipe),
        }
        _write(self.folder / STATE, state)

    def compile(self) -> None:
        """Let inductor fuse the elementwise work of every block (a C++ compiler is needed).

        The two halves of a vision block's attention are compiled apart: together, the gradient of the split into
        queries, keys and values is NaN in inductor's vectors (PyTorch 2.13 on a CPU; with
        `torch._inductor.config.cpp.simdlen = 1`, slowly, it is right).
        """
        for module in self.model.vision.modules():
            if isinstance(module, VisionAttention):
                halves: Any = module  # the compiled functions stand in its methods' places
                halves.project = torch.compile(module.project, dynamic=False)
                halves.mix = torch.compile(module.mix, dynamic=False)
            elif isinstance(module, VisionMLP):
                module.compile(dynamic=False)
        for layer in self.model.text.layers:
            layer.compile(dynamic=False)
        self.model.vision.merger.compile(dynamic=False)
        for merger in self.model.vision.deepstack_merger_list:
            merger.compile(dynamic=False)

    def encode(self, rgb: Tensor) -> VisionFeatures:
        """Features of pictures `(B, pictures, H, W, 3)`, uint8."""
        patch, size = self.config.vision.patch_size, rgb.shape[2:4]
        patches = training_patches(rgb.flatten(0, 1), patch, torch.bfloat16)
        return self.model.encode(patches, [(1, size[0] // patch, size[1] // patch)] * (rgb.shape[0] * rgb.shape[1]))

    def forward(self, batch: Batch) -> tuple[Tensor, Tensor, Tensor, Tensor, VisionFeatures | None]:
        """Logits (N, V) at the N labelled tokens, their labels, weights and whether they decide, and the features."""
        self._inside.clear()
        count, pictures, height, width, _ = batch.rgb.shape
        patch, packed = self.config.vision.patch_size, batch.packed
        prefix, where, after = self.packer.prefix(height // patch, width // patch, pictures)
        prefix, where = prefix.to(self.device), where.to(self.device)
        features = None if self.recipe.blind else self.encode(batch.rgb)
        ids = torch.cat((prefix.expand(count, -1), packed["ids"]), 1)
        text = (packed["positions"] + after).expand(3, -1, -1)
        places = torch.cat((where[:, None].expand(-1, count, -1), text), 2)
        mask = slot_mask(packed["segments"], len(prefix), self.recipe.slot_tokens, torch.bfloat16)
        hidden = self.model(ids, places, features, mask)
        hidden = hidden[:, len(prefix) :].flatten(0, 1)
        labels, weights = packed["labels"].flatten(), packed["weights"].flatten()
        at = (labels != IGNORE).nonzero().flatten()
        logits = self.model.logits(hidden[at]).float()
        return logits, labels[at], weights[at], weights[at] >= self.recipe.decision_weight, features

    def train_step(self, batch: Batch) -> dict[str, float]:
        """One step on one batch; returns what to log."""
        batch = batch.to(self.device)
        answers = self.recipe.stages[self.stage].learns == "answers"
        losses, report = self._answers(batch) if answers else self._tower(batch)
        sum(losses.values(), torch.zeros((), device=self.device)).backward()  # type: ignore[no-untyped-call]
        report |= {name: value.item() for name, value in losses.items()}
        report["norm"] = self.optimizer.step(self.recipe.stages[self.stage].rate(self.step))
        if not math.isfinite(report["norm"]):
            raise OcclusightError(
                f"the gradients of step {self.step} of stage {self.recipe.stages[self.stage].name} are not finite; "
                "the run is as it was saved last; try --no-compile"
            )
        self.step += 1
        self.pictures += batch.rgb.shape[0] * batch.rgb.shape[1]
        return report

    def _tower(self, batch: Batch) -> tuple[dict[str, Tensor], dict[str, float]]:
        features = self.encode(batch.rgb)
        return self._dense(features, batch), {"kind_right": self.heads.accuracy(features, batch.dense["kind"])}

    def _dense(self, features: VisionFeatures, batch: Batch) -> dict[str, Tensor]:
        weight = self.recipe.dense_weight
        return {name: weight * loss for name, loss in self.heads(features, batch.dense).items()}

    def _answers(self, batch: Batch) -> tuple[dict[str, Tensor], dict[str, float]]:
        logits, labels, weights, decides, features = self.forward(batch)
        losses = F.cross_entropy(logits, labels, reduction="none")
        found = {"text": (losses * weights).sum() / weights.sum().clamp(min=1)}
        report: dict[str, float] = {}
        if features is not None:
            found |= self._dense(features, batch)
            tokens = batch.packed["ids"].shape[1]
            halfway, later = (hidden[:, -tokens:] for hidden in self._inside)
            weight = self.recipe.dense_weight * self.recipe.grounding_weight
            found |= {name: weight * loss for name, loss in self.grounding(halfway, later, batch.packed).items()}
            report["kind_right"] = self.heads.accuracy(features, batch.dense["kind"])
        with torch.no_grad():
            right = (logits.argmax(-1) == labels).float()
            report["tokens_right"] = right.mean().item()
            report["decisions_right"] = right[decides].mean().item() if bool(decides.any()) else 0.0
        return found, report

    @torch.no_grad()
    def probe(self, batches: list[Batch]) -> dict[str, float]:
        """What the heads tell of pictures that are never trained on; `kind_fresh` as `kind_right`."""
        found = []
        for batch in batches:
            batch = batch.to(self.device)
            found.append(self.heads.accuracy(self.encode(batch.rgb), batch.dense["kind"]))
        return {"kind_fresh": sum(found) / len(found)} if found else {}

    def run(self, batches: Batches, probes: Probes, progress: Progress) -> None:
        """Train through the stages that are left; saves every few minutes, after each stage and at the end.

        `batches` gives those of a stage from a picture's number on, `probes` some that are never trained on;
        `progress` hears the pictures done and to do, and means of what was logged.
        """
        while self.stage < len(self.recipe.stages):
            stage = self.recipe.stages[self.stage]
            self._run_stage(stage, batches, [] if self.recipe.blind else probes(stage), progress)
            if stage.name in self.recipe.ends:
                _write(self.folder / end_of(stage.name), self.optimizer.state_dict()["masters"])
            self.save()
            if self.stage + 1 == len(self.recipe.stages):
                break
            self.stage, self.step = self.stage + 1, 0

    def _run_stage(self, stage: Stage, batches: Batches, probes: list[Batch], progress: Progress) -> None:
        sums: dict[str, float] = {}
        logged = self.step
        saved = started = time.monotonic()
        before = self.seconds
        stream = batches(stage, self.pictures)
        while self.step < stage.steps:
            waited = time.monotonic()
            batch = next(stream)
            waited = time.monotonic() - waited
            report = self.train_step(batch) | {"wait": waited}
            for name, value in report.items():
                sums[name] = sums.get(name, 0.0) + value
            self.seconds = before + time.monotonic() - started
            if self.step % LOG_STEPS == 0 or self.step == stage.steps:
                means = {name: value / (self.step - logged) for name, value in sums.items()}
                sums, logged = {}, self.step
                if self.step % PROBE_STEPS == 0 or self.step == stage.steps:
                    means |= self.probe(probes)
                self._log(stage, means)
                progress(self.pictures, self.recipe.pictures, means)
            if time.monotonic() - saved > SAVE_SECONDS:
                self.save()
                give_back_gaps()
                saved = time.monotonic()

    def _log(self, stage: Stage, means: dict[str, float]) -> None:
        line: dict[str, Any] = {
            "stage": stage.name,
            "step": self.step,
            "pictures": self.pictures,
            "seconds": round(self.seconds, 1),
            "lr": stage.rate(self.step),
            **{name: round(value, 4) for name, value in means.items()},
        }
        with Journal(self.folder / CURVE) as curve:
            curve.append(line)


def end_of(stage: str) -> str:
    """The file of the weights at the end of a stage, in a run's folder."""
    return f"end-{stage}.pt"


def _write(path: Path, what: Any) -> None:
    content = io.BytesIO()  # torch's own writing to a full disk is an error without a reason
    torch.save(what, content)
    write_whole(path, content.getbuffer())


def training_patches(rgb: Tensor, patch: int, dtype: torch.dtype) -> Tensor:
    """Patches `(B * rows * columns, 3 * 2 * P * P)` of uint8 pictures `(B, H, W, 3)`: what `patches_of_array` cuts for
    inference, to the precision of `dtype`, in a few passes of PyTorch."""
    count, height, width, _ = rgb.shape
    rows, columns = height // patch // 2, width // patch // 2  # of blocks of 2 x 2 patches
    cut = rgb.view(count, rows, 2, patch, columns, 2, patch, 3).permute(0, 1, 4, 2, 5, 7, 3, 6)
    values = cut.reshape(-1, 3, 1, patch * patch).to(dtype).mul_(1 / 127.5).sub_(1)
    return values.expand(-1, 3, 2, patch * patch).reshape(-1, 6 * patch * patch)
