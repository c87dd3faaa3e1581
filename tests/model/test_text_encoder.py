"""The encoder that reads questions: batches, names, files."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from tests.tiny_reader import tiny_reader

from occlusight.errors import BadModel
from occlusight.model.text_encoder import CONFIG, TOKENIZER, WEIGHTS, ReaderLogits, load_reader, pooled, save_reader

SHORT, LONG = "x1 挡住 x2 吗", "does x1 hide x2 by how many?"


@torch.inference_mode()
def read(texts: list[str]) -> ReaderLogits:
    model, tokenizer = tiny_reader()
    return model(*tokenizer.batch(texts), tokenizer.name_ids)


def same(one: ReaderLogits, other: ReaderLogits, tolerance: float = 1e-5) -> bool:
    pairs = ((one.labels, other.labels), (one.hides, other.hides), (one.inside, other.inside))
    return all(torch.allclose(a, b, atol=tolerance) for a, b in pairs)


def test_a_question_reads_the_same_beside_a_longer_one() -> None:
    both = read([SHORT, LONG])
    assert same(read([SHORT]), ReaderLogits(both.labels[:1], both.hides[:1], both.inside[:1]))
    assert not same(read([SHORT]), read([LONG]), 1e-2)


def test_the_order_of_the_names_is_seen() -> None:
    one, other = read(["does x1 hide x2"]), read(["does x2 hide x1"])
    assert abs(float(one.hides - other.hides)) > 1e-3


def test_a_name_is_one_piece_wherever_it_stands_and_other_words_are_spelled() -> None:
    _, tokenizer = tiny_reader()
    assert tokenizer.pieces("does x1 hide x2?") == ["<s>", "▁does", "x1", "▁hide", "x2", "?", "</s>"]
    assert tokenizer.pieces("x1挡住x2吗") == ["<s>", "x1", "挡", "住", "x2", "吗", "</s>"]
    assert tokenizer.pieces("does  it") == ["<s>", "▁does", "▁", "i", "t", "</s>"]
    assert "<unk>" in tokenizer.pieces("狗")


def test_a_question_longer_than_the_places_is_cut() -> None:
    ids, mask = tiny_reader()[1].batch(["hide " * 100])
    assert ids.shape == (1, 24)
    assert bool(mask.all())


def test_the_mean_of_nothing_is_zero() -> None:
    hidden = torch.ones(2, 3, 4)
    mask = torch.tensor([[True, True, False], [False, False, False]])
    assert pooled(hidden, mask).tolist() == [[1.0] * 4, [0.0] * 4]


def test_what_is_stored_reads_as_it_did(tmp_path: Path) -> None:
    model, tokenizer = tiny_reader()
    save_reader(tmp_path, model, tokenizer)
    loaded, its_tokenizer = load_reader(tmp_path)
    assert loaded.config == model.config
    batch = tokenizer.batch([SHORT, LONG])
    assert torch.equal(its_tokenizer.batch([SHORT, LONG])[0], batch[0])
    with torch.inference_mode():
        assert same(loaded(*batch, tokenizer.name_ids), model(*batch, tokenizer.name_ids), 0.1)
    first = model.encoder.layers[0].up.weight
    step = first.abs().amax(1, keepdim=True) / 127  # int8 codes: half a step at most
    assert bool(((loaded.encoder.layers[0].up.weight - first).abs() <= 0.51 * step).all())
    save_reader(tmp_path / "again", loaded, tokenizer)
    assert (tmp_path / "again" / WEIGHTS).read_bytes() == (tmp_path / WEIGHTS).read_bytes()


@pytest.mark.parametrize("name", [CONFIG, TOKENIZER, WEIGHTS])
def test_a_missing_or_broken_file_is_named(tmp_path: Path, name: str) -> None:
    save_reader(tmp_path, *tiny_reader())
    (tmp_path / name).write_bytes(b"{}")
    with pytest.raises(BadModel, match=str(tmp_path)):
        load_reader(tmp_path)
    (tmp_path / name).unlink()
    with pytest.raises(BadModel, match=str(tmp_path)):
        load_reader(tmp_path)


def test_a_field_of_a_later_version_is_refused(tmp_path: Path) -> None:
    save_reader(tmp_path, *tiny_reader())
    config = json.loads((tmp_path / CONFIG).read_text("utf-8"))
    (tmp_path / CONFIG).write_text(json.dumps({**config, "experts": 8}), "utf-8")
    with pytest.raises(BadModel, match="experts"):
        load_reader(tmp_path)


def test_frozen_layers_get_no_gradient() -> None:
    model, tokenizer = tiny_reader()
    model.encoder.frozen = 1
    model(*tokenizer.batch([LONG]), tokenizer.name_ids).labels.sum().backward()
    assert model.encoder.layers[0].up.weight.grad is None
    assert model.encoder.words.grad is None
    assert float(model.encoder.layers[1].up.weight.grad.abs().sum()) > 0
