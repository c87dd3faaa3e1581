"""What an answer says: text, thoughts, stops, schemas, drafts and their limits."""

from __future__ import annotations

import json
from pathlib import Path
from time import thread_time
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from occlusight.engine.generation import Generation
from occlusight.engine.grammar import Grammars, check_rules
from occlusight.engine.output_text import OutputText, Picked
from occlusight.engine.patterns import spelled_out
from occlusight.engine.prompt_lookup import PromptLookup
from occlusight.engine.sampling_params import SamplingParams
from occlusight.errors import BadForm, BadInput
from occlusight.model.chat import Chat

THINKING = {"<think>": 1000, "</think>": 1001}


@pytest.fixture(scope="session")
def chat(tiny_checkpoint: Path) -> Chat:
    return Chat.load(tiny_checkpoint)


@pytest.fixture(scope="session")
def size(chat: Chat) -> int:
    return chat.config.text.vocab_size


@pytest.fixture(scope="session")
def grammars(chat: Chat, size: int) -> Grammars:
    return Grammars.of(chat.tokenizer, size, chat.eos_ids)


@pytest.fixture
def thinker(tiny_checkpoint: Path, tmp_path: Path) -> Chat:
    """A checkpoint that thinks: its tokenizer knows the marks, in the place of two ordinary tokens of its
    vocabulary."""
    import shutil

    folder = Path(shutil.copytree(tiny_checkpoint, tmp_path / "thinker"))
    source = json.loads((folder / "tokenizer.json").read_text())
    vocabulary = source["model"]["vocab"]
    merged = {"".join(merge) for merge in source["model"]["merges"]}
    names = [name for name in vocabulary if name in merged and len(name) > 3][-2:]
    for name, mark in zip(names, THINKING, strict=True):
        source["added_tokens"].append(
            {
                "id": vocabulary.pop(name),
                "content": mark,
                "special": False,
                "single_word": False,
                "lstrip": False,
                "rstrip": False,
                "normalized": False,
            }
        )
        source["model"]["merges"] = [merge for merge in source["model"]["merges"] if "".join(merge) != name]
    (folder / "tokenizer.json").write_text(json.dumps(source))
    return Chat.load(folder)


def wants(token: int, size: int) -> Tensor:
    """Logits of a model that wants one token, and after it those with the lowest ids."""
    logits = -torch.arange(size, dtype=torch.float32) / size
    logits[token] = 10.0
    return logits[None]


def say(generation: Generation, tokens: list[int], size: int) -> tuple[str, str]:
    """Let a model want these tokens one after the other; return thoughts and answer."""
    for token in tokens:
        if generation.finish_reason:
            break
        generation.consume(wants(token, size), [])
    if generation.finish_reason is None:
        generation.output_text.finish()
    pieces = generation.output_text.pieces
    return "".join(p.text for p in pieces if p.thinking), "".join(p.text for p in pieces if not p.thinking)


def new_generation(chat: Chat, prompt: tuple[int, ...] = (1, 2, 3), grammar: Any = None, **params: Any) -> Generation:
    return Generation(chat, prompt, SamplingParams(**params), grammar)


@settings(max_examples=80, deadline=None)
@given(st.text(max_size=30), st.lists(st.text("ab#遮🙂", min_size=1, max_size=4), max_size=3))
def test_text_ends_before_the_first_stop_and_never_tells_of_it(chat: Chat, text: str, stops: list[str]) -> None:
    output_text = OutputText(chat.tokenizer, tuple(stops))
    seen = ""
    for token in chat.encode(text):
        output_text.push(Picked(token))
        while output_text.pieces:
            piece = output_text.pieces.popleft().text
            assert piece
            seen += piece
        assert not any(stop in seen for stop in stops)
        if output_text.stopped:
            break
    output_text.finish()
    seen += "".join(piece.text for piece in output_text.pieces)
    ends = [text.find(stop) for stop in stops if stop in text]
    first_to_end = min((text.find(stop) + len(stop) for stop in stops if stop in text), default=None)
    assert output_text.stopped == bool(ends)
    if first_to_end is None:
        assert seen == text
    else:
        assert text.startswith(seen)
        assert not any(stop in seen for stop in stops)
        assert len(seen) in ends


def test_a_stop_string_ends_the_answer(chat: Chat, size: int) -> None:
    one = new_generation(chat, stop=("##", "路灯"))
    assert say(one, chat.encode("红色 car, # 遮挡路灯杆"), size) == ("", "红色 car, # 遮挡")
    assert one.finish_reason == "stop"


