"""Make data sets, quantized forms and training batches with two checkouts of the source and compare them byte for byte.

Run by hand before a change of structure lands, on one machine in one go: `python tests/compare_trees.py OLD NEW
[NAME...]`, where OLD and NEW are worktrees and the names are those of SETS, "quantized" and "batch" (all without any).
What a manifest says of the program that made it, and what a plan says of the seconds it took, may differ, nothing else;
the exit code is 1 where a byte does. Pictures, a tiny checkpoint, a tokenizer and what batches are made of are written
once, by the tree that this file stands in.

Questions, replies and scores are compared by `tests/questions/identity.py`, answers of a model by `occlusight bench
run` and `cmp`.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory

HERE = Path(__file__).resolve()
TREE = HERE.parents[1]
SMALL = ("--size", "96", "--samples", "1")
SETS: dict[str, tuple[str, ...]] = {
    "free": ("--recipe", "street", "--seed", "7", "--count", "2", *SMALL),
    "free-balanced": ("--recipe", "all", "--seed", "8", "--count", "3", "--balanced", "--heldout", *SMALL),
    "targeted": ("--recipe", "chain-desk,complete-desk", "--seed", "7", "--count", "2", *SMALL),
    "targeted-balanced": ("--recipe", "chain-desk", "--seed", "7", "--count", "2", "--balanced", *SMALL),
    "variants": ("--recipe", "chain-desk", "--seed", "5", "--count", "8", "--variants", *SMALL),
    "signs": ("--recipe", "signs-line", "--seed", "7", "--count", "2", "--size", "160", "--samples", "1"),
    "clips": ("--recipe", "clip-street", "--seed", "7", "--count", "2", "--frames", "8", *SMALL),
}
QUANTIZED, BATCH = "quantized", "batch"
FORMS = (("--quantize", "int8"), ("--quantize", "int4"), ("--quantize", "int8", "--quantize-vision", "none"))
BATCHES = 4  # what one bucket of the stream gives
Files = dict[str, bytes]


def python(tree: Path, *arguments: str | Path, codes: tuple[int, ...] = (0,), **environment: str) -> None:
    """Run Python with a checkout's source. Raises RuntimeError with what it said when it exits with another code than
    these."""
    paths = {"PYTHONPATH": str(tree / "src"), "PYTHONDONTWRITEBYTECODE": "1", **environment}
    command = [sys.executable, *map(str, arguments)]
    done = subprocess.run(command, env={**os.environ, **paths}, capture_output=True, text=True)
    if done.returncode not in codes:
        raise RuntimeError(f"{' '.join(command)} of {tree} exited with {done.returncode}:\n{done.stderr[-2000:]}")


def without(document: bytes, *names: str) -> bytes:
    """A JSON object without these names."""
    return json.dumps({name: value for name, value in json.loads(document).items() if name not in names}).encode()


def files_in(folder: Path) -> Files:
    """Every file by its path."""
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def data_set(tree: Path, name: str, out: Path) -> Files:
    """The files of a set, the manifest without what it says of the program."""
    python(tree, "-m", "occlusight", "scenes", "make", *SETS[name], "--out", out)
    found = files_in(out)
    return {**found, "manifest.json": without(found["manifest.json"], "generator", "made_with")}


def quantized(tree: Path, inputs: Path, out: Path) -> Files:
    """The files of each stored form of the tiny checkpoint.

    Of plan and index what tells of the program is left out: seconds and the number of the format, which decides whether
    a form that an earlier version stored is taken, and the digests of the files, which are compared themselves; and the
    note of which files were read and found whole, with their times.
    """
    found: Files = {}
    for i, form in enumerate(FORMS):
        before = set(out.glob("quantized/*"))
        command = ("-m", "occlusight", "models", "quantize", inputs / "checkpoint", *form)
        pictures = [part for path in sorted(inputs.glob("*.png")) for part in ("--picture", path)]
        # random weights may miss the budget, which is exit code 1
        python(tree, *command, *pictures, codes=(0, 1), OCCLUSIGHT_CACHE=str(out))
        (made,) = (path for path in set(out.glob("quantized/*")) - before if path.is_dir())
        files = files_in(made)
        files.pop("verified.json", None)
        files["plan.json"] = without(files["plan.json"], "seconds", "format")
        files["index.json"] = without(files["index.json"], "files", "format", "sha256")
        found |= {f"{i}/{path}": content for path, content in files.items()}
    return found


def batch(tree: Path, inputs: Path, out: Path) -> Files:
    """The tensors of the first training batches, of rasterized scenes alone and with path-traced ones among them."""
    out.mkdir()
    python(tree, HERE, "--batches", inputs, out)
    return files_in(out)


def write_batches(inputs: Path, out: Path) -> None:
    """Write the first batches with the source that this process imports, a file of tensors each."""
    from safetensors.torch import save_file
    from tokenizers import Tokenizer

    from occlusight.train.recipe import Stage, TrainRecipe, small_config
    from occlusight.train.stream import batches

    tokenizer = Tokenizer.from_file(str(inputs / "tokenizer.json"))
    config = small_config(tokenizer)
    for name, shares in (("rasterized", {"desk": 0.5, "partial": 0.5}), ("rendered", {"desk": 0.2, "renders": 0.8})):
        stage = Stage(name, 12, shares=shares, batch=2, warmup=2)
        made = batches(
            (inputs / "renders",), tokenizer, config, TrainRecipe((stage,)), stage, 0, out / "pool", workers=0
        )
        for i, one in enumerate(islice(made, BATCHES)):
            tensors = {"rgb": one.rgb, **one.packed, **{f"dense.{key}": value for key, value in one.dense.items()}}
            save_file(tensors, out / f"{name}-{i}.safetensors")


def write_inputs(folder: Path) -> None:
    """Write what forms and batches are made from: pictures, a checkpoint, a tokenizer, a rendered set."""
    from tests.conftest import draw
    from tests.speaking import write_checkpoint

    from occlusight.scenes.meshes.catalogue import load_catalogue
    from occlusight.train.stream import corpus
    from occlusight.train.tokenizer import train_tokenizer

    write_checkpoint(folder / "checkpoint")
    for seed in range(2):
        draw(seed).save(folder / f"{seed}.png")
    train_tokenizer(corpus(12), load_catalogue(), 1500).save(str(folder / "tokenizer.json"))
    python(TREE, "-m", "occlusight", "scenes", "make", *SETS["free"], "--out", folder / "renders")


def main(old: Path, new: Path, names: list[str]) -> int:
    """Compare what these names stand for; return the exit code."""
    unlike = 0
    with TemporaryDirectory() as temporary:
        folder = Path(temporary)
        inputs = folder / "inputs"
        if {QUANTIZED, BATCH} & set(names):
            inputs.mkdir()
            python(TREE, HERE, "--inputs", inputs, PYTHONPATH=f"{TREE / 'src'}{os.pathsep}{TREE}")
        for name in names:
            found, seconds = [], []
            for label, tree in (("old", old.resolve()), ("new", new.resolve())):
                begun, out = time.monotonic(), folder / f"{name}-{label}"
                if name in SETS:
                    found.append(data_set(tree, name, out))
                else:
                    found.append({QUANTIZED: quantized, BATCH: batch}[name](tree, inputs, out))
                seconds.append(time.monotonic() - begun)
            one, other = found
            differ = sorted(path for path in {*one, *other} if one.get(path) != other.get(path))
            unlike += bool(differ)
            said = f"DIFFERENT: {', '.join(differ)}" if differ else "the same"
            size = sum(map(len, one.values()))
            print(
                f"{name}: {len(one)} files, {size:,} bytes, {said} ({seconds[0]:.1f} s, {seconds[1]:.1f} s)", flush=True
            )
    return 1 if unlike else 0


if __name__ == "__main__":
    if sys.argv[1] == "--inputs":
        write_inputs(Path(sys.argv[2]))
    elif sys.argv[1] == "--batches":
        write_batches(Path(sys.argv[2]), Path(sys.argv[3]))
    else:
        sys.exit(main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3:] or [*SETS, QUANTIZED, BATCH]))
