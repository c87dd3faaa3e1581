"""Every shortcut of the engine against its naive twin: the same logits."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor

from occlusight.engine.engine import Engine, EngineSettings
from occlusight.engine.placement import Placement
from occlusight.engine.prompt import Prompt
from occlusight.engine.revision import revision_of
from occlusight.engine.sequence import Sequence
from occlusight.errors import BadInput, Cancelled
from occlusight.model.chat import Chat
from occlusight.model.picture import open_picture
from occlusight.model.preprocess import PreprocessSettings, patches_of
from occlusight.model.rope import positions
from occlusight.model.weights import load_model

Ask = Callable[..., Prompt]
NO_CACHES = EngineSettings(feature_cache_bytes=0, prefix_cache_bytes=0)


@pytest.fixture(scope="session")
def chat(tiny_checkpoint: Path) -> Chat:
    return Chat.load(tiny_checkpoint)


@pytest.fixture
def engine(tiny_checkpoint: Path) -> Engine:
    return new_engine(tiny_checkpoint)


@pytest.fixture
def prompt(chat: Chat, tiny_checkpoint: Path) -> Ask:
    from occlusight.engine.prompt import Visual

    settings = PreprocessSettings.load(tiny_checkpoint)

    def build(question: str, *pictures: Path) -> Prompt:
        visuals = [Visual.of(*patches_of(open_picture(p), settings)) for p in pictures]
        content = [*({"type": "image"} for _ in pictures), {"type": "text", "text": question}]
        ids = chat.prompt([{"role": "user", "content": content}], [v.grid for v in visuals])
        return Prompt.build(ids, visuals, chat.config.image_token_id, chat.config.vision.merge_size)

    return build


def new_engine(checkpoint: Path, settings: EngineSettings | None = None) -> Engine:
    return Engine(load_model(checkpoint), "r", settings)


def naive(engine: Engine, prompt: Prompt, answer: list[int]) -> Tensor:
    """Return the logits after prompt and answer, computed whole, with no cache of any kind."""
    model = engine.model
    ids = torch.tensor([*prompt.ids, *answer])
    places, _ = positions(ids, prompt.grids, model.config)
    patches = torch.cat([v.patches for v in prompt.visuals]) if prompt.visuals else None
    with torch.inference_mode():
        features = model.encode(patches, prompt.grids) if patches is not None else None
        return model.logits(model(ids[None], places[:, None], features)[0, -1])


def greedy(engine: Engine, prompt: Prompt, count: int = 12) -> tuple[list[int], Sequence]:
    """Return greedy tokens and the sequence."""
    tokens: list[int] = []
    with engine.turn(threading.Event()):
        sequence = engine.start(prompt)
        for _ in range(count):
            tokens.append(int(sequence.logits.argmax()))
            engine.advance(sequence, tokens[-1])
    return tokens, sequence


def close(one: Tensor, other: Tensor) -> bool:
    """Logits here deviate by some 10; the differences of summation order are far smaller."""
    return torch.allclose(one, other, atol=2e-4)


def test_logits_of_the_fixture_tell_something(engine: Engine, prompt: Ask, pictures: list[Path]) -> None:
    with engine.turn(threading.Event()):
        logits = engine.start(prompt("Is it?", pictures[0])).logits
        other = engine.start(prompt("Is it?", pictures[1])).logits
    assert logits.std() > 1
    assert (logits - other).abs().max() > 0.5


@pytest.mark.parametrize("which", [[], [0], [0, 3], [3, 1, 0]])
def test_decoding_with_the_cache_equals_reading_everything_again(
    engine: Engine, prompt: Ask, pictures: list[Path], which: list[int]
) -> None:
    asked = prompt("自行车是否被灌木丛遮挡?", *(pictures[i] for i in which))
    tokens, sequence = greedy(engine, asked)
    assert close(sequence.logits, naive(engine, asked, tokens))


@pytest.mark.parametrize("chunk", [1, 3, 7, 16])
def test_reading_in_chunks_equals_reading_at_once(
    tiny_checkpoint: Path, prompt: Ask, pictures: list[Path], chunk: int
) -> None:
    engine = new_engine(tiny_checkpoint, EngineSettings(chunk=chunk, prefix_cache_bytes=0))
    asked = prompt("Is it hidden?", pictures[0], pictures[3])
    with engine.turn(threading.Event()):
        assert close(engine.start(asked).logits, naive(engine, asked, []))


def test_cached_features_equal_fresh_ones(tiny_checkpoint: Path, prompt: Ask, pictures: list[Path]) -> None:
    engine = new_engine(tiny_checkpoint, EngineSettings(prefix_cache_bytes=0))
    fresh = new_engine(tiny_checkpoint, NO_CACHES)
    greedy(engine, prompt("first question", pictures[0]))
    again = prompt("another question altogether", pictures[0])
    tokens, sequence = greedy(engine, again)
    expected, reference = greedy(fresh, again)
    assert sequence.image_cached
    assert not reference.image_cached
    assert tokens == expected
    assert torch.equal(sequence.logits, reference.logits)
    assert len(fresh.features) == 0


def test_a_known_prefix_gives_what_a_fresh_reading_gives(
    engine: Engine, tiny_checkpoint: Path, prompt: Ask, pictures: list[Path]
) -> None:
    fresh = new_engine(tiny_checkpoint, NO_CACHES)
    first = prompt("Is the bicycle hidden?", pictures[3], pictures[0])
    _, sequence = greedy(engine, first)
    engine.keep(sequence)
    for question in ("Is the bicycle hidden?", "Is the car hidden?", "红色轿车在路灯杆后面。"):
        asked = prompt(question, pictures[3], pictures[0])
        tokens, sequence = greedy(engine, asked)
        expected, reference = greedy(fresh, asked)
        assert sequence.reused > asked.image_tokens
        assert sequence.image_cached
        assert reference.reused == 0
        assert tokens == expected
        assert close(sequence.logits, reference.logits)
        engine.keep(sequence)


def test_another_picture_of_the_same_size_never_meets_the_first_ones_answers(
    engine: Engine, tiny_checkpoint: Path, prompt: Ask, pictures: list[Path]
) -> None:
    fresh = new_engine(tiny_checkpoint, NO_CACHES)
    one, other = prompt("Is it hidden?", pictures[0]), prompt("Is it hidden?", pictures[1])
    assert one.ids == other.ids
    _, sequence = greedy(engine, one)
    engine.keep(sequence)
    tokens, sequence = greedy(engine, other)
    expected, reference = greedy(fresh, other)
    assert sequence.reused < other.spans[0][1]
    assert tokens == expected
    assert close(sequence.logits, reference.logits)


def test_a_conversation_goes_on_from_the_kept_answer(engine: Engine, prompt: Ask, pictures: list[Path]) -> None:
    first = prompt("Is it hidden?", pictures[0])
    tokens, sequence = greedy(engine, first)
    engine.keep(sequence)
    longer = Prompt((*first.ids, *tokens, 5, 6, 7), first.visuals, first.spans)
    with engine.turn(threading.Event()):
        sequence = engine.start(longer)
    assert sequence.reused == len(first.ids) + len(tokens)
    assert close(sequence.logits, naive(engine, longer, []))


def test_a_picture_is_never_cut(engine: Engine, prompt: Ask, pictures: list[Path]) -> None:
    """The last token is always read; where a picture's pad is the last one, the whole picture is read again."""
    asked = prompt("Is it hidden by the bush?", pictures[0], pictures[1])
    ends = Prompt(asked.ids[: asked.spans[1][1]], asked.visuals, asked.spans)
    _, sequence = greedy(engine, asked)
    engine.keep(sequence)
    with engine.turn(threading.Event()):
        sequence = engine.start(ends)
    assert sequence.reused == 0 or sequence.reused == asked.spans[1][0]
    assert close(sequence.logits, naive(engine, ends, []))


