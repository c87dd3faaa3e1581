"""In how many bits a model computes unless told, and what is said and shown about it."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from occlusight.backends import load, open_backend, quantized
from occlusight.backends.hub import shipped
from occlusight.backends.load import precision_of
from occlusight.backends.quantized import quantizing_bar
from occlusight.model.config import ModelConfig
from occlusight.model.device import Placement
from occlusight.model.quant.plan import QuantSettings
from occlusight.model.quant.quantizer import Quantizer
from occlusight.model.qwen3vl import Qwen3VL
from occlusight.model.size import parameters_of

CPU = Placement(torch.device("cpu"), torch.float32, chosen=True)


def config_of(folder: Path) -> ModelConfig:
    """The configuration of a checkpoint."""
    return ModelConfig.from_hf(json.loads((folder / "config.json").read_text()))


def test_parameters_are_counted_from_the_configuration(tiny_checkpoint: Path) -> None:
    for config in (config_of(tiny_checkpoint), config_of(shipped("default"))):
        for tied in (True, False):
            one = replace(config, tie_word_embeddings=tied)
            assert parameters_of(one) == sum(p.numel() for p in Qwen3VL.without_values(one).parameters())


@pytest.fixture
def large(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every model counts as a large one."""
    monkeypatch.setattr(load, "LARGE", 1000)


@pytest.mark.usefixtures("large")
def test_a_large_model_on_a_cpu_computes_in_8_bits_unless_told(tiny_checkpoint: Path) -> None:
    def settled(quantize: str, placement: Placement, vision: str | None = None) -> tuple[object, int]:
        said: list[str] = []
        return precision_of(quantize, vision, tiny_checkpoint, placement, said.append), len(said)

    int8 = QuantSettings.of("int8")
    assert settled("auto", CPU) == (int8, 1)
    assert settled("auto", CPU, "none") == (QuantSettings.of("int8", "none"), 1)
    assert settled("none", CPU) == (None, 0)
    assert settled("int8", CPU) == (int8, 0)
    assert settled("auto", replace(CPU, chosen=False)) == (None, 0)
    assert settled("auto", Placement(torch.device("cuda"), torch.bfloat16, chosen=True)) == (None, 0)


def test_a_small_model_keeps_its_numbers(tiny_checkpoint: Path) -> None:
    said: list[str] = []
    assert precision_of("auto", None, tiny_checkpoint, CPU, said.append) is None
    assert precision_of("auto", None, shipped("default"), CPU, said.append) is None
    assert said == []
    assert open_backend(str(tiny_checkpoint)).info.dtype == "float32"


@pytest.mark.usefixtures("large")
def test_the_choice_and_the_first_quantization_are_said(
    tiny_checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("occlusight.model.quant.store_file.cache_directory", lambda: tmp_path)
    monkeypatch.setattr(quantized, "TOLD_EVERY_S", 0.0)
    said: list[str] = []
    assert open_backend(str(tiny_checkpoint), tell=said.append).info.dtype.startswith("int8; ")
    assert "computed in 8 bits; --quantize none computes in float32" in said[0]
    assert said[1].startswith("quantizing the model, once")
    assert all(line.startswith("quantized ") and line.endswith(" left") for line in said[2:])
    assert len(said) > 4
    said.clear()
    open_backend(str(tiny_checkpoint), tell=said.append)
    assert len(said) == 1  # loaded, not made


def test_the_time_left_goes_by_what_is_done(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr(quantized, "perf_counter", lambda: now)
    said: list[str] = []
    with quantizing_bar(said.append) as show:
        for done, seconds in ((0, 0), (10, 4), (15, 6), (50, 30), (100, 60)):
            now = 100.0 + seconds
            show(done, 100, "x")
    assert said[1:] == ["quantized 10%, about 36 s left", "quantized 50%, about 30 s left"]


@pytest.mark.usefixtures("large")
def test_ctrl_c_while_quantizing_leaves_nothing(
    tiny_checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("occlusight.model.quant.store_file.cache_directory", lambda: tmp_path)
    parts = Quantizer._quantize
    count = 0

    def interrupted(self: Quantizer, *arguments: object) -> object:
        nonlocal count
        count += 1
        if count == 3:
            raise KeyboardInterrupt
        return parts(self, *arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(Quantizer, "_quantize", interrupted)
    with pytest.raises(KeyboardInterrupt):
        open_backend(str(tiny_checkpoint))
    assert not list((tmp_path / "quantized").rglob("*.safetensors"))
    assert open_backend(str(tiny_checkpoint)).info.dtype.startswith("int8; ")
