"""Chat templates: programs in Jinja that come with a checkpoint, run so that they can neither reach out of their
sandbox nor run away.

Jinja's own sandbox keeps a template from files and from Python. What it does not bound is work: a loop in a loop, a
text doubled forty times, a list of lists of one list. So every value that a template makes is weighed, every turn of a
loop and every call is counted, and what is left of its allowance is asked each time.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from typing import Any, NoReturn

import jinja2
from jinja2 import nodes
from jinja2.ext import Extension, loopcontrols
from jinja2.runtime import Undefined
from jinja2.sandbox import ImmutableSandboxedEnvironment

from occlusight.errors import BadModel
from occlusight.model.allowance import Allowance, TooMuch, allowance, made, weight

MOST_SOURCE = 1 << 17
FILTERS = [
    "abs",
    "attr",
    "bool",
    "capitalize",
    "count",
    "d",
    "default",
    "dictsort",
    "e",
    "escape",
    "first",
    "float",
    "forceescape",
    "format",
    "groupby",
    "indent",
    "int",
    "items",
    "join",
    "last",
    "length",
    "list",
    "lower",
    "map",
    "max",
    "min",
    "pprint",
    "reject",
    "rejectattr",
    "replace",
    "reverse",
    "round",
    "safe",
    "select",
    "selectattr",
    "sort",
    "string",
    "striptags",
    "sum",
    "title",
    "tojson",
    "trim",
    "truncate",
    "unique",
    "upper",
    "wordcount",
]
"""Filters that make no more than they are given; those that fill up to a width are left out."""
METHODS = [
    "capitalize",
    "casefold",
    "count",
    "endswith",
    "find",
    "format",
    "get",
    "index",
    "isalnum",
    "isalpha",
    "isascii",
    "isdecimal",
    "isdigit",
    "islower",
    "isnumeric",
    "isspace",
    "istitle",
    "isupper",
    "items",
    "join",
    "keys",
    "lower",
    "lstrip",
    "partition",
    "removeprefix",
    "removesuffix",
    "replace",
    "rfind",
    "rindex",
    "rpartition",
    "rsplit",
    "rstrip",
    "split",
    "splitlines",
    "startswith",
    "strip",
    "swapcase",
    "title",
    "upper",
    "values",
]
"""Methods of texts, lists and dictionaries: the same."""
WIDE = re.compile(r"\d{4}|\*|:[^{}]*\{")
"""In a format: a width that fills up, written or taken from a value."""


class Template:
    """A chat template, ready to write conversations."""

    def __init__(self, source: str) -> None:
        """Compile a template.

        Raises:
            BadModel: it is none, or uses what chat templates have no use for.
        """
        try:
            if len(source) > MOST_SOURCE:
                raise TooMuch(f"it has {len(source)} characters; {MOST_SOURCE} are allowed")
            self._compiled = _environment().from_string(source)
        except (jinja2.TemplateError, RecursionError, SyntaxError, ValueError, MemoryError) as error:
            raise BadModel(f"the chat template is not valid ({reason(error)}); download the model again") from None

    def render(self, **values: Any) -> str:
        """Return what the template writes.

        Raises:
            jinja2.TemplateError: it fails, refuses the messages, or takes more than its allowance.
        """
        token = allowance.set(Allowance())
        try:
            return self._compiled.render(**{"tools": None, "documents": None, **values})
        except jinja2.TemplateError:
            raise
        except (Exception, RecursionError) as error:  # a template's code raises whatever Python does
            raise jinja2.TemplateError(reason(error)) from None
        finally:
            allowance.reset(token)


def reason(error: BaseException) -> str:
    """Return one line about an error."""
    return next(iter(str(error).splitlines()), "")[:200] or type(error).__name__


class _Bounded(ImmutableSandboxedEnvironment):
    """The sandbox, with an eye on what is made."""

    intercepted_binops = frozenset({"+", "*", "%", "**"})

    def _parse(self, source: str, name: str | None, filename: str | None) -> nodes.Template:
        """Put a filter around every loop's sequence and every expression that makes a value."""
        tree = super()._parse(source, name, filename)
        for loop in tree.find_all(nodes.For):
            loop.iter = nodes.Filter(loop.iter, "counted", [], [], None, None)
        _wrap(tree)
        return tree

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
        if operator == "*":
            for one, count in ((left, right), (right, left)):
                if isinstance(one, (str, list, tuple)) and isinstance(count, int):
                    allowance.get().make(weight(one) * max(0, count))
        elif operator == "**" and (abs(right) > 64 or abs(left) > 1 << 32):
            raise TooMuch("it takes a power that is too large")
        elif operator == "%" and isinstance(left, str):
            return _format(left, *(right if isinstance(right, tuple) else (right,)))
        return made(super().call_binop(context, operator, left, right))

    def call(self, context: Any, obj: Any, /, *args: Any, **kwargs: Any) -> Any:
        allowance.get().turn()
        owner, name = getattr(obj, "__self__", None), getattr(obj, "__name__", "")
        if isinstance(owner, str) and args:
            _check_growth(owner, name, args)
        return made(super().call(context, obj, *args, **kwargs))

    def wrap_str_format(self, value: Any) -> Callable[..., str] | None:
        if getattr(value, "__name__", "") in ("format", "format_map") and WIDE.search(
            str(getattr(value, "__self__", ""))
        ):
            raise TooMuch("it formats to a width that is too large")
        return super().wrap_str_format(value)

    def is_safe_attribute(self, obj: Any, attr: str, value: Any) -> bool:
        if isinstance(obj, (str, list, tuple, dict, int, float)) and callable(value) and attr not in METHODS:
            return False
        return super().is_safe_attribute(obj, attr, value)


