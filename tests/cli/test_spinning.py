"""How long threads wait actively for each other depends on what else the machine does."""

from __future__ import annotations

import os

import pytest

from occlusight.cli import app


@pytest.mark.parametrize(("load", "busy"), [(0.1, False), (0.9, False), (1.1, True), (20.0, True)])
def test_a_machine_is_busy_from_a_quarter_of_its_cores_on(
    load: float, busy: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "getloadavg", lambda: (load, 0.0, 0.0))
    monkeypatch.setattr(os, "cpu_count", lambda: 4)
    assert app.is_busy() is busy
