"""Who may import whom, and what may not cross a border: docs/architecture.md tells why.

The rules are read from the source text, imports inside functions and under TYPE_CHECKING included.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "src" / "occlusight"

FLOORS = (  # the highest first; a part imports parts of lower floors alone
    ("cli",),
    ("train", "bench", "scale"),
    ("serve", "scenes"),
    ("api", "batch"),
    ("reasoning",),
    ("backends",),
    ("engine", "drawing"),
    ("model", "datasets"),
    ("kernels", "questions", "reading"),
    ("occlusion", "files", "images"),
    ("checks",),
    ("errors", "randomness", "durations", "extras"),
)
FLOOR = {part: -place for place, parts in enumerate(FLOORS) for part in parts}

ONLY = {  # parts that may know these alone, of what is below them
    "occlusion": {"errors"},
    "questions": {"errors", "occlusion"},
    "reading": {"errors", "occlusion"},
    "reasoning": {"errors", "files", "occlusion", "questions", "reading", "backends"},
}
NEVER = {"scenes": {"model", "backends", "engine", "kernels"}}
NEVER_EXCEPTIONS = {
    ("scenes", "model.picture"): "opens picture files, knows no model; programs of others import it",
}

PACKAGES = {  # packages of others, and the parts that may import them
    "torch": {"kernels", "model", "engine", "backends", "train"},
    "safetensors": {"model"},
    "transformers": {"backends"},
    "clingo": {"reasoning"},
    "resvg_py": {"drawing"},
    "typer": {"cli"},
    "rich": {"cli"},
}
PACKAGE_EXCEPTIONS = {
    ("cli.speed", "torch"): "sets the number of threads and reads a GPU's memory around what it measures",
    (
        "backends.quantized",
        "rich",
    ): "whoever opens a model waits minutes for its first quantizing and is shown how long",
}

TORCH_AT_START = {  # modules of other parts that import torch, through ours, as soon as they are imported
    "bench.gpu_speed": "times our own engine's kernels",
    "cli.train": "loaded for that command alone",
    "cli.train_reader": "loaded for that command alone",
    "cli.train_domain": "loaded for that command alone",
}
BY_NAME = {  # modules that import what a text names, where no rule sees it
    "cli.deferred": "a command's module is loaded when the command is called",
}

LATE = {"cli", "api", "backends.open"}  # their imports inside functions are what makes a start fast
LATE_EXCEPTIONS = {
    "backends.load": "quantizing is a tenth of a second that most starts do not need",
    "backends.local": "llguidance is needed for answers of a given form alone",
    "bench.speed": "peers of the comparison import its clock in environments without torch",
    "kernels.ops": "compiling the loops takes half a second, and most of it is never needed with a GPU",
    "serve.run": "the port is taken, or refused, before the seconds that opening a model takes",
}
OWN_ENGINE_IN_BENCH = {  # elsewhere `bench` is given a callable that opens a backend
    "bench.speed": "times our own engine",
    "bench.gpu_speed": "times our own engine",
}

OPEN_KEYWORDS = {  # functions that take keywords of any name and type
    "checks.by": "hands on the bounds of whatever check it is given",
    "cli.records.called": "Typer calls it with the options of a command that it has read",
    "backends.drawing.__call__": "transformers calls it",
    "model.template.render": "a chat template decides what it reads",
    "model.template.call": "Jinja calls it",
    "model.template._format": "Jinja calls it",
}


@dataclass(frozen=True)
class Import:
    """A name that a file imports, where, and whether inside a function or for types alone."""

    name: str
    line: int
    late: bool
    typed: bool = False


@cache
def imports(text: str) -> tuple[Import, ...]:
    """Return what a source text imports; `from a import b` is `a.b`, `from . import b` is `..b`."""

    def walk(node: ast.AST, late: bool, typed: bool) -> Iterator[Import]:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.ImportFrom):
                for alias in child.names:
                    name = f"{'.' * child.level}{child.module or ''}.{alias.name}"
                    yield Import(name, child.lineno, late, typed)
            elif isinstance(child, ast.Import):
                for alias in child.names:
                    yield Import(alias.name, child.lineno, late, typed)
            elif isinstance(child, ast.stmt | ast.excepthandler | ast.match_case):  # no import is inside an expression
                inside = isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef)
                types = isinstance(child, ast.If) and ast.unparse(child.test).endswith("TYPE_CHECKING")
                yield from walk(child, late or inside, typed or types)

    return tuple(walk(ast.parse(text), False, False))


@cache
def by_name(text: str) -> tuple[int, ...]:
    """Return the lines of a source text that import what a text names."""
    if "import_module" not in text and "__import__" not in text:
        return ()
    return tuple(
        node.lineno
        for node in ast.walk(ast.parse(text))
        if (isinstance(node, ast.Name) and node.id in ("import_module", "__import__"))
        or (isinstance(node, ast.Attribute) and node.attr in ("import_module", "__import__"))
    )


def sources() -> dict[str, str]:
    """Return the text of every module by its name within the package: "engine.engine", "engine" for its `__init__`, ""
    for the package."""
    out = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        inside = path.relative_to(PACKAGE)
        if inside.parts[0] not in ("examples", "__main__.py"):  # examples are of users; `python -m` is the command
            out[".".join(inside.with_suffix("").parts).removesuffix("__init__").removesuffix(".")] = path.read_text(
                "utf-8"
            )
    return out


def faults(texts: Mapping[str, str]) -> list[str]:
    """Return each breach of a rule in a line; none is as it should be."""
    out = []
    edges: dict[str, set[str]] = {name: set() for name in texts}
    at_start: dict[str, set[str]] = {name: {*packages_of(name)} & texts.keys() for name in texts}
    needed: set[object] = set()
    for name, text in texts.items():
        part = name.partition(".")[0] or "api"  # the package itself hands out what `api` holds
        if part not in FLOOR:
            out.append(f"{name}: {part} stands on no floor")
            continue
        for line in by_name(text):
            needed.add(name)
            if name not in BY_NAME:
                out.append(f"{name}:{line}: imports what a text names, where no rule sees it")
        for one in imports(text):
            at = f"{name}:{one.line}"
            top, _, inner = one.name.partition(".")
            if not top:
                out.append(f"{at}: imports are absolute")
            if top == "torch" and not (one.late or one.typed):
                at_start[name].add("torch")
            if top in PACKAGES and part not in PACKAGES[top]:
                needed.add((name, top))
                if (name, top) not in PACKAGE_EXCEPTIONS:
                    out.append(f"{at}: {top} is for {', '.join(sorted(PACKAGES[top]))} alone")
            if top != "occlusight":
                continue
            target = next((n for n in (inner, inner.rpartition(".")[0]) if n in texts), None)
            if target is None:
                out.append(f"{at}: there is no {one.name}")
                continue
            edges[name].add(target)
            if not (one.late or one.typed):
                at_start[name].add(target)
            if one.late and part not in LATE and name not in LATE:
                needed.add(name)
                if name not in LATE_EXCEPTIONS:
                    out.append(f"{at}: imports {one.name} inside a function")
            out += breaches(at, name, part, target)
    for name in sorted(loading("torch", at_start)):
        if name.partition(".")[0] not in PACKAGES["torch"]:
            needed.add(name)
            if name not in TORCH_AT_START:
                out.append(f"{name}: loads torch as soon as it is imported")
    stale = {*PACKAGE_EXCEPTIONS, *LATE_EXCEPTIONS, *TORCH_AT_START, *BY_NAME} - needed
    out += [f"{exception} is no exception any more" for exception in stale]
    round_again = circle(edges)
    return out + ([f"circle: {', '.join(round_again)}"] if round_again else [])


def breaches(at: str, name: str, part: str, target: str) -> Iterator[str]:
    """Yield what is wrong with one import of ours."""
    other = target.partition(".")[0] or "api"
    if other == part or other not in FLOOR:  # the latter is told where it stands
        return
    if FLOOR[other] >= FLOOR[part]:
        yield f"{at}: {part} imports {target}, which is not below it"
    forbidden = other in NEVER.get(part, ()) and (part, target) not in NEVER_EXCEPTIONS
    if forbidden or (part in ONLY and other not in ONLY[part]):
        yield f"{at}: {part} must not know {other}"
    own = target.startswith("backends.local") or other == "engine"
    if part == "bench" and own and name not in OWN_ENGINE_IN_BENCH:
        yield f"{at}: bench is given what opens a backend; it must not know {target}"


def packages_of(name: str) -> Iterator[str]:
    """Yield the packages around a module, which Python imports before it: "a" and "a.b" for "a.b.c"."""
    while "." in name:
        name = name.rpartition(".")[0]
        yield name


def loading(target: str, edges: Mapping[str, set[str]]) -> set[str]:
    """Return the modules from which one gets to another."""
    found: set[str] = set()
    todo = [target]
    while todo:
        reached = todo.pop()
        todo += [name for name in edges if reached in edges[name] and name not in found]
        found.update(todo)
    return found


def circle(edges: Mapping[str, set[str]]) -> list[str]:
    """Return the modules of a circle; none where there is none."""
    try:
        TopologicalSorter(edges).prepare()
    except CycleError as error:
        return sorted(set(error.args[1]))
    return []


@pytest.fixture(scope="module")
def tree() -> dict[str, str]:
    return sources()


def test_imports_run_down_and_nowhere_in_a_circle(tree: dict[str, str]) -> None:
    assert len(tree) > 200
    assert faults(tree) == []


@pytest.mark.parametrize(
    ("name", "added", "told"),
    [
        ("engine.sampling", "from occlusight.backends.protocol import Request", "not below it"),
        ("engine.sampling", "def f():\n    from occlusight.backends import protocol", "not below it"),
        ("engine.sampling", "if TYPE_CHECKING:\n    import occlusight.backends.protocol", "not below it"),
        ("bench.run", "from occlusight.train import loop", "not below it"),
        ("engine.sampling", "from occlusight.engine import engine", "circle: engine"),
        ("model.rope", "def f():\n    from occlusight.model.qwen3vl import Qwen3VL", "circle: model"),
        ("questions.programs", "import torch", "torch is for"),
        ("questions.programs", "def f():\n    from torch.nn import functional", "torch is for"),
        ("questions.programs", "from occlusight.files import whole", "questions must not know files"),
        ("scenes.description", "from occlusight.backends.protocol import Request", "scenes must not know backends"),
        ("bench.run", "from occlusight.backends.local import LocalBackend", "must not know backends.local"),
        ("serve.app", "from rich.console import Console", "rich is for cli alone"),
        ("serve.app", "try:\n    import typer\nexcept ImportError:\n    pass", "typer is for cli alone"),
        ("train.loop", "from occlusight.cli import app", "not below it"),
        ("model.rope", "def f():\n    from occlusight.errors import BadInput", "inside a function"),
        ("model.rope", "from occlusight.nowhere import nothing", "there is no occlusight.nowhere"),
        ("engine.sampling", "from . import engine", "imports are absolute"),
        ("engine.sampling", "def f():\n    from ..backends.protocol import Request", "imports are absolute"),
        ("engine.sampling", "f = importlib.import_module('occlusight.backends.protocol')", "what a text names"),
        ("engine.sampling", "def f(): return __import__('occlusight.cli.app')", "what a text names"),
        ("questions.programs", "from safetensors.torch import load_file", "safetensors is for model alone"),
        ("bench.run", "from occlusight.model.rope import Grid", "cli.bench: loads torch"),
        ("attic.box", "", "attic stands on no floor"),
    ],
)
def test_an_import_against_a_rule_is_found(tree: dict[str, str], name: str, added: str, told: str) -> None:
    found = faults({**tree, name: f"{tree.get(name, '')}\n{added}\n"})
    assert any(told in fault for fault in found)


def test_an_exception_that_is_not_needed_any_more_is_told(tree: dict[str, str]) -> None:
    assert faults({**tree, "backends.load": ""}) != []
    assert any("backends.load is no exception" in fault for fault in faults({**tree, "backends.load": ""}))


def open_keywords(texts: Mapping[str, str]) -> set[str]:
    """Return the functions, "file.function", that take keywords which no type names."""
    return {
        f"{name}.{getattr(node, 'name', 'lambda')}"
        for name, text in texts.items()
        if "**" in text
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda) and node.args.kwarg is not None
        if not (node.args.kwarg.annotation and "Unpack[" in ast.unparse(node.args.kwarg.annotation))
    }


def test_keywords_have_names_and_types(tree: dict[str, str]) -> None:
    assert open_keywords(tree) == set(OPEN_KEYWORDS)
    assert open_keywords({"a": "def f(**more: Any): ...\ndef g(**more): ...\ndef h(**more: Unpack[T]): ..."}) == {
        "a.f",
        "a.g",
    }
    assert open_keywords({"a": "f = lambda **more: more"}) == {"a.lambda"}
