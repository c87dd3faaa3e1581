"""The files that put the program into a container say what the program knows."""

from __future__ import annotations

import json
import os
import re
import shutil
import site
import subprocess
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pytest
import typer
import yaml

from occlusight.cli.app import app

ROOT = Path(__file__).parents[1]
DOCKERFILE = (ROOT / "Dockerfile").read_text("utf-8")


def compose() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((ROOT / "compose.yaml").read_text("utf-8"))
    return found


def commands() -> list[list[str]]:
    (default,) = re.findall(r"^CMD (\[.*\])$", DOCKERFILE, re.MULTILINE)
    return [json.loads(default), compose()["services"]["occlusight"]["command"]]


@pytest.mark.parametrize("command", commands(), ids=["Dockerfile", "compose"])
def test_the_command_has_options_that_there_are(command: list[str]) -> None:
    name, *given = command
    known = {flag for option in typer.main.get_command(app).commands[name].params for flag in option.opts}  # type: ignore[attr-defined]
    assert {one for one in given if one.startswith("--")} <= known
    assert given[given.index("--port") + 1] == "7860"


def test_the_image_copies_what_the_package_is_built_of() -> None:
    copied = {one for line in re.findall(r"^COPY (?!--)(.*) \S+$", DOCKERFILE, re.MULTILINE) for one in line.split()}
    assert copied == {"pyproject.toml", "constraints.txt", "README.md", "LICENSE", "NOTICE", "src", "deploy/install"}
    assert all((ROOT / one).exists() for one in copied)
    admitted = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    assert admitted == copied


def test_the_container_is_no_root_and_can_write_where_it_must() -> None:
    service = compose()["services"]["occlusight"]
    assert re.search(r"^USER 10001$", DOCKERFILE, re.MULTILINE)
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert set(service["tmpfs"]) == {"/tmp", "/home/occlusight"}
    assert service["volumes"] == ["models:/models"]
    assert "OCCLUSIGHT_API_KEY" in service["environment"]
    assert all(port.startswith("127.0.0.1:") for one in compose()["services"].values() for port in one["ports"])


def test_prometheus_asks_a_route_that_there_is_with_the_key() -> None:
    (job,) = yaml.safe_load((ROOT / "deploy" / "prometheus.yml").read_text("utf-8"))["scrape_configs"]
    assert job["static_configs"][0]["targets"] == ["occlusight:7860"]
    assert job["authorization"]["credentials_file"] == "/run/secrets/api_key"
    assert job.get("metrics_path", "/metrics") == "/metrics"


def wheel_of(name: str, folder: Path) -> None:
    """Make a package of nothing but its name and the version that the constraints say."""
    constraints = (ROOT / "constraints.txt").read_text("utf-8")
    (version,) = re.findall(rf"^{name}==([\d.]+)", constraints, re.MULTILINE)
    about = f"{name}-{version}.dist-info"
    with ZipFile(folder / f"{name}-{version}-py3-none-any.whl", "w") as archive:
        archive.writestr(f"{about}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
        archive.writestr(f"{about}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{about}/RECORD", "")


@pytest.mark.slow
def test_the_steps_of_the_image_install_a_program_that_runs(tmp_path: Path) -> None:
    """In an environment of its own, from what the image's context holds; other packages are those of the tests."""
    context, environment, wheels = tmp_path / "context", tmp_path / "environment", tmp_path / "wheels"
    for line in (ROOT / ".dockerignore").read_text().splitlines():
        if line.startswith("!"):
            (context / line[1:]).parent.mkdir(parents=True, exist_ok=True)
            copy = shutil.copytree if (ROOT / line[1:]).is_dir() else shutil.copy2
            copy(ROOT / line[1:], context / line[1:])
    wheels.mkdir()
    wheel_of("torch", wheels)
    offline = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(wheels), "PIP_NO_DEPS": "1", "PIP_NO_BUILD_ISOLATION": "0"}
    beside = os.pathsep.join(site.getsitepackages())
    variables = {**os.environ, **offline, "PYTHONPATH": beside}

    def run(*command: str | Path, **settings: Any) -> str:
        done = subprocess.run(list(map(str, command)), capture_output=True, text=True, env=variables, **settings)
        assert done.returncode == 0, done.stderr
        return done.stdout

    run(context / "deploy" / "install", "cpu", environment, cwd=context)
    program = environment / "bin" / "occlusight"
    variables["PYTHONPATH"] = os.pathsep.join([*map(str, environment.glob("lib/*/site-packages")), beside])
    assert run(program, "version", cwd=tmp_path).startswith("occlusight ")
    where = run(environment / "bin" / "python", "-c", "import occlusight; print(occlusight.__file__)", cwd=tmp_path)
    assert Path(where.strip()).is_relative_to(environment)
    asked = run(program, "ask", ROOT / "examples" / "street.webp", "What hides the red car?", cwd=tmp_path)
    assert "street lamp" in asked


def test_an_image_is_of_one_of_two_kinds(tmp_path: Path) -> None:
    refused = subprocess.run([ROOT / "deploy" / "install", "tpu", tmp_path], capture_output=True, text=True)
    assert (refused.returncode, refused.stderr) == (2, "usage: deploy/install cpu|cuda FOLDER\n")
    assert not list(tmp_path.iterdir())
    script = (ROOT / "deploy" / "install").read_text("utf-8")
    assert set(re.findall(r"^RUN deploy/install (\w+) ", DOCKERFILE, re.MULTILINE)) == {"cpu", "cuda"}
    assert "download.pytorch.org/whl/cpu" in script
