"""The rules and the knowledge that a picture is checked by: ours, and those of a user's file."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from clingo import Control, MessageCode, String
from clingo.ast import AST, ASTType, parse_string

from occlusight.errors import BadData
from occlusight.files.text import read_text
from occlusight.occlusion.graph import Text
from occlusight.reasoning.rules.knowledge import Knowledge, kind_lists, knowledge

ATOMS = {  # what a condition may ask of a picture, and of how many things
    "object": 1, "is": 2, "meets": 2, "inside": 2, "rests": 2, "lower": 2, "small": 2,
    "hides": 2, "nearer": 2, "before": 2, "carries": 2, "shows": 2, "veils": 1,
    "solid": 1, "mirrored": 1, "grounded": 1, "hidden": 1,
}  # fmt: skip
TABLES = ("is", "is_not", "height_m", "carries", "rules", "off")
FIELDS = ("never", "weight", "en", "zh")
HEAVIEST = 20.0  # log-odds


@dataclass(frozen=True)
class Rule:
    """A rule by its name.

    says: what it says, in both languages
    weight: how much less probable a world is that breaks it, in log-odds; None for one that is never broken
    program: what a user's rule forbids, as a logic program; empty for the rules of `occlusion.lp`
    """

    name: str
    says: Text
    weight: float | None = None
    program: str = ""


@dataclass(frozen=True)
class Rules:
    """Rules by their names, in the order in which they are told, and what is known of kinds."""

    rules: tuple[Rule, ...]
    knowledge: Knowledge

    def __getitem__(self, name: str) -> Rule:
        return next(rule for rule in self.rules if rule.name == name)

    @property
    def own(self) -> tuple[Rule, ...]:
        """The rules of the user."""
        return tuple(rule for rule in self.rules if rule.program)


@cache
def shipped_rules() -> Rules:
    """Return the rules and the knowledge of the package."""
    room = files("occlusight.reasoning.rules")
    listed = tomllib.loads(room.joinpath("rules.toml").read_text("utf-8"))
    rules = tuple(Rule(name, Text(r["en"], r["zh"]), r.get("weight")) for name, r in listed.items())
    return Rules(rules, knowledge(tomllib.loads(room.joinpath("kinds.toml").read_text("utf-8")), "kinds.toml"))


def load_rules(path: Path) -> Rules:
    """Return the shipped rules with those of a user's file. Raises BadData that names the place."""
    return with_more(shipped_rules(), read_text(path), str(path))


def with_more(rules: Rules, text: str, name: str) -> Rules:
    """Return rules with those of a document in TOML, whose name errors tell. Raises BadData.

    Its tables `is`, `height_m` and `carries` add to the knowledge, `is_not` takes kinds out of a property, `off` names
    rules with a weight that are not to count, and each [[rules]] has a name, what must never hold, what that says in
    both languages, and a weight if it may hold nevertheless:

        [rules.buses_are_tall]
        never = 'hides(A, B), is(A, "car"), is(B, "bus"), not before(A, B)'
        weight = 2.0
        en = "a car hides a bus only from before it"
        zh = "..."
    """
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise BadData(f"{name} is not TOML ({error})") from None
    if unknown := [key for key in document if key not in TABLES]:
        raise BadData(f"{name}: {unknown[0]!r} is not known here; a file of rules has {', '.join(TABLES)}")
    more = knowledge(document, name)
    known = rules.knowledge.with_more(more, kind_lists(document, "is_not", name))
    listed = document.get("rules", {})
    if not isinstance(listed, Mapping):
        raise BadData(f"{name}: rules must be tables, each [rules.NAME]")
    taken = {rule.name for rule in rules.rules}
    added = []
    for key, body in listed.items():
        if key in taken:
            raise BadData(f"{name}: a rule {key!r} is there already; give yours another name")
        added.append(_rule(key, body, f"{name}: rules.{key}"))
    kept = _without(rules.rules, document.get("off", []), name)
    return Rules((*kept, *added), known)


def _without(rules: Iterable[Rule], off: object, name: str) -> list[Rule]:
    listed = {rule.name: rule for rule in rules}
    soft = [rule.name for rule in listed.values() if rule.weight is not None]
    if not isinstance(off, list) or not all(one in soft for one in off):
        raise BadData(f"{name}: off must list rules among {', '.join(soft)}, but it is {off!r}")
    return [rule for rule in listed.values() if rule.name not in off]


def _rule(key: str, body: object, place: str) -> Rule:
    if not isinstance(body, Mapping) or not isinstance(body.get("never"), str):
        raise BadData(f"{place} needs what must never hold, as never = 'hides(A, B), is(A, \"glass\")'")
    if unknown := [field for field in body if field not in FIELDS]:
        raise BadData(f"{place}: {unknown[0]!r} is not known here; a rule has {', '.join(FIELDS)}")
    weight = body.get("weight")
    if weight is not None and not (type(weight) in (int, float) and 0 < weight <= HEAVIEST):
        raise BadData(f"{place}: weight must lie above 0 and be at most {HEAVIEST:g}, but it is {weight!r}")
    said = [body.get(lang, body.get("en", key)) for lang in ("en", "zh")]
    if not all(isinstance(text, str) for text in said):
        raise BadData(f"{place}: en and zh must be sentences")
    return Rule(key, Text(*said), None if weight is None else float(weight), _compiled(key, body["never"], place))


def _compiled(key: str, never: str, place: str) -> str:
    """Return a condition as a program that tells by `broken` where it holds. Raises BadData where it is not a single
    condition over `ATOMS`."""
    told: list[str] = []

    def tell(code: MessageCode, message: str) -> None:
        if code == MessageCode.RuntimeError:
            told.append(" ".join(message.split(": ", 2)[-1].split()))

    statements: list[AST] = []
    try:
        parse_string(f"holds :- {never}.", statements.append, logger=tell)
        rules = [statement for statement in statements if statement.ast_type == ASTType.Rule]
        if len(rules) != 1 or len(statements) != 2:  # with the one that says which program follows
            raise BadData(f"{place}: never must be one condition, without a full stop in it")
        names: set[str] = set()
        for literal in rules[0].body:
            _check(literal, names, place)
        first = "A" if "A" in names else '"-"'
        second = "B" if "B" in names else first
        program = f"broken({String(key)}, {first}, {second}) :- {never}.\n"
        control = Control(logger=tell)
        control.add("base", [], program)
        control.ground([("base", [])])
    except RuntimeError as error:
        raise BadData(f"{place}: never = {never!r} cannot be read ({'; '.join(told) or error})") from None
    return program


def _check(node: Any, names: set[str], place: str) -> None:
    """Collect the names of variables below a node. Raises BadData at what a condition may not hold."""
    if not isinstance(node, AST):
        if isinstance(node, Iterable) and not isinstance(node, str):
            for one in node:
                _check(one, names, place)
        return
    if node.ast_type == ASTType.Variable:
        names.add(node.name)
    if node.ast_type == ASTType.SymbolicAtom:
        term = node.symbol
        n = len(term.arguments) if term.ast_type == ASTType.Function else -1
        if n < 0 or ATOMS.get(term.name) != n:
            raise BadData(f"{place}: {term} cannot be asked; a condition knows {', '.join(ATOMS)}")
    if node.ast_type == ASTType.Function and node.external:
        raise BadData(f"{place}: {node} calls a program, which a condition cannot")
    if node.ast_type not in (ASTType.Variable, ASTType.SymbolicTerm):
        for key in node.child_keys:
            _check(getattr(node, key), names, place)
