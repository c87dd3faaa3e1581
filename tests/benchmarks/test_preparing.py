"""What is made before the comparison: the tokenizer, the checkpoint, environments and conversions."""

from __future__ import annotations

import base64
import sys
import zipfile
from pathlib import Path

import pytest
from benchmarks.__main__ import main
from benchmarks.checkpoint import config_of, write_settings
from benchmarks.engines import Bench
from benchmarks.memory import read_gb_per_s, weights_per_token
from benchmarks.tokenizer import RANKS, pieces, qwen_tokenizer

from benchmarks import setup
from occlusight.errors import BadData, BadInput
from occlusight.model.chat import Chat
from occlusight.model.config import ModelConfig
from occlusight.model.preprocess import PreprocessSettings

WORDS = [*(bytes([value]) for value in range(256)), b"th", b"e ", b"the ", b"\xe8\xbd", b"\xe8\xbd\xa6", b"in"]


def wheel_of(folder: Path) -> Path:
    path = folder / "dashscope-1-py3-none-any.whl"
    lines = "".join(f"{base64.b64encode(word).decode()} {rank}\n" for rank, word in enumerate(WORDS))
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(RANKS, lines)
    return path


def test_the_tokenizer_merges_by_rank(tmp_path: Path) -> None:
    tokenizer = qwen_tokenizer(wheel_of(tmp_path))
    assert tokenizer.encode("the").ids == [WORDS.index(b"th"), ord("e")]
    assert tokenizer.encode("车").ids == [WORDS.index(b"\xe8\xbd\xa6")]
    assert tokenizer.decode(tokenizer.encode("the 车 in 车").ids) == "the 车 in 车"
    assert tokenizer.token_to_id("<|endoftext|>") == len(WORDS)


def test_a_token_is_cut_into_what_lower_ranks_leave() -> None:
    ranks = {b"a": 0, b"b": 1, b"c": 2, b"ab": 3, b"abc": 4}
    assert pieces(b"abc", ranks) == (b"ab", b"c")
    with pytest.raises(BadData, match="not BPE"):
        pieces(b"abca", {**ranks, b"abca": 1})
    with pytest.raises(BadData, match="is not a wheel of dashscope"):
        qwen_tokenizer(Path("nothing.whl"))


def test_the_settings_beside_the_weights_are_read_back(tmp_path: Path) -> None:
    config = config_of("2B")
    write_settings(tmp_path, config)
    assert PreprocessSettings.load(tmp_path) == PreprocessSettings()
    assert ModelConfig.from_hf(config.to_hf()) == config
    assert weights_per_token(config.text) == 1_720_451_072
    with pytest.raises(BadInput, match="2B, tiny"):
        config_of("7B")


def test_a_chat_is_loaded_from_a_tiny_checkpoint(tmp_path: Path) -> None:
    import json

    config = config_of("tiny")
    write_settings(tmp_path, config)
    names = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|vision_start|>", "<|image_pad|>", "<|video_pad|>"]
    tokenizer = json.loads(qwen_tokenizer(wheel_of(tmp_path)).to_str())
    ids = {"<|vision_start|>": 151_652, "<|image_pad|>": 151_655, "<|video_pad|>": 151_656}
    for token in tokenizer["added_tokens"]:
        token["id"] = ids.get(token["content"], token["id"])
    (tmp_path / "tokenizer.json").write_text(json.dumps(tokenizer), encoding="utf-8")
    (tmp_path / "config.json").write_text(json.dumps(config.to_hf()), encoding="utf-8")
    assert set(names) <= set(Chat.load(tmp_path).tokenizer.control)


def test_a_conversion_is_made_once_and_never_left_half(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.checkpoint.mkdir()
    with pytest.raises(BadInput, match="python -m benchmarks checkpoint"):
        setup.convert(bench, "llamacpp")
    (bench.checkpoint / "config.json").write_text("{}")
    target, count = bench.converted / "model.gguf", tmp_path / "count"
    script = (
        "import sys; open(sys.argv[1], 'w').write('x'); open(sys.argv[2], 'a').write('.'); sys.exit(int(sys.argv[3]))"
    )

    def plan(code: int) -> None:
        command: list[str | Path] = [sys.executable, "-c", script, "{out}", count, str(code)]
        monkeypatch.setattr(setup, "conversions", lambda bench, name: [(target, command)])

    plan(3)
    with pytest.raises(BadData, match=r"failed with 3.*convert-model.gguf.log"):
        setup.convert(bench, "llamacpp")
    assert not target.exists()
    plan(0)
    assert setup.convert(bench, "llamacpp") == [target]
    assert setup.convert(bench, "llamacpp") == []
    assert count.read_text() == ".."


def test_every_peer_has_its_conversions(bench: Bench) -> None:
    made = {
        path.name for name in ("openvino", "llamacpp", "transformers") for path, _ in setup.conversions(bench, name)
    }
    assert made == {"model-q8_0.gguf", "mmproj-q8_0.gguf", "openvino-int8", "openvino-int4"}


def test_the_command_explains_itself(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert main(["compare", "--help"]) == 0
    assert "--no-amx" in capsys.readouterr().out
    assert main(["setup"]) == 2
    common = ["--folder", str(tmp_path), "--checkpoint", str(tmp_path)]
    assert main(["setup", *common, "--peers", "vllm"]) == 2
    assert "--peers takes transformers, openvino, llamacpp, but vllm was given" in capsys.readouterr().err
    assert main(["compare", *common, "--out", str(tmp_path / "o"), "--tasks", "all"]) == 2
    assert "--tasks takes answers and batch" in capsys.readouterr().err


def test_memory_is_read_at_a_plausible_rate() -> None:
    assert 0.5 < read_gb_per_s(threads=1, runs=1, size=1 << 24) < 2000
