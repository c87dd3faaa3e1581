import json

import pytest

from occlusight.datasets.dataset import open_set, read_set
from occlusight.errors import BadData


def change(path, line: int, **fields) -> None:
    """Change fields of one line; a field set to None is taken away."""
    lines = [json.loads(text) for text in path.read_text().splitlines()]
    lines[line] = {k: v for k, v in {**lines[line], **fields}.items() if v is not None}
    path.write_text("".join(json.dumps(entry) + "\n" for entry in lines))


def test_a_set_is_read(data) -> None:
    assert len(data.scenes) == 6
    assert data.scenes["s1"].heldout is True
    assert [q.scene for q in data.questions] == sorted(q.scene for q in data.questions)
    assert {q.lang for q in data.select(["zh"])} == {"zh"}
    assert len(data.select(None, 3)) == 3
    assert len(data.digest) == 64


@pytest.mark.parametrize(
    ("file", "line", "fields", "message"),
    [
        ("questions.jsonl", 2, {"scene": "s99"}, r"questions.jsonl, line 3.*'s99'"),
        ("questions.jsonl", 0, {"program": None}, r"line 1: the field 'program' is missing"),
        ("questions.jsonl", 1, {"lang": "fr"}, r"line 2.*'fr'"),
        ("questions.jsonl", 1, {"answer": "yes"}, r"line 2: the answer must be an object"),
        ("scenes.jsonl", 1, {"image": "images/none.png"}, r"scenes.jsonl, line 2.*does not exist"),
        ("scenes.jsonl", 1, {"graph": {"version": 7}}, r"line 2: the graph cannot be read .*7"),
        ("scenes.jsonl", 1, {"id": "s0"}, r"line 2: the scene 's0' appears twice"),
    ],
)
def test_bad_lines_are_named(make_set, tmp_path, file: str, line: int, fields: dict, message: str) -> None:
    make_set(tmp_path / "set", scenes=2, per_kind=2)
    change(tmp_path / "set" / file, line, **fields)
    with pytest.raises(BadData, match=message):
        read_set(tmp_path / "set")


def test_what_is_not_a_set_is_explained(make_set, tmp_path) -> None:
    with pytest.raises(BadData, match="no data set 'nowhere'"):
        open_set("nowhere")
    with pytest.raises(BadData, match=r"manifest\.json"):
        open_set(tmp_path)
    make_set(tmp_path / "set", scenes=1)
    (tmp_path / "set" / "questions.jsonl").write_text('{"id": ')
    with pytest.raises(BadData, match="line 1 is not JSON"):
        open_set(tmp_path / "set")
    (tmp_path / "set" / "questions.jsonl").unlink()
    with pytest.raises(BadData, match=r"no questions\.jsonl"):
        open_set(tmp_path / "set")


def test_nothing_selected_is_explained(data) -> None:
    with pytest.raises(BadData, match="--langs"):
        data.select(["fr"])


def test_fields_of_other_programs_are_passed_over(make_set, tmp_path) -> None:
    make_set(tmp_path / "set", scenes=1)
    change(tmp_path / "set" / "scenes.jsonl", 0, mood="grey")
    change(tmp_path / "set" / "questions.jsonl", 0, mood="grey")
    assert read_set(tmp_path / "set").questions
