"""Writing what was imported as a data set: pictures, graphs, masks, questions with computed answers, and the
manifest."""

from __future__ import annotations

import json
import os
import re
import shutil
import unicodedata
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

from PIL import Image

from occlusight.errors import BadData, BadInput, BadPicture
from occlusight.files.json_lines import Line, dumped
from occlusight.files.whole import sha256, unwritable
from occlusight.model.picture import open_picture
from occlusight.occlusion.facts import Facts
from occlusight.occlusion.graph import Graph
from occlusight.occlusion.kinds import Lang
from occlusight.questions.phrases import Wording
from occlusight.questions.programs import execute
from occlusight.questions.question import Question, ask, reply
from occlusight.randomness import stream
from occlusight.scenes.imports.annotated import Annotated, graph_of
from occlusight.scenes.imports.naming import Kinds
from occlusight.scenes.imports.own_questions import Own
from occlusight.scenes.make.dataset import LINES, MAKING, MANIFEST
from occlusight.scenes.make.plan import FORMAT_VERSION

ABOUT_ALL = (
    "occlusion.anything",
    "who_hides.one",
    "remove.one",
)  # what only a picture with all pairs judged can be asked
LONGEST_ID = 100  # characters, so that files can be called so
PER_PICTURE: Mapping[str, int] = {"occlusion": 4, "explanation": 4, "position": 3, "depth_pair": 4, "remove": 2}
LICENCE = "not stated; that of the pictures and annotations which were imported"

Progress = Callable[[int], None]  # pictures read


@dataclass(frozen=True)
class Source:
    """Where a set was imported from, for its manifest. `langs` are those that questions are asked in."""

    format: str
    file: str
    seed: int = 0
    langs: tuple[Lang, ...] = ("en",)
    licence: str | None = None


@dataclass
class Imported:
    """What a run imported; `skipped` pictures offer no question."""

    pictures: int = 0
    skipped: int = 0
    questions: Counter[str] = field(default_factory=Counter)


def import_annotated(
    shown: Iterable[Annotated],
    out: Path,
    source: Source,
    kinds: Kinds,
    ask_for: Collection[str],
    limit: int | None = None,
    progress: Progress | None = None,
) -> Imported:
    """Write annotated pictures as a data set. What is asked depends on the seed and a picture's place alone, the same
    in every language.

    Raises BadData for a picture that is absent or of another size than its masks, BadInput where `out` is in use or a
    language lacks names.
    """
    with _writing(out, source) as book:
        for i, picture in enumerate(shown):
            if progress:
                progress(i + 1)
            if not picture.things:
                book.found.skipped += 1
                continue
            height, width = picture.things[0].seen.shape
            graph, masks = graph_of(picture, (width, height), kinds)
            facts = Facts(graph)
            questions = [
                question
                for lang in source.langs
                for question in ask(
                    facts,
                    kinds.names,
                    stream("imported questions", source.seed, i),
                    lang,
                    ask_for,
                    {kind: PER_PICTURE.get(kind, 1) for kind in ask_for},
                )
                if picture.judged or question.template not in ABOUT_ALL
            ]
            if not questions:
                book.found.skipped += 1
                continue
            book.add(picture.id, picture.picture, graph, masks, questions, picture.where)
            if book.found.pictures == limit:
                break
        if "zh" in source.langs:
            kinds.require_chinese()
        book.kinds = kinds.to_json()
    return book.found


def import_own(
    lines: Iterable[tuple[str, Own]], out: Path, source: Source, kinds: Kinds, progress: Progress | None = None
) -> Imported:
    """Write one's own questions as a data set, the pictures in the order in which they first appear. Raises BadData."""
    by_picture: dict[Path, list[tuple[str, Own]]] = {}
    for where, own in lines:
        by_picture.setdefault(own.picture, []).append((where, own))
    with _writing(out, source) as book:
        for i, (picture, group) in enumerate(by_picture.items()):
            if progress:
                progress(i + 1)
            graph = Graph(*_opened(picture, group[0][0]).size, ())
            facts = Facts(graph)
            asked: dict[tuple[str, str], str] = {}
            questions = []
            for where, own in group:
                if (own.about, own.lang) in asked:
                    raise BadData(
                        f"{where}: the id {own.about!r} is used twice in {own.lang} about this picture (also "
                        f"{asked[own.about, own.lang]}); only the same question in another language shares it"
                    )
                asked[own.about, own.lang] = where
                program = [["stated", [own.value, list(own.choices), own.about]]]
                answer = execute(program, facts)
                said = reply(own.template, answer, Wording(facts, kinds.names, own.lang))
                questions.append(
                    Question("", "", "", own.lang, own.kind, own.template, own.text, program, answer, said)
                )
            book.add(picture.stem, picture, graph, {}, questions, group[0][0])
    return book.found


