"""The catalogue's names of kinds, as questions and answers use them."""

from __future__ import annotations

from occlusight.occlusion.kinds import KindNames
from occlusight.scenes.meshes.catalogue import Catalogue


def names_of(catalogue: Catalogue) -> dict[str, KindNames]:
    """Names in both languages of every kind, by key."""
    return {
        k.key: KindNames(k.key, k.en, k.plural, k.zh, k.measure, k.aliases_en, k.aliases_zh, k.settings)
        for k in catalogue.kinds.values()
    }
