"""What the commands of `occlusight bench` ask, and whom: languages, names of kinds, and the model."""

from __future__ import annotations

from dataclasses import replace

from occlusight.backends.options import EngineOptions
from occlusight.backends.protocol import Backend
from occlusight.bench.baselines import baseline
from occlusight.cli.results import say
from occlusight.datasets.dataset import DataSet
from occlusight.errors import BadInput
from occlusight.occlusion.kinds import LANGS, Names


def languages(text: str) -> tuple[str, ...]:
    """Read "zh,en". Raises BadInput."""
    found = tuple(part.strip() for part in text.split(",") if part.strip())
    unknown = [lang for lang in found if lang not in LANGS]
    if unknown or not found:
        raise BadInput(f"--langs takes {', '.join(LANGS)}, separated by commas, but {text!r} was given")
    return found


def shipped_names() -> Names:
    """The names of the kinds in the shipped catalogue."""
    from occlusight.scenes.meshes.catalogue import whole_catalogue
    from occlusight.scenes.meshes.names import names_of

    return names_of(whole_catalogue())


def names_for(data: DataSet) -> Names:
    """The names of the kinds in the shipped catalogue, where a set shows texts those of signs too, where its recipes
    are wide all that there are, and those that the set brings. Raises BadData."""
    from occlusight.scenes.meshes.catalogue import full_catalogue, wide_catalogue
    from occlusight.scenes.meshes.names import names_of
    from occlusight.scenes.recipes.free import WIDE_SETTINGS

    names = shipped_names()
    if any(scene.graph.inscriptions for scene in data.scenes.values()):
        names = names_of(full_catalogue())
    if any(scene.recipe in WIDE_SETTINGS for scene in data.scenes.values()):
        names = names_of(wide_catalogue())
    return {**names, **data.kinds}


def backend_for(
    model: str,
    data: DataSet,
    names: Names,
    options: EngineOptions,
    *,
    understood: bool = False,
    reason: bool = False,
) -> Backend:
    """Open a model; the oracle answers from this data set. Our engine's answers do not depend on how busy it is. Raises
    BadModel.

    With `understood`, a model that knows its own wordings alone is asked through what is understood of a question; with
    `reason`, the relation graph of a picture answers what it holds.
    """
    own = options.backend == "local"
    found = baseline(model, data, names) if own else None
    if found is not None:
        return found
    from occlusight.api import open_model

    return open_model(model, replace(options, steady=own), plain=not understood, reason=reason, tell=say)
