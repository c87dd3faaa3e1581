"""Muon for the matrices and AdamW for the rest, on fp32 masters of a bf16 model."""

from __future__ import annotations

import math
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
        # All gradients, one after the other: their norm and clipping are one operation each.
        self.gradient = torch.zeros(sum(m.numel() for m in self.masters), device=self.masters[0].device)
        views = torch.split(self.gradient, [m.numel() for m in self.masters])
        self.views = [view.view_as(master) for master, view in zip(self.masters, views, strict=True)]
        self.muon = torch.optim.Muon(
            matrices,
            lr=1.0,
            weight_decay=recipe.weight_decay,
            momentum=0.95,
            adjust_lr_fn="match_rms_adamw",
        )
        self.adam = torch.optim.AdamW(rest, lr=1.0, betas=(0.9, 0.98), weight_decay=0.0, fused=True)

    def step(self, rate: float, clip: float = 1.0) -> float:
        """Take one step at a learning rate from the gradients of the model, and forget them; parameters without one
        stay as they are.

        Returns the gradients' norm before clipping to `clip`; where it is not finite no step is taken.
        """
        for working, master, view in zip(self.working, self.masters, self.views, strict=True):
            if working.grad is None:
                view.zero_()
                master.grad = None
            else:
                view.copy_(working.grad)
                master.grad = view
            working.grad = None
        norm = float(self.gradient.norm())
        if not math.isfinite(norm):
            return norm
        self.gradient.mul_(min(1.0, clip / (norm + 1e-6)))
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
