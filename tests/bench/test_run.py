import json
from collections.abc import Iterator
from typing import ClassVar

import pytest
from tests.files.full_disk import full_disk
from typer.testing import CliRunner

from occlusight.backends.events import Event
from occlusight.backends.options import SamplingParams
from occlusight.backends.protocol import Capabilities, Request
from occlusight.backends.scripted import Scripted
from occlusight.bench.oracle import computed, oracle_of
from occlusight.bench.record import Record
from occlusight.bench.run import run
from occlusight.bench.settings import Settings
from occlusight.cli import bench_inputs
from occlusight.cli.bench import bench_app
from occlusight.errors import BadData, BadInput, OcclusightError
from occlusight.files.journal import Journal
from occlusight.questions.question import Question

KEYS = ["recognition_f1", "occlusion_balanced_accuracy", "occlusion_yes_accuracy", "occlusion_no_accuracy"]
KEYS += ["position_accuracy", "explanation_plausible", "contradiction_rate"]


class Stops(Scripted):
    """The oracle that is interrupted after some answers."""

    def __init__(self, oracle, after: int, error: BaseException) -> None:
        super().__init__(oracle.look_up, name="oracle")
        self.oracle, self.left, self.error = oracle, after, error

    @property
    def info(self):
        return self.oracle.info

    def generate(self, request: Request) -> Iterator[Event]:
        self.left -= 1
        if self.left < 0:
            raise self.error
        return super().generate(request)


def test_the_oracle_scores_full_marks(data, names, tmp_path) -> None:
    result = run(oracle_of(data, names), data, tmp_path, names)
    assert {key: result[key] for key in KEYS} == dict.fromkeys(KEYS, 1.0) | {"contradiction_rate": 0.0}
    assert (result["n"], result["n_scenes"]) == (len(data.questions), 6)
    assert (result["unparsed"], result["cut"], result["failed"]) == (0, 0, 0)
    assert set(result["by_lang"]) == {"en", "zh"}
    assert set(result["by_mesh"]) == {"seen", "unseen"}
    assert set(result["by_type"]) == {q.kind for q in data.questions}
    assert all(f"{key}_ci95" in group for key in KEYS for group in (result, *result["by_lang"].values()))
    assert json.loads((tmp_path / "scores.json").read_text()) == result


def test_a_yes_man(data, names, tmp_path) -> None:
    """Always yes: half of the decisions are right, and every pair asked both ways contradicts itself."""
    result = run(Scripted("Yes."), data, tmp_path, names, ["en"])
    assert result["occlusion_balanced_accuracy"] == 0.5
    assert result["occlusion_yes_accuracy"] == 1.0
    assert result["occlusion_no_accuracy"] == 0.0
    assert result["contradiction_rate"] == 1.0
    assert result["explanation_plausible"] == 0.0
    assert result["unparsed"] > 0


def test_silence_gains_nothing(data, names, tmp_path) -> None:
    result = run(Scripted("banana"), data, tmp_path, names)
    assert [result[key] for key in KEYS] == [0.0] * 6 + [None]
    assert result["unparsed"] == result["n"]


def test_cut_answers_are_counted_apart(data, names, tmp_path) -> None:
    result = run(
        Scripted("banana " * 100),
        data,
        tmp_path,
        names,
        limit=10,
        settings=Settings(sampling=SamplingParams(max_tokens=5)),
    )
    assert (result["cut"], result["unparsed"]) == (10, 0)


def test_answers_are_in_the_order_of_the_set_and_free_of_timings(data, names, tmp_path) -> None:
    for out in ("one", "two"):
        run(oracle_of(data, names), data, tmp_path / out, names)
    lines = [json.loads(line) for line in (tmp_path / "one" / "answers.jsonl").read_text().splitlines()]
    assert [line["id"] for line in lines] == [q.id for q in data.questions]
    assert (tmp_path / "one" / "answers.jsonl").read_bytes() == (tmp_path / "two" / "answers.jsonl").read_bytes()
    timings = (tmp_path / "one" / "timings.jsonl").read_text().splitlines()
    assert "seconds" in json.loads(timings[0])
    about = json.loads((tmp_path / "one" / "run.json").read_text())
    assert about["settings"]["max_tokens"] == 256
    assert about["model"]["name"] == "oracle"
    assert {"versions", "machine", "commit", "data", "seconds"} <= set(about)


