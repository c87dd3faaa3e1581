"""What a command says beside its work: a table for people, for programs one JSON document as the last line, and notes
on stderr."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from typing import Any


def for_people(*shown: Any) -> None:
    """Print tables or texts where people read: on stdout if that is a terminal, else on stderr, so that a pipe gets the
    document alone."""
    from rich.console import Console

    console = Console(stderr=not sys.stdout.isatty())
    for one in shown:
        console.print(one, markup=False, highlight=False, soft_wrap=isinstance(one, str))


def for_programs(document: Mapping[str, Any]) -> None:
    """Print a document as one line of JSON, the last of stdout; on a terminal, where people have read the table,
    nothing."""
    if not sys.stdout.isatty():
        print(json.dumps(document, ensure_ascii=False))


def say(line: str) -> None:
    """Print a line of ours on stderr, apart from the answer or the results."""
    print(line, file=sys.stderr, flush=True)
