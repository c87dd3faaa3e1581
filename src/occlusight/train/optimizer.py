"""Muon for the matrices and AdamW for the rest, on fp32 masters of a bf16 model; warm-up, stable, decay."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from occlusight.train.recipe import TrainRecipe


class MasterOptimizer:
    """Keeps fp32 copies of the parameters, steps them and writes them back in the model's dtype.

    Muon (https://kellerjordan.github.io/posts/muon/) takes the hidden matrices; embeddings, the patch projection,
    heads, norms and biases go to AdamW.
    """

    def __init__(self, modules: dict[str, nn.Module], recipe: TrainRecipe) -> None:
        self.recipe = recipe
        self.working: list[Tensor] = []
        self.masters: list[nn.Parameter] = []
        matrices: list[nn.Parameter] = []
        rest: list[nn.Parameter] = []
        for group, module in modules.items():
            for name, parameter in module.named_parameters():
                master = nn.Parameter(parameter.detach().float().clone())
                self.working.append(parameter)
                self.masters.append(master)
                hidden = parameter.ndim == 2 and group == "model" and "embed" not in name
                (matrices if hidden else rest).append(master)
        self.gradient = torch.zeros(sum(m.numel() for m in self.masters))  # all of them, one after the other
        views = torch.split(self.gradient, [m.numel() for m in self.masters])
        for master, view in zip(self.masters, views, strict=True):
            master.grad = view.view_as(master)
        self.muon = torch.optim.Muon(
            matrices,
            lr=recipe.learning_rate,
            weight_decay=recipe.weight_decay,
            momentum=0.95,
            adjust_lr_fn="match_rms_adamw",
        )
        self.adam = torch.optim.AdamW(rest, lr=recipe.learning_rate, betas=(0.9, 0.98), weight_decay=0.0, fused=True)

    def learning_rate(self, step: int) -> float:
        """Rate at a step (of `batch` pictures): linear warm-up, constant, linear decay to 2 % of it."""
        r = self.recipe
        steps = r.images / r.batch
        left = (steps - step) / (steps * r.decay)
        return r.learning_rate * min(1.0, (step + 1) / r.warmup) * min(1.0, max(left, 0.02))

    def step(self, step: int, clip: float = 1.0) -> float:
        """Take one step from the gradients of the model. Returns their norm before clipping to `clip`."""
        for working, master in zip(self.working, self.masters, strict=True):
            assert master.grad is not None
            if working.grad is None:
                master.grad.zero_()
            else:
                master.grad.copy_(working.grad)
            working.grad = None
        norm = float(self.gradient.norm())
        self.gradient.mul_(min(1.0, clip / (norm + 1e-6)))
        rate = self.learning_rate(step)
        for optimizer in (self.muon, self.adam):
            for group in optimizer.param_groups:
                group["lr"] = rate
            optimizer.step()  # type: ignore[no-untyped-call]
        self.write_back()
        return norm

    @torch.no_grad()
    def write_back(self) -> None:
        """Copy the masters into the model."""
        for working, master in zip(self.working, self.masters, strict=True):
            working.copy_(master)

    def state_dict(self) -> dict[str, Any]:
        """Everything that resuming needs, the fp32 weights included."""
        masters = [m.detach() for m in self.masters]
        return {"masters": masters, "muon": self.muon.state_dict(), "adam": self.adam.state_dict()}

    @torch.no_grad()
    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from a saved state."""
        for master, saved in zip(self.masters, state["masters"], strict=True):
            master.copy_(saved)
        self.muon.load_state_dict(state["muon"])
        self.adam.load_state_dict(state["adam"])
        self.write_back()
