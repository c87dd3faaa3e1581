"""The plan on checkpoints with outliers: plain 8 bits break, what the plan chooses stays within the budget; and the
stored form."""

from __future__ import annotations

import json
import logging
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from occlusight.errors import BadInput, BadModel
from occlusight.files.whole import sha256
from occlusight.model.grids import GridTables
from occlusight.model.quant import linear, store, verified
from occlusight.model.quant.int4 import Int4Weight
from occlusight.model.quant.int8 import ReferenceWeight
from occlusight.model.quant.linear import NARROW_ROWS, Int4Linear, Int8Linear, build_linear, store_int8
from occlusight.model.quant.outliers import Outliers, edited_state
from occlusight.model.quant.plan import FORMAT, Budget, QuantPlan, QuantSettings
from occlusight.model.quant.quantizer import Quantizer, Sample
from occlusight.model.quant.search import choose, token_errors
from occlusight.model.quant.store import load_form, load_quantized, load_stored
from occlusight.model.quant.store_file import Origin, StoreReader, lock_of
from occlusight.model.qwen3vl import Qwen3VL
from occlusight.model.rope import rotary_tables
from occlusight.model.steps import finished
from occlusight.model.weights import hf_name, hf_state, save_model

INT8 = QuantSettings()


@pytest.fixture(autouse=True)
def cache_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Stored forms; compiled loops stay where they are, or each test that needs them first would compile them."""
    monkeypatch.setattr("occlusight.model.quant.store_file.cache_directory", lambda: tmp_path / "cache")


@pytest.fixture
def samples(twins: Any) -> list[Sample]:
    return [Sample(case.ids, case.patches, case.grids[0]) for case in (twins.cases["image"],)]


@pytest.fixture
def with_outliers(twins: Any, tmp_path: Path) -> Path:
    outliers = Outliers.choose(twins.model.config, lift=16)
    state = edited_state(hf_state(twins.model, torch.float32), outliers)
    model = Qwen3VL(twins.model.config).eval()
    model.load_state_dict({name: state[hf_name(name)] for name, _ in model.named_parameters()})
    save_model(model, tmp_path / "outliers", torch.float32)
    return tmp_path / "outliers"


def quantize(checkpoint: Path, samples: list[Sample], folder: Path, settings: QuantSettings = INT8) -> QuantPlan:
    return Quantizer(checkpoint, settings).run(samples, folder)


def test_outliers_break_plain_rounding_and_not_the_plan(
    with_outliers: Path, samples: list[Sample], tmp_path: Path
) -> None:
    plan = quantize(with_outliers, samples, tmp_path / "form")
    broken = [site for site in plan.sites if site.plain_p99 > 0.3]
    assert len(broken) > len(plan.sites) / 3
    for site in plan.sites:
        assert site.median <= INT8.budget.median, site
        assert site.p99 <= INT8.budget.p99, site
    assert {site.choice for site in plan.sites} >= {"plain", "equalized"}
    assert plan.output.kl_mean < 0.05
    assert plan.within


def test_a_massive_token_needs_columns_apart_not_equalizing() -> None:
    """Two channels explode at one token and cancel: the median token is fine, the 99th percentile is not."""
    random = torch.Generator().manual_seed(0)
    x, weight = torch.randn(60, 256, generator=random), torch.randn(128, 256, generator=random)
    weight[:, 1] = -weight[:, 0]
    x[7, :2] = 1000.0
    tight = QuantSettings(budget=Budget(0.03, 0.05))
    right = x @ weight.T
    for smooth in (None, torch.ones(256).index_fill(0, torch.tensor([0, 1]), 32.0)):
        errors = token_errors(build_linear(store_int8(weight, smooth=smooth))(x), right)
        assert not errors.within(tight.budget)
    stored, site = choose("massive", "int8", x, weight, None, tight)
    assert site.choice == "columns apart"
    assert stored["columns"].tolist() == [0, 1]
    assert site.p99 < 0.05 < site.plain_p99


def test_an_error_does_not_depend_on_how_an_output_channel_is_scaled() -> None:
    random = torch.Generator().manual_seed(0)
    right = torch.randn(200, 64, generator=random)
    given = right + 0.1 * torch.randn(200, 64, generator=random)
    factors = torch.ones(64).index_fill(0, torch.tensor([3, 40]), 512.0)
    plain, scaled = token_errors(given, right), token_errors(given * factors, right * factors)
    assert plain.median == pytest.approx(scaled.median, rel=1e-4)
    assert plain.p99 == pytest.approx(scaled.p99, rel=1e-4)
    drowned = given * factors
    drowned[:, 5] = 0  # a channel of ordinary size that is lost counts as one of 64, not as one of a million
    assert token_errors(drowned, right * factors).median > 1.2 * scaled.median


def test_four_bits_suffice_where_a_few_output_channels_are_huge() -> None:
    """Rows of `up_proj` hundreds of times the others', which `down_proj` divides again: a token at which they are small
    is not ruined."""
    random = torch.Generator().manual_seed(0)
    x, weight = torch.randn(500, 256, generator=random), torch.randn(512, 256, generator=random)
    weight[[5, 200]] *= 512
    settings = QuantSettings("int4", "int8")
    stored, site = choose("gate_up", "int4", x, weight, None, settings)
    assert (site.bits, site.choice) == ("int4", "plain")
    narrow, right = build_linear(stored, int4_only=True), x @ weight.T
    in_plain_units = (narrow(x) - right).norm(dim=-1) / right.norm(dim=-1)
    assert in_plain_units.quantile(0.99) > settings.int4_budget.p99 > 2 * site.p99


def test_four_bits_are_treated_too_and_have_eight_beside_them_for_prompts(monkeypatch: pytest.MonkeyPatch) -> None:
    """One channel of the input is 300 times the others, its weights as much smaller: a group that holds it rounds them
    all away."""
    random = torch.Generator().manual_seed(0)
    x, weight = torch.randn(300, 256, generator=random), torch.randn(128, 256, generator=random)
    x[:, 3], weight[:, 3] = 300 * x[:, 3], weight[:, 3] / 300
    settings = QuantSettings("int4", "int8")
    stored, site = choose("outlier", "int4", x, weight, None, settings)
    assert (site.bits, site.choice) == ("int4", "equalized")
    assert site.median <= settings.int4_budget.median < 0.5 < site.plain_median
    monkeypatch.setattr(linear, "int4_pays", lambda device: True)
    layer, right = build_linear(stored), x @ weight.T
    narrow = build_linear(stored, int4_only=True)
    wide = build_linear({key: tensor for key, tensor in stored.items() if key not in ("nibbles", "groups")})
    assert isinstance(narrow, Int4Linear)
    for rows in (1, NARROW_ROWS):
        assert torch.equal(layer(x[:rows]), narrow(x[:rows]))
    assert torch.equal(layer(x[: NARROW_ROWS + 1]), wide(x[: NARROW_ROWS + 1]))
    assert token_errors(layer(x), right).within(settings.budget)
    assert token_errors(narrow(x), right).within(settings.int4_budget)
    monkeypatch.setattr(linear, "int4_pays", lambda device: False)
    assert torch.equal(build_linear(stored)(x[:1]), wide(x[:1]))


def test_a_decoder_with_outliers_gets_four_bits_throughout(
    with_outliers: Path, samples: list[Sample], tmp_path: Path
) -> None:
    settings = QuantSettings("int4", "int8")
    plan = quantize(with_outliers, samples, tmp_path / "form", settings)
    layers = [site for site in plan.sites if site.name.startswith("text.")]
    assert sum(site.plain_p99 > settings.int4_budget.p99 for site in layers) > len(layers) / 3
    narrow = [site for site in layers if site.bits == "int4"]
    assert len(narrow) >= len(layers) - 1
    for site in narrow:
        assert site.median <= settings.int4_budget.median, site
        assert site.p99 <= settings.int4_budget.p99, site
    assert plan.within


def test_four_bits_that_miss_their_budget_become_eight() -> None:
    random = torch.Generator().manual_seed(0)
    x, weight = torch.randn(40, 64, generator=random), torch.randn(32, 64, generator=random)
    stored, site = choose("strict", "int4", x, weight, None, QuantSettings("int4", int4_budget=Budget(0.01, 0.02)))
    assert site.bits == "int8"
    assert "nibbles" not in stored


def test_what_no_treatment_cures_is_kept() -> None:
    random = torch.Generator().manual_seed(0)
    x, weight = torch.randn(40, 64, generator=random), torch.randn(32, 64, generator=random)
    _, site = choose("strict", "int8", x, weight, None, QuantSettings(budget=Budget(0.004, 0.006)))
    assert (site.bits, site.choice) == ("bf16", "bf16")


@pytest.mark.parametrize(("text", "vision"), [("int8", "int8"), ("int4", "int8"), ("none", "int8"), ("int8", "none")])
def test_the_stored_model_says_nearly_the_same(
    twins: Any, samples: list[Sample], text: str, vision: str, tmp_path: Path
) -> None:
    settings = QuantSettings(text, vision)
    model, plan = load_quantized(twins.directory, Origin("digest", "pictures", settings), lambda: samples)
    assert plan.settings == settings
    case = twins.cases["two images"]
    given, right = twins.ours(model, case), twins.logits["two images"]
    divergence = (right.softmax(-1) * (right.log_softmax(-1) - given.log_softmax(-1))).sum(-1)
    assert divergence.mean() < (0.3 if text == "int4" else 0.03)
    kinds = {type(module).__name__ for module in model.modules()}
    assert ("Int8Linear" in kinds) == ("int8" in (text, vision))
    assert model.dtype == torch.bfloat16
    ids, position_ids = torch.arange(20, 40)[None], torch.arange(20).expand(3, 1, -1)
    with torch.inference_mode():
        whole = finished(model.steps(ids, position_ids))
        for wanted in ([19], []):  # a piece of a long prompt wants none
            some = finished(model.steps(ids, position_ids, wanted=torch.tensor(wanted).long()))
            tolerance = 0.3 if text == "int4" else 0.01  # one row goes by 4 bits
            torch.testing.assert_close(some, whole[:, wanted], rtol=tolerance, atol=tolerance)


def test_without_memory_for_both_widths_four_bits_do_everything(
    twins: Any, samples: list[Sample], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(linear, "int4_pays", lambda device: True)
    origin = Origin("digest", "pictures", QuantSettings("int4"))
    both, _ = load_quantized(twins.directory, origin, lambda: samples)
    int4_only, plan = load_quantized(twins.directory, origin, lambda: samples, int4_only=True)
    narrow = [site.name for site in plan.sites if site.bits == "int4"]
    assert narrow
    for name in narrow:
        wide_layer, layer = both.get_submodule(name), int4_only.get_submodule(name)
        assert isinstance(layer, Int4Linear)
        assert isinstance(wide_layer, Int8Linear)
        assert wide_layer.narrow is not None
        x = torch.randn(2, wide_layer.narrow.shape[1])
        assert torch.equal(layer(x), wide_layer(x))
    case = twins.cases["two images"]
    right = twins.logits["two images"].softmax(-1)
    for model, most in ((both, 0.03), (int4_only, 0.3)):
        divergence = (right * (right.log() - twins.ours(model, case).log_softmax(-1))).sum(-1)
        assert divergence.mean() < most


@pytest.mark.parametrize("text", ["int8", "int4"])
def test_elsewhere_than_on_a_cpu_everything_is_on_that_device(twins: Any, samples: list[Sample], text: str) -> None:
    """The meta device computes shapes only, but refuses to mix with tensors of another device, as a GPU does."""
    origin = Origin("digest", "pictures", QuantSettings(text, "int8"))
    model, _ = load_quantized(twins.directory, origin, lambda: samples, device="meta")
    for module in model.modules():
        if isinstance(module, (Int8Linear, Int4Linear)):
            assert isinstance(module.weight, (ReferenceWeight, Int4Weight))
            assert module.weight.codes.is_meta
    config, rows = model.config, 9
    with torch.inference_mode():
        tables = rotary_tables(torch.zeros(3, 1, rows, device="meta"), config.text)
        x = torch.empty(1, rows, config.text.hidden_size, device="meta")
        for layer in model.text.layers:
            x = layer(x, tables, None, None, 0)
        assert model.logits(x).shape == (1, rows, config.text.vocab_size)
        seen = torch.empty(1, 24, config.vision.hidden_size, device="meta")
        turns = torch.empty(24, config.vision.hidden_size // config.vision.heads // 2, device="meta")
        for block in model.vision.blocks:
            seen = block(seen, GridTables(turns, turns, turns, turns))
        assert model.vision.merger(seen).shape == (1, 6, config.vision.out_size)


def test_a_named_form_must_be_of_this_checkpoint(twins: Any, samples: list[Sample], tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    plan = Quantizer(twins.directory, INT8, "one").run(samples, folder)
    assert load_form(twins.directory, "one", folder)[1] == plan
    with pytest.raises(BadModel, match="made from another checkpoint"):
        load_form(twins.directory, "two", folder)
    with pytest.raises(BadModel, match="not a stored quantized model"):
        load_form(twins.directory, "one", tmp_path)


def test_rows_do_not_depend_on_their_neighbours(twins: Any, samples: list[Sample]) -> None:
    """Scales are per token: the same prompt alone and behind another gives the same first layer."""
    model, _ = load_quantized(twins.directory, Origin("digest", "pictures", INT8), lambda: samples)
    layer = next(module for module in model.modules() if isinstance(module, Int8Linear))
    x = torch.randn(6, 48)
    together = layer(torch.cat((x, 1000 * x)))[:6]
    torch.testing.assert_close(layer(x), together, rtol=1e-5, atol=1e-6)


def test_it_is_made_once_and_made_again_when_damaged(
    twins: Any, samples: list[Sample], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    made: list[Path] = []

    class Counting(Quantizer):
        def run(self, samples: Any, folder: Path, progress: Any = None) -> QuantPlan:
            made.append(folder)
            return super().run(samples, folder, progress)

    monkeypatch.setattr(store, "Quantizer", Counting)

    def load(digest: str = "one", settings: QuantSettings = INT8, pictures: str = "shipped") -> None:
        load_quantized(twins.directory, Origin(digest, pictures, settings), lambda: samples)

    load()
    load()
    assert len(made) == 1
    load("another checkpoint")
    load(settings=QuantSettings("int4"))
    load(pictures="mine")
    assert len(set(made)) == 4
    damages: list[Callable[[Path], object]] = [
        lambda folder: flip(folder / "text.layers.1.safetensors"),
        lambda folder: (folder / "vision.merger.safetensors").unlink(),
        lambda folder: (folder / "embedding.safetensors").write_bytes(b"short"),
        lambda folder: (folder / "plan.json").write_text("{"),
        lambda folder: (folder / "index.json").write_text(
            json.dumps({**json.loads((folder / "index.json").read_text()), "format": 0})
        ),
        lambda folder: flip(folder / "embedding.safetensors"),
        lambda folder: flip(folder / "plan.json"),
        lambda folder: (folder / "index.json").write_bytes(b"\xff{"),
        lambda folder: (folder / "index.json").write_text("[" * 100_000),
        lambda folder: (folder / "index.json").write_text(json.dumps({"format": FORMAT, "files": 5})),
        lambda folder: (folder / "index.json").write_text(
            (folder / "index.json").read_text().replace('"checkpoint": "one"', '"checkpoint": "two"')
        ),
        lambda folder: (shutil.rmtree(folder), folder.write_text("a file in its place")),
    ]
    for damage in damages:
        damage(made[0])
        caplog.clear()
        before = len(made)
        with caplog.at_level(logging.WARNING):
            load()
        assert len(made) == before + 1
        assert "made again" in caplog.text
        load()
        assert len(made) == before + 1
    assert not [*made[0].parent.glob("*.partial*")]


def test_files_are_compared_with_their_digests_once(
    twins: Any, samples: list[Sample], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    quantize(twins.directory, samples, tmp_path / "form")
    read: list[str] = []

    def count(path: Path) -> str:
        read.append(path.name)
        return sha256(path)

    monkeypatch.setattr(verified, "sha256", count)
    load_stored(twins.directory, StoreReader(tmp_path / "form"))
    files = {path.name for path in (tmp_path / "form").iterdir()} - {"index.json", "verified.json"}
    assert sorted(read) == sorted(files)
    read.clear()
    load_stored(twins.directory, StoreReader(tmp_path / "form"))
    assert read == []
    os.utime(tmp_path / "form" / "embedding.safetensors")
    load_stored(twins.directory, StoreReader(tmp_path / "form"))
    assert read == ["embedding.safetensors"]


def test_what_an_interrupted_process_left_is_removed(
    twins: Any, samples: list[Sample], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    left, written = tmp_path / "form.1.partial", tmp_path / "other.2.partial"
    for folder in (left, written):
        folder.mkdir()
        (folder / "text.layers.0.safetensors").write_bytes(b"half")
    with lock_of(written):
        quantize(twins.directory, samples, tmp_path / "form")
        assert not left.exists()
        assert written.exists()
    assert "form.1.partial was left by a process that was interrupted" in caplog.text
    assert sorted(path.name for path in tmp_path.iterdir() if path.is_dir()) == ["form", "other.2.partial"]


def test_a_place_that_cannot_be_written_is_one_line(twins: Any, samples: list[Sample], tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(BadInput, match=r"file.* cannot be written"):
        quantize(twins.directory, samples, tmp_path / "file" / "form")


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[-5] ^= 255
    path.write_bytes(data)


def test_a_form_of_another_model_is_refused(
    twins: Any, samples: list[Sample], make_config: Any, tmp_path: Path
) -> None:
    quantize(twins.directory, samples, tmp_path / "form")
    other = tmp_path / "other"
    other.mkdir()
    from dataclasses import replace

    config = make_config()
    changed = replace(config, text=replace(config.text, layers=5))
    (other / "config.json").write_text(json.dumps(changed.to_hf()))
    with pytest.raises(BadModel, match=r"lacks text\.layers\.4"):
        load_stored(other, StoreReader(tmp_path / "form"))


def test_the_plan_survives_its_json(twins: Any, samples: list[Sample], tmp_path: Path) -> None:
    plan = quantize(twins.directory, samples, tmp_path / "form")
    assert QuantPlan.read(json.loads(json.dumps(plan.document()))) == plan
    assert StoreReader(tmp_path / "form").plan == plan


def test_settings_are_checked() -> None:
    assert QuantSettings.of("none") is None
    assert QuantSettings.of("int4") == QuantSettings("int4", "int8")
    assert QuantSettings.of("none", "int8") == QuantSettings("none", "int8")
    with pytest.raises(BadInput, match="quantize takes none, int8, int4, but 'int3'"):
        QuantSettings.of("int3")
    with pytest.raises(BadInput, match="quantize-vision takes none, int8, but 'int4'"):
        QuantSettings.of("int8", "int4")
    with pytest.raises(BadInput, match="32 or 64, but 48"):
        QuantSettings(group=48)
    with pytest.raises(BadInput, match="above 0"):
        Budget(0)
