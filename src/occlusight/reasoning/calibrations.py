"""Where calibrations are kept: those of the package, and those that were fitted on this machine, by the revision of the
model."""

from __future__ import annotations

import json
from importlib.resources import files
from pathlib import Path

from occlusight.errors import BadData
from occlusight.files.cache_directory import cache_directory
from occlusight.files.text import read_text
from occlusight.files.whole import write_whole
from occlusight.reasoning.calibration import Calibration

FOLDER = "calibrations"


def calibration_of(revision: str) -> Calibration | None:
    """Return the calibration of a model, one that was fitted here before the package's own; None where there is none.

    Raises BadData for a file that cannot be read.
    """
    if not revision or not revision.isalnum():
        return None
    name = f"{revision}.json"
    fitted = cache_directory() / FOLDER / name
    if fitted.is_file():
        return _read(read_text(fitted), str(fitted), revision)
    shipped = files("occlusight.reasoning").joinpath(FOLDER, name)
    return _read(shipped.read_text("utf-8"), name, revision) if shipped.is_file() else None


def load_calibration(path: Path) -> Calibration:
    """Read a file that `occlusight calibrate --out` wrote. Raises BadData."""
    return Calibration.from_json(read_text(path), str(path))


def keep(calibration: Calibration, path: Path | None = None) -> Path:
    """Write a calibration, where `calibration_of` finds it unless a path is given; return where."""
    if path is None:
        path = cache_directory() / FOLDER / f"{calibration.revision}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, json.dumps(calibration.to_json(), indent=1) + "\n")
    return path


def _read(text: str, where: str, revision: str) -> Calibration:
    found = Calibration.from_json(text, where)
    if found.revision != revision:
        raise BadData(f"{where} is the calibration of {found.revision}, not of {revision}; fit it again")
    return found
