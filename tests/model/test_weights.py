"""Checkpoints go between transformers and us; what does not fit is named."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from occlusight.errors import BadModel
from occlusight.model.weights import is_finite, load_model, save_model

Q = "model.language_model.layers.1.self_attn.q_proj.weight"


@pytest.fixture
def copy(twins: Any, tmp_path: Path) -> Path:
    """A checkpoint to spoil."""
    return Path(shutil.copytree(twins.directory, tmp_path / "copy"))


def edit(directory: Path, change: Any) -> None:
    state = load_file(directory / "model.safetensors")
    change(state)
    save_file(state, directory / "model.safetensors")


@pytest.mark.parametrize("tied", [True, False])
@pytest.mark.parametrize("shard", ["1GB", "40KB"])
def test_a_checkpoint_of_transformers_gives_the_same_logits(
    twins: Any, make_model: Any, make_config: Any, tmp_path: Path, tied: bool, shard: str
) -> None:
    save_model(make_model(make_config(tie_word_embeddings=tied), seed=3), tmp_path / "ours", torch.float32)
    reference = twins.load(tmp_path / "ours")
    reference.save_pretrained(tmp_path / "theirs", max_shard_size=shard)
    shards = list((tmp_path / "theirs").glob("*.safetensors"))
    assert len(shards) > 1 if shard == "40KB" else len(shards) == 1
    model = load_model(tmp_path / "theirs")
    assert not model.training
    case = twins.cases["two images"]
    expected = twins.theirs(reference, case)
    assert expected.std() >= 1
    torch.testing.assert_close(twins.ours(model, case), expected, atol=1e-4, rtol=0)


def test_saving_keeps_every_number(twins: Any, tmp_path: Path) -> None:
    save_model(twins.model, tmp_path, torch.float32)
    for (name, ours), (_, loaded) in zip(
        twins.model.named_parameters(), load_model(tmp_path).named_parameters(), strict=True
    ):
        assert torch.equal(ours, loaded), name


def test_bfloat16_is_what_is_saved_by_default(twins: Any, tmp_path: Path) -> None:
    save_model(twins.model, tmp_path)
    assert {tensor.dtype for tensor in load_file(tmp_path / "model.safetensors").values()} == {torch.bfloat16}
    assert load_model(tmp_path, torch.bfloat16).text.norm.weight.dtype == torch.bfloat16
    assert load_model(tmp_path).text.norm.weight.dtype == torch.float32
    assert json.loads((tmp_path / "config.json").read_text())["dtype"] == "bfloat16"


def test_tied_embeddings_are_written_once(twins: Any) -> None:
    assert "lm_head.weight" not in load_file(twins.directory / "model.safetensors")


def test_a_missing_tensor_is_named(copy: Path) -> None:
    edit(copy, lambda state: state.pop(Q))
    with pytest.raises(BadModel, match=rf"1 missing tensor\(s\): {Q}"):
        load_model(copy)


def test_an_unexpected_tensor_is_named(copy: Path) -> None:
    edit(copy, lambda state: state.update({"lm_head.bias": torch.zeros(300)}))
    with pytest.raises(BadModel, match=r"1 unexpected tensor\(s\): lm_head.bias"):
        load_model(copy)


def test_a_tensor_of_another_shape_is_named(copy: Path) -> None:
    edit(copy, lambda state: state.update({Q: torch.zeros(64, 64)}))
    with pytest.raises(BadModel, match=rf"{Q} is \(64, 64\), the configuration says \(128, 64\)"):
        load_model(copy)


def test_many_names_are_cut_short(copy: Path) -> None:
    edit(copy, lambda state: [state.pop(name) for name in list(state)[:9]])
    with pytest.raises(BadModel, match=r"9 missing.* and 4 more"):
        load_model(copy)


@pytest.mark.parametrize("name", ["config.json", "model.safetensors"])
def test_a_missing_file_is_named(copy: Path, name: str) -> None:
    (copy / name).unlink()
    with pytest.raises(BadModel, match=name):
        load_model(copy)


def test_a_missing_shard_is_named(copy: Path) -> None:
    (copy / "model.safetensors").rename(copy / "model-00001-of-00002.safetensors")
    table = {"weight_map": {"a": "model-00001-of-00002.safetensors", "b": "model-00002-of-00002.safetensors"}}
    (copy / "model.safetensors.index.json").write_text(json.dumps(table))
    with pytest.raises(BadModel, match=r"shards that are not there.*model-00002-of-00002"):
        load_model(copy)


@pytest.mark.parametrize(
    ("name", "content"),
    [("config.json", b"{"), ("config.json", b"[]"), ("config.json", b"\xff\xfe"), ("model.safetensors", b"no weights")],
)
def test_a_broken_file_is_named(copy: Path, name: str, content: bytes) -> None:
    (copy / name).write_bytes(content)
    with pytest.raises(BadModel, match=name):
        load_model(copy)


def test_no_directory_is_an_error_that_says_so(tmp_path: Path) -> None:
    with pytest.raises(BadModel, match=r"no config\.json"):
        load_model(tmp_path / "nothing")


def set_number(name: str, value: float) -> Any:
    def change(state: dict[str, torch.Tensor]) -> None:
        state[name][3, 2] = value

    return change


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_numbers_that_are_none_are_named(copy: Path, value: float) -> None:
    edit(copy, set_number(Q, value))
    with pytest.raises(BadModel, match=rf"1 tensor\(s\) with NaN or infinite numbers: {Q}"):
        load_model(copy)
    with pytest.raises(BadModel, match="NaN or infinite"):
        load_model(copy, torch.bfloat16)


def test_numbers_beyond_the_type_that_was_asked_for_are_named(copy: Path) -> None:
    edit(copy, set_number(Q, 1e5))
    load_model(copy)
    with pytest.raises(BadModel, match=rf"{Q}.*load it as bfloat16"):
        load_model(copy, torch.float16)


@pytest.mark.parametrize("kind", [torch.float8_e4m3fn, torch.float8_e5m2, torch.int8, torch.uint8, torch.int32])
def test_codes_without_a_scale_are_no_numbers(copy: Path, kind: torch.dtype) -> None:
    edit(copy, lambda state: state.update({Q: state[Q].to(kind)}))
    with pytest.raises(BadModel, match=rf"1 tensor\(s\): {Q} of type .* quantized"):
        load_model(copy)


def test_scales_tell_quantized_weights(copy: Path) -> None:
    edit(copy, lambda state: state.update({Q + "_scale_inv": torch.ones(1, 1)}))
    with pytest.raises(BadModel, match="_scale_inv of type F32 belong to weights that are quantized"):
        load_model(copy)


@pytest.mark.parametrize("kind", [torch.float64, torch.float16, torch.bfloat16])
def test_every_type_of_a_float_checkpoint_is_read_as_transformers_does(
    twins: Any, copy: Path, kind: torch.dtype
) -> None:
    edit(copy, lambda state: state.update({name: tensor.to(kind) for name, tensor in state.items()}))
    expected = twins.theirs(twins.load(copy), twins.cases["image"])
    torch.testing.assert_close(twins.ours(load_model(copy), twins.cases["image"]), expected, atol=1e-4, rtol=0)


EMBEDDING = "model.language_model.embed_tokens.weight"
HEADS = {
    "equal": lambda state: state.update({"lm_head.weight": state[EMBEDDING].clone()}),
    "different": lambda state: state.update({"lm_head.weight": state[EMBEDDING].flip(0)}),
    "alone": lambda state: state.update({"lm_head.weight": state.pop(EMBEDDING)}),
    "with buffers": lambda state: state.update(
        {
            "model.language_model.rotary_emb.inv_freq": torch.rand(16),
            "model.visual.rotary_pos_emb.inv_freq": torch.rand(4),
        }
    ),
}


@pytest.mark.parametrize("head", HEADS)
def test_a_tied_model_that_stores_its_output_layer_is_what_transformers_makes_of_it(
    twins: Any, copy: Path, head: str, caplog: pytest.LogCaptureFixture
) -> None:
    edit(copy, HEADS[head])
    case = twins.cases["image"]
    expected = twins.theirs(twins.load(copy), case)
    model = load_model(copy)
    torch.testing.assert_close(twins.ours(model, case), expected, atol=1e-4, rtol=0)
    assert (model.lm_head is None) == (head != "different")
    assert ("both are stored and differ" in caplog.text) == (head == "different")
    same = (expected - twins.logits["image"]).abs().max() < 1e-4
    assert same == (head != "different")


def in_shards(directory: Path, **changes: Any) -> dict[str, str]:
    """Split the weights over two files; return the index's table, `changes` made."""
    state = load_file(directory / "model.safetensors")
    names = list(state)
    halves = {"one.safetensors": names[::2], "two.safetensors": names[1::2]}
    for file, own in halves.items():
        save_file({name: state[name] for name in own}, directory / file)
    table = {name: file for file, own in halves.items() for name in own} | changes
    (directory / "model.safetensors.index.json").write_text(json.dumps({"weight_map": table}))
    return table


