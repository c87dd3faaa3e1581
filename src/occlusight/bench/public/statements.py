"""Benchmarks of statements and short answers: VSR, NLVR2, GQA, CAPTURe; of phrases: RefCOCO+."""

from __future__ import annotations

import io
import pickle
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from occlusight.bench.public.items import Item, first_of, load, load_list, relative
from occlusight.errors import BadData


def vsr(folder: Path) -> Iterator[Item]:
    """test.jsonl (or dev.jsonl) beside images/: image, caption, label 1 or 0, relation."""
    for path in list(first_of(folder, "test.jsonl", "dev.jsonl"))[:1]:
        for i, line in enumerate(load_list(path)):
            question = f'Is this true of the picture: "{line["caption"]}"'
            picture = folder / "images" / line["image"]
            truth = bool(int(line["label"]))
            yield Item(
                f"{path.stem}-{i}", (picture,), question, truth, "boolean", line["relation"], cluster=line["image"]
            )


def nlvr2(folder: Path) -> Iterator[Item]:
    """test1.json or dev.json (JSON Lines): identifier "test1-0-1-0", sentence, label "True"; two pictures,
    test1-0-1-img0.png and -img1.png."""
    for path in list(first_of(folder, "test1.json", "dev.json"))[:1]:
        for line in load_list(path):
            stem = line["identifier"].rpartition("-")[0]
            pictures = tuple(_found(folder, f"{stem}-img{side}.png") for side in (0, 1))
            question = f'Is this true of the two pictures: "{line["sentence"]}"'
            truth = line["label"] == "True"
            yield Item(line["identifier"], pictures, question, truth, "boolean", cluster=stem)


def gqa(folder: Path) -> Iterator[Item]:
    """testdev_balanced_questions.json (question id -> imageId, question, answer, types) beside images/."""
    for path in first_of(folder, "*_balanced_questions.json"):
        for id, line in load(path).items():
            picture = folder / "images" / f"{line['imageId']}.jpg"
            group = line.get("types", {}).get("structural", "")
            yield Item(id, (picture,), line["question"], line["answer"], "text", group, cluster=line["imageId"])


def capture(folder: Path) -> Iterator[Item]:
    """*.json: a list of image_file, object (or dot_shape), ground_truth. Scored by the symmetric mean error of the
    paper."""
    for path in first_of(folder, "*.json"):
        for line in load_list(path):
            thing = line.get("object") or f"{line.get('dot_shape', 'dot')}s"
            picture = _found(folder, line["image_file"])
            question = f"How many {thing} are there in all, if their pattern goes on behind whatever hides part of it?"
            yield Item(
                line["image_file"],
                (picture,),
                question,
                float(line["ground_truth"]),
                "number",
                path.stem,
                cluster=str(picture),
            )


def refcoco_plus(folder: Path) -> Iterator[Item]:
    """refs(unc).p and instances.json as the REFER toolkit has them, pictures in images/ or train2014/; the split testA,
    testB and val."""
    for path in first_of(folder, "refs*.p"):
        instances = load(folder / "instances.json")
        boxes = {a["id"]: a["bbox"] for a in instances["annotations"]}
        images = {i["id"]: i for i in instances["images"]}
        for ref in _Plain(io.BytesIO(path.read_bytes())).load():
            if ref["split"] == "train":
                continue
            image = images[ref["image_id"]]
            truth = relative(boxes[ref["ann_id"]], image["width"], image["height"])
            picture = _found(folder, image["file_name"])
            for sentence in ref["sentences"]:
                question = f"Where is {sentence['sent']}?"
                id = f"{ref['ref_id']}-{sentence['sent_id']}"
                yield Item(id, (picture,), question, truth, "box", ref["split"], cluster=image["file_name"])


class _Plain(pickle.Unpickler):
    """Unpickles lists, dicts, numbers and texts alone: a pickle that names a class could run anything."""

    def find_class(self, module_name: str, global_name: str) -> Any:
        """Refuse. Raises BadData."""
        raise BadData(
            f"the pickle wants {module_name}.{global_name}, but refs(unc).p holds plain data; get it from its own site"
        )


def _found(folder: Path, name: str) -> Path:
    """A picture beside the file, in images/, or in a folder of COCO's."""
    for place in ("", "images", "train2014", "val2017", "test1", "dev"):
        if (folder / place / name).is_file():
            return folder / place / name
    return folder / "images" / name
