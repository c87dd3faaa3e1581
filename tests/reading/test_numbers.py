"""How many: what says none, and what only has the words of it."""

from __future__ import annotations

import pytest
from tests.occlusion.graphs import NAMES

from occlusight.reading.mentions import Vocabulary
from occlusight.reading.numbers import number, quantity

WORDS = Vocabulary(NAMES)
NO_COUNT = """
No idea. | I have no idea. | I have no idea how many cars there are. | No clue. | There is no way to tell.
I've no way of knowing. | There's no telling. | No comment. | No answer. | No, I can't say.
There is no doubt about it. | Nothing I can say. | None of your business. | No information.
There is not enough information. | There is no picture. | I see no image here. | No image was provided. | No problem.
Zero clue. | I have not the slightest idea. | I don't have a clue. | No one knows. | Nobody can tell.
No count is possible. | No exact number can be given. | No cars can be counted reliably. | It's no use.
It is impossible to say. | I do not know. | 没有头绪。 | 毫无头绪 | 一点头绪也没有。 | 不知道。 | 一点都不知道
没法数。 | 没办法数 | 我没有办法判断。 | 没有答案 | 没有图片。 | 没有看到图片。 | 没看清 | 没有数清 | 数不清
我没有把握。 | 没有足够的信息 | 没有线索 | 无从得知 | 没有概念 | 没人知道 | 没有定论 | 没有具体数字 | 不能确定
没有明确的答案。 | 没谱 | 没底 | 没主意 | 没问题 | 没有提供照片 | 不清楚 | 说不好 | 很难说
"""
NONE = """
No cars. | None. | Zero. | 0 | No. | There are no cars. | There is no car in the picture. | There's no car.
There are not any cars. | There isn't any. | There aren't any cars. | No cars are visible. | I see no cars.
I can see no cars here. | Nothing. | There is nothing. | I don't see any cars. | None of the cars are hidden.
None of them. | Not a single car. | Not one. | No cars at all. | No one. | There is no doubt that there are no cars.
No problem: there are no cars. | 没有。 | 没有车 | 图中没有汽车。 | 一辆都没有。 | 一辆也没有 | 一个都没有
一辆车也看不到。 | 没有任何汽车 | 零 | 零辆 | 没有看到汽车。 | 没见到汽车 | 看不到汽车。 | 无 | 没有车被遮挡。
图片中没有车。 | 没有发现汽车。 | 没有问题,图中没有汽车。
"""


def texts(table: str) -> list[str]:
    """The texts of a table."""
    return [text.strip() for line in table.strip().splitlines() for text in line.split("|")]


@pytest.mark.parametrize("text", texts(NO_COUNT))
def test_an_idiom_of_no_and_none_says_no_number(text: str) -> None:
    assert (quantity(text), number(text, "car", WORDS)) == (None, None)


@pytest.mark.parametrize("text", texts(NONE))
def test_none_is_zero(text: str) -> None:
    assert (quantity(text), number(text, "car", WORDS)) == (0.0, 0)


@pytest.mark.parametrize(
    "text", ["No problem: 3 cars.", "There is no doubt that there are 3 cars.", "没问题,有3辆汽车。", "没有疑问,三辆。"]
)
def test_a_number_beside_an_idiom_is_read(text: str) -> None:
    assert (quantity(text), number(text, "car", WORDS)) == (3.0, 3)