def test_a_budget_ends_the_thoughts_and_the_answer_follows(thinker: Chat, size: int) -> None:
    control = thinker.tokenizer.control
    prompt = (5, control["<think>"], *thinker.encode("\n"))
    thought = thinker.encode("Is the bicycle hidden?")
    one = new_generation(thinker, prompt, thinking_tokens=4, max_tokens=100)
    thoughts, answer = say(one, [*thought[:4], *thinker.encode("Yes."), thinker.eos_ids[0]], size)
    assert thoughts == thinker.decode(thought[:4]) + "\n"
    assert answer == "Yes."
    assert one.output_ids[4:].count(control["</think>"]) == 1
    assert (one.finish_reason, one.forced) == ("stop", len(thinker.encode("\n")) + 1 + len(thinker.encode("\n\n")))
    own = new_generation(thinker, prompt, thinking_tokens=50, max_tokens=100)  # the model ends its thoughts itself
    gap = thinker.encode("\n\n")
    assert say(own, [*thought, control["</think>"], *gap, *thinker.encode("No.")], size) == (
        "Is the bicycle hidden?",
        "No.",
    )
    assert own.forced == 0
    begun = new_generation(thinker, max_tokens=100)  # a model whose answer begins with thoughts
    assert say(begun, [control["<think>"], *thought, control["</think>"], 60], size)[0] == "Is the bicycle hidden?"
    plain = new_generation(thinker, (*prompt, *thinker.encode("no longer"), 9, 9, 9), max_tokens=100)
    assert say(plain, thought, size)[0] == ""


def test_a_schema_holds_after_the_thoughts_alone(thinker: Chat, size: int) -> None:
    control = thinker.tokenizer.control
    grammar = Grammars.of(thinker.tokenizer, size, thinker.eos_ids).regex("(yes|no)!")
    one = new_generation(thinker, (5, control["<think>"]), grammar, max_tokens=100, thinking_tokens=50)
    thought = thinker.encode("the bush")
    answer = say(one, [*thought, control["</think>"], *thinker.encode("no!")], size)
    assert answer == ("the bush", "no!")
    assert one.finish_reason == "stop"


SCHEMA = json.dumps(
    {
        "type": "object",
        "properties": {"answer": {"enum": ["yes", "no"]}, "why": {"type": "string", "maxLength": 12}},
        "required": ["answer", "why"],
        "additionalProperties": False,
    }
)


@pytest.mark.parametrize("seed", range(6))
def test_any_model_answers_in_the_schema_and_forced_tokens_cost_no_choice(
    chat: Chat, grammars: Grammars, size: int, seed: int
) -> None:
    generator = torch.Generator().manual_seed(seed)
    one = new_generation(chat, (), grammars.json_schema(SCHEMA), max_tokens=400, temperature=1.0, seed=seed)
    passes = 0
    while one.finish_reason is None:
        one.consume(5 * torch.randn(1, size, generator=generator), [])
        passes += 1
    document = json.loads("".join(piece.text for piece in one.output_text.pieces))
    assert one.finish_reason == "stop"
    assert document["answer"] in ("yes", "no")
    assert len(document["why"]) <= 12
    assert one.forced > 10
    assert passes <= len(one.output_ids) - one.forced + 1


def test_an_answer_that_is_cut_within_its_schema_never_counts_as_ended(
    chat: Chat, grammars: Grammars, size: int
) -> None:
    """Every length of an answer of which nearly all is forced: only the whole one ends by itself, at its last token
    too."""
    schema = (
        '{"type": "array", "prefixItems": [{"const": "bush"}, {"type": "boolean"}, {"const": "car"}], '
        '"minItems": 3, "items": false}'
    )
    whole = '["bush",true,"car"]'
    ended = []
    for most in range(1, 40):
        one = new_generation(chat, (), grammars.json_schema(schema), max_tokens=most)
        text = say(one, chat.encode("true") * 40, size)[1]
        assert (one.finish_reason == "stop") == (text == whole)
        assert one.finish_reason in ("stop", "length")
        assert whole.startswith(text)
        ended.append(one.finish_reason)
    assert set(ended) == {"stop", "length"}
    assert len(one.output_ids) <= ended.index("stop") + 1


@pytest.mark.parametrize(
    "schema",
    [
        '{"allOf": [{"type": "string"}, {"type": "integer"}]}',
        '{"enum": []}',
        '{"type": "integer", "minimum": 5, "maximum": 3}',
        '{"type": "nonsense"}',
        '{"$ref": "#/nowhere"}',
        '{"type": "array", "uniqueItems": true}',
    ],
)
def test_a_schema_that_nothing_satisfies_is_refused(grammars: Grammars, schema: str) -> None:
    with pytest.raises(BadInput, match="cannot be followed"):
        grammars.json_schema(schema)


