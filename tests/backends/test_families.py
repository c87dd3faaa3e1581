"""Families of vision-language models through transformers: each sees the picture, says its answer, and weighs
choices."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch
import transformers

from occlusight.backends.events import Done, TextDelta
from occlusight.backends.open import open_backend
from occlusight.backends.protocol import Message, Request
from occlusight.backends.transformers import TransformersBackend
from occlusight.errors import BadInput, BadModel

from .families import FAMILIES, llava

QUESTION = "Is the bicycle hidden?"
CODE = """
from transformers import LlavaConfig, LlavaForConditionalGeneration
class OwnConfig(LlavaConfig):
    model_type = "own"
class OwnModel(LlavaForConditionalGeneration):
    config_class = OwnConfig
"""


@pytest.fixture(scope="module")
def checkpoints(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of checkpoints that are written when they are needed."""
    return tmp_path_factory.mktemp("families")


def checkpoint(checkpoints: Path, name: str) -> Path:
    folder = checkpoints / name
    if not folder.is_dir():
        folder.mkdir()
        torch.manual_seed(1)
        FAMILIES[name](folder)
    return folder


def ask(backend: TransformersBackend, request: Request) -> tuple[str, Done]:
    *pieces, done = backend.generate(request)
    assert isinstance(done, Done)
    return "".join(p.text for p in pieces if isinstance(p, TextDelta)), done


@pytest.mark.parametrize("name", FAMILIES)
def test_a_family_is_asked_about_what_it_sees(name: str, checkpoints: Path, pictures: list[Path]) -> None:
    backend = open_backend(str(checkpoint(checkpoints, name)), backend="transformers")
    requests = [Request(QUESTION, (picture,), max_tokens=5) for picture in (pictures[0], pictures[3])]
    done = ask(backend, requests[0])[1]
    assert 0 < done.usage.image_tokens < done.usage.prompt_tokens
    assert 0 < done.usage.completion_tokens <= 5
    one, other = (backend.score(request, ["Yes", "No"]) for request in requests)
    assert one != pytest.approx(other, abs=1e-3)
    assert one == backend.score(requests[0], ["Yes", "No"])


@pytest.mark.parametrize("name", FAMILIES)
def test_a_choice_is_weighed_as_generating_would(name: str, checkpoints: Path, pictures: list[Path]) -> None:
    """The twin of `score`: let `generate` say the choice token by token, with keys and values kept."""
    backend = TransformersBackend(checkpoint(checkpoints, name))
    request = Request(QUESTION, (pictures[0],))
    wanted = backend.tokenizer.encode("Yes, hidden", add_special_tokens=False)
    assert len(wanted) > 3
    end = backend.model.generation_config.eos_token_id
    inputs = backend._inputs(request)
    with torch.inference_mode():
        said = backend.model.generate(
            **inputs,
            max_new_tokens=len(wanted) + 1,
            do_sample=False,
            output_logits=True,
            return_dict_in_generate=True,
            logits_processor=[Saying([*wanted, end], inputs["input_ids"].shape[1])],
        )
    logs = [logits[0].log_softmax(-1)[id] for logits, id in zip(said.logits, [*wanted, end], strict=True)]
    assert backend.score(request, ["Yes, hidden"])[0] == pytest.approx(float(sum(logs)), abs=2e-3)


class Saying(transformers.LogitsProcessor):
    """Leaves one token to say at each step."""

    def __init__(self, ids: list[int], start: int) -> None:
        self.ids, self.start = ids, start

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        only = torch.full_like(scores, -torch.inf)
        only[:, self.ids[input_ids.shape[1] - self.start]] = 0
        return only


def test_earlier_turns_and_a_system_prompt_are_part_of_the_prompt(checkpoints: Path, pictures: list[Path]) -> None:
    backend = TransformersBackend(checkpoint(checkpoints, "llava_next"))
    history = (Message("user", "What is there?", (pictures[1],)), Message("assistant", "A car."))
    inputs = backend._inputs(Request(QUESTION, (pictures[0],), system="Be short.", history=history))
    said = backend.tokenizer.decode(inputs["input_ids"][0]).replace("<image>", "")
    assert said.startswith("SYSTEM: Be short.USER: \nWhat is there?ASSISTANT: A car.USER: \nIs the bicycle")
    assert inputs["pixel_values"].shape[0] == 2


def test_the_start_token_is_written_once(checkpoints: Path, pictures: list[Path]) -> None:
    backend = TransformersBackend(checkpoint(checkpoints, "llava"))
    ids = backend._inputs(Request(QUESTION, (pictures[0],)))["input_ids"][0].tolist()
    assert ids.count(backend.tokenizer.bos_token_id) == 1


def test_a_template_without_a_place_for_pictures_is_refused_at_the_door(tmp_path: Path) -> None:
    llava(tmp_path)
    (tmp_path / "chat_template.jinja").write_text("{{ messages[-1].content[-1].text }}")
    with pytest.raises(BadModel, match=r"cannot load .*") as caught:
        TransformersBackend(tmp_path)
    assert "\n" not in str(caught.value)


def test_a_checkpoint_of_an_unknown_kind_is_one_clear_line(checkpoints: Path, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "cogvlm"}))
    with pytest.raises(BadModel, match=r"cannot load .*cogvlm") as caught:
        TransformersBackend(tmp_path)
    assert "\n" not in str(caught.value)


def test_a_model_of_text_alone_is_refused(tmp_path: Path) -> None:
    transformers.LlamaConfig(hidden_size=32, num_hidden_layers=1).save_pretrained(tmp_path)
    with pytest.raises(BadModel, match=r"cannot load .*") as caught:
        TransformersBackend(tmp_path)
    assert "\n" not in str(caught.value)


def test_code_that_a_checkpoint_brings_runs_only_when_it_is_trusted(
    checkpoints: Path, tmp_path: Path, pictures: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("transformers.dynamic_module_utils.HF_MODULES_CACHE", str(tmp_path / "modules"))
    monkeypatch.syspath_prepend(tmp_path / "modules")
    folder = tmp_path / "own"
    shutil.copytree(checkpoint(checkpoints, "llava"), folder)
    (folder / "own.py").write_text(CODE)
    config = json.loads((folder / "config.json").read_text())
    code = {"AutoConfig": "own.OwnConfig", "AutoModelForImageTextToText": "own.OwnModel"}
    (folder / "config.json").write_text(json.dumps({**config, "model_type": "own", "auto_map": code}))
    with pytest.raises(BadModel, match=r"if you trust the code that it brings: --trust-remote-code$"):
        open_backend(str(folder), backend="transformers")
    backend = open_backend(str(folder), backend="transformers", trust_remote_code=True)
    assert type(backend.model).__name__ == "OwnModel"
    assert ask(backend, Request(QUESTION, (pictures[0],), max_tokens=3))[1].usage.image_tokens == 16


def test_only_transformers_runs_code_of_a_checkpoint(tiny_checkpoint: Path) -> None:
    with pytest.raises(BadInput, match="the backend local cannot honour trust_remote_code=True"):
        open_backend(str(tiny_checkpoint), trust_remote_code=True)
