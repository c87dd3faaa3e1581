"""The workflow that checks every change, and the script that tries an image, name what there is."""

from __future__ import annotations

import base64
import os
import re
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from occlusight.backends.scripted import Scripted
from occlusight.serve.api.app import create_api
from occlusight.serve.api.occlusion_shapes import AskRequest
from occlusight.serve.api.service import Service
from occlusight.serve.fair_queue import FairQueue

ROOT = Path(__file__).parents[1]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*"))
SMOKE = ROOT / "deploy" / "smoke"
MADE = (".venv/bin/python",)
"""Paths that an earlier step makes."""
PINNED = re.compile(r"[\w.-]+/[\w./-]+@(v\d+\.\d+\.\d+|[0-9a-f]{40})")
IMAGE = re.compile(r"[\w./-]+:\d[\w.-]*")


def jobs() -> Iterator[tuple[str, dict[str, Any]]]:
    for path in WORKFLOWS:
        for name, job in yaml.safe_load(path.read_text("utf-8"))["jobs"].items():
            yield f"{path.name}: {name}", job


def steps() -> Iterator[tuple[str, dict[str, Any]]]:
    for name, job in jobs():
        for step in job["steps"]:
            yield name, step


def paths_in(script: str) -> list[str]:
    """Return the words of a script that name files of the repository: those with a slash inside."""
    words = shlex.split(re.sub(r"\$\{\{.*?\}\}", "x", script), comments=True)
    return [word for word in words if re.fullmatch(r"[\w.][\w.-]*(/[\w.-]+)+", word)]


def test_a_workflow_is_there_and_may_only_read() -> None:
    assert WORKFLOWS
    for path in WORKFLOWS:
        found = yaml.safe_load(path.read_text("utf-8"))
        assert {"name", True, "permissions", "jobs"} <= found.keys(), path  # YAML 1.1 takes the key `on` for true
        assert set(found[True]) == {"push", "pull_request"}
        assert found["permissions"] == {"contents": "read"}
    for name, job in jobs():
        assert {"runs-on", "timeout-minutes", "steps"} <= job.keys(), name
        assert re.fullmatch(r"ubuntu-\d\d\.\d\d", job["runs-on"]), name
        assert IMAGE.fullmatch(job.get("container", "none:1")), name


def test_every_action_is_of_one_version() -> None:
    used = [step["uses"] for _, step in steps() if "uses" in step]
    assert used
    assert [one for one in used if not PINNED.fullmatch(one)] == []
    assert not PINNED.fullmatch("actions/checkout@v5")
    assert not PINNED.fullmatch("actions/checkout@main")


def test_every_path_that_a_step_names_is_there() -> None:
    named = [path for _, step in steps() for path in paths_in(step.get("run", ""))]
    assert {".ci/run", "deploy/smoke", "tests/test_wheel.py"} <= set(named)
    assert [one for one in named if one not in MADE and not (ROOT / one).is_file()] == []
    for script in (".ci/run", "deploy/smoke"):
        assert os.access(ROOT / script, os.X_OK), script
    assert paths_in("deploy/lost --to x ${{ a/b }}") == ["deploy/lost"]


def test_every_step_does_one_thing_and_make_has_its_targets() -> None:
    rules = (ROOT / "Makefile").read_text("utf-8")
    for name, step in steps():
        assert ("uses" in step) != ("run" in step), name
        for target in re.findall(r"\bmake (\w+)", step.get("run", "")):
            assert re.search(rf"^{target}:", rules, re.MULTILINE), (name, target)


def test_every_image_is_built_and_tried() -> None:
    final = re.findall(r"^FROM runtime AS (\w+)$", (ROOT / "Dockerfile").read_text("utf-8"), re.MULTILINE)
    (image,) = (job for _, job in jobs() if "matrix" in job.get("strategy", {}))
    assert sorted(image["strategy"]["matrix"]["target"]) == sorted(final)
    build, smoke = (step["run"] for step in image["steps"] if "run" in step)
    assert "--target ${{ matrix.target }} --tag occlusight:${{ matrix.target }} ." in build
    assert smoke == "deploy/smoke occlusight:${{ matrix.target }}"


DOCKER = """\
#!/bin/sh
case "$1" in
  run) echo "${OCCLUSIGHT_API_KEY:?}" > "$NOTES/key"; echo "$@" > "$NOTES/run"; echo c0 ;;
  exec) echo "$USER_OF_IMAGE" ;;
  rm) echo "$@" > "$NOTES/rm" ;;
esac
"""
CURL = """\
#!/bin/sh
case "$*" in
  *--data-binary*) cat > "$NOTES/body"; echo '{"answer": "Yes.", "from_graph": '"$FROM_GRAPH"'}' ;;
  *"Bearer $(cat "$NOTES/key")"*) printf 200 ;;
  *readyz*) printf 200 ;;
  *) printf 401 ;;
esac
"""


@pytest.mark.parametrize(
    ("user", "from_graph", "code"), [("10001", "true", 0), ("0", "true", 1), ("10001", "false", 1)]
)
def test_an_image_is_tried_as_a_user_would(tmp_path: Path, user: str, from_graph: str, code: int) -> None:
    """With stand-ins for Docker and curl: what is asked, what fails the check, and that the container goes."""
    for name, script in (("docker", DOCKER), ("curl", CURL)):
        (tmp_path / name).write_text(script)
        (tmp_path / name).chmod(0o755)
    given = {"PATH": f"{tmp_path}:{os.environ['PATH']}", "NOTES": str(tmp_path)}
    done = subprocess.run(
        [SMOKE, "occlusight:cpu"],
        env={**given, "USER_OF_IMAGE": user, "FROM_GRAPH": from_graph},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == code, done.stderr
    assert "--read-only" in (tmp_path / "run").read_text()
    assert "rm --force --volumes c0" in (tmp_path / "rm").read_text()
    if code == 0:
        sent = AskRequest.model_validate_json((tmp_path / "body").read_bytes())
        assert base64.b64decode(sent.image.partition(",")[2]) == (ROOT / "examples" / "street.webp").read_bytes()


def test_every_route_that_is_tried_is_there() -> None:
    tried = set(re.findall(r'"\$address(/[\w/]*)"', SMOKE.read_text("utf-8")))
    assert tried == {"/", "/readyz", "/v1/models", "/v1/occlusion/ask"}
    described = create_api(Service(Scripted("Yes."), FairQueue())).openapi()["paths"]
    assert tried - {"/"} <= described.keys()