def test_a_kept_sequence_is_not_changed_by_those_that_go_on_from_it(
    engine: Engine, prompt: Ask, pictures: list[Path]
) -> None:
    asked = prompt("Is it hidden?", pictures[0])
    _, sequence = greedy(engine, asked)
    engine.keep(sequence)
    length = sequence.cache.length
    before = sequence.cache._store[..., :length, :].clone()
    greedy(engine, prompt("Is it hidden? And the car behind it?", pictures[0]), count=30)
    assert torch.equal(before, sequence.cache._store[..., :length, :])


def test_scores_are_the_log_probabilities_of_the_whole_answer(
    engine: Engine, chat: Chat, prompt: Ask, pictures: list[Path]
) -> None:
    asked = prompt("Is it hidden?", pictures[0])
    for text in ("yes", "no, it is not", ""):
        tokens = chat.encode(text)
        expected = 0.0
        for at, token in enumerate(tokens):
            expected += float(torch.log_softmax(naive(engine, asked, tokens[:at]), -1)[token])
        last = torch.log_softmax(naive(engine, asked, tokens), -1)
        expected += float(last[list(chat.eos_ids)].exp().sum().log())
        with engine.turn(threading.Event()):
            sequence = engine.start(asked)
            got = [engine.score(sequence, tokens, chat.eos_ids) for _ in range(2)]
        assert got == pytest.approx([expected, expected], abs=1e-3)


