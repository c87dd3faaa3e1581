"""From a checkpoint to its stored form: block after block, each measured on the calibration before the next is read.

Two streams of hidden states run through the model at once: that of the float blocks, from which the layers' inputs are
taken, and that of the quantized ones, which shows in the end what the whole costs. Only one block's weights are in
memory at a time.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

import torch
from torch import Tensor, nn

from occlusight.errors import BadModel
from occlusight.kernels.capabilities import capabilities
from occlusight.model.grids import GridTables
from occlusight.model.quant.fused import NORMS, Sites, join, parts_of
from occlusight.model.quant.linear import build_linear
from occlusight.model.quant.plan import OutputError, QuantPlan, QuantSettings, SitePlan
from occlusight.model.quant.search import choose, choose_head, fold
from occlusight.model.quant.store_file import EMBEDDING, StoreWriter
from occlusight.model.qwen3vl import Qwen3VL
from occlusight.model.rope import Grid, positions, rotary_tables
from occlusight.model.size import embedding_of
from occlusight.model.text import RMSNorm, TextLayer
from occlusight.model.vision import Merger, VisionBlock
from occlusight.model.weight_files import WeightFiles
from occlusight.model.weights import check_shapes, hf_name, is_finite, open_checkpoint, refuse_not_finite

COMPARED = 96
"""At so many places the next token's distribution is compared."""
Progress = Callable[[int, int, str], None]
"""Hears how many multiplications of the calibration are done, of how many, and what is next: time goes about with
these.
"""


@dataclass(frozen=True)
class Sample:
    """A calibration prompt: ids `(T,)`, and its one picture's patches and grid."""

    ids: Tensor
    patches: Tensor
    grid: Grid


@dataclass
class Stream:
    """One sample on its way: hidden states through the float and the quantized blocks, each with DeepStack's taps."""

    float: Tensor
    rounded: Tensor
    tables: GridTables | tuple[Tensor, Tensor]
    visual: Tensor
    taps: list[tuple[Tensor, Tensor]]


class TensorReader:
    """Reads single tensors of a checkpoint as fp32, files closed between blocks so that nothing stays mapped."""

    def __init__(self, files: WeightFiles, tied: bool) -> None:
        self._files, self._tied = files, tied

    def state(self, names: dict[str, str]) -> dict[str, Tensor]:
        """Tensors by our names' short forms: `names` maps these to full names."""
        return {short: self.tensor(full).float() for short, full in names.items()}

    def tensor(self, name: str, low: int = 0, high: int | None = None) -> Tensor:
        """Rows of a tensor by our name, in the checkpoint's type.

        Raises:
            BadModel: there is none, or it holds numbers that are not finite.
        """
        theirs = self._files.source_of(hf_name(name), self._tied)
        if theirs not in self._files.tensors:
            raise BadModel(
                f"{self._files.directory}: 1 missing tensor(s): {theirs}; weights and config.json do not match"
            )
        rows = self._files.read(theirs, low, high).clone()
        refuse_not_finite(self._files.directory, [] if is_finite(rows) else [theirs])
        return rows


