"""The files that put the program into a container say what the program knows."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

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
    assert copied == {"pyproject.toml", "constraints.txt", "README.md", "LICENSE", "NOTICE", "src"}
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
