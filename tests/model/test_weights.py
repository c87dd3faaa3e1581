"""Checkpoints go between transformers and us; what does not fit is named."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from occlusight.errors import BadModel
from occlusight.model.weights import load_model, save_model

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


def test_opening_a_checkpoint_leaves_the_compiler_alone(twins: Any) -> None:
    """`torch._dynamo` costs two seconds and 70 MB: nobody compiles when answering."""
    code = (
        "import sys, occlusight.backends.local\n"
        "from occlusight.model.weights import load_model\n"
        f"load_model({str(twins.directory)!r})\n"
        "print('torch._dynamo' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