def _wrap(node: nodes.Node) -> None:
    for name, value in list(node.iter_fields()):
        if isinstance(value, nodes.Node):
            _wrap(value)
            setattr(node, name, _weighing(value))
        elif isinstance(value, list):
            for place, item in enumerate(value):
                if isinstance(item, nodes.Node):
                    _wrap(item)
                    value[place] = _weighing(item)


def _weighing(node: nodes.Node) -> nodes.Node:
    if isinstance(node, nodes.Concat):
        return nodes.Filter(nodes.List(node.nodes), "joined", [], [], None, None)
    cut = isinstance(node, nodes.Getitem) and isinstance(node.arg, nodes.Slice)
    made_here = isinstance(node, (nodes.List, nodes.Dict)) or (isinstance(node, nodes.Tuple) and node.ctx == "load")
    if cut or made_here or (isinstance(node, nodes.Filter) and node.name not in ("counted", "joined", "made")):
        return nodes.Filter(node, "made", [], [], None, None)
    return node


def _environment() -> _Bounded:
    environment = _Bounded(
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=[loopcontrols, _Generation],
        finalize=_text,
        optimized=False,  # nothing is computed while the template is compiled
    )
    environment.filters = {name: environment.filters[name] for name in FILTERS if name in environment.filters}
    environment.filters |= {
        "counted": _counted,
        "made": made,
        "joined": lambda parts: _joined([_text(part) for part in parts]),
        "tojson": _to_json,
        "string": _text,
        "format": _format,
        "indent": _indent,
        "replace": _replace,
        "join": _join,
    }
    environment.globals.pop("lipsum", None)
    environment.globals["raise_exception"] = _refuse
    environment.globals["strftime_now"] = _now
    environment.concat = _joined  # type: ignore[method-assign]
    return environment


class _Generation(Extension):
    """`{% generation %}`, with which transformers marks the assistant's turns for training: what is inside is
    written.
    """

    tags = {"generation"}  # noqa: RUF012 (as Jinja declares it)

    def parse(self, parser: Any) -> list[nodes.Node]:
        """Return the block's content."""
        next(parser.stream)
        body: list[nodes.Node] = parser.parse_statements(("name:endgeneration",), drop_needle=True)
        return body


def _counted(items: Any) -> Iterator[Any] | Undefined:
    return items if isinstance(items, Undefined) else _turns(items)


def _turns(items: Iterable[Any]) -> Iterator[Any]:
    own = allowance.get()
    for item in items:
        own.turn()
        yield item


def _text(value: Any) -> str:
    """The text that is written for a value."""
    weight(value)
    return str(value)


def _joined(parts: Iterable[str]) -> str:
    texts = list(parts)
    allowance.get().make(sum(len(text) for text in texts))
    return "".join(texts)


def _join(items: Iterable[Any], d: str = "", attribute: str | None = None) -> str:
    if attribute is not None:
        items = [item[attribute] for item in items]
    texts = [_text(item) for item in items]
    allowance.get().make(sum(len(text) for text in texts) + len(d) * len(texts))
    return str(d).join(texts)


def _format(form: str, *values: Any, **named: Any) -> str:
    if WIDE.search(form):
        raise TooMuch("it formats to a width that is too large")
    weight(values or named)
    return str(made(form % (named or values)))


def _indent(text: str, width: int | str = 4, first: bool = False, blank: bool = False) -> str:
    space = width if isinstance(width, str) else " " * min(width, 1000)
    allowance.get().make(len(text) + len(space) * (text.count("\n") + 1))
    lines = text.split("\n")
    done = [
        line if (not line and not blank) or (place == 0 and not first) else space + line
        for place, line in enumerate(lines)
    ]
    return "\n".join(done)


def _replace(text: Any, old: str, new: str, count: int = -1) -> str:
    _check_growth(str(text), "replace", (old, new))
    return str(text).replace(str(old), str(new), -1 if count is None else count)


def _check_growth(text: str, method: str, args: tuple[Any, ...]) -> None:
    """Count what a method of a text will make, before it does."""
    if method == "replace" and len(args) > 1:
        allowance.get().make(len(text) + (text.count(str(args[0])) if args[0] else len(text) + 1) * len(str(args[1])))
    elif method == "join":
        if not isinstance(args[0], (list, tuple, dict, str)):
            raise TooMuch("it joins what is no list")
        allowance.get().make(weight(args[0]) + len(text) * len(args[0]))


def _to_json(
    value: Any,
    ensure_ascii: bool = False,
    indent: int | str | None = None,
    separators: tuple[str, str] | None = None,
    sort_keys: bool = False,
) -> str:
    if isinstance(indent, int) and indent > 64:
        raise TooMuch("it indents too far")
    weight(value)
    return str(
        made(json.dumps(value, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys))
    )


def _now(form: str) -> str:
    return datetime.now().strftime(form[:200])


def _refuse(message: str) -> NoReturn:
    raise jinja2.TemplateError(str(message)[:500])
