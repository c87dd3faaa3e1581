"""Importing the HDR maps that light varied surroundings: fetch the packages that `surroundings.toml` names, check them,
take the maps out. Nothing of them ships with us."""

from __future__ import annotations

import base64
import hashlib
import io
import lzma
import os
import re
import shutil
import subprocess
import tarfile
import tempfile
import urllib.error
import urllib.request
from pathlib import Path

from occlusight.errors import BadData
from occlusight.scenes.meshes.assets import Progress, ar_member
from occlusight.scenes.meshes.mesh import assets_dir
from occlusight.scenes.surroundings import LightMap, Package, looks

ENCODED = re.compile(rb"base64,([A-Za-z0-9+/=]+)")


def map_file(light_map: LightMap) -> Path:
    """Return the file of a map. Raises BadData when it is not imported."""
    path = assets_dir() / "maps" / f"{light_map.key}.exr"
    if not path.is_file():
        raise BadData(f"the HDR map {light_map.key!r} is not in {path.parent}; run `occlusight scenes assets --maps`")
    return path


def import_maps(folder: Path | None = None, progress: Progress | None = None) -> int:
    """Import every map that is not there yet into `folder` (default `assets_dir()`) and return how many were.

    Raises BadData when a package cannot be had or is not the right one.
    """
    out = (folder or assets_dir()) / "maps"
    out.mkdir(parents=True, exist_ok=True)
    report = progress or (lambda done, total, what: None)
    missing = [m for m in looks().maps.values() if not (out / f"{m.key}.exr").is_file()]
    done = 0
    for package in looks().packages.values():
        wanted = [m for m in missing if m.package == package.key]
        if not wanted:
            continue
        report(done, len(missing), f"fetching {package.name}")
        for light_map, content in taken_out(package, fetched(package), wanted).items():
            draft = out / f".{light_map}.exr.{os.getpid()}"
            draft.write_bytes(content)
            os.replace(draft, out / f"{light_map}.exr")
            done += 1
    report(done, len(missing), "done")
    return done


def fetched(package: Package) -> bytes:
    """Return a package: through apt where it is Debian's and there is one, else from its address. Raises BadData."""
    content = b""
    with tempfile.TemporaryDirectory(prefix="occlusight-maps-") as scratch:
        if package.file.endswith(".deb") and shutil.which("apt-get"):
            name, version, _ = package.file.split("_")
            command = ["apt-get", "download", f"{name}={version}"]
            subprocess.run(command, cwd=scratch, capture_output=True, check=False, timeout=1800)
            content = b"".join(p.read_bytes() for p in Path(scratch).glob("*.deb"))
    if not content:
        try:
            with urllib.request.urlopen(package.url, timeout=60) as response:
                content = response.read()
        except (urllib.error.URLError, TimeoutError, OSError) as e:
            raise BadData(f"{package.name} could not be downloaded from {package.url} ({e}); check the network") from e
    digest = hashlib.sha256(content).hexdigest()
    if digest != package.sha256:
        raise BadData(f"{package.url} has SHA-256 {digest}, not {package.sha256}; try again later")
    return content


def taken_out(package: Package, content: bytes, wanted: list[LightMap]) -> dict[str, bytes]:
    """Return the maps' files by their keys. Raises BadData when the package lacks one."""
    by_path = {package.folder + m.file + package.suffix: m for m in wanted}
    debian = package.file.endswith(".deb")
    archive = lzma.decompress(ar_member(content, "data.tar.xz")) if debian else content
    found: dict[str, bytes] = {}
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        for member in tar:
            light_map = by_path.get(member.name.removeprefix("./"))
            stream = tar.extractfile(member) if light_map is not None else None
            if light_map is not None and stream is not None:
                held = stream.read()
                encoded = ENCODED.search(held)  # npm modules hold their file as base64
                found[light_map.key] = base64.b64decode(encoded.group(1)) if encoded else held
    absent = [path for path, m in by_path.items() if m.key not in found]
    if absent:
        raise BadData(f"{package.name} holds no {', '.join(absent)}")
    return found