def test_an_interrupted_run_goes_on(data, names, tmp_path) -> None:
    whole = run(oracle_of(data, names), data, tmp_path / "whole", names)
    oracle = oracle_of(data, names)
    with pytest.raises(KeyboardInterrupt):
        run(Stops(oracle, 7, KeyboardInterrupt()), data, tmp_path / "out", names)
    answers = tmp_path / "out" / "answers.jsonl"
    assert len(answers.read_text().splitlines()) == 7
    with answers.open("a") as file:
        file.write('{"id": "s0.en.7", "answ')  # what a crash leaves
    oracle.requests.clear()
    assert run(oracle, data, tmp_path / "out", names) == whole
    assert len(oracle.requests) == len(data.questions) - 7
    assert answers.read_bytes() == (tmp_path / "whole" / "answers.jsonl").read_bytes()


def test_a_backend_is_asked_for_the_log_probabilities_that_it_has(data, names, tmp_path) -> None:
    class Knows(Scripted):
        heard: ClassVar[list[bool]] = []

        def score(self, request, choices, *, whole=True):
            self.heard.append(whole)
            return super().score(request, choices)

    for scores, heard in (("answer", {True}), ("first token", {False}), (None, set())):
        Knows.heard.clear()
        Knows.capabilities = Capabilities(scores)
        run(Knows("Yes."), data, tmp_path / str(scores), names, limit=9)
        record = json.loads((tmp_path / str(scores) / "run.json").read_text())
        assert set(Knows.heard) == heard
        assert (record["backend"]["scores"], record["settings"]["certainty"]) == (scores, scores is not None)


def test_failures_are_recorded_and_asked_again(data, names, tmp_path) -> None:
    oracle = oracle_of(data, names)
    calls = iter(range(10**6))

    class Shaky(Stops):
        def generate(self, request: Request) -> Iterator[Event]:
            if next(calls) == 3:
                raise BadInput("the picture is broken")
            return Scripted.generate(self, request)

    shaky = Shaky(oracle, 0, RuntimeError())
    result = run(shaky, data, tmp_path, names, limit=20)
    assert result["failed"] == 1
    assert result["by_type"]["occlusion"]["accuracy"] == 1.0
    assert "the picture is broken" in (tmp_path / "answers.jsonl").read_text()
    assert run(oracle, data, tmp_path, names, limit=20)["failed"] == 0
    assert len(oracle.requests) == 1


def test_a_broken_backend_stops_the_run(data, names, tmp_path) -> None:
    with pytest.raises(OcclusightError, match="10 answers in a row failed; the last: RuntimeError: no memory"):
        run(Stops(oracle_of(data, names), 2, RuntimeError("no memory")), data, tmp_path, names)


def test_another_model_does_not_mix_into_a_run(data, names, tmp_path) -> None:
    run(oracle_of(data, names), data, tmp_path, names, limit=3)
    with pytest.raises(BadInput, match="another model, settings"):
        run(Scripted("Yes."), data, tmp_path, names, settings=Settings(sampling=SamplingParams(max_tokens=9)))
    (tmp_path / "run.json").write_text("[]")
    with pytest.raises(BadInput, match="not a record of a run"):
        run(Scripted("Yes."), data, tmp_path, names)


def test_more_may_be_asked_later(data, names, tmp_path) -> None:
    oracle = oracle_of(data, names)
    assert run(oracle, data, tmp_path, names, ["zh"])["n"] < len(data.questions)
    assert run(oracle, data, tmp_path, names)["n"] == len(data.questions)
    assert len(oracle.requests) == len(data.questions)


def test_a_stored_answer_that_is_not_computed_is_found(data) -> None:
    q = next(q for q in data.questions if q.answer["value"] == "yes")
    wrong = Question.from_json({**q.to_json(), "answer": {**q.answer, "value": "no"}})
    assert computed(data, q) == q.answer
    with pytest.raises(BadData, match="value: 'no', computed 'yes'"):
        computed(data, wrong)


def test_the_oracle_knows_its_set_alone(data, names) -> None:
    with pytest.raises(BadInput, match="the oracle knows"):
        list(oracle_of(data, names).generate(Request("What is the time?")))


