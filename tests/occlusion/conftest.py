"""The catalogue and the graphs that the tests share."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

from occlusight.occlusion.kinds import KindNames


@pytest.fixture(scope="session")
def graphs() -> ModuleType:
    """The module tests/occlusion/graphs.py."""
    name = "occlusight_test_graphs"
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(name, Path(__file__).parents[1] / "occlusion" / "graphs.py")
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module
        spec.loader.exec_module(module)
    return sys.modules[name]


@pytest.fixture(scope="session")
def names(graphs: ModuleType) -> dict[str, KindNames]:
    """A small catalogue."""
    return graphs.NAMES