def test_a_file_that_the_index_does_not_name_never_wins(
    twins: Any, copy: Path, caplog: pytest.LogCaptureFixture
) -> None:
    table = in_shards(copy)
    edit(copy, lambda state: [tensor.zero_() for tensor in state.values()])  # a stale model.safetensors
    stale = "two.safetensors" if table[Q] == "one.safetensors" else "one.safetensors"
    state = load_file(copy / stale)
    save_file(
        {**state, Q: torch.zeros(128, 64)}, copy / stale
    )  # a stale copy in a shard that is named for other tensors
    loaded = load_model(copy)
    for (name, ours), (_, right) in zip(loaded.named_parameters(), twins.model.named_parameters(), strict=True):
        assert torch.equal(ours, right), name
    assert "model.safetensors is not used" in caplog.text


@pytest.mark.parametrize(
    "index",
    [
        [],
        {"weight_map": []},
        {"weight_map": {}},
        {"weight_map": {"a": 5}},
        {"weight_map": {"a": None}},
        {"weight_map": {"a": "../model.safetensors"}},
        {"weight_map": {"a": "/etc/passwd"}},
        {"weight_map": {"a": "x\0.safetensors"}},
        {"metadata": {}},
    ],
)
def test_an_index_that_is_no_table_is_refused(copy: Path, index: Any) -> None:
    (copy / "model.safetensors.index.json").write_text(json.dumps(index))
    with pytest.raises(BadModel, match=r"index\.json"):
        load_model(copy)


