"""Every shortcut of the engine against its naive twin: the same logits."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from tests.engine.greedy import PLAIN, Ask, Greedy, begin, close, greedy, naive, new_engine, run

from occlusight.engine.config import EngineSettings
from occlusight.engine.engine import Engine
from occlusight.engine.kv_manager import MOST_PARTS
from occlusight.engine.prompt import Prompt
from occlusight.engine.scoring import score
from occlusight.engine.sequence import Sequence
from occlusight.errors import BadInput
from occlusight.model.chat import Chat


def test_logits_of_the_fixture_tell_something(engine: Engine, prompt: Ask, pictures: list[Path]) -> None:
    logits = greedy(engine, prompt("Is it?", pictures[0]), 0)[1]
    other = greedy(engine, prompt("Is it?", pictures[1]), 0)[1]
    assert logits.std() > 1
    assert (logits - other).abs().max() > 0.5


@pytest.mark.parametrize("which", [[], [0], [0, 3], [3, 1, 0]])
def test_decoding_with_the_cache_equals_reading_everything_again(
    engine: Engine, prompt: Ask, pictures: list[Path], which: list[int]
) -> None:
    asked = prompt("自行车是否被灌木丛遮挡?", *(pictures[i] for i in which))
    tokens, logits, _ = greedy(engine, asked)
    assert close(logits, naive(engine, asked, tokens))


@pytest.mark.parametrize("chunk", [1, 3, 7, 16])
def test_reading_in_chunks_equals_reading_at_once(
    tiny_checkpoint: Path, prompt: Ask, pictures: list[Path], chunk: int
) -> None:
    engine = new_engine(tiny_checkpoint, EngineSettings(chunk=chunk))
    asked = prompt("Is it hidden by the car, or is the lamp post nearer?", pictures[0], pictures[3])
    tokens, logits, _ = greedy(engine, asked, 3)
    assert close(logits, naive(engine, asked, tokens))
    assert engine.counters().steps > len(asked.ids) / max(16, chunk)


@pytest.mark.parametrize("chunk", [16, 4096])
def test_what_is_forced_before_the_first_choice_may_be_read_in_chunks(
    tiny_checkpoint: Path, prompt: Ask, pictures: list[Path], chunk: int
) -> None:
    engine = new_engine(tiny_checkpoint, EngineSettings(chunk=chunk))
    asked = prompt("Is it hidden by the car, or is the lamp post nearer?", pictures[0])
    consumer = Greedy(152)
    consumer.output_ids = [*asked.ids[-20:]] * 7
    forced = [*consumer.output_ids]
    sequence = engine.submit(asked, consumer, 160)
    run(engine, sequence)
    assert close(consumer.logits[0], naive(engine, asked, forced))
    again = engine.submit(asked, Greedy(1), 4)
    run(engine, again)
    assert again.reused > len(asked.ids) // 2


def test_cached_features_equal_fresh_ones(tiny_checkpoint: Path, prompt: Ask, pictures: list[Path]) -> None:
    engine = new_engine(tiny_checkpoint, EngineSettings(prefix_cache_bytes=0))
    greedy(engine, prompt("first question", pictures[0]))
    again = prompt("another question altogether", pictures[0])
    tokens, logits, sequence = greedy(engine, again)
    plain = new_engine(tiny_checkpoint, PLAIN)
    expected, reference, fresh = greedy(plain, again)
    assert (sequence.image_cached, fresh.image_cached) == (True, False)
    assert tokens == expected
    assert torch.equal(logits, reference)
    assert (len(engine.features), len(plain.features)) == (1, 0)


def test_a_known_prefix_gives_what_a_fresh_reading_gives(
    engine: Engine, tiny_checkpoint: Path, prompt: Ask, pictures: list[Path]
) -> None:
    plain = new_engine(tiny_checkpoint, PLAIN)
    greedy(engine, prompt("Is the bicycle hidden?", pictures[3], pictures[0]))
    for question in ("Is the bicycle hidden?", "Is the car hidden?", "红色轿车在路灯杆后面。"):
        asked = prompt(question, pictures[3], pictures[0])
        tokens, logits, sequence = greedy(engine, asked)
        expected, reference, fresh = greedy(plain, asked)
        assert sequence.reused > asked.image_tokens
        assert sequence.image_cached
        assert fresh.reused == 0
        assert tokens == expected
        assert close(logits, reference)


def test_another_picture_of_the_same_size_never_meets_the_first_ones_answers(
    engine: Engine, tiny_checkpoint: Path, prompt: Ask, pictures: list[Path]
) -> None:
    one, other = prompt("Is it hidden?", pictures[0]), prompt("Is it hidden?", pictures[1])
    assert one.ids == other.ids
    greedy(engine, one)
    tokens, logits, sequence = greedy(engine, other)
    expected, reference, _ = greedy(new_engine(tiny_checkpoint, PLAIN), other)
    assert sequence.reused < other.spans[0][1]
    assert tokens == expected
    assert close(logits, reference)


def test_a_conversation_goes_on_from_the_kept_answer_and_its_parts_stay_few(
    engine: Engine, prompt: Ask, pictures: list[Path]
) -> None:
    asked = prompt("Is it hidden?", pictures[0])
    known = 0
    for _ in range(MOST_PARTS + 4):
        tokens, logits, sequence = greedy(engine, asked, 20)
        assert sequence.reused == known
        known = len(asked.ids) + len(tokens)
        assert close(logits, naive(engine, asked, tokens))
        asked = Prompt((*asked.ids, *tokens, 5, 6, 7), asked.visuals, asked.spans)
    parts = engine.prefixes.find(Sequence(asked, Greedy(1), 0, 0).token_keys)
    assert len(parts) <= MOST_PARTS


def test_a_later_picture_leaves_an_earlier_turn_known(engine: Engine, prompt: Ask, pictures: list[Path]) -> None:
    _, _, first = greedy(engine, prompt("Is it hidden?", pictures[0]))
    both = prompt("And now?", pictures[0], pictures[1])
    tokens, logits, sequence = greedy(engine, both)
    assert both.spans[0][1] <= sequence.reused < both.spans[1][0] + 1
    assert close(logits, naive(engine, both, tokens))
    assert first.reused == 0


def test_a_picture_is_never_cut(engine: Engine, prompt: Ask, pictures: list[Path]) -> None:
    """The last token is always read; where a picture's pad is the last one, the whole picture is read again."""
    asked = prompt("Is it hidden by the bush?", pictures[0], pictures[1])
    ends = Prompt(asked.ids[: asked.spans[1][1]], asked.visuals, asked.spans)
    greedy(engine, asked)
    _, logits, sequence = greedy(engine, ends, 0)
    assert sequence.reused in (0, asked.spans[0][1], asked.spans[1][0])
    assert close(logits, naive(engine, ends, []))


