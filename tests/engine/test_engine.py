"""Every shortcut of the engine against its naive twin: the same logits."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Sequence as Seq
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from occlusight.engine.config import EngineSettings
from occlusight.engine.engine import Engine
from occlusight.engine.generation import Reason
from occlusight.engine.kv_manager import MOST_PARTS
from occlusight.engine.prompt import Prompt
from occlusight.engine.scoring import score
from occlusight.engine.sequence import Sequence
from occlusight.errors import BadInput
from occlusight.model.chat import Chat
from occlusight.model.device import Placement
from occlusight.model.picture import open_picture
from occlusight.model.preprocess import PreprocessSettings, patches_of
from occlusight.model.revision import revision_of
from occlusight.model.rope import positions
from occlusight.model.weights import load_model

Ask = Callable[..., Prompt]


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


PLAIN = EngineSettings(feature_cache_bytes=0, prefix_cache_bytes=0, drafts=0, max_running=1, chunk=4096, step_s=60.0)
"""One request after the other, nothing shared, nothing guessed, nothing cut."""


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


class Greedy:
    """Says the likeliest token so many times, and keeps the logits of each place."""

    def __init__(self, count: int, draft: list[int] | None = None) -> None:
        self.output_ids: list[int] = []
        self.finish_reason: Reason | None = None
        self.logits: list[Tensor] = []
        self.count = count
        self.draft = draft or []  # what it guesses, right or wrong

    def propose(self, most: int) -> list[int]:
        begin = len(self.output_ids)
        return self.draft[begin : begin + min(most, self.count - begin - 1)]

    def consume(self, logits: Tensor, guessed: Seq[int]) -> int:
        held = 0
        for row in logits:
            self.logits.append(row)
            if len(self.output_ids) == self.count:
                self.finish_reason = "length"
                break
            self.output_ids.append(int(row.argmax()))
            if held == len(guessed) or self.output_ids[-1] != guessed[held]:
                break
            held += 1
        return held


def run(engine: Engine, *sequences: Sequence) -> None:
    for sequence in sequences:
        while not sequence.ended:
            engine.follow(sequence)
        if sequence.error is not None:
            raise sequence.error


def begin(engine: Engine, prompt: Prompt, count: int = 12, draft: list[int] | None = None) -> tuple[Greedy, Sequence]:
    consumer = Greedy(count, draft)
    return consumer, engine.submit(prompt, consumer, count + 1)


def greedy(engine: Engine, prompt: Prompt, count: int = 12) -> tuple[list[int], Tensor, Sequence]:
    """Return greedy tokens, the logits after the last, and the sequence."""
    consumer, sequence = begin(engine, prompt, count)
    run(engine, sequence)
    return consumer.output_ids, consumer.logits[-1], sequence


def close(one: Tensor, other: Tensor) -> bool:
    """Logits here deviate by some 10; the differences of summation order are far smaller."""
    return torch.allclose(one, other, atol=2e-4)


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
    assert engine.statistics().steps > len(asked.ids) / max(16, chunk)


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
    assert engine.statistics().steps < longest  # 13 tokens each, not 4 times 13
    steps_of_one = plain.statistics().steps / 4
    assert engine.statistics().steps < 2.5 * steps_of_one


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
    held = engine.statistics().accepted_tokens
    assert held > 8 if wrong else held > 14
    assert engine.statistics().steps < 16
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
        [got] = score(engine, [(asked, [[one] for one in tokens])], ends)
        assert got == pytest.approx([follows(one, ends) for one in tokens], abs=1e-3)
    [several] = score(engine, [(asked, [tokens[:2], tokens[2:]])], ends)
    assert several[0] == pytest.approx(float(np.logaddexp(got[0], got[1])), abs=1e-3)
    [begun] = score(engine, [(asked, [[tokens[0], tokens[3]], [tokens[1]]])], None)  # 'yes, ...' begins with 'yes'
    assert begun == pytest.approx([follows(tokens[0], None), follows(tokens[1], None)], abs=1e-3)


def test_what_does_not_fit_is_refused_with_numbers(engine: Engine, tiny_checkpoint: Path, prompt: Ask) -> None:
    with pytest.raises(BadInput, match=r"has \d+ tokens .* fewer than 4096"):
        begin(engine, prompt("车" * 5000))
    small = new_engine(tiny_checkpoint, EngineSettings(kv_bytes=300_000))
    with pytest.raises(BadInput, match=r"up to 2001 of answer need \d.* MiB .*0.3 MiB are allowed"):
        begin(small, prompt("car"), 2000)
    greedy(small, prompt("car"), 5)
    assert small.statistics().waiting == 0


def test_requests_that_do_not_fit_together_wait_for_each_other(
    tiny_checkpoint: Path, prompt: Ask, pictures: list[Path]
) -> None:
    one = new_engine(tiny_checkpoint)
    asked = prompt("Is it hidden?", pictures[0])
    need = one.kv.admission.need(asked, 0, len(asked.ids) + 13)
    engine = new_engine(tiny_checkpoint, EngineSettings(kv_bytes=int(1.5 * need)))
    together = [begin(engine, prompt("Is it hidden?", path)) for path in pictures[:3]]
    most = 0
    for _, sequence in together:
        while not sequence.ended:
            engine.follow(sequence)
            now = engine.statistics()
            most = max(most, now.running)
            assert now.reserved_bytes + now.kept_bytes <= engine.settings.kv_bytes
    assert most == 1
    for (consumer, _), path in zip(together, pictures, strict=False):
        assert consumer.output_ids == greedy(new_engine(tiny_checkpoint, PLAIN), prompt("Is it hidden?", path))[0]


def test_a_long_reader_does_not_hold_up_an_answer(tiny_checkpoint: Path, prompt: Ask, pictures: list[Path]) -> None:
    engine = new_engine(tiny_checkpoint, EngineSettings(chunk=64))
    quick, first = begin(engine, prompt("Is it hidden?", pictures[0]), 30)
    while not quick.output_ids:
        engine.follow(first)
    _, slow = begin(engine, prompt("car " * 2000), 1)
    said = []
    while slow.read < 600:
        engine.follow(slow)
        said.append(len(quick.output_ids))
    assert len(said) > 8
    assert said[8] - said[0] >= 8  # a token each step
    run(engine, first, slow)


@pytest.mark.parametrize("part", ["vision", "text"])
def test_a_step_ends_early_when_it_is_for_nobody(engine: Engine, prompt: Ask, pictures: list[Path], part: str) -> None:
    asked = prompt("Is it hidden?", pictures[0])
    _, sequence = begin(engine, asked)
    model = engine.model
    blocks = [block.mlp for block in model.vision.blocks] if part == "vision" else model.text.layers
    ran: list[int] = []

    def stop(at: int) -> None:
        ran.append(at)
        sequence.cancelled = True

    handles = [block.register_forward_hook(lambda *_, i=i: stop(i)) for i, block in enumerate(blocks)]
    run(engine, sequence)
    assert ran == [0]
    for handle in handles:
        handle.remove()
    now = engine.statistics()
    assert (now.running, now.waiting, now.reserved_bytes, len(engine.encoder)) == (0, 0, 0, 0)
    tokens, logits, _ = greedy(engine, asked)  # and the engine is as good as before
    assert close(logits, naive(engine, asked, tokens))


def test_an_error_in_a_step_ends_those_that_ran_and_no_others(
    engine: Engine, prompt: Ask, pictures: list[Path]
) -> None:
    _, sequence = begin(engine, prompt("Is it hidden?", pictures[0]))
    handle = engine.model.text.norm.register_forward_pre_hook(lambda *_: 1 // 0)
    with pytest.raises(ZeroDivisionError):
        run(engine, sequence)
    handle.remove()
    assert engine.statistics().reserved_bytes == 0
    assert len(greedy(engine, prompt("Is it hidden?", pictures[0]))[0]) == 12


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
    for wrong in ({"chunk": 0}, {"max_running": 0}):
        with pytest.raises(BadInput, match="at least 1"):
            EngineSettings(**wrong)
    with pytest.raises(BadInput, match="seconds"):
        EngineSettings(step_s=0.0)
    with pytest.raises(BadInput, match="guessed"):
        EngineSettings(drafts=-1)