@pytest.fixture
def catalogue(monkeypatch, names):
    monkeypatch.setattr(bench_inputs, "shipped_names", lambda: names)


def test_the_command_ends_in_one_line_of_json(data, names, tmp_path, catalogue) -> None:
    arguments = ["run", "--data", str(data.folder), "--model", "oracle", "--out", str(tmp_path), "--limit", "30"]
    done = CliRunner().invoke(bench_app, [*arguments, "--langs", "en"])
    assert done.exit_code == 0, done.output
    result = json.loads(done.stdout)
    assert (result["n"], result["recognition_f1"]) == (30, 1.0)
    assert "recognition F1" in done.stderr


def test_a_wrong_language_is_explained() -> None:
    with pytest.raises(BadInput, match="'zh,fr'"):
        bench_inputs.languages("zh,fr")


def test_lines_that_a_kill_tore_are_left_out_of_both_files(tmp_path) -> None:
    """A model may say U+2028 or U+0085, at which `str.splitlines` would cut; a kill may cut a character."""
    lines = [{"id": "1", "answer": "one\u2028two\x85three", "finish_reason": "stop"}, {"id": "2", "answer": "是"}]
    record = Record(tmp_path)
    about = {"data": "d", "model": {"name": "m"}, "settings": {}}
    record.begin(about)
    for path in (record.answers, record.timings):
        Record.write(path, lines)
        with path.open("ab") as file:
            file.write('{"id": "3", "answer": "没'.encode()[:-1])
    assert record.begin(about) == {line["id"]: line for line in lines}
    with Journal(record.timings) as timings:
        timings.append({"id": "4"})
    assert [line["id"] for line in Record.read(record.timings)] == ["1", "2", "4"]


@pytest.fixture
def finished(data, names, tmp_path):
    """The folder of a finished run and its answers, a line each."""
    run(oracle_of(data, names), data, tmp_path / "run", names)
    return tmp_path / "run", (tmp_path / "run" / "answers.jsonl").read_bytes().splitlines(keepends=True)


def test_a_damaged_line_is_named_and_costs_its_own_question_alone(data, names, finished) -> None:
    """One bad byte in line 2: nothing is dropped, and without that line the run goes on to the same end."""
    folder, lines = finished
    for damage in (lines[1].replace(b"q", b"\xff", 1), lines[1][: len(lines[1]) // 2] + b"\n", b'{"id": "x"}\n'):
        damaged = b"".join([lines[0], damage, *lines[2:]])
        (folder / "answers.jsonl").write_bytes(damaged)
        with pytest.raises(BadData, match=r"answers\.jsonl, line 2 "):
            run(oracle_of(data, names), data, folder, names)
        assert (folder / "answers.jsonl").read_bytes() == damaged
    (folder / "answers.jsonl").write_bytes(b"".join([lines[0], *lines[2:]]))
    oracle = oracle_of(data, names)
    run(oracle, data, folder, names)
    assert (folder / "answers.jsonl").read_bytes() == b"".join(lines)
    timings = folder / "timings.jsonl"
    timings.write_bytes(timings.read_bytes().replace(b"{", b"\xff", 1))
    with pytest.raises(BadData, match=r"timings\.jsonl, line 1 is damaged"):
        run(oracle, data, folder, names)


def test_a_run_on_a_full_disk_loses_nothing(data, names, finished, tmp_path) -> None:
    _, lines = finished
    room, out = len(b"".join(lines)) // 2, tmp_path / "full"
    with full_disk(room), pytest.raises(BadInput, match="cannot be written"):
        run(oracle_of(data, names), data, out, names)
    kept = len(Record.read(out / "answers.jsonl"))
    assert 0 < kept < len(lines)
    assert (out / "answers.jsonl").read_bytes() == b"".join(lines[:kept])
    run(oracle_of(data, names), data, out, names)
    assert (out / "answers.jsonl").read_bytes() == b"".join(lines)


def test_two_runs_do_not_write_into_one_folder(data, names, finished) -> None:
    folder, lines = finished
    with Record(folder).held(), pytest.raises(BadInput, match="is being written by process"):
        run(oracle_of(data, names), data, folder, names)
    assert (folder / "answers.jsonl").read_bytes() == b"".join(lines)
    assert not (folder / ".lock").exists()
