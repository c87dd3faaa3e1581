"""How much memory is free, by the machine and by control groups of either version, and what is refused for want of
it."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest
import torch

from occlusight.backends import fitting, load
from occlusight.backends.events import Done
from occlusight.backends.fitting import check_fits, need_of
from occlusight.backends.hub import shipped
from occlusight.backends.local import LocalBackend
from occlusight.backends.protocol import Request
from occlusight.engine import kv_manager
from occlusight.errors import BadInput
from occlusight.model.config import ModelConfig
from occlusight.model.device import Placement
from occlusight.model.memory import available_bytes, memory_bytes
from occlusight.model.presets import preset
from occlusight.model.quant.plan import QuantSettings

MB = 1_000_000
CPU = Placement(torch.device("cpu"), torch.float32, chosen=True)
LARGE = preset("2B")


def write(root: Path, files: dict[str, str]) -> Path:
    """Write files as the kernel shows them."""
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    return root


MEMINFO = "MemTotal:       8000000 kB\nMemFree:  100 kB\nMemAvailable:   2000000 kB\n"


@pytest.mark.parametrize(
    ("files", "most", "free"),
    [
        ({}, None, 2_048_000_000),
        ({"proc/self/cgroup": "0::/a/b\n", "sys/fs/cgroup/a/b/memory.max": "max\n"}, None, 2_048_000_000),
        (
            {
                "proc/self/cgroup": "0::/a/b\n",
                "sys/fs/cgroup/a/b/memory.max": "max\n",
                "sys/fs/cgroup/a/memory.max": f"{900 * MB}\n",
                "sys/fs/cgroup/a/memory.current": f"{500 * MB}\n",
                "sys/fs/cgroup/a/memory.stat": f"anon 5\ninactive_file {100 * MB}\n",
            },
            900 * MB,
            500 * MB,
        ),
        (
            {  # within a container: the path is of the outside, the limit lies at the root
                "proc/self/cgroup": "5:devices:/x\n4:memory:/docker/123\n",
                "sys/fs/cgroup/memory/memory.limit_in_bytes": f"{700 * MB}\n",
                "sys/fs/cgroup/memory/memory.usage_in_bytes": f"{700 * MB}\n",
                "sys/fs/cgroup/memory/memory.stat": f"inactive_file 7\ntotal_inactive_file {50 * MB}\n",
            },
            700 * MB,
            50 * MB,
        ),
        (
            {"proc/self/cgroup": "4:memory:/\n", "sys/fs/cgroup/memory/memory.limit_in_bytes": f"{2**63 - 4096}\n"},
            None,
            2_048_000_000,
        ),
        ({"proc/self/cgroup": "nonsense\n\n0::\n"}, None, 2_048_000_000),
    ],
)
def test_the_least_of_machine_and_groups_counts(
    tmp_path: Path, files: dict[str, str], most: int | None, free: int
) -> None:
    root = write(tmp_path, {"proc/meminfo": MEMINFO, **files})
    assert memory_bytes(root) == (memory_bytes(tmp_path / "none") if most is None else most)
    assert available_bytes(root) == free


def test_without_any_of_these_files_all_there_is_counts(tmp_path: Path) -> None:
    assert available_bytes(tmp_path) == memory_bytes(tmp_path) > 10**8
    assert 0 < available_bytes() <= memory_bytes()


def test_the_2b_takes_what_was_measured() -> None:
    """docs/quantization.md: 2.13 billion numbers; int8 loads within 2.6 GB, process and loops included; quantizing took
    2.6."""
    whole = need_of(LARGE, CPU, None, True, False)
    assert 8.5e9 < whole.bytes < 8.9e9
    int8 = QuantSettings.of("int8")
    assert 2.2e9 < need_of(LARGE, CPU, int8, True, False).bytes < 2.5e9
    small = dataclasses.replace(LARGE, text=dataclasses.replace(LARGE.text, layers=3))
    making = need_of(small, CPU, int8, False, False)
    assert 2.1e9 < making.bytes < 2.3e9
    assert making.words.startswith("quantizing, once, 2.2 GB; then weights in int8")
    assert need_of(LARGE, CPU, QuantSettings.of("int4"), True, True).bytes < need_of(LARGE, CPU, int8, True, True).bytes


def test_the_estimate_is_the_weights_size(tiny_checkpoint: Path) -> None:
    for folder in (tiny_checkpoint, shipped("default")):
        config = ModelConfig.from_hf(json.loads((folder / "config.json").read_text()))
        words = need_of(config, CPU, None, True, False).words
        size = LocalBackend(folder).info.memory_bytes
        assert words.startswith(f"weights in float32 {size / 1e9:.1f} GB")


def test_what_does_not_fit_is_refused_before_it_is_loaded(
    tiny_checkpoint: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fitting, "available_bytes", lambda: 100_000)
    monkeypatch.setattr(load, "load_model", None)  # would fail if it were called
    with pytest.raises(BadInput, match=r"does not fit into memory: it takes 0\.0 GB .* 0\.0 GB are free; close other"):
        LocalBackend(tiny_checkpoint)
    check_fits(tiny_checkpoint, Placement(torch.device("cuda"), torch.bfloat16), None)


@pytest.mark.parametrize(
    ("free", "quantized", "advice"),
    [
        (5e9, None, r"takes 8\.\d GB \(weights in float32 8\.5 GB, .*5\.0 GB are free; --quantize int8 takes 2\.\d GB"),
        (1e9, None, "take a smaller model"),
        (1e9, "int8", "take a smaller model"),
        (3e9, "int4", r"occlusight models quantize\) and give the folder"),
    ],
)
def test_the_refusal_says_what_would_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, free: float, quantized: str | None, advice: str
) -> None:
    (tmp_path / "config.json").write_text(json.dumps(LARGE.to_hf("bfloat16")))
    monkeypatch.setattr(fitting, "available_bytes", lambda: int(free))
    settings = None if quantized is None else QuantSettings.of(quantized)
    with pytest.raises(BadInput, match=advice):
        check_fits(tmp_path, CPU, settings, stored=False)


def test_a_picture_that_does_not_fit_is_refused_before_it_is_encoded(
    tiny_checkpoint: Path, pictures: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    backend = LocalBackend(tiny_checkpoint)
    monkeypatch.setattr(kv_manager, "SMALL", 0)
    monkeypatch.setattr(kv_manager, "available_bytes", lambda: 50_000)
    with pytest.raises(BadInput, match=r"reading 6 tokens of pictures takes .* GB are free; use a smaller max_pixels"):
        backend.generate(Request("?", (pictures[0],), max_tokens=1))
    assert backend.engine.counters().steps == 0
    monkeypatch.setattr(kv_manager, "available_bytes", lambda: 50 * MB)
    assert isinstance(list(backend.generate(Request("?", (pictures[0],), max_tokens=1)))[-1], Done)
