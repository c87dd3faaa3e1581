"""What must hold in a scene with texts: its masks and its graph say the same of every character."""

from __future__ import annotations

from collections.abc import Iterator

from occlusight.datasets.masks import decode
from occlusight.errors import BadData
from occlusight.files.json_lines import Line
from occlusight.occlusion.facts import Facts


def inscription_failures(line: Line, facts: Facts) -> Iterator[str]:
    """Prove that masks and graph say the same of every character, and that a scene as it was drawn has a text to ask
    about."""
    for a, inscription in facts.inscriptions.items():
        try:
            seen = decode(line["masks"][a]["visible"])
            ink = [decode(rle) for rle in line["masks"][a]["characters"]]
        except (BadData, KeyError) as error:
            yield f"has masks of the characters on {a} that cannot be read ({error})"
            continue
        if len(ink) != len(inscription.characters):
            yield f"has {len(ink)} masks for the {len(inscription.characters)} characters on {a}"
            continue
        whole = decode(line["masks"][a]["amodal"])
        for mask, c in zip(ink, inscription.characters, strict=True):
            share = (mask & seen).sum() / max(1, mask.sum())
            if (mask & ~whole).any():
                yield f"has ink of {c.character!r} where {a} is not"
            if abs(share - c.visible_fraction) > 1e-4:
                yield (
                    f"says that {c.visible_fraction} of {c.character!r} on {a} is visible, but the masks say "
                    f"{share:.4f}"
                )
        if sum(ink).max() > 1:  # type: ignore[union-attr]
            yield f"has two characters of {a} in the same pixels"
    if not line["edit"]:
        first = line["focus"][1]
        read = facts.readable(first)
        if None in read or True not in read or False not in read:
            yield f"is about the text on {first}, of which not some characters can be read and the others not"
