"""`occlusight ask` as a user calls it."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from tests.backends.chat_server import chat_server
from tests.cli.conftest import Result

import occlusight


@pytest.fixture
def ask(call: Callable[..., Result], tiny_checkpoint: Path) -> Callable[..., Result]:
    return lambda *arguments: call("ask", *arguments, "--model", tiny_checkpoint, "--max-tokens", 12)


def test_the_answer_is_streamed_and_equals_the_python_api(
    ask: Callable[..., Result], tiny_checkpoint: Path, pictures: list[Path]
) -> None:
    code, out, err = ask(pictures[0], "车在哪里?")
    assert code == 0
    assert (
        out == occlusight.generate_response(pictures[0], "车在哪里?", model=str(tiny_checkpoint), max_tokens=12) + "\n"
    )
    assert "cut after 12 tokens" in err


def test_another_server_answers(call: Callable[..., Result], pictures: list[Path]) -> None:
    with chat_server() as server:
        where = ("--backend", "openai", "--base-url", server.address)
        code, out, _ = call("ask", pictures[0], "Does it?", *where, "--model", "small", "--max-pixels", 1024)
        assert (code, out) == (0, "Yes, it does.\n")
        assert server.asked[0]["messages"][0]["content"][-1]["text"] == "Does it?"
        code, _, err = call("ask", pictures[0], "Does it?", *where, "--model", "large")
        assert (code, err) == (2, f"occlusight: {server.address} has no model 'large'; it has small\n")


def test_what_speaks_against_a_picture_is_told_before_the_answer(ask: Callable[..., Result], tmp_path: Path) -> None:
    example = Path(occlusight.__file__).parent / "examples" / "street.webp"
    dark = tmp_path / "dark.png"
    Image.open(example).convert("RGB").point(lambda v: round(0.1 * v)).save(dark)
    assert "(the picture is dark (mean lightness 11 of 255)" in ask(dark, "Is the car hidden?")[2]
    assert "(图片太暗（平均亮度 11/255）" in ask(dark, "车被挡住了吗?")[2]
    assert "2: the picture is dark" in ask(example, dark, "Is the car hidden?")[2]
    assert "dark" not in ask(example, "Is the car hidden?")[2]


@pytest.mark.parametrize(("question", "word"), [("What hides the car?", "do not rely"), ("什么挡住了车?", "不可靠")])
def test_a_picture_of_another_world_names_the_option_beside_the_answer(
    call: Callable[..., Result], tmp_path: Path, question: str, word: str
) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (256, 256, 3), dtype=np.uint8)
    Image.fromarray(noise).save(tmp_path / "noise.png")
    code, out, err = call("ask", tmp_path / "noise.png", question)
    assert code == 0
    assert word in out
    assert "--" not in out
    assert "--model Qwen/Qwen3-VL-2B-Instruct" in err


def test_several_pictures(ask: Callable[..., Result], tiny_checkpoint: Path, pictures: list[Path]) -> None:
    code, out, _ = ask(*pictures[:2], "Which?")
    assert code == 0
    assert out == occlusight.generate_response(pictures[:2], "Which?", model=str(tiny_checkpoint), max_tokens=12) + "\n"


def test_json_is_one_document_as_the_contract_says(
    ask: Callable[..., Result], tiny_checkpoint: Path, pictures: list[Path]
) -> None:
    code, out, err = ask(pictures[0], "Is it?", "--json")
    assert (code, err, out.count("\n")) == (0, "", 1)
    document = json.loads(out)
    assert {"answer", "finish_reason", "usage", "timings", "model"} <= set(document)
    assert document["finish_reason"] == "length"
    assert document["usage"]["completion_tokens"] == 12
    assert document["model"]["name"] == str(tiny_checkpoint)


def test_sampling_is_repeated_by_its_seed(ask: Callable[..., Result], pictures: list[Path]) -> None:
    settings = ("--temperature", 1.5, "--top-p", 0.9)
    answers = {seed: ask(pictures[0], "Is it?", *settings, "--seed", seed)[1] for seed in (1, 2)}
    assert answers[1] != answers[2]
    assert ask(pictures[0], "Is it?", *settings, "--seed", 1)[1] == answers[1]


def test_what_an_answer_took_is_told_on_request(ask: Callable[..., Result], pictures: list[Path]) -> None:
    code, _, err = ask(pictures[0], "Is it?", "--explain-cost")
    assert code == 0
    assert re.search(r"pictures: 6 tokens, encoded in \d+\.\d\d s\nprompt: +\d+ tokens, 0 of them known", err)
    assert "computed in float32" in err
    document = json.loads(ask(pictures[0], "Is it?", "--explain-cost", "--json", "--logprobs", "2")[1])
    assert document["cost"].keys() >= {"image_tokens", "image_cached", "reused_prompt_tokens", "precision", "encode_s"}
    assert document["cost"]["image_cached"] is False
    assert len(document["logprobs"]) == document["usage"]["completion_tokens"] == 12
    assert all(len(token["top"]) == 2 for token in document["logprobs"])
    assert "cost" not in json.loads(ask(pictures[0], "Is it?", "--json")[1])


def test_an_answer_keeps_to_a_schema_or_an_expression(
    ask: Callable[..., Result], pictures: list[Path], tmp_path: Path
) -> None:
    schema = {"type": "object", "properties": {"n": {"enum": [1, 2]}}, "required": ["n"], "additionalProperties": False}
    (tmp_path / "schema.json").write_text(json.dumps(schema))
    code, out, _ = ask(pictures[0], "Is it?", "--json-schema", tmp_path / "schema.json")
    assert code == 0
    assert json.loads(out) in ({"n": 1}, {"n": 2})
    assert ask(pictures[0], "Is it?", "--regex", "是|不是")[1] in ("是\n", "不是\n")


def test_a_structured_answer_that_is_cut_is_no_success(
    ask: Callable[..., Result], pictures: list[Path], tmp_path: Path
) -> None:
    """In a stream, in JSON and in a batch; limits that end it in time make it one."""
    schema, out = tmp_path / "schema.json", tmp_path / "out.jsonl"
    schema.write_text('{"type": "string", "pattern": "^a{30}$"}')
    code, said, err = ask(pictures[0], "Is it?", "--json-schema", schema)
    assert (code, said[:2], said[-1]) == (1, '"a', "\n")
    assert "occlusight: the answer was cut at the limit of tokens before it satisfied the JSON schema" in err
    code, said, err = ask(pictures[0], "Is it?", "--json-schema", schema, "--json")
    document = json.loads(said)
    assert code == 1
    assert document["finish_reason"] == "length"
    assert document["error"].startswith("the answer was cut")
    assert document["error"] in err
    assert ask(pictures[0], "Is it?", "--regex", "a{60}")[0] == 1
    code, said, err = ask("Is it?", "--batch", pictures[0].parent, "--out", out, "--json-schema", schema)
    lines = [json.loads(line) for line in out.read_text().splitlines()]
    assert code == 1
    assert json.loads(said)["failed"] == len(lines) > 0
    assert "answers are not what was asked for" in err
    assert all(line["error"].startswith("the answer was cut") and line["answer"] for line in lines)
    schema.write_text('{"type": "string"}')
    code, said, _ = ask(pictures[0], "Is it?", "--json-schema", schema, "--json-limits", "characters=4")
    assert (code, len(json.loads(said)) <= 4) == (0, True)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("{picture}", "q", "--regex", "("), "the regular expression cannot be followed"),
        (("{picture}", "q", "--json-schema", "{text}"), "the JSON schema is not JSON"),
        (("{picture}", "q", "--json-schema", "{empty}x"), "cannot be read"),
        (
            ("{picture}", "q", "--json-limits", "letters=3"),
            "--json-limits takes characters, items, digits, decimals, depth",
        ),
        (("{picture}", "q", "--json-limits", "items=-3"), "but 'items=-3' was given"),
        (("{picture}", "q", "--logprobs", "3"), "give --json with --logprobs"),
        (("{picture}", "q", "--json", "--logprobs", "30"), "logprobs must lie between 0 and 20, but 30 was given"),
        (("{picture}", "q", "--min-p", "2"), "min_p must lie between 0 and 1, but 2.0 was given"),
        (("{picture}", "q", "--top-k=-1"), "top_k must lie between"),
        (("{picture}", "q", "--repetition-penalty", "0"), "repetition_penalty must lie between"),
        (("{picture}", "q", "--presence-penalty", "3"), "presence_penalty must lie between"),
        (("{picture}", "q", "--stop", ""), "stop must be strings that are not empty"),
        (("{picture}", "q", "--thinking-tokens=-1"), "thinking_tokens must lie between"),
        (("{picture}",), "only"),
        (("nope.png", "Is it?"), "there is no picture 'nope.png'"),
        (("{picture}", "{picture}"), "the last argument must be the question"),
        (("{picture}", " "), "the question is empty"),
        (("{text}", "Is it?"), "is not a picture"),
        (("{empty}", "Is it?"), "is empty (0 bytes)"),
        (("{picture}", "q", "--temperature", "9"), "temperature must lie between 0 and 2, but 9.0 was given"),
        (("{picture}", "q", "--temperature", "nan"), "temperature"),
        (("{picture}", "q", "--temperature", "hot"), "received 'hot'"),
        (("{picture}", "q", "--top-p=hot"), "received 'hot'"),
        (("{picture}", "q", "--top-p", "0"), "top_p must be above 0"),
        (("{picture}", "q", "--max-tokens", "0"), "max_tokens must lie between"),
        (("{picture}", "q", "--seed", "-1"), "seed must lie between"),
        (("{picture}", "q", "--model", "nothing"), "there is no model 'nothing'; --model takes 'default'"),
        (("{picture}", "q", "--model", "oracle"), "--data DIR"),
        (("{picture}", "q", "--modell", "x"), "No such option: --modell"),
        (("q", "--batch", "{folder}"), "--batch DIR and --out FILE.jsonl go together"),
        (("a", "b", "--batch", "{folder}", "--out", "x"), "2 arguments were given"),
        (("q", "--batch", "{text}", "--out", "x"), "is not a folder"),
        (("q", "--batch", "{nothing}", "--out", "x"), "no pictures or videos in"),
        ((), "Missing argument"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(
    call: Callable[..., Result],
    tiny_checkpoint: Path,
    pictures: list[Path],
    tmp_path: Path,
    arguments: tuple[str, ...],
    said: str,
) -> None:
    (tmp_path / "text.png").write_text("not a picture")
    (tmp_path / "empty.png").touch()
    (tmp_path / "nothing").mkdir()
    places = {
        "picture": pictures[0],
        "text": tmp_path / "text.png",
        "empty": tmp_path / "empty.png",
        "folder": tmp_path,
        "nothing": tmp_path / "nothing",
    }
    filled = [argument.format(**places) for argument in arguments]
    if "--model" not in filled:
        filled += ["--model", str(tiny_checkpoint)]
    code, out, err = call("ask", *filled)
    assert (code, out) == (2, "")
    assert err.count("\n") == 1
    assert err.startswith("occlusight: ")
    assert said in err


def process(*arguments: Any, **settings: Any) -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-m", "occlusight", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, timeout=120, check=False, **settings)


def test_a_pipe_gets_utf8_whatever_the_locale(tiny_checkpoint: Path, pictures: list[Path]) -> None:
    import os

    environment = {**os.environ, "LC_ALL": "C", "PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0", "OMP_NUM_THREADS": "1"}
    done = process("ask", pictures[0], "车在哪里?", "--model", tiny_checkpoint, "--max-tokens", 30, env=environment)
    assert done.returncode == 0
    expected = occlusight.generate_response(pictures[0], "车在哪里?", model=str(tiny_checkpoint), max_tokens=30)
    assert done.stdout.decode("utf-8") == expected + "\n"
    assert not expected.isascii()


def test_a_reader_that_goes_away_is_no_error(tiny_checkpoint: Path, pictures: list[Path]) -> None:
    command = f"'{sys.executable}' -m occlusight ask '{pictures[0]}' q --model '{tiny_checkpoint}' | true"
    done = subprocess.run(["bash", "-o", "pipefail", "-c", command], capture_output=True, timeout=120, check=False)
    assert (done.returncode, b"Traceback" in done.stderr) == (0, False)


def test_importing_is_fast_and_brings_no_torch() -> None:
    heavy = "[m for m in ('torch', 'gradio', 'PIL', 'numpy') if m in sys.modules]"
    code = f"import sys, occlusight, occlusight.cli; print({heavy})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, timeout=60, check=True)
    assert done.stdout.strip() == b"[]"


def test_version_and_help(call: Callable[..., Result]) -> None:
    assert call("version")[:2] == (0, f"occlusight {occlusight.__version__}\n")
    code, out, _ = call("--help")
    assert code == 0
    for name in ("ask", "serve", "scenes", "bench", "train", "version"):
        assert name in out
