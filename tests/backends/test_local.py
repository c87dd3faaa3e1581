"""Our engine as a backend: streaming, stopping, sharing, scoring."""

from __future__ import annotations

import gc
import math
import threading
import time
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image

from occlusight.backends.decision import Decision, decide
from occlusight.backends.events import Done, Progress, TextDelta
from occlusight.backends.local import LocalBackend
from occlusight.backends.protocol import Backend, Message, Request
from occlusight.errors import BadInput, BadModel, BadPicture
from occlusight.model.kv_cache import KVCache


@pytest.fixture
def backend(tiny_checkpoint: Path) -> LocalBackend:
    return LocalBackend(tiny_checkpoint)


def ask(
    backend: Backend, *pictures: Path | Image.Image, question: str = "Is it hidden?", **settings: Any
) -> tuple[str, Done]:
    """Return an answer; where the machine is busy how far it is may be told meanwhile."""
    answer = backend.generate(Request(question, pictures, **{"max_tokens": 24, **settings}))
    events = [event for event in answer if not isinstance(event, Progress)]
    assert all(isinstance(event, TextDelta) for event in events[:-1])
    done = events[-1]
    assert isinstance(done, Done)
    return "".join(event.text for event in events[:-1] if isinstance(event, TextDelta)), done


def test_it_speaks_the_protocol(backend: LocalBackend, tiny_checkpoint: Path) -> None:
    assert isinstance(backend, Backend)
    assert backend.info.name == str(tiny_checkpoint)
    assert backend.info.context == 4096
    assert backend.info.memory_bytes > 0
    assert backend.info.dtype == "float32"
    assert len(backend.info.revision) == 16


