import pytest

from occlusight.errors import BadData
from occlusight.occlusion.kinds import article, counted, kind_names, listed, pluralize


@pytest.mark.parametrize(
    ("noun", "expected"),
    [
        ("umbrella", "an"),
        ("unicycle", "a"),
        ("orange car", "an"),
        ("red umbrella", "a"),
        ("hour glass", "an"),
        ("one-way sign", "a"),
    ],
)
def test_article(noun: str, expected: str) -> None:
    assert article(noun) == expected


@pytest.mark.parametrize(
    ("noun", "expected"),
    [
        ("bus", "buses"),
        ("bench", "benches"),
        ("lorry", "lorries"),
        ("toy", "toys"),
        ("person", "people"),
        ("snowman", "snowmen"),
        ("pair of shoes", "pairs of shoes"),
        ("shoes", "shoes"),
        ("wine glass", "wine glasses"),
        ("box", "boxes"),
    ],
)
def test_plural(noun: str, expected: str) -> None:
    assert pluralize(noun) == expected


def test_counted(names) -> None:
    assert counted(names["person"], 2, "en") == "two people"
    assert counted(names["person"], 2, "zh") == "两个行人"
    assert counted(names["car"], 2, "en", "red car") == "two red cars"
    assert counted(names["car"], 1, "zh", "红色轿车") == "一辆红色轿车"
    assert counted(names["umbrella"], 1, "en", single_article=True) == "an umbrella"
    assert counted(names["car"], 1, "en") == "one car"


def test_listed() -> None:
    assert listed(["a", "b", "c"], "en") == "a, b and c"
    assert listed(["a", "b", "c"], "zh") == "a、b和c"
    assert listed(["a"], "en") == "a"
    assert listed([], "en") == ""


def test_a_kind_outside_the_catalogue_is_named(names) -> None:
    with pytest.raises(BadData, match="'dragon'"):
        kind_names(names, "dragon")
