"""Make small sets of every family of scenes with two checkouts of the source and compare them file by file.

Run by hand before a change of structure lands: `python tests/scenes/compare_trees.py OLD NEW [NAME...]`, where OLD and NEW are
worktrees. What a manifest says of the program that made it may differ, nothing else; the exit code is 1 where a byte does.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

SMALL = ("--size", "96", "--samples", "1")
SETS: dict[str, tuple[str, ...]] = {
    "free": ("--recipe", "street", "--seed", "7", "--count", "2", *SMALL),
    "free-balanced": ("--recipe", "all", "--seed", "8", "--count", "3", "--balanced", "--heldout", *SMALL),
    "targeted": ("--recipe", "chain-desk,complete-desk", "--seed", "7", "--count", "2", *SMALL),
    "targeted-balanced": ("--recipe", "chain-desk", "--seed", "7", "--count", "2", "--balanced", *SMALL),
    "variants": ("--recipe", "chain-desk", "--seed", "5", "--count", "8", "--variants", *SMALL),
    "signs": ("--recipe", "signs-line", "--seed", "7", "--count", "1", "--size", "160", "--samples", "1"),
    "clips": ("--recipe", "clip-street", "--seed", "7", "--count", "1", "--frames", "8", *SMALL),
}


def make(tree: Path, name: str, out: Path) -> float:
    """Make a set with a checkout's source; return the seconds that it took."""
    start = time.monotonic()
    command = [sys.executable, "-m", "occlusight", "scenes", "make", *SETS[name], "--out", str(out)]
    subprocess.run(command, env={**os.environ, "PYTHONPATH": str(tree / "src")}, check=True, capture_output=True)
    return time.monotonic() - start


def contents(folder: Path) -> dict[str, bytes]:
    """Every file of a set by its path, the manifest without what it says of the program."""
    found = {p.relative_to(folder).as_posix(): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}
    manifest = json.loads(found["manifest.json"])
    for name in ("generator", "made_with"):
        manifest.pop(name, None)
    found["manifest.json"] = json.dumps(manifest).encode()
    return found


def main(old: Path, new: Path, names: list[str]) -> int:
    """Compare the sets with these names; return the exit code."""
    unlike = 0
    with TemporaryDirectory() as folder:
        for name in names:
            sets, seconds = [], []
            for label, tree in (("old", old), ("new", new)):
                out = Path(folder) / f"{name}-{label}"
                seconds.append(make(tree.resolve(), name, out))
                sets.append(contents(out))
            one, other = sets
            differ = sorted(path for path in {*one, *other} if one.get(path) != other.get(path))
            unlike += bool(differ)
            said = f"DIFFERENT: {', '.join(differ)}" if differ else "the same"
            print(f"{name}: {len(one)} files, {said} ({seconds[0]:.1f} s, {seconds[1]:.1f} s)", flush=True)
    return 1 if unlike else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3:] or list(SETS)))