def test_pieces_are_whole_characters_and_together_the_whole_answer(
    backend: LocalBackend, pictures: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    text = "红色🙂 car, 路灯杆后面: 遮挡"
    ids = backend.chat.encode(text)
    assert len(ids) > 12  # the emoji and some characters take several tokens
    coming = iter([*ids, backend.chat.eos_ids[0]])
    monkeypatch.setattr("occlusight.engine.sampling.Sampler.pick", lambda *_: next(coming))
    events = list(backend.generate(Request("Is it hidden?", (pictures[0],))))
    pieces = [event.text for event in events if isinstance(event, TextDelta)]
    assert "".join(pieces) == text
    assert len(pieces) > 8
    assert "🙂" in "|".join(pieces)
    assert all(piece and "\ufffd" not in piece for piece in pieces)
    assert events[-1].finish_reason == "stop"  # type: ignore[union-attr]


def test_a_character_cut_by_the_limit_is_marked(
    backend: LocalBackend, pictures: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    coming = iter(backend.chat.encode("a🙂"))
    monkeypatch.setattr("occlusight.engine.sampling.Sampler.pick", lambda *_: next(coming))
    assert ask(backend, pictures[0], max_tokens=3)[0] == "a\ufffd"


def test_the_second_question_about_a_picture_does_not_encode_it_again(
    backend: LocalBackend, pictures: list[Path]
) -> None:
    passes: list[int] = []
    backend.engine.model.vision.patch_embed.register_forward_hook(lambda *_: passes.append(1))
    _, first = ask(backend, pictures[0])
    _, second = ask(backend, pictures[0], question="And what about the car?")
    assert len(passes) == 1
    assert (first.timings.image_cached, second.timings.image_cached) == (False, True)
    assert first.usage.image_tokens == second.usage.image_tokens == 6
    with Image.open(pictures[0]) as picture:
        _, third = ask(backend, picture)  # the same pixels from elsewhere
    assert third.timings.image_cached
    assert len(passes) == 1


def test_an_overwritten_file_is_another_picture(backend: LocalBackend, pictures: list[Path], tmp_path: Path) -> None:
    path = tmp_path / "picture.png"
    path.write_bytes(pictures[0].read_bytes())
    ask(backend, path)
    with Image.open(pictures[0]) as image:
        image.transpose(Image.Transpose.ROTATE_180).save(path)
    assert not ask(backend, path)[1].timings.image_cached


def test_answers_do_not_depend_on_what_was_asked_before(tiny_checkpoint: Path, pictures: list[Path]) -> None:
    used = LocalBackend(tiny_checkpoint)
    for path in pictures:
        ask(used, path)
    for path in pictures:
        fresh = LocalBackend(tiny_checkpoint)
        assert ask(used, path, question="And the bush?")[0] == ask(fresh, path, question="And the bush?")[0]


def test_a_seed_repeats_an_answer(backend: LocalBackend, pictures: list[Path]) -> None:
    texts = {seed: ask(backend, pictures[0], temperature=1.2, seed=seed)[0] for seed in (1, 2)}
    assert texts[1] != texts[2]
    assert ask(backend, pictures[0], temperature=1.2, seed=1)[0] == texts[1]
    assert ask(backend, pictures[0], top_p=0.3)[0] == ask(backend, pictures[0])[0]  # greedy: no effect


@pytest.mark.parametrize("limit", [1, 2, 7])
def test_max_tokens_cuts_and_says_so(backend: LocalBackend, pictures: list[Path], limit: int) -> None:
    text, done = ask(backend, pictures[0], max_tokens=limit)
    whole, _ = ask(backend, pictures[0], max_tokens=40)
    assert (done.finish_reason, done.usage.completion_tokens) == ("length", limit)
    assert whole.startswith(text.rstrip("�"))


def test_the_models_own_end_is_a_stop(backend: LocalBackend, pictures: list[Path]) -> None:
    with torch.no_grad():  # make the end of the turn likeliest
        assert backend.engine.model.lm_head is not None
        ends = list(backend.chat.eos_ids)
        hidden: list[torch.Tensor] = []
        handle = backend.engine.model.text.norm.register_forward_hook(
            lambda _, __, out: hidden.append(out[0, -1].clone())
        )
        ask(backend, pictures[0], max_tokens=1)
        handle.remove()
        backend.engine.model.lm_head.weight[ends[0]] = 100 * hidden[-1] / hidden[-1].norm()
    text, done = ask(backend, pictures[0])
    assert (text, done.finish_reason, done.usage.completion_tokens) == ("", "stop", 1)


def test_history_and_system_reach_the_prompt(backend: LocalBackend, pictures: list[Path]) -> None:
    request = Request(
        "And now?",
        (pictures[1],),
        system="Be brief.",
        history=(Message("user", "Is it?", (pictures[0],)), Message("assistant", "Yes.")),
    )
    prompt = backend.prompt(request)
    text = backend.chat.tokenizer.decode(prompt.ids, skip_special=False)
    assert len(prompt.visuals) == 2
    assert text.startswith("<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\n<|vision_start|>")
    assert text.endswith("And now?<|im_end|>\n<|im_start|>assistant\n")
    assert text.index("Is it?") < text.index("Yes.") < text.index("And now?")


def test_blind_drops_the_pictures(tiny_checkpoint: Path, pictures: list[Path]) -> None:
    backend = LocalBackend(tiny_checkpoint, blind=True)
    answers = {ask(backend, path)[0] for path in pictures}
    assert len(answers) == 1
    assert ask(backend, pictures[0])[1].usage.image_tokens == 0


def test_scores_prefer_what_the_model_says(backend: LocalBackend, pictures: list[Path]) -> None:
    request = Request("Is it hidden?", (pictures[0],))
    scores = backend.score(request, ["yes", "no", ""])
    assert len(scores) == 3
    assert all(score < 0 for score in scores)
    assert backend.score(request, ["no"])[0] == pytest.approx(scores[1], abs=1e-3)
    assert backend.score(request, []) == []
    both = backend.score(request, [("yes", "no"), "yes"], whole=False)
    assert both[0] > both[1] >= scores[0]
    with pytest.raises(BadInput, match="not empty"):
        backend.score(request, [""], whole=False)
    with pytest.raises(BadInput, match="at least one"):
        backend.score(request, [()])


def test_many_requests_are_scored_together_as_alone(backend: LocalBackend, pictures: list[Path]) -> None:
    asked = [
        (Request(f"Is the {what} hidden?", (pictures[0],)), ["yes", ("no", "not at all")]) for what in ("car", "bush")
    ]
    alone = [backend.score(*one) for one in asked]
    assert backend.score_many(asked) == [pytest.approx(one, abs=1e-3) for one in alone]
    assert backend.score_many([]) == []


def test_requests_that_come_together_open_each_picture_once(
    backend: LocalBackend, pictures: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    from occlusight.backends import picture_reader

    opened: list[object] = []
    true = picture_reader.open_reduced

    def counting(picture: Any, *arguments: Any, **keywords: Any) -> Any:
        opened.append(picture)
        return true(picture, *arguments, **keywords)

    monkeypatch.setattr(picture_reader, "open_reduced", counting)
    asked = [Request(f"Is it {word}?", (picture,)) for word in ("red", "blue") for picture in pictures[:2]]
    backend.score_many([(one, ["Yes", "No"]) for one in asked], whole=False)
    assert opened == pictures[:2]
    backend.score(asked[0], ["Yes", "No"])
    assert opened == [*pictures[:2], pictures[0]]  # a file is read again later: it may have changed
    opened.clear()
    list(backend.generate_many(asked))
    assert opened == pictures[:2]


def test_a_decision_sums_wordings_and_decodes_nothing(backend: LocalBackend, pictures: list[Path]) -> None:
    request = Request("Is it hidden?", (pictures[0],))
    found = decide(backend, request, yes=("yes", "是", "是的", "yes, it is"), no=("no",))
    plain = backend.score(request, ["yes", "是", "no"], whole=False)  # 是的 begins with 是, 'yes, it is' with 'yes'
    tokens = [tuple(backend.chat.encode(word)) for word in ("是", "是的")]
    if tokens[1][: len(tokens[0])] != tokens[0]:
        plain.insert(2, backend.score(request, ["是的"], whole=False)[0])
    assert found.yes == pytest.approx(sum(map(math.exp, plain[:-1])), rel=1e-3)
    assert found.no == pytest.approx(math.exp(plain[-1]), rel=1e-3)
    assert found.probability == pytest.approx(found.yes / (found.yes + found.no))
    assert Decision(0.0, 0.0).probability == 0.5


def test_many_requests_are_answered_together_as_alone(
    backend: LocalBackend, tiny_checkpoint: Path, pictures: list[Path]
) -> None:
    asked = [Request(f"{what} hidden?", (pictures[0],), max_tokens=10) for what in ("car", "bush", "路灯杆")]
    texts = ["", "", ""]
    ends: list[int] = []
    for index, event in backend.generate_many(asked):
        if isinstance(event, TextDelta):
            texts[index] += event.text
        else:
            ends.append(index)
    assert sorted(ends) == [0, 1, 2]
    assert texts == [
        ask(LocalBackend(tiny_checkpoint), pictures[0], question=r.prompt, max_tokens=10)[0] for r in asked
    ]
    many = backend.generate_many(asked)
    next(many)
    assert backend.engine.counters().running == 3
    many.close()  # type: ignore[attr-defined]
    now = backend.engine.counters()
    assert (now.running, now.waiting, now.reserved_bytes) == (0, 0, 0)
    with pytest.raises(BadPicture):
        list(backend.generate_many([*asked, Request("q", (Path("nothing.png"),))]))
    assert backend.engine.counters().waiting == 0


def test_refusals_come_before_any_work(backend: LocalBackend, pictures: list[Path]) -> None:
    for wrong in ({"regex": "("}, {"json_schema": {"enum": []}}):
        with pytest.raises(BadInput, match="cannot be followed"):
            backend.generate(Request("Is it?", (pictures[0],), **wrong))  # type: ignore[arg-type]
    with pytest.raises(BadInput, match=r"\d+ tokens"):
        backend.generate(Request("car " * 5000, (pictures[0],)))
    assert backend.engine.counters().steps == 0


def live_caches() -> int:
    gc.collect()
    return sum(type(thing) is KVCache for thing in gc.get_objects())


def test_closing_stops_the_work_and_frees_the_memory(backend: LocalBackend, pictures: list[Path]) -> None:
    before = live_caches()
    answer = backend.generate(Request("Is it hidden?", (pictures[0],), max_tokens=2000, temperature=1.0, seed=1))
    next(answer)
    assert live_caches() == before + 2  # the picture, which stays for others, and the answer
    answer.close()
    assert live_caches() == before + 1
    assert list(answer) == []
    assert len(backend.engine.prefixes) == 1
    now = backend.engine.counters()
    assert (now.running, now.reserved_bytes, now.cancelled) == (0, 0, 1)


def test_a_forgotten_answer_is_freed(backend: LocalBackend, pictures: list[Path]) -> None:
    answer = backend.generate(Request("Is it hidden?", (pictures[0],), max_tokens=2000))
    next(answer)
    gone = weakref.ref(answer)
    before = live_caches()
    del answer
    gc.collect()
    assert gone() is None
    assert live_caches() == before - 1


@pytest.mark.parametrize("part", ["vision", "text"])
def test_another_thread_may_stop_an_answer_within_its_first_pass(
    backend: LocalBackend, pictures: list[Path], part: str
) -> None:
    """The pass is held up in its first block; after the stop no other block runs."""
    model = backend.engine.model
    blocks = [block.mlp for block in model.vision.blocks] if part == "vision" else list(model.text.layers)
    inside, go_on = threading.Event(), threading.Event()
    ran: list[int] = []

    def hold(*_: Any) -> None:
        inside.set()
        assert go_on.wait(10)

    blocks[0].register_forward_hook(hold)
    blocks[1].register_forward_hook(lambda *_: ran.append(1))
    answer = backend.generate(Request("Is it hidden?", (pictures[0],), max_tokens=2000))
    got: list[Any] = []
    reader = threading.Thread(target=lambda: got.extend(answer))
    reader.start()
    assert inside.wait(10)
    stopper = threading.Thread(target=answer.close)
    stopper.start()
    while not answer._sequence.ended:
        pass
    go_on.set()
    for thread in (reader, stopper):
        thread.join(10)
        assert not thread.is_alive()
    assert (got, ran) == ([], [])


def test_answers_in_two_threads_are_those_of_one(tiny_checkpoint: Path, pictures: list[Path]) -> None:
    backend = LocalBackend(tiny_checkpoint)
    expected = [ask(LocalBackend(tiny_checkpoint), path)[0] for path in pictures]
    got: dict[int, str] = {}
    threads = [
        threading.Thread(target=lambda i=i, path=path: got.update({i: ask(backend, path)[0]}))
        for i, path in enumerate(pictures)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert [got[i] for i in range(len(pictures))] == expected


def test_an_answer_that_nobody_reads_does_not_block_the_next(backend: LocalBackend, pictures: list[Path]) -> None:
    waiting = backend.generate(Request("Is it hidden?", (pictures[0],), max_tokens=100))
    next(waiting)
    assert ask(backend, pictures[1])[1].usage.completion_tokens == 24
    assert isinstance(list(waiting)[-1], Done)


def test_a_bad_picture_is_a_clear_error(backend: LocalBackend, tmp_path: Path) -> None:
    (tmp_path / "not.jpg").write_text("hello")
    with pytest.raises(BadPicture, match=r"not\.jpg"):
        ask(backend, tmp_path / "not.jpg")


def test_a_long_answer_ends_with_the_context(make_checkpoint: Callable[..., Path], pictures: list[Path]) -> None:
    backend = LocalBackend(make_checkpoint(context=64))
    _, done = ask(backend, pictures[0], max_tokens=500)
    assert done.finish_reason == "length"
    assert done.usage.prompt_tokens + done.usage.completion_tokens == 64
    with pytest.raises(BadInput, match="fewer than 64"):
        ask(backend, pictures[0], question="car " * 50)


def test_a_folder_without_a_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadModel, match=r"config\.json"):
        LocalBackend(tmp_path)


@pytest.mark.parametrize("where", ["prompt", "system", "history"])
def test_texts_that_no_context_holds_are_refused_before_they_are_read(backend: LocalBackend, where: str) -> None:
    long = "long " * 2_000_000
    request = {
        "prompt": Request(long),
        "system": Request("q", system=long),
        "history": Request("q", history=(Message("user", long), Message("assistant", "a"))),
    }[where]
    began = time.process_time()
    with pytest.raises(BadInput, match=r"10,000,\d\d\d characters, but a context of 4,096 tokens holds 65,536"):
        backend.generate(request)
    with pytest.raises(BadInput, match="characters"):
        backend.score(request, ["yes", "no"])
    assert time.process_time() - began < 0.5  # reading it takes many seconds
