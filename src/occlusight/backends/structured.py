"""Answers in a form that was asked for: how a model is told of a schema, and whether an answer is whole."""

from __future__ import annotations

import json

from occlusight.backends.events import FinishReason
from occlusight.backends.protocol import Request
from occlusight.engine.sampling_params import SamplingParams

READS_SCHEMAS = 500_000_000
"""A model with so many numbers makes use of a schema that it reads; a smaller one, such as the shipped, knows the
questions it was trained on, and is only led astray."""
TOLD = "Answer with JSON alone, that satisfies this JSON schema:"


def prompt_of(request: Request, tells: bool) -> str:
    """Return the question, and after it the schema's names and descriptions where the model is to see them.

    `tells` is what the backend does unless the request says.
    """
    params = request.sampling
    wanted = tells if params.schema_in_prompt is None else params.schema_in_prompt
    if params.json_schema is None or not wanted:
        return request.prompt
    return f"{request.prompt}\n\n{TOLD}\n{params.json_schema}"


def why_incomplete(params: SamplingParams, text: str, reason: FinishReason) -> str | None:
    """Say why an answer is not what its schema or expression asks for; None where it is, or where neither was asked
    for.

    JSON must parse and an expression must match. That JSON satisfies its schema is what the grammar sees to while it is
    written; a server is believed.
    """
    if params.json_schema is None and params.regex is None:
        return None
    asked = "the JSON schema" if params.json_schema is not None else "the regular expression"
    if reason == "length":
        return (
            f"the answer was cut at the limit of tokens before it satisfied {asked}; give more max_tokens (now "
            f"{params.max_tokens}), or bound what may be long"
        )
    if reason == "cancelled":
        return f"the answer was stopped before it satisfied {asked}; ask again"
    if params.regex is not None:
        return None if matches(params.regex, text) else f"the answer does not match {asked}{_because(params)}"
    try:
        json.loads(text)
    except ValueError as error:
        return f"the answer does not satisfy {asked}: it is not JSON ({error}){_because(params)}"
    return None


def _because(params: SamplingParams) -> str:
    """What may have come between: our grammars let nothing else through."""
    if params.stop:
        return "; a stop string may have ended it early: leave stop out"
    return "; the server may not keep to it: ask another one, or our own engine"


def matches(pattern: str, text: str) -> bool:
    """Whether a text matches a regular expression as a whole, in the dialect of the grammars."""
    from llguidance import LLMatcher, LLTokenizer

    said = text.encode()
    matcher = LLMatcher(LLTokenizer("byte"), LLMatcher.grammar_from_regex(pattern))
    return bool(matcher.try_consume_tokens(list(said)) == len(said) and matcher.is_accepting())