HEADERS = {
    "empty": b"",
    "short": b"\x01\x02",
    "a header larger than the file": (1 << 40).to_bytes(8, "little") + b"{}",
    "a negative header": b"\xff" * 8 + b"{}",
    "no JSON": (8).to_bytes(8, "little") + b"{{{{{{{{",
    "no object": (2).to_bytes(8, "little") + b"[]",
    "deep": (200_000).to_bytes(8, "little") + b"[" * 200_000,
    "latin-1": (9).to_bytes(8, "little") + b'{"\xe4\xf6":1}',
    "offsets outside": (64).to_bytes(8, "little")
    + b'{"a":{"dtype":"F32","shape":[4],"data_offsets":[0,999999999]}}'.ljust(64),
    "a huge shape": (74).to_bytes(8, "little")
    + b'{"a":{"dtype":"F32","shape":[4611686018427387904,9],"data_offsets":[0,4]}}'.ljust(74)
    + b"\0" * 4,
    "a negative shape": (56).to_bytes(8, "little")
    + b'{"a":{"dtype":"F32","shape":[-1],"data_offsets":[0,4]}}'.ljust(56)
    + b"\0" * 4,
    "an unknown type": (56).to_bytes(8, "little")
    + b'{"a":{"dtype":"F99","shape":[1],"data_offsets":[0,4]}}'.ljust(56)
    + b"\0" * 4,
}


@pytest.mark.parametrize("kind", HEADERS)
def test_a_damaged_header_is_refused(copy: Path, kind: str) -> None:
    (copy / "model.safetensors").write_bytes(HEADERS[kind])
    with pytest.raises(BadModel, match="not a readable safetensors file"):
        load_model(copy)


def test_a_file_that_was_cut_is_refused(copy: Path) -> None:
    data = (copy / "model.safetensors").read_bytes()
    for length in (len(data) - 1, len(data) // 2, 100):
        (copy / "model.safetensors").write_bytes(data[:length])
        with pytest.raises(BadModel, match="not a readable safetensors file"):
            load_model(copy)


def test_links_in_a_circle_are_no_weights(copy: Path) -> None:
    (copy / "model.safetensors").unlink()
    (copy / "model.safetensors").symlink_to(copy / "model.safetensors")
    with pytest.raises(BadModel, match="neither"):
        load_model(copy)


@pytest.mark.parametrize("kind", [torch.float64, torch.float32, torch.float16, torch.bfloat16])
def test_the_check_of_numbers_sees_what_isfinite_sees(kind: torch.dtype) -> None:
    limits = torch.finfo(kind)
    kept = torch.tensor([0.0, -0.0, limits.max, limits.min, limits.smallest_normal, -limits.eps, 1.0], dtype=kind)
    many = kept.repeat(40_000)[:262_147].clone()
    assert is_finite(many)
    assert is_finite(torch.empty(0, 3, dtype=kind))
    for value in (float("nan"), -float("nan"), float("inf"), -float("inf")):
        for place in (0, 131_072, 262_146):
            spoilt = many.clone()
            spoilt[place] = value
            assert not is_finite(spoilt), (value, place)