def test_a_prompt_beyond_the_context_is_refused_with_its_length(engine: Engine, prompt: Ask) -> None:
    with pytest.raises(BadInput, match=r"has \d+ tokens .* fewer than 4096"), engine.turn(threading.Event()):
        engine.start(prompt("车" * 5000))


def test_a_flag_stops_a_pass_between_two_blocks(engine: Engine, prompt: Ask, pictures: list[Path]) -> None:
    asked = prompt("Is it hidden?", pictures[0])
    for blocks in (engine.model.vision.blocks, engine.model.text.layers):
        stop = threading.Event()
        ran: list[int] = []
        handles = [
            block.register_forward_hook(lambda *_, i=i, stop=stop, ran=ran: (ran.append(i), stop.set())[0])
            for i, block in enumerate(blocks)
        ]
        with pytest.raises(Cancelled), engine.turn(stop):
            engine.start(asked)
        assert ran == [0]
        for handle in handles:
            handle.remove()
    tokens, sequence = greedy(engine, asked)  # and the engine is as good as before
    assert close(sequence.logits, naive(engine, asked, tokens))


def test_a_revision_follows_weights_and_tokenizer(tiny_checkpoint: Path, tmp_path: Path) -> None:
    import shutil

    twin = Path(shutil.copytree(tiny_checkpoint, tmp_path / "twin"))
    assert revision_of(twin) == revision_of(tiny_checkpoint)
    weights = bytearray((twin / "model.safetensors").read_bytes())
    weights[-1] ^= 1
    (twin / "model.safetensors").write_bytes(weights)
    assert revision_of(twin) != revision_of(tiny_checkpoint)


def test_placement_says_what_it_takes(tiny_checkpoint: Path) -> None:
    assert Placement.choose(tiny_checkpoint, "cpu").dtype == torch.float32
    assert Placement.choose(tiny_checkpoint, "cpu", "bfloat16").dtype == torch.bfloat16
    with pytest.raises(BadInput, match="float33"):
        Placement.choose(tiny_checkpoint, "cpu", "float33")
    with pytest.raises(BadInput, match="abacus"):
        Placement.choose(tiny_checkpoint, "abacus")


def test_settings_are_checked() -> None:
    with pytest.raises(BadInput, match="negative"):
        EngineSettings(feature_cache_bytes=-1)
    with pytest.raises(BadInput, match="at least 1"):
        EngineSettings(chunk=0)