def _opened(picture: Path, where: str) -> Image.Image:
    """Open a picture. Raises BadData with the place where it is named."""
    try:
        return open_picture(picture)
    except BadPicture as error:
        raise BadData(f"{where}: {error}" if where else str(error)) from None


@dataclass
class _Book:
    """The lines of a set that is being written into a folder of drafts."""

    drafts: Path
    source: Source
    found: Imported = field(default_factory=Imported)
    scenes: list[Line] = field(default_factory=list)
    questions: list[Line] = field(default_factory=list)
    digests: dict[str, str] = field(default_factory=dict)
    kinds: list[dict[str, Any]] = field(default_factory=list)
    ids: set[str] = field(default_factory=set)

    def id_for(self, name: str) -> str:
        """Return an id that no other picture has, also on disks that do not tell capital letters apart."""
        plain = re.sub(r"[^\w.-]+", "-", unicodedata.normalize("NFC", f"{self.source.format}-{name}"))[:LONGEST_ID]
        id = next(id for n in count(1) if (id := plain if n == 1 else f"{plain}-{n}").casefold() not in self.ids)
        self.ids.add(id.casefold())
        return id

    def add(
        self,
        name: str,
        picture: Path | Image.Image,
        graph: Graph,
        masks: dict[str, Any],
        questions: list[Question],
        where: str,
    ) -> None:
        """Add a picture with its questions; `where` is its place, for errors. Raises BadData, BadPicture, OSError."""
        id = self.id_for(name)
        suffix = picture.suffix.lower() if isinstance(picture, Path) else ".png"
        image = f"images/{id}{suffix if re.fullmatch(r'[.][a-z0-9]{1,8}', suffix) else ''}"
        if isinstance(picture, Path):
            size = _opened(picture, where).size
            if size != (graph.width, graph.height):
                raise BadData(
                    f"{picture} has {size[0]} x {size[1]} pixels upright, but its annotations are for "
                    f"{graph.width} x {graph.height}; give the pictures that were annotated"
                )
            with picture.open("rb") as source, (self.drafts / image).open("xb") as copy:
                shutil.copyfileobj(source, copy)
        else:
            with (self.drafts / image).open("xb") as copy:
                picture.save(copy, "PNG")
        self.digests[image] = sha256(self.drafts / image)
        absent: dict[str, Any] = {
            "heldout": None,
            "counterfactual_of": None,
            "view_of": None,
            "camera": None,
            "placed": [],
        }
        index = len(self.scenes)
        about = {"id": id, "recipe": self.source.format, "type": "", "seed": self.source.seed, "index": index}
        self.scenes.append({**about, "image": image, **absent, "graph": graph.to_json(), "masks": masks})
        for n, question in enumerate(questions):
            line = question.to_json() | {"id": f"{id}.{question.lang}.{n}", "scene": id, "image": image}
            self.questions.append(line)
            self.found.questions[question.kind] += 1
        self.found.pictures += 1

    def manifest(self) -> dict[str, Any]:
        """Return the manifest, with a digest of every file."""
        objects = [len(line["graph"]["objects"]) for line in self.scenes]
        return {
            "version": FORMAT_VERSION,
            "imported": {"format": self.source.format, "file": self.source.file},
            "recipes": [self.source.format],
            "seed": self.source.seed,
            "langs": list(self.source.langs),
            "count": len(self.scenes),
            "objects": sum(objects),
            "pairs": sum(n * (n - 1) for n in objects),
            "questions": dict(sorted(self.found.questions.items())),
            "kinds": self.kinds,
            "licence": self.source.licence or LICENCE,
            "files": self.digests,
        }


@contextmanager
def _writing(out: Path, source: Source) -> Iterator[_Book]:
    """Give a book to write in, and make its drafts the set when all went well; else leave nothing behind. Raises
    BadInput."""
    drafts = out / MAKING
    try:
        if out.exists() and (not out.is_dir() or any(out.iterdir())):
            raise BadInput(f"--out {out} exists already and is not an empty folder; give another one, or delete it")
        (drafts / "images").mkdir(parents=True)
    except OSError as error:
        raise unwritable(out, error) from None
    book = _Book(drafts, source)
    try:
        yield book
        if not book.scenes:
            raise BadData(
                f"{source.file} gives no question to ask ({book.found.skipped} pictures without one): things must "
                "be named, seen well enough, and hide one another clearly"
            )
        for name, lines in zip(LINES, (book.scenes, book.questions), strict=True):
            (drafts / name).write_text("".join(map(dumped, lines)), encoding="utf-8")
            book.digests[name] = sha256(drafts / name)
        (drafts / MANIFEST).write_text(
            json.dumps(book.manifest(), ensure_ascii=False, indent=1) + "\n", encoding="utf-8"
        )
        for name in ("images", *LINES, MANIFEST):
            os.replace(drafts / name, out / name)
    except OSError as error:
        raise unwritable(out, error) from None
    finally:
        shutil.rmtree(drafts, ignore_errors=True)
        if not any(out.iterdir()):
            out.rmdir()
