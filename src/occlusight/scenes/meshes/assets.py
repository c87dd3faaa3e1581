"""Importing the meshes: fetch the Sweet Home 3D furniture package from Debian, check it, convert what the catalogue
names.

The package is Debian's sweethome3d-furniture (CC0 and CC-BY 3.0 models; see `Catalogue.attribution`). Nothing of it
ships with us.
"""

from __future__ import annotations

import hashlib
import io
import lzma
import shutil
import subprocess
import tarfile
import tempfile
import urllib.error
import urllib.request
import zipfile
from collections.abc import Callable
from pathlib import Path, PurePosixPath

import numpy as np
from PIL import Image

from occlusight.errors import BadData
from occlusight.scenes.description import RGB
from occlusight.scenes.meshes.catalogue import FIXTURE, PROCEDURAL, MeshInfo, wide_catalogue
from occlusight.scenes.meshes.mesh import Material, Mesh, assets_dir, rotation_z, save_mesh
from occlusight.scenes.meshes.wavefront import ReadFile, WavefrontMaterial, read_obj

PACKAGE, PACKAGE_VERSION = "sweethome3d-furniture", "1.8-1"
PACKAGE_FILE = f"{PACKAGE}_{PACKAGE_VERSION}_all.deb"
PACKAGE_URL = f"https://deb.debian.org/debian/pool/main/s/{PACKAGE}/{PACKAGE_FILE}"
PACKAGE_SHA256 = "3ccb90c63f9525e887a767b9cd5c8b6933b8b6b2973a615a5359ee68a2118668"
TEXTURE_SIDE = 512  # pixels; larger textures are reduced

Progress = Callable[[int, int, str], None]  # done, total, what


def missing_meshes(folder: Path | None = None) -> tuple[MeshInfo, ...]:
    """Return the catalogue's meshes that are not imported yet."""
    folder = folder or assets_dir()
    infos = wide_catalogue().mesh_infos.values()
    return tuple(m for m in infos if m.library not in (PROCEDURAL, FIXTURE) and not (folder / f"{m.id}.npz").exists())


def import_assets(out_dir: Path | None = None, progress: Progress | None = None, package: Path | None = None) -> int:
    """Import every missing mesh into `out_dir` (default `assets_dir()`) and return how many were.

    `package` is a copy of the Debian package; without one it is downloaded. Raises BadData when it cannot be had or is
    not the right one.
    """
    folder = out_dir or assets_dir()
    folder.mkdir(parents=True, exist_ok=True)
    wanted = missing_meshes(folder)
    if not wanted:
        return 0
    report = progress or (lambda done, total, what: None)
    with tempfile.TemporaryDirectory(prefix="occlusight-assets-") as scratch:
        report(0, len(wanted), f"fetching {PACKAGE_FILE} (120 MB)")
        archive = package or fetch_package(Path(scratch))
        check_digest(archive)
        libraries = open_libraries(archive, {m.library for m in wanted})
        for i, info in enumerate(wanted):
            report(i, len(wanted), info.id)
            try:
                mesh = convert(reader(libraries[info.library]), info)
            except (KeyError, ValueError, OSError) as e:
                raise BadData(f"the model {info.path} of {info.library} cannot be converted: {e}") from e
            save_mesh(mesh, folder / f"{info.id}.npz")
    report(len(wanted), len(wanted), "done")
    return len(wanted)


def fetch_package(folder: Path) -> Path:
    """Download the Debian package into `folder`: through apt where there is one, else from deb.debian.org. Raises
    BadData."""
    target = folder / PACKAGE_FILE
    if shutil.which("apt-get"):
        command = ["apt-get", "download", f"{PACKAGE}={PACKAGE_VERSION}"]
        subprocess.run(command, cwd=folder, capture_output=True, check=False, timeout=1800)
        if target.exists():
            return target
    try:
        with urllib.request.urlopen(PACKAGE_URL, timeout=60) as response, target.open("wb") as f:
            shutil.copyfileobj(response, f)
    except (urllib.error.URLError, TimeoutError, OSError) as e:
        raise BadData(
            f"the meshes could not be downloaded from {PACKAGE_URL} ({e}); "
            "check the network, or download that file yourself and run `occlusight scenes assets --package FILE`"
        ) from e
    return target


def check_digest(archive: Path) -> None:
    """Raise BadData unless the file is exactly the package that the catalogue was made for."""
    try:
        with archive.open("rb") as f:
            digest = hashlib.file_digest(f, "sha256").hexdigest()
    except OSError as e:
        raise BadData(f"the package {archive} cannot be read: {e.strerror}") from e
    if digest != PACKAGE_SHA256:
        raise BadData(f"{archive} has SHA-256 {digest}, not {PACKAGE_SHA256}; download {PACKAGE_FILE} again")