@pytest.mark.parametrize("pattern", ["(", "a(?=b)", "x{3,2}", r"[^\x00-\U0010FFFF]"])
def test_an_expression_that_nothing_matches_is_refused(grammars: Grammars, pattern: str) -> None:
    with pytest.raises(BadInput, match="cannot be followed"):
        grammars.regex(pattern)


ENDLESS = ["(a{1,1000}){1,1000}", "^((a{1,50}){1,50}){1,50}$", "(?:[a-z]{2,}x|b{9}){2000}", "a{99999999999999999999}"]


@pytest.mark.parametrize("pattern", ENDLESS)
def test_an_expression_that_repeats_repetitions_is_refused_before_an_answer_begins(
    grammars: Grammars, pattern: str
) -> None:
    began = thread_time()
    for ask in (grammars.regex, lambda text: check_rules(None, text)):
        with pytest.raises(BadForm, match="repeats so often"):
            ask(pattern)
    for schema in ({"properties": {"x": {"items": [{"pattern": pattern}]}}}, {"patternProperties": {pattern: {}}}):
        with pytest.raises(BadForm, match="repeats so often"):
            grammars.json_schema(json.dumps(schema))
        with pytest.raises(BadForm, match="repeats so often"):
            check_rules(json.dumps(schema), None)
    assert thread_time() - began < 1
    quoted = {"enum": [{"pattern": pattern}]}  # a value, no schema
    assert grammars.json_schema(json.dumps(quoted)).possible


@pytest.mark.parametrize("pattern", ["(a+)+$", r"(\w{1,20} ){1,100}", "[{]{5}[a{9}]", r"\{9\}(x|yz){3}", "x{2000}"])
def test_an_expression_that_repeats_as_much_as_can_be_computed_is_followed(grammars: Grammars, pattern: str) -> None:
    assert grammars.regex(pattern).possible


def test_expressions_are_written_out_to_be_measured() -> None:
    assert spelled_out(r"[{]{5}[a{9}]") == 6
    assert spelled_out(r"\{9\}(x|yz){3}\p{L}") == 13
    assert spelled_out("(a{2,}b?){10}(?:c)*") == 31
    assert spelled_out("(((") == 0
    assert spelled_out("[" * 7999) == 1  # never closed, and read but once


def test_logprobs_are_the_models_own(chat: Chat, size: int) -> None:
    logits = torch.randn(1, size, generator=torch.Generator().manual_seed(2))
    logits[0, 50] = 9.0
    one = new_generation(chat, logprobs=3, temperature=0.5, repetition_penalty=2.0, seed=1)
    one.consume(logits, [])
    one.output_text.finish()
    (picked,) = [token for piece in one.output_text.pieces for token in piece.tokens]
    logs = torch.log_softmax(logits[0], -1)
    assert picked.logprob == pytest.approx(float(logs[picked.token]))
    assert [token for token, _ in picked.top] == logs.topk(3).indices.tolist()


@pytest.mark.parametrize("temperature", [0.0, 1.0])
def test_guesses_leave_what_is_said_as_it_is(chat: Chat, size: int, temperature: float) -> None:
    """Against the plain twin: the logits after any beginning are given, so that reading ahead can be played through."""

    def logits(said: list[int]) -> Tensor:
        generator = torch.Generator().manual_seed(hash(tuple(said[-2:])) % 1000 % 7)
        return 4 * torch.randn(size, generator=generator)

    for seed in range(4):
        params = {"temperature": temperature, "seed": seed, "presence_penalty": 0.3, "max_tokens": 60}
        plain, drafting = new_generation(chat, **params), new_generation(chat, **params)
        while plain.finish_reason is None:
            plain.consume(logits(plain.output_ids)[None], [])
        held = 0
        while drafting.finish_reason is None:
            draft_ids = drafting.propose(6)
            said = list(drafting.output_ids)
            rows = [logits(said + draft_ids[:count]) for count in range(len(draft_ids) + 1)]
            held += drafting.consume(torch.stack(rows), draft_ids)
        assert drafting.output_ids == plain.output_ids
        assert drafting.finish_reason == plain.finish_reason
        if temperature == 0.0:
            assert held > 0


def test_a_guess_is_what_followed_before() -> None:
    drafts = PromptLookup([1, 2, 3, 4, 5, 6, 7, 1, 2, 3], never=(6,))
    assert drafts.propose(5) == [4, 5]
    drafts.judge(2, 2)
    assert drafts.propose(5) == [4, 5]  # 6 never comes
    for _ in range(PromptLookup.PATIENCE):
        drafts.judge(2, 0)
    assert drafts.propose(5) == []
    for _ in range(PromptLookup.PAUSE):
        drafts.propose(5)
    assert drafts.propose(5) != []
    assert PromptLookup([1, 2]).propose(3) == []