def test_questions_about_one_picture_share_its_keys_and_values(
    tiny_checkpoint: Path, prompt: Ask, pictures: list[Path]
) -> None:
    """Asked at once: the picture is encoded once and read once, and the answers are those of one after the other."""
    engine, plain = new_engine(tiny_checkpoint), new_engine(tiny_checkpoint, PLAIN)
    encoded: list[int] = []
    engine.model.vision.patch_embed.register_forward_hook(lambda *_: encoded.append(1))
    asked = [
        prompt(f"{what} hidden, and what hides it?", pictures[0]) for what in ("car", "bush", "路灯杆", "lamp post")
    ]
    together = [begin(engine, one) for one in asked]
    run(engine, *(sequence for _, sequence in together))
    for one, (consumer, sequence) in zip(asked, together, strict=True):
        expected, reference, _ = greedy(plain, one)
        assert consumer.output_ids == expected
        assert close(consumer.logits[-1], reference)
        assert sequence.reused == 0 or sequence.reused >= one.spans[0][1]
    assert len(encoded) == 1
    reused = [sequence.reused for _, sequence in together]
    assert reused[0] == 0
    assert min(reused[1:]) >= asked[0].spans[0][1]
    longest = max(len(one.ids) for one in asked) + 13
    assert engine.counters().steps < longest  # 13 tokens each, not 4 times 13
    steps_of_one = plain.counters().steps / 4
    assert engine.counters().steps < 2.5 * steps_of_one


