"""Every sentence on the page, in both languages: `web/en.json` and `web/zh.json`. Those with braces are filled in."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Literal, TypeAlias

Language: TypeAlias = Literal["zh", "en"]
WEB = Path(__file__).with_name("web")
"""What browsers get: the page's template, style sheet, scripts and sentences."""
LANGUAGES: tuple[Language, ...] = ("zh", "en")


@cache
def all_words() -> Mapping[Language, Mapping[str, str]]:
    """Return the sentences by language and name."""
    return {one: json.loads((WEB / f"{one}.json").read_text("utf-8")) for one in LANGUAGES}


def preferred(accept_language: str | None) -> Language:
    """Return the page's language for a browser's Accept-Language header: Chinese where it comes before English."""
    for part in (accept_language or "").lower().split(","):
        if part.strip().startswith("zh"):
            return "zh"
        if part.strip().startswith("en"):
            return "en"
    return "en"
