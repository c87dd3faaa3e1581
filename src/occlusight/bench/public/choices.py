"""Benchmarks of multiple choice: CV-Bench, BLINK (relative depth), EmbSpatial-Bench, What'sUp, O-Bench."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from occlusight.bench.public.items import Item, Picture, first_of, load_list
from occlusight.model.picture import open_picture
from occlusight.reading.letters import LETTERS


def cv_bench(folder: Path) -> Iterator[Item]:
    """test*.jsonl beside img/: idx, type, task, question, choices, answer "(C)", filename, source."""
    for path in first_of(folder, "test*.jsonl"):
        for line in load_list(path):
            picture = folder / line["filename"]
            yield Item(
                f"{line['type']}-{line['idx']}",
                (picture,),
                line["question"],
                _index(line["answer"]),
                "choice",
                f"{line['type']} {line['task']}",
                tuple(map(str, line["choices"])),
                str(picture),
            )


def blink(folder: Path) -> Iterator[Item]:
    """val.jsonl of the subset Relative_Depth: idx, sub_task, question, choices, answer "(A)", image_1."""
    for path in first_of(folder, "*.jsonl"):
        for line in load_list(path):
            if line.get("sub_task", "Relative_Depth").replace(" ", "_") != "Relative_Depth":
                continue
            picture = folder / line["image_1"]
            answer, choices = _index(line["answer"]), tuple(line["choices"])
            yield Item(
                line["idx"], (picture,), line["question"], answer, "choice", "relative depth", choices, str(picture)
            )


def emb_spatial(folder: Path) -> Iterator[Item]:
    """embspatial_bench.json: question_id, question, answer_options, answer (an index), relation, data_source, image in
    base64."""
    for path in first_of(folder, "embspatial*.json*"):
        for line in load_list(path):
            image = line["image"]
            picture: Picture = folder / image if len(image) < 300 else open_picture(base64.b64decode(image))
            choices = tuple(line["answer_options"])
            cluster = str(line.get("image_id", line["question_id"]))
            yield Item(
                line["question_id"],
                (picture,),
                line["question"],
                int(line["answer"]),
                "choice",
                line["relation"],
                choices,
                cluster,
            )


def whats_up(folder: Path) -> Iterator[Item]:
    """controlled_images_dataset.json, controlled_clevr_dataset.json: image_path, caption_options, of which the first is
    right."""
    for path in first_of(folder, "controlled_*_dataset.json", "*_qa.json"):
        for i, line in enumerate(load_list(path)):
            captions: list[Any] = line["caption_options"]
            turn = i % len(
                captions
            )  # the right one is always first in the file: turn the list so that its letter says nothing
            choices = tuple(captions[turn:] + captions[:turn])
            picture = folder / line["image_path"].removeprefix("data/")
            truth = (len(captions) - turn) % len(captions)
            question = "Which caption is right?"
            yield Item(f"{path.stem}-{i}", (picture,), question, truth, "choice", path.stem, choices, str(picture))


def o_bench(folder: Path) -> Iterator[Item]:
    """*.json or *.jsonl: id, image, task, question, options (a list or letters to texts), answer (a letter, or a text
    without options).

    The paper (arXiv 2508.04059) announces its data without giving a format; this is the shape of other benchmarks of
    its kind.
    """
    for path in first_of(folder, "*.json", "*.jsonl"):
        for i, line in enumerate(load_list(path)):
            options = line.get("options") or line.get("choices")
            if isinstance(options, dict):
                options = [options[letter] for letter in sorted(options)]
            id, task = str(line.get("id", i)), str(line.get("task", ""))
            picture = folder / line["image"]
            if options:
                yield Item(
                    id,
                    (picture,),
                    line["question"],
                    _index(line["answer"]),
                    "choice",
                    task,
                    tuple(options),
                    str(picture),
                )
            elif str(line["answer"]).lower() in ("yes", "no"):
                truth = str(line["answer"]).lower() == "yes"
                yield Item(id, (picture,), line["question"], truth, "boolean", task, cluster=str(picture))
            else:
                yield Item(id, (picture,), line["question"], line["answer"], "text", task, cluster=str(picture))


def _index(answer: str) -> int:
    """ "(C)" and "C" are 2."""
    return LETTERS.index(answer.strip("(). ").upper())
