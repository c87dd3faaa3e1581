"""The site and the repository read the same documents: what lies beside `docs` joins them, and links follow.

A document keeps the links that work in the repository (`../examples/street.webp`, `docs/graph.md` in the README). On
the site the folder `docs` is the root, and what is named outside it lies under its own path.
"""

from __future__ import annotations

import posixpath
import re
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files

BESIDE = ("README.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md", "LICENSE", "NOTICE", "benchmarks/README.md")
PICTURES = "examples/*.webp"
WORKFLOW = "examples/ci/occlusion-gate.yml"
LINK = re.compile(r"(\]\()(?![a-z]+:|#)([^)#\s]+)")
MARK = re.compile(r"^(```[a-z]+) .*$", re.MULTILINE)


def on_files(files: Files, config: Any) -> Files:
    root = Path(config.config_file_path).parent
    pictures = (str(path.relative_to(root)) for path in sorted(root.glob(PICTURES)))
    for name in (*BESIDE, WORKFLOW, *pictures):
        files.append(File.generated(config, name, abs_src_path=str(root / name)))
    return files


def on_page_markdown(markdown: str, page: Any, config: Any, files: Files) -> str:
    """Turn links of the repository into links of the site, and leave out how a test treats a block of code."""
    here = page.file.src_uri
    folder = posixpath.dirname(here if page.file.generated_by else f"docs/{here}")

    def of_the_site(link: re.Match[str]) -> str:
        target = posixpath.normpath(posixpath.join(folder, link[2])).removeprefix("docs/")
        return link[1] + posixpath.relpath(target, posixpath.dirname(here) or ".")

    return MARK.sub(r"\1", LINK.sub(of_the_site, markdown))
