"""The catalogue and the graphs that the tests share."""

from __future__ import annotations

from types import ModuleType

import pytest
import tests.occlusion.graphs

from occlusight.occlusion.kinds import KindNames


@pytest.fixture(scope="session")
def graphs() -> ModuleType:
    """The module tests/occlusion/graphs.py."""
    return tests.occlusion.graphs


@pytest.fixture(scope="session")
def names(graphs: ModuleType) -> dict[str, KindNames]:
    """A small catalogue."""
    return graphs.NAMES
