"""The training loop: batches in, checkpoints and a learning curve out. It resumes from its own folder."""

from __future__ import annotations

import io
import json
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from tokenizers import Tokenizer
from torch import Tensor

from occlusight.files.journal import Journal
from occlusight.files.whole import write_whole
from occlusight.model.allocator import give_back_gaps
from occlusight.model.config import ModelConfig
from occlusight.model.qwen3vl import Qwen3VL
from occlusight.model.vision import VisionFeatures
from occlusight.train.examples import IGNORE, Packer
from occlusight.train.heads import DenseHeads, GroundingHeads
from occlusight.train.optimizer import MasterOptimizer
from occlusight.train.packed_attention import packed_attention, slot_mask
from occlusight.train.recipe import TrainRecipe
from occlusight.train.stream import Batch

STATE = "state.pt"
CONFIG = "config.json"
CURVE = "curve.jsonl"
SAVE_SECONDS = 240.0
LOG_STEPS = 50


class Trainer:
    """A model, its heads and its optimizer in a run folder."""

    def __init__(
        self, folder: Path, tokenizer: Tokenizer, config: ModelConfig, recipe: TrainRecipe, kinds: int, colours: int
    ) -> None:
        self.folder, self.recipe, self.config = folder, recipe, config
        folder.mkdir(parents=True, exist_ok=True)
        (folder / CONFIG).write_text(json.dumps(config.to_hf(), indent=2) + "\n")
        self.packer = Packer(tokenizer, config, recipe)
        self.model = Qwen3VL(config)
        self.model.init_weights(torch.Generator().manual_seed(recipe.seed))
        with torch.random.fork_rng():
            torch.manual_seed(recipe.seed)
            self.heads = DenseHeads(config.vision.hidden_size, config.vision.out_size, kinds, colours)
            self.grounding = GroundingHeads(config.text.hidden_size)
        self.model.bfloat16()
        self.model.use_attention(packed_attention)
        self._inside: list[Tensor] = []  # what the last pass had after the middle layer and after the one behind it
        middle = config.text.layers // 2 - 1
        for layer in self.model.text.layers[middle : middle + 2]:
            layer.register_forward_hook(lambda module, args, output: self._inside.append(output))
        modules = {"model": self.model, "heads": self.heads, "grounding": self.grounding}
        self.optimizer = MasterOptimizer(modules, recipe)
        self.step, self.pictures, self.seconds = 0, 0, 0.0
        self._resume()

    def _resume(self) -> None:
        path = self.folder / STATE
        if path.exists():
            state = torch.load(path, map_location="cpu", weights_only=True)
            self.optimizer.load_state_dict(state["optimizer"])
            self.step, self.pictures, self.seconds = state["step"], state["pictures"], state["seconds"]

    def save(self) -> None:
        """Write the state, whole or not at all. Raises Unwritable."""
        state = {
            "optimizer": self.optimizer.state_dict(),
            "step": self.step,
            "pictures": self.pictures,
            "seconds": self.seconds,
            "recipe": asdict(self.recipe),
        }
        content = io.BytesIO()  # torch's own writing to a full disk is an error without a reason
        torch.save(state, content)
        write_whole(self.folder / STATE, content.getbuffer())

    def compile(self) -> None:
        """Let inductor fuse the elementwise work of every block (a C++ compiler is needed)."""
        for block in [*self.model.vision.blocks, *self.model.text.layers]:
            block.compile(dynamic=False)
        self.model.vision.merger.compile(dynamic=False)
        for merger in self.model.vision.deepstack_merger_list:
            merger.compile(dynamic=False)

    def forward(self, batch: Batch) -> tuple[Tensor, Tensor, Tensor, Tensor, VisionFeatures | None]:
        """Logits (N, V) at the N labelled tokens, their labels, weights and whether they decide, and the features."""
        self._inside.clear()
        count, height, width, _ = batch.rgb.shape
        patch = self.config.vision.patch_size
        rows, columns = height // patch, width // patch
        prefix, where, after = self.packer.prefix(rows, columns)
        features = None
        if not self.recipe.blind:
            patches = training_patches(batch.rgb, patch, torch.bfloat16)
            features = self.model.encode(patches, [(1, rows, columns)] * count)
        packed = batch.packed
        ids = torch.cat((prefix.expand(count, -1), packed["ids"]), 1)
        text = (packed["positions"] + after).expand(3, -1, -1)
        places = torch.cat((where[:, None].expand(-1, count, -1), text), 2)
        hidden = self.model(ids, places, features, slot_mask(packed["segments"], len(prefix), torch.bfloat16))
        hidden = hidden[:, len(prefix) :].flatten(0, 1)
        labels, weights = packed["labels"].flatten(), packed["weights"].flatten()
        at = (labels != IGNORE).nonzero().flatten()
        logits = self.model.logits(hidden[at]).float()
        return logits, labels[at], weights[at], weights[at] >= self.recipe.decision_weight, features

    def train_step(self, batch: Batch) -> dict[str, float]:
        """One step on one batch; returns what to log."""
        logits, labels, weights, decides, features = self.forward(batch)
        losses = F.cross_entropy(logits, labels, reduction="none")
        text = (losses * weights).sum() / weights.sum().clamp(min=1)
        total, report = text, {"text": text.item()}
        if features is not None:
            dense = self.heads(features, batch.dense)
            text_tokens = batch.packed["ids"].shape[1]
            halfway, later = (hidden[:, -text_tokens:] for hidden in self._inside)
            grounded = self.grounding(halfway, later, batch.packed)
            dense |= {name: self.recipe.grounding_weight * loss for name, loss in grounded.items()}
            total = total + self.recipe.dense_weight * torch.stack(list(dense.values())).sum()
            report |= {name: value.item() for name, value in dense.items()}
        total.backward()  # type: ignore[no-untyped-call]
        report["norm"] = self.optimizer.step(self.step)
        with torch.no_grad():
            right = (logits.argmax(-1) == labels).float()
            report["tokens_right"] = right.mean().item()
            report["decisions_right"] = right[decides].mean().item() if bool(decides.any()) else 0.0
            if features is not None:
                report["kind_right"] = self.heads.accuracy(features, batch.dense["kind"])
        self.step += 1
        self.pictures += batch.rgb.shape[0]
        return report

    def run(self, batches: Iterator[Batch], progress: Callable[[int, int, dict[str, float]], None]) -> None:
        """Train until the recipe's number of pictures; saves every few minutes and at the end."""
        steps = self.recipe.images // self.recipe.batch
        sums: dict[str, float] = {}
        logged = self.step
        saved = started = time.monotonic()
        before = self.seconds
        while self.step < steps:
            waited = time.monotonic()
            batch = next(batches)
            waited = time.monotonic() - waited
            report = self.train_step(batch) | {"wait": waited}
            for name, value in report.items():
                sums[name] = sums.get(name, 0.0) + value
            self.seconds = before + time.monotonic() - started
            if self.step % LOG_STEPS == 0 or self.step == steps:
                means = {name: value / (self.step - logged) for name, value in sums.items()}
                sums, logged = {}, self.step
                self._log(means)
                progress(self.step, steps, means)
            if time.monotonic() - saved > SAVE_SECONDS:
                self.save()
                give_back_gaps()
                saved = time.monotonic()
        self.save()

    def _log(self, means: dict[str, float]) -> None:
        line: dict[str, Any] = {
            "step": self.step,
            "pictures": self.pictures,
            "seconds": round(self.seconds, 1),
            "lr": self.optimizer.learning_rate(self.step),
            **{name: round(value, 4) for name, value in means.items()},
        }
        with Journal(self.folder / CURVE) as curve:
            curve.append(line)


def training_patches(rgb: Tensor, patch: int, dtype: torch.dtype) -> Tensor:
    """Patches `(B * rows * columns, 3 * 2 * P * P)` of uint8 pictures `(B, H, W, 3)`: what `patches_of_array` cuts for
    inference, to the precision of `dtype`, in a few passes of PyTorch."""
    count, height, width, _ = rgb.shape
    rows, columns = height // patch // 2, width // patch // 2  # of blocks of 2 x 2 patches
    cut = rgb.view(count, rows, 2, patch, columns, 2, patch, 3).permute(0, 1, 4, 2, 5, 7, 3, 6)
    values = cut.reshape(-1, 3, 1, patch * patch).to(dtype).mul_(1 / 127.5).sub_(1)
    return values.expand(-1, 3, 2, patch * patch).reshape(-1, 6 * patch * patch)
