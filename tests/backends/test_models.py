"""Where a model's name leads."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.backends.fake_hub import ON_MODELSCOPE, fake_hub, in_its_place

from occlusight.backends import open_backend
from occlusight.backends.hub import checkpoint_of
from occlusight.errors import BadInput, BadModel
from occlusight.model.revision import revision_of


def test_a_folder_is_itself(tiny_checkpoint: Path) -> None:
    assert checkpoint_of(str(tiny_checkpoint)) == tiny_checkpoint
    assert open_backend(str(tiny_checkpoint)).info.name == str(tiny_checkpoint)


@pytest.mark.parametrize(
    "name", ["", "nothing", "a/b/c", "modelscope:Qwen", "modelscope:", "/no/such/folder", "a" * 5000, "a\0"]
)
def test_an_unknown_name_is_answered_with_the_choices(name: str) -> None:
    with pytest.raises(BadModel, match=r"'default'.*checkpoint folder.*modelscope:ORG/NAME"):
        checkpoint_of(name)


def test_a_hub_id_is_downloaded_without_what_is_not_needed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    asked: list[tuple[str, dict[str, object]]] = []

    def download(name: str, **settings: object) -> str:
        asked.append((name, settings))
        return str(tmp_path)

    monkeypatch.setattr("huggingface_hub.snapshot_download", download)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    assert checkpoint_of("Qwen/Qwen3-VL-2B-Instruct") == tmp_path
    assert asked[0][0] == "Qwen/Qwen3-VL-2B-Instruct"
    assert set(asked[0][1]["allow_patterns"]) >= {"*.safetensors", "*.json", "*.jinja"}  # type: ignore[call-overload]


def test_an_unreachable_hub_is_one_clear_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def download(name: str, **settings: object) -> str:
        raise ConnectionError("no route to host\nand a long story")

    monkeypatch.setattr("huggingface_hub.snapshot_download", download)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(
        BadModel, match=r"^'Qwen/X' is not a folder here .*\(no route to host\); check the name"
    ) as caught:
        checkpoint_of("Qwen/X")
    assert "\n" not in str(caught.value)


def test_modelscope_is_asked_when_named_so(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, tiny_checkpoint: Path
) -> None:
    with fake_hub() as hub:
        hub.files = {path.name: path.read_bytes() for path in tiny_checkpoint.iterdir() if path.is_file()}
        in_its_place(hub, tmp_path / "hub", monkeypatch)
        folder = checkpoint_of(ON_MODELSCOPE)
        assert (folder / "model.safetensors").read_bytes() == (tiny_checkpoint / "model.safetensors").read_bytes()
        assert checkpoint_of(ON_MODELSCOPE, offline=True) == folder
        assert revision_of(folder) == revision_of(tiny_checkpoint)
        assert open_backend(ON_MODELSCOPE).info.name == ON_MODELSCOPE
        with pytest.raises(BadModel, match="'maker/model' is not downloaded"):
            checkpoint_of("maker/model", offline=True)


def test_the_oracle_wants_its_data() -> None:
    with pytest.raises(BadInput, match="--data"):
        open_backend("oracle")
