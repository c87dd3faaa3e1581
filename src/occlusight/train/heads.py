"""Heads that say what patches, visual tokens and names should know. Used in training only and never shipped."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from occlusight.model.vision import VisionFeatures

RARE = 0.005
"""About how often a patch shows some kind: where the marks of kinds begin (arXiv:1708.02002, section 4.1)."""


class DenseHeads(nn.Module):
    """Linear readers of the vision tower's last block (per patch) and of its merged tokens (2 x 2 patches)."""

    def __init__(self, hidden: int, out: int, kinds: int, colours: int) -> None:
        super().__init__()
        self.kind = nn.Linear(hidden, kinds + 1)
        self.amodal = nn.Linear(hidden, kinds)
        self.hidden = nn.Linear(hidden, kinds)
        self.colour = nn.Linear(hidden, colours)
        self.depth = nn.Linear(hidden, 1)
        self.box = nn.Linear(hidden, 4)
        self.merged_amodal = nn.Linear(out, kinds)
        self.merged_hidden = nn.Linear(out, kinds)
        self.merged_colour = nn.Linear(out, 4 * colours)
        self.merged_place = nn.Linear(out, 4 * 5)  # log distance and box of what each of the four patches shows
        for head in (self.amodal, self.hidden, self.merged_amodal, self.merged_hidden):
            nn.init.constant_(head.bias, math.log(RARE / (1 - RARE)))

    def forward(self, features: VisionFeatures, dense: dict[str, Tensor]) -> dict[str, Tensor]:
        """Losses by name; `dense` holds the targets of `Dense`, stacked (B, pictures, L, ...)."""
        x = F.layer_norm(features.patches.float(), features.patches.shape[-1:])
        m = F.layer_norm(features.embeds.float(), features.embeds.shape[-1:])
        kind = dense["kind"].flatten()
        amodal, hidden = (dense[name].flatten(0, -2).float() for name in ("amodal", "hidden"))
        colour = dense["colour"].flatten()
        place = torch.cat((dense["depth"].reshape(-1, 1), dense["box"].flatten(0, -2)), 1)
        seen = torch.isfinite(place[:, 0])
        guess = torch.cat((self.depth(x), self.box(x)), 1)
        guess_merged = self.merged_place(m).view(-1, 5)  # a merged token's four patches follow one another
        painted = (colour >= 0).sum().clamp(min=1)
        tokens = (m.shape[0], -1, amodal.shape[-1])

        def placed(guess: Tensor) -> Tensor:
            return F.smooth_l1_loss(guess[seen], place[seen], beta=0.1) if bool(seen.any()) else guess.sum() * 0

        def colours(guess: Tensor) -> Tensor:
            return F.cross_entropy(guess, colour, ignore_index=-1, reduction="sum") / painted

        def marked(guess: Tensor, kinds: Tensor) -> Tensor:
            return F.binary_cross_entropy_with_logits(guess, kinds, reduction="sum") / len(kinds)

        return {
            "kind": F.cross_entropy(self.kind(x), kind),
            "amodal": 0.18 * marked(self.amodal(x), amodal),
            "hidden": 0.36 * marked(self.hidden(x), hidden),
            "colour": 0.3 * colours(self.colour(x)),
            "place": placed(guess),
            "merged_amodal": 0.09 * marked(self.merged_amodal(m), amodal.view(tokens).amax(1)),
            "merged_hidden": 0.18 * marked(self.merged_hidden(m), hidden.view(tokens).amax(1)),
            "merged_colour": 0.3 * colours(self.merged_colour(m).view(len(colour), -1)),
            "merged_place": placed(guess_merged),
        }

    @torch.no_grad()
    def accuracy(self, features: VisionFeatures, kind: Tensor) -> float:
        """Share of the patches that show something whose kind is right."""
        x = F.layer_norm(features.patches.float(), features.patches.shape[-1:])
        shown = kind.flatten() < self.kind.out_features - 1
        right = self.kind(x).argmax(-1)[shown] == kind.flatten()[shown]
        return float(right.float().mean())


class GroundingHeads(nn.Module):
    """Read from inside the decoder where the thing just named is, and the thing that a list names next. Training
    only."""

    def __init__(self, hidden: int) -> None:
        super().__init__()
        self.named = nn.Linear(hidden, 5)
        self.ahead = nn.Linear(hidden, 5)

    def forward(self, halfway: Tensor, later: Tensor, packed: dict[str, Tensor]) -> dict[str, Tensor]:
        """Losses of the questions' hidden states `(B, T, D)` after the middle layer and the one after it."""
        return {
            "named": _placed(self.named, halfway, packed["places"]),
            "ahead": _placed(self.ahead, later, packed["ahead"]),
        }


def _placed(reader: nn.Linear, hidden: Tensor, places: Tensor) -> Tensor:
    """Loss where the places `(B, T, 5)` are not NaN."""
    at = torch.isfinite(places[..., 0])
    x = F.layer_norm(hidden[at].float(), hidden.shape[-1:])
    return F.smooth_l1_loss(reader(x), places[at], beta=0.1) if bool(at.any()) else x.sum()
