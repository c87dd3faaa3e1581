"""Reading a data set: a folder with manifest.json, scenes.jsonl, questions.jsonl and pictures."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection
from dataclasses import dataclass, replace
from functools import cached_property
from importlib.resources import files
from pathlib import Path
from typing import Any

from occlusight.errors import BadData
from occlusight.files.json_lines import read_lines
from occlusight.occlusion.facts import Facts
from occlusight.occlusion.graph import Graph
from occlusight.occlusion.kinds import LANGS, KindNames, Names
from occlusight.questions.album import Album
from occlusight.questions.question import Question
from occlusight.questions.registry import templates

FORMAT_VERSION = 1


@dataclass(frozen=True)
class SceneLine:
    """A picture and the truth about it.

    `heldout` says whether it shows meshes that training never saw (None: not said), `type` which sort of occlusion it
    was made for (partial, complete, chain, transparent, reflective), `counterfactual_of` which scene it is a changed
    copy of.
    """

    id: str
    recipe: str
    picture: Path
    graph: Graph
    heldout: bool | None = None
    type: str = ""
    counterfactual_of: str | None = None

    @cached_property
    def facts(self) -> Facts:
        """The truth with its lookups."""
        return Facts(self.graph)


@dataclass(frozen=True)
class DataSet:
    """A data set; questions are in the set's order."""

    folder: Path
    manifest: dict[str, Any]
    scenes: dict[str, SceneLine]
    questions: tuple[Question, ...]

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the questions and the scenes."""
        digest = hashlib.sha256()
        for name in ("scenes.jsonl", "questions.jsonl"):
            digest.update((self.folder / name).read_bytes())
        return digest.hexdigest()

    @cached_property
    def kinds(self) -> Names:
        """Kinds of things that an imported set brings with it, beside those of the catalogue. Raises BadData."""
        try:
            found = [KindNames(**kind) for kind in self.manifest.get("kinds", ())]
        except TypeError as error:
            raise BadData(
                f"{self.folder / 'manifest.json'}: a kind cannot be read ({error}); import the set again"
            ) from None
        return {
            k.key: replace(
                k, aliases_en=tuple(k.aliases_en), aliases_zh=tuple(k.aliases_zh), settings=tuple(k.settings)
            )
            for k in found
        }

    def pictures(self, question: Question) -> tuple[Path, ...]:
        """The pictures that a question is about, in the order in which they are shown."""
        return tuple(self.scenes[id].picture for id in question.scenes or (question.scene,))

    def facts(self, question: Question) -> Facts | Album:
        """What is true of the pictures that a question is about."""
        if not question.scenes:
            return self.scenes[question.scene].facts
        pictures = tuple(self.scenes[id].facts for id in question.scenes)
        return Album(pictures, clip=templates()[question.template].album == "clip")

    def naming(self, question: Question) -> Facts:
        """What things are called by in the pictures that a question is about."""
        facts = self.facts(question)
        return facts.naming if isinstance(facts, Album) else facts

    def select(
        self, langs: Collection[str] | None = None, limit: int | None = None, scenes: int | None = None
    ) -> tuple[Question, ...]:
        """Return the questions in these languages, of the first `scenes` pictures, at most `limit`. Raises BadData
        where none are left."""
        shown = set(list(self.scenes)[:scenes])
        wanted = tuple(q for q in self.questions if (langs is None or q.lang in langs) and q.scene in shown)[:limit]
        if not wanted:
            raise BadData(
                f"{self.folder} has no question in {', '.join(langs or LANGS)}; choose other --langs or --limit"
            )
        return wanted


def open_set(data: str | Path) -> DataSet:
    """Open a folder, or a shipped set by its name. Raises BadData."""
    folder = Path(data)
    if not folder.is_dir():
        shipped = Path(str(files("occlusight"))) / "sets" / str(data)
        if not shipped.is_dir():
            raise BadData(
                f"there is no data set {str(data)!r}: neither a folder nor one of the shipped sets ({_shipped()})"
            )
        folder = shipped
    return read_set(folder)


def _shipped() -> str:
    root = Path(str(files("occlusight"))) / "sets"
    names = sorted(p.name for p in root.iterdir() if p.is_dir()) if root.is_dir() else []
    return ", ".join(names) or "none in this installation"


def read_set(folder: Path) -> DataSet:
    """Read a data set. Raises BadData that names the file and the line."""
    manifest = _manifest(folder / "manifest.json")
    scenes: dict[str, SceneLine] = {}
    for where, line in read_lines(folder / "scenes.jsonl"):
        scene = _scene(line, folder, where)
        if scene.id in scenes:
            raise BadData(f"{where}: the scene {scene.id!r} appears twice; every scene needs an id of its own")
        scenes[scene.id] = scene
    questions: dict[str, Question] = {}
    for where, line in read_lines(folder / "questions.jsonl"):
        question = _question(line, where)
        if question.scene not in scenes:
            raise BadData(
                f"{where}: the question is about the scene {question.scene!r}, which scenes.jsonl does not have"
            )
        if question.scenes and not (set(question.scenes) <= scenes.keys() and question.scene == question.scenes[-1]):
            raise BadData(
                f"{where}: the question is about the scenes {', '.join(question.scenes)}; each must be in "
                "scenes.jsonl, the last be its scene"
            )
        if question.id in questions:
            raise BadData(f"{where}: the question {question.id!r} appears twice; every question needs an id of its own")
        questions[question.id] = question
    if not questions:
        raise BadData(f"{folder / 'questions.jsonl'} holds no questions; make the set again")
    return DataSet(folder, manifest, scenes, tuple(questions.values()))


def _manifest(path: Path) -> dict[str, Any]:
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise BadData(f"{path.parent} is not a data set: it has no manifest.json") from None
    except ValueError as error:
        raise BadData(f"{path} is not JSON ({error}); make the set again") from None
    if not isinstance(manifest, dict):
        raise BadData(f"{path} must hold one JSON object, but holds a {type(manifest).__name__}")
    version = manifest.get("version", manifest.get("format_version", FORMAT_VERSION))
    if version != FORMAT_VERSION:
        raise BadData(f"{path}: version {version!r} of the format cannot be read; this program reads {FORMAT_VERSION}")
    return manifest


def _scene(line: dict[str, Any], folder: Path, where: str) -> SceneLine:
    try:
        picture = folder / line["image"]
        graph = Graph.from_json(line["graph"])
        scene = SceneLine(
            line["id"],
            line.get("recipe", ""),
            picture,
            graph,
            line.get("heldout"),
            line.get("family") or line.get("type") or "",
            line.get("counterfactual_of"),
        )
    except KeyError as error:
        raise BadData(f"{where}: the field {error} is missing") from None
    except (TypeError, ValueError) as error:
        raise BadData(f"{where}: the graph cannot be read ({error})") from None
    if not picture.is_file():
        raise BadData(f"{where}: the picture {picture} does not exist")
    return scene


def _question(line: dict[str, Any], where: str) -> Question:
    try:
        question = Question.from_json(line)
    except KeyError as error:
        raise BadData(f"{where}: the field {error} is missing") from None
    if question.lang not in LANGS:
        raise BadData(f"{where}: the language must be one of {', '.join(LANGS)}, but is {question.lang!r}")
    if not isinstance(question.answer, dict) or "value" not in question.answer:
        raise BadData(f"{where}: the answer must be an object with a value")
    return question