class Quantizer:
    """Quantizes one checkpoint, whose `digest` the stored form remembers."""

    def __init__(self, checkpoint: Path, settings: QuantSettings, digest: str = "") -> None:
        self.settings, self.digest = settings, digest
        self.config, files = open_checkpoint(checkpoint)
        self.model = Qwen3VL.without_values(self.config)
        check_shapes(self.model, files)
        self.reader = TensorReader(files, self.config.tie_word_embeddings)
        self.sites: list[SitePlan] = []

    @torch.inference_mode()
    def run(self, samples: Sequence[Sample], folder: Path, progress: Progress | None = None) -> QuantPlan:
        """Write the stored form to `folder` and return its plan."""
        capabilities()  # compiled and tried before the clock runs: the first part's time tells of the others'
        began = perf_counter()
        writer = StoreWriter(folder, self.digest)
        try:
            parts = parts_of(self.model)
            rest = self._rest()
            streams = [self._begin_vision(sample) for sample in samples]
            costs = [_numbers(part) * self._rows(name, part, samples) for name, part, _ in parts]
            tokens = sum(len(sample.ids) for sample in samples)
            done, total = 0, sum(costs) + embedding_of(self.config.text) * tokens
            for (name, part, sites), cost in zip(parts, costs, strict=True):
                if progress:
                    progress(done, total, name)
                if name == "text.layers.0":
                    streams = [self._begin_text(*pair) for pair in zip(samples, streams, strict=True)]
                writer.write(f"{name}.safetensors", self._quantize(name, part, sites, streams))
                done += cost
            if progress:
                progress(done, total, "lm_head")
            head, output = self._head(rest, streams)
            writer.write("rest.safetensors", rest)
            if head:
                writer.write("lm_head.safetensors", head)
            writer.write(EMBEDDING, {"weight": self.reader.tensor("text.embed_tokens.weight").bfloat16()})
            plan = QuantPlan(self.settings, tuple(self.sites), output, round(perf_counter() - began, 1), tokens)
            writer.finish(plan)
        finally:
            writer.discard()
        if progress:
            progress(total, total, "done")
        return plan

    def _rows(self, name: str, part: nn.Module, samples: Sequence[Sample]) -> int:
        """How many rows of the calibration go through a part."""
        if not name.startswith("vision."):
            return sum(len(sample.ids) for sample in samples)
        patches = sum(len(sample.patches) for sample in samples)
        return patches // self.config.vision.merge_size**2 if isinstance(part, Merger) else patches

    def _rest(self) -> dict[str, Tensor]:
        """Load what is not quantized: patch and position embeddings, the last norm. They are also stored, in fp32."""
        names = [
            "vision.patch_embed.proj.weight",
            "vision.patch_embed.proj.bias",
            "vision.pos_embed.weight",
            "text.norm.weight",
        ]
        rest = {name: self.reader.tensor(name).float() for name in names}
        self.model.load_state_dict(rest, strict=False, assign=True)
        return rest

    def _begin_vision(self, sample: Sample) -> Stream:
        tower = self.model.vision
        _, rows, columns = sample.grid
        x, tables = tower.placed(tower.patch_embed(sample.patches)[None], (rows, columns))
        return Stream(x, x.clone(), tables, torch.empty(0), [])

    def _begin_text(self, sample: Sample, seen: Stream) -> Stream:
        """Put the merged picture, whose features the main merger left in the stream, among the embedded text."""
        weight = self.reader.tensor("text.embed_tokens.weight").float()
        embeds = weight[sample.ids]
        visual = (sample.ids == self.config.image_token_id).nonzero().flatten()
        mixed = [embeds.index_copy(0, visual, x.flatten(0, 1))[None] for x in (seen.float, seen.rounded)]
        place, _ = positions(sample.ids, [sample.grid], self.config)
        tables = rotary_tables(place[:, None], self.config.text)
        return Stream(mixed[0], mixed[1], tables, visual, seen.taps)

    def _quantize(self, name: str, part: nn.Module, sites: Sites, streams: list[Stream]) -> dict[str, Tensor]:
        """Choose for every layer of a part, run both streams through it, and return what to store."""
        module = copy.deepcopy(part)
        names = {short: f"{name}.{short}" for short, _ in module.named_parameters()}
        module.load_state_dict(self.reader.state(names), assign=True)
        module.requires_grad_(False).eval()
        inputs = self._watch(module, sites, lambda: self._float(name, module, streams))
        bits = self.settings.vision if name.startswith("vision.") else self.settings.text
        stored: dict[str, dict[str, Tensor]] = {}
        for site, sources in sites.items():
            linears = [module.get_submodule(source) for source in sources]
            weight = torch.cat([_tensor(linear, "weight") for linear in linears])
            bias = (
                torch.cat([_tensor(linear, "bias") for linear in linears])
                if getattr(linears[0], "bias", None) is not None
                else None
            )
            tensors, plan = choose(f"{name}.{site}", bits, inputs[site], weight, bias, self.settings)
            if site in NORMS:
                tensors = fold(tensors, module.get_submodule(NORMS[site]))
            stored[site] = tensors
            self.sites.append(plan)

        def build(site: str, order: Tensor | None = None) -> nn.Module:
            return build_linear(stored[site], order, int4_only=True)  # judged as if prompts had 4 bits too

        join(module, build)
        self._rounded(name, module, streams)
        kept = {short: parameter.detach() for short, parameter in module.named_parameters()}
        return kept | {f"{site}.{key}": tensor for site, tensors in stored.items() for key, tensor in tensors.items()}

    def _watch(self, module: nn.Module, sites: Sites, run: Callable[[], None]) -> dict[str, Tensor]:
        """What enters each site while `run` runs, `(tokens, K)`."""
        seen: dict[str, list[Tensor]] = {site: [] for site in sites}

        def keep(site: str) -> Callable[[nn.Module, tuple[Tensor, ...]], None]:
            return lambda _, given: seen[site].append(given[0].flatten(0, -2))

        hooks = [
            module.get_submodule(sources[0]).register_forward_pre_hook(keep(site)) for site, sources in sites.items()
        ]
        run()
        for hook in hooks:
            hook.remove()
        return {site: torch.cat(parts) for site, parts in seen.items()}

    def _float(self, name: str, module: nn.Module, streams: list[Stream]) -> None:
        for stream in streams:
            after = self._apply(name, module, stream, stream.float, 0)
            if isinstance(module, Merger) and name != "vision.merger":
                stream.taps.append((after, after))
            else:
                stream.float = after

    def _rounded(self, name: str, module: nn.Module, streams: list[Stream]) -> None:
        for stream in streams:
            after = self._apply(name, module, stream, stream.rounded, 1)
            if isinstance(module, Merger) and name != "vision.merger":
                stream.taps[-1] = (stream.taps[-1][0], after)
            else:
                stream.rounded = after

    def _apply(self, name: str, module: nn.Module, stream: Stream, x: Tensor, which: int) -> Tensor:
        """Run a part on one stream's hidden states; DeepStack's tap is added after a decoder layer."""
        if isinstance(module, TextLayer):
            layer = int(name.rsplit(".", 1)[1])
            out: Tensor = module(x, stream.tables, None, None, layer)
            if layer < len(stream.taps):
                tap = stream.taps[layer][which].flatten(0, 1)
                out = out.flatten(0, 1).index_add(0, stream.visual, tap)[None]
            return out
        if isinstance(module, VisionBlock):
            seen: Tensor = module(x, stream.tables)
            return seen
        merged: Tensor = module(x)
        return merged

    def _head(self, rest: dict[str, Tensor], streams: list[Stream]) -> tuple[dict[str, Tensor], OutputError]:
        """Choose for the output layer and compare the two streams' next tokens."""
        name = "text.embed_tokens.weight" if self.config.tie_word_embeddings else "lm_head.weight"
        eps = self.config.text.rms_norm_eps
        exact, rounded = (
            self._places([_normed(getattr(s, which)[0], rest["text.norm.weight"], eps) for s in streams])
            for which in ("float", "rounded")
        )
        bits = "none" if self.settings.text == "none" else "int8"
        rows = self.config.text.vocab_size

        def read(low: int, high: int) -> Tensor:
            return self.reader.tensor(name, low, high).float()

        stored, site, smooth = choose_head(read, rows, exact, bits, self.settings)
        self.sites.append(site)
        if smooth is not None:
            rest["text.norm.weight"] = rest["text.norm.weight"] / smooth
            rounded = rounded / smooth
        step = 16_384
        right = torch.cat([exact @ read(low, min(low + step, rows)).T for low in range(0, rows, step)], 1)
        given = build_linear(stored)(rounded)
        kl = (right.softmax(-1) * (right.log_softmax(-1) - given.log_softmax(-1))).sum(-1)
        agreement = (right.argmax(-1) == given.argmax(-1)).float().mean()
        output = OutputError(len(kl), float(kl.mean()), float(kl.quantile(0.99)), float(agreement))
        tied = self.config.tie_word_embeddings and site.bits == "bf16" and smooth is None
        return ({} if tied else stored), output

    def _places(self, hidden: list[Tensor]) -> Tensor:
        """At most `COMPARED` rows, evenly spread."""
        rows = torch.cat(hidden)
        return rows[torch.linspace(0, len(rows) - 1, min(COMPARED, len(rows))).long()]


def _normed(x: Tensor, weight: Tensor, eps: float) -> Tensor:
    norm = RMSNorm(x.shape[-1], eps)
    norm.weight = nn.Parameter(weight, requires_grad=False)
    out: Tensor = norm(x)
    return out


def _numbers(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def _tensor(module: nn.Module, name: str) -> Tensor:
    found: Tensor = getattr(module, name)
    return found