def test_different_requests_decode_together_as_they_do_alone(
    tiny_checkpoint: Path, prompt: Ask, pictures: list[Path]
) -> None:
    engine, plain = new_engine(tiny_checkpoint), new_engine(tiny_checkpoint, PLAIN)
    asked = [
        prompt("Is it hidden?", pictures[0]),
        prompt("车?", pictures[3], pictures[1]),
        prompt("no picture at all, but a somewhat longer question about the red car"),
        prompt("Is it hidden?", pictures[2]),
        prompt("Is it hidden?", pictures[2]),
    ]
    counts = [5, 20, 11, 1, 30]
    together = [begin(engine, one, count) for one, count in zip(asked, counts, strict=True)]
    run(engine, *(sequence for _, sequence in together))
    for one, count, (consumer, _) in zip(asked, counts, together, strict=True):
        expected, reference, _ = greedy(plain, one, count)
        assert consumer.output_ids == expected
        assert close(consumer.logits[-1], reference)


@pytest.mark.parametrize("wrong", [0, 3])
def test_guessing_changes_nothing(
    engine: Engine, tiny_checkpoint: Path, prompt: Ask, pictures: list[Path], wrong: int
) -> None:
    asked = prompt("Is it hidden?", pictures[0], pictures[3])  # two pictures: the position delta is of the sequence
    expected, reference, _ = greedy(new_engine(tiny_checkpoint, PLAIN), asked, 20)
    draft = [*expected[:9], *([7] * wrong), *expected[9 + wrong :]]
    consumer, sequence = begin(engine, asked, 20, draft)
    run(engine, sequence)
    assert consumer.output_ids == expected
    assert close(consumer.logits[-1], reference)
    held = engine.counters().accepted_tokens
    assert held > 8 if wrong else held > 14
    assert engine.counters().steps < 16
    greedy(engine, Prompt((*asked.ids, *expected, 5), asked.visuals, asked.spans), 2)  # what is kept is what was said
    assert close(consumer.logits[-1], naive(engine, asked, expected))


def test_scores_are_the_log_probabilities_of_the_whole_answer(
    engine: Engine, chat: Chat, prompt: Ask, pictures: list[Path]
) -> None:
    asked = prompt("Is it hidden?", pictures[0])
    texts = ("yes", "no, it is not", "", "yes, the bush")
    tokens = [tuple(chat.encode(text)) for text in texts]

    def follows(wording: tuple[int, ...], ends: tuple[int, ...] | None) -> float:
        total = 0.0
        for at, token in enumerate(wording):
            total += float(torch.log_softmax(naive(engine, asked, list(wording[:at])), -1)[token])
        if ends is None:
            return total
        last = torch.log_softmax(naive(engine, asked, list(wording)), -1)
        return total + float(last[list(ends)].exp().sum().log())

    ends = tuple(chat.eos_ids)
    for _ in range(2):
        [got], _ = score(engine, [(asked, [[one] for one in tokens])], ends)
        assert got == pytest.approx([follows(one, ends) for one in tokens], abs=1e-3)
    [several], _ = score(engine, [(asked, [tokens[:2], tokens[2:]])], ends)
    assert several[0] == pytest.approx(float(np.logaddexp(got[0], got[1])), abs=1e-3)
    [begun], _ = score(engine, [(asked, [[tokens[0], tokens[3]], [tokens[1]]])], None)  # 'yes, ...' begins with 'yes'
    assert begun == pytest.approx([follows(tokens[0], None), follows(tokens[1], None)], abs=1e-3)


def test_settings_are_checked() -> None:
    with pytest.raises(BadInput, match="negative"):
        EngineSettings(feature_cache_bytes=-1)
    for wrong in ({"chunk": 0}, {"max_running": 0}):
        with pytest.raises(BadInput, match="at least 1"):
            EngineSettings(**wrong)
    with pytest.raises(BadInput, match="seconds"):
        EngineSettings(step_s=0.0)
    with pytest.raises(BadInput, match="drafted"):
        EngineSettings(drafts=-1)
