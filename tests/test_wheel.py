"""The wheel: small enough for an index, whole, and of use where it is installed without a network."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from zipfile import ZipFile

import pytest

import occlusight

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[1]
BESIDE = ("pyproject.toml", "README.md", "LICENSE", "NOTICE")
"""What the package is built of beside `src`."""
MOST_BYTES = 95_000_000
READ_IN_TRAINING_ALONE = "occlusight/train/wordings/"
LEAST = (
    "occlusight/__main__.py",
    "occlusight/py.typed",
    "occlusight/checkpoints/default/model.safetensors",
    "occlusight/checkpoints/default/tokenizer.json",
    "occlusight/checkpoints/default/chat_template.jinja",
    "occlusight/checkpoints/reader/model.safetensors",
    "occlusight/serve/page/web/page.js",
    "occlusight/serve/page/web/zh.json",
    "occlusight/reasoning/rules/occlusion.lp",
    "occlusight/reasoning/vocabulary.json",
)


def pip(*arguments: object) -> None:
    subprocess.run(
        [sys.executable, "-m", "pip", "--disable-pip-version-check", "--no-cache-dir", *map(str, arguments)],
        check=True,
        capture_output=True,
        text=True,
        env={**os.environ, "PIP_NO_INDEX": "1"},
    )


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built of a copy: building writes beside the sources."""
    folder = tmp_path_factory.mktemp("wheel")
    sources = folder / "sources"
    shutil.copytree(ROOT / "src", sources / "src", ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
    for name in BESIDE:
        shutil.copy(ROOT / name, sources)
    pip("wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", folder, sources)
    (found,) = folder.glob("*.whl")
    return found


def test_it_is_small_enough_for_an_index(wheel: Path) -> None:
    assert wheel.name == f"occlusight-{occlusight.__version__}-py3-none-any.whl"
    assert 30_000_000 < wheel.stat().st_size < MOST_BYTES


def test_it_holds_what_the_package_holds(wheel: Path) -> None:
    with ZipFile(wheel) as archive:
        held = set(archive.namelist())
    source = ROOT / "src"
    own = {
        path.relative_to(source).as_posix()
        for path in (source / "occlusight").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert set(LEAST) <= own
    assert sorted(one for one in own - held if not one.startswith(READ_IN_TRAINING_ALONE)) == []
    assert [one for one in held if one.startswith((READ_IN_TRAINING_ALONE, "tests/", "benchmarks/"))] == []
    licences = f"occlusight-{occlusight.__version__}.dist-info/licenses"
    assert {f"{licences}/LICENSE", f"{licences}/NOTICE"} <= held


def test_it_installs_without_a_network_and_runs(wheel: Path, tmp_path: Path) -> None:
    target = tmp_path / "installed"
    pip("install", "--no-deps", "--no-index", "--target", target, wheel)
    environment = {**os.environ, "PYTHONPATH": str(target), "PYTHONDONTWRITEBYTECODE": "1"}

    def run(*arguments: str) -> str:
        command = [sys.executable, *arguments]
        return subprocess.run(command, check=True, capture_output=True, text=True, cwd=tmp_path, env=environment).stdout

    assert Path(run("-c", "import occlusight; print(occlusight.__file__)").strip()).is_relative_to(target)
    told = run("-m", "occlusight", "--help")
    assert "serve" in told
    assert "ask" in told
    assert run("-m", "occlusight", "version").strip() == f"occlusight {occlusight.__version__}"
    assert (target / "bin" / "occlusight").is_file()