def open_libraries(archive: Path, names: set[str]) -> dict[str, zipfile.ZipFile]:
    """Return the model libraries (`<name>.sh3f`, zips) inside a .deb, held in memory. Raises BadData when one is
    absent."""
    found: dict[str, zipfile.ZipFile] = {}
    data = ar_member(archive.read_bytes(), "data.tar.xz")
    with tarfile.open(fileobj=io.BytesIO(lzma.decompress(data))) as tar:
        for member in tar:
            path = PurePosixPath(member.name)
            stream = tar.extractfile(member) if path.suffix == ".sh3f" and path.stem in names else None
            if stream is not None:
                found[path.stem] = zipfile.ZipFile(io.BytesIO(stream.read()))
    absent = names - found.keys()
    if absent:
        raise BadData(f"{archive} holds no library {', '.join(sorted(absent))}; download {PACKAGE_FILE} again")
    return found


def ar_member(archive: bytes, name: str) -> bytes:
    """Return a member of an `ar` archive (see ar(5)): 8 bytes of magic, then headers of 60 bytes, members at even
    offsets."""
    if archive[:8] != b"!<arch>\n":
        raise BadData(f"this is not a Debian package (it starts with {archive[:8]!r}); download {PACKAGE_FILE} again")
    at = 8
    while at + 60 <= len(archive):
        size = int(archive[at + 48 : at + 58])
        if archive[at : at + 16].decode("ascii").rstrip(" /") == name:
            return archive[at + 60 : at + 60 + size]
        at += 60 + size + size % 2
    raise BadData(f"the Debian package has no {name}; download {PACKAGE_FILE} again")


def reader(library: zipfile.ZipFile) -> ReadFile:
    """Return a function that reads a file of the library; names are matched without case, as the models were made on
    Windows."""
    names = {n.lower(): n for n in library.namelist()}

    def read(path: str) -> bytes:
        return library.read(names[path.lower()])

    return read


def convert(read: ReadFile, info: MeshInfo) -> Mesh:
    """Read a model and bring it into our axes and the catalogue's size. Raises KeyError, ValueError."""
    model = read_obj(read, info.path)
    turn = rotation_z(info.turn) @ np.array([[1.0, 0.0, 0.0], [0.0, 0.0, -1.0], [0.0, 1.0, 0.0]])  # y up to z up
    if info.rotation is not None:
        turn = turn @ np.asarray(info.rotation).reshape(3, 3)
    v = model.vertices.astype(np.float64) @ turn.T
    low, high = v.min(axis=0), v.max(axis=0)
    stretch = np.asarray(info.size) / np.maximum(high - low, 1e-9)
    v = (v - [(low[0] + high[0]) / 2, (low[1] + high[1]) / 2, low[2]]) * stretch
    n = model.normals.astype(np.float64) @ turn.T / stretch
    n /= np.maximum(np.linalg.norm(n, axis=1, keepdims=True), 1e-9)
    return Mesh(
        id=info.id,
        vertices=v.astype(np.float32),
        normals=n.astype(np.float32),
        uvs=np.where(np.abs(model.uvs) < 1000, model.uvs, np.float32(0)),  # some files hold garbage
        faces=model.faces,
        face_material=model.face_material,
        materials=tuple(_material(read, m, info) for m in model.materials),
    )


def _material(read: ReadFile, source: WavefrontMaterial, info: MeshInfo) -> Material:
    r, g, b = (max(0.012, c**2.2) for c in source.diffuse)
    rgb: RGB = (r, g, b)
    texture, cutout = None, False
    if source.texture is not None:
        try:
            picture = Image.open(io.BytesIO(read(source.texture)))
            picture.load()
        except (KeyError, OSError):
            picture = None  # a texture that the library lacks: the diffuse colour stands in, as in Sweet Home 3D
        if picture is not None:
            texture, cutout = _encode(picture)
    return Material(source.name, rgb, texture, cutout, source.opacity, source.name in info.paint)


def _encode(picture: Image.Image) -> tuple[bytes, bool]:
    """Return the texture as PNG (with holes) or JPEG (without), reduced to TEXTURE_SIDE, and whether it has holes."""
    rgba = picture.convert("RGBA")
    rgba.thumbnail((TEXTURE_SIDE, TEXTURE_SIDE), Image.Resampling.LANCZOS)
    cutout = int(np.asarray(rgba)[..., 3].min()) < 128
    stream = io.BytesIO()
    if cutout:
        rgba.save(stream, "PNG", optimize=True)
    else:
        rgba.convert("RGB").save(stream, "JPEG", quality=92)
    return stream.getvalue(), cutout
