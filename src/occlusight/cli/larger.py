"""How a model that knows photographs is had on the command line, once a picture looks like none that ours knows."""

from __future__ import annotations

from occlusight.reasoning.relations import SAME_WORLD

SAY = {
    "en": "(a model that knows photographs: --model Qwen/Qwen3-VL-2B-Instruct)",
    "zh": "（认识照片的模型：--model Qwen/Qwen3-VL-2B-Instruct）",
}


def how_larger(domain: float | None, lang: str) -> str | None:
    """Return what to add to a command, where pictures are probably not of the world that its model knows; `domain` is
    how probably they are. None where they are, or where that is not known."""
    return SAY["zh" if lang == "zh" else "en"] if domain is not None and domain < SAME_WORLD else None
