"""The model that ships: it answers the README's questions rightly, and transformers gives the same answers with it."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

import occlusight
from occlusight.api import opened
from occlusight.backends.completion import Completion
from occlusight.backends.hub import shipped
from occlusight.backends.protocol import Request
from occlusight.model.chat import Chat
from occlusight.model.picture import open_picture
from occlusight.model.preprocess import PreprocessSettings, patches_of

EXAMPLES = Path(__file__).parents[1] / "examples"
STREET, BICYCLE = EXAMPLES / "street.webp", EXAMPLES / "bicycle.webp"


def ask(picture: Path, question: str) -> str:
    return occlusight.generate_response(picture, question, temperature=0.0)


ZH_STREET = "图中有几辆车?它们与路灯杆的位置关系是什么?"
EN_STREET = "How many cars are there, and where are they relative to the lamp post?"


def test_there_is_one_red_car_behind_the_lamp_post() -> None:
    chinese, english = ask(STREET, ZH_STREET), ask(STREET, EN_STREET)
    assert "一辆红色的汽车" in chinese
    assert "后" in chinese
    assert "one red car" in english
    assert "behind" in english


@pytest.mark.parametrize(("question", "said"), [(ZH_STREET, "被路灯遮挡"), (EN_STREET, "partly hidden by it")])
def test_the_post_hides_part_of_the_red_car(question: str, said: str) -> None:
    assert said in ask(STREET, question)


def test_the_bicycle_is_behind_the_bush_and_which_part_can_be_seen() -> None:
    assert ask(BICYCLE, "自行车是否被灌木丛遮挡?").startswith("是的")
    chinese = ask(BICYCLE, "自行车是否被灌木丛遮挡,还能看到哪些部分?")
    assert chinese.startswith("是的")
    assert "仍然可见" in chinese
    english = ask(BICYCLE, "Is the bicycle hidden by the bush, and which part can still be seen?")
    assert english.startswith("Yes")
    assert "can still be seen" in english


@pytest.mark.parametrize(
    ("picture", "question"),
    [
        (STREET, "What is in the picture?"),
        (STREET, "图中有几辆车?它们与路灯杆的位置关系是什么?"),
        (BICYCLE, "Is the bicycle hidden by the bush, and why?"),
        (BICYCLE, "哪个物体离我们最近?"),
    ],
)
def test_transformers_gives_the_same_greedy_answer(picture: Path, question: str) -> None:
    transformers = pytest.importorskip("transformers")
    folder = shipped("default")
    theirs = transformers.Qwen3VLForConditionalGeneration.from_pretrained(folder, dtype=torch.float32)
    chat = Chat.load(folder)
    patches, grid = patches_of(open_picture(picture), PreprocessSettings.load(folder))
    content = [{"type": "image"}, {"type": "text", "text": question}]
    ids = torch.tensor([chat.prompt([{"role": "user", "content": content}], [grid])])
    image_pad = chat.config.image_token_id
    out = theirs.generate(
        input_ids=ids,
        pixel_values=patches,
        image_grid_thw=torch.tensor([grid]),
        mm_token_type_ids=(ids == image_pad).long(),
        attention_mask=torch.ones_like(ids),
        do_sample=False,
        max_new_tokens=120,
    )
    assert (
        chat.decode(out[0, ids.shape[1] :].tolist())
        == Completion.of(opened("default", plain=True).generate(Request(question, (picture,)))).text
    )
