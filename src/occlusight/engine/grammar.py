"""Answers that follow a JSON schema or a regular expression, by llguidance.

(xgrammar could have done it too; llguidance needs neither torch nor transformers nor a compiler, refuses a schema that
nothing can satisfy, and says which tokens are forced, so that these are read in one pass instead of being chosen one by
one.)
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from functools import cached_property

import torch
from llguidance import LLMatcher, LLTokenizer, TokenizerWrapper
from torch import Tensor

from occlusight.engine.grammar_trial import TooCostly, first_line, try_rules
from occlusight.engine.json_limits import JsonLimits, within_reach
from occlusight.engine.patterns import check_expression, expressions_in
from occlusight.errors import BadForm
from occlusight.model.tokenizer import Tokenizer

ADVICE = "see https://json-schema.org for what a schema looks like"
SCHEMA_COMPLAINT = f"the JSON schema cannot be followed: #; {ADVICE}"
REGEX_COMPLAINT = "the regular expression cannot be followed: #; give one that matches some text, without look-around"


class Grammars:
    """Makes the grammars of a vocabulary of `size` ids, which is read when the first one is wanted."""

    def __init__(self, vocabulary: Callable[[], LLTokenizer], size: int) -> None:
        self._read = vocabulary
        self._size = size

    @classmethod
    def of(cls, tokenizer: Tokenizer, size: int, ends: Sequence[int]) -> Grammars:
        """Return those of a checkpoint's tokenizer, some of whose ids end an answer."""

        def vocabulary() -> LLTokenizer:
            return LLTokenizer(TokenizerWrapper(_Vocabulary(tokenizer, size, ends[0])), eos_token=list(ends))

        return cls(vocabulary, size)

    @cached_property
    def _vocabulary(self) -> LLTokenizer:
        return self._read()

    def json_schema(self, schema: str, limits: JsonLimits | None = None) -> Grammar:
        """Return the grammar of a JSON schema, without optional white space, bounded where the schema is not.

        A schema that nothing satisfies within the limits (a pattern that wants longer strings, say) is followed without
        them.

        Raises:
            BadForm: it is not JSON, not a schema, asks for what is not supported, takes too much to compute, or nothing
                can satisfy it.
        """
        _refuse_endless(schema)
        try:
            given = json.loads(schema)
            stricter = [some.bound(given) for some in (limits or JsonLimits()).ever_fewer()]
        except (ValueError, TypeError, AttributeError):  # no schema: whoever reads it next says why
            return self._json(schema)
        except RecursionError:
            raise BadForm(f"the JSON schema cannot be read (it is nested too deeply); {ADVICE}") from None
        for bounded in stricter:
            try:
                return self._json(json.dumps(within_reach(bounded)))
            except TooCostly:
                raise
            except BadForm:
                continue
        return self._json(json.dumps(within_reach(given)))

    def _json(self, schema: str) -> Grammar:
        return self._grammar(_rules_of_schema(schema), SCHEMA_COMPLAINT)

    def regex(self, pattern: str) -> Grammar:
        """Return the grammar of a regular expression that the whole answer matches. Raises BadForm as `json_schema`
        does.
        """
        check_expression(pattern, REGEX_COMPLAINT)
        return self._grammar(LLMatcher.grammar_from_regex(pattern), REGEX_COMPLAINT)

    def _grammar(self, rules: str, complaint: str) -> Grammar:
        _try(rules, complaint)
        grammar = Grammar(LLMatcher(self._vocabulary, rules), self._size)
        if not grammar.possible:
            raise BadForm(complaint.replace("#", "no text satisfies it", 1))
        return grammar


def check_rules(json_schema: str | None, regex: str | None) -> None:
    """Raise BadForm for a schema or an expression that no vocabulary could follow: what can be said before a model is
    open.
    """
    if json_schema is not None:
        _refuse_endless(json_schema)
        _try(_rules_of_schema(json_schema), SCHEMA_COMPLAINT)
    if regex is not None:
        check_expression(regex, REGEX_COMPLAINT)
        _try(LLMatcher.grammar_from_regex(regex), REGEX_COMPLAINT)


def _refuse_endless(schema: str) -> None:
    try:
        patterns = list(expressions_in(schema))
    except (ValueError, RecursionError):  # no JSON: whoever reads it next says why
        return
    for pattern in patterns:
        check_expression(pattern, SCHEMA_COMPLAINT)


def _rules_of_schema(schema: str) -> str:
    try:
        return str(LLMatcher.grammar_from_json_schema(schema, overrides={"whitespace_flexible": False}))
    except ValueError as error:
        raise BadForm(f"the JSON schema cannot be read ({first_line(error)}); {ADVICE}") from None


def _try(rules: str, complaint: str) -> None:
    """Raise BadForm for what cannot be followed, TooCostly for what takes too much."""
    try:
        try_rules(rules)
    except BadForm as error:
        raise type(error)(complaint.replace("#", str(error), 1)) from None


class Grammar:
    """Where one answer stands in its grammar."""

    def __init__(self, matcher: LLMatcher, size: int) -> None:
        self._matcher = matcher
        self._size = size

    @property
    def possible(self) -> bool:
        """Whether anything may come: a token, or the end of a whole text."""
        return self._matcher.is_accepting() or bool(self.allowed().any())

    @property
    def complete(self) -> bool:
        """Whether the text is whole and nothing can follow."""
        return bool(self._matcher.is_stopped())

    def allowed(self) -> Tensor:
        """Which tokens may come: `(V,)` bool."""
        bias = torch.frombuffer(bytearray(self._matcher.compute_logit_bias()), dtype=torch.uint8)
        self._check()
        allowed = torch.zeros(self._size, dtype=torch.bool)
        allowed[: len(bias)] = bias[: self._size] != 0
        return allowed

    def take(self, token: int) -> None:
        """Go on with a token."""
        self._matcher.consume_token(token)
        self._check()

    def forced(self) -> list[int]:
        """Go on with all tokens to which there is no alternative, and return them."""
        if self.complete:
            return []
        tokens = self._matcher.compute_ff_tokens()
        self._matcher.consume_tokens(tokens)
        self._check()
        return tokens

    def _check(self) -> None:
        if self._matcher.is_error():
            raise BadForm(f"the answer's grammar failed ({first_line(self._matcher.get_error())}); simplify it")


class _Vocabulary:
    """What llguidance wants to know of a tokenizer."""

    def __init__(self, tokenizer: Tokenizer, size: int, end: int) -> None:
        self._tokenizer = tokenizer
        self.eos_token_id = end
        self.bos_token_id = None
        self.tokens = [tokenizer.bytes_of(token, skip_special=False) for token in range(size)]
        names = set(tokenizer.control.values())
        self.special_token_ids = [token for token in range(size) if token in names or not self.tokens[token]]

    def __call__(self, text: bytes | str) -> list[int]:
        return self._tokenizer.encode(text.decode("utf-8", "replace") if isinstance(text, bytes) else text)
