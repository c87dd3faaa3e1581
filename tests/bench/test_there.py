"""Whether what a question names is there: which kinds are looked for, and from where on a denial is believed."""

from __future__ import annotations

from occlusight.bench.there import Looked, figures, fit_denied, kinds_of
from occlusight.datasets.dataset import open_set
from occlusight.reasoning.vocabulary import shipped_words


def test_kinds_that_are_to_be_seen_and_kinds_of_which_there_is_none_are_looked_for() -> None:
    scenes = list(open_set("occlusion-50").scenes.values())[:8]
    for number, scene in enumerate(scenes):
        kinds = kinds_of(scene, shipped_words(), number)
        there = {o.kind for o in scene.facts.objects.values()}
        clear = {o.kind for o in scene.facts.objects.values() if o.seen == "direct" and o.visible_fraction > 0.5}
        assert {kind for kind, is_there in kinds.items() if is_there} >= clear
        absent = {kind for kind, is_there in kinds.items() if not is_there}
        assert len(absent) == 5
        assert not absent & there
        assert kinds == kinds_of(scene, shipped_words(), number)


def test_a_denial_is_believed_from_where_few_of_what_is_there_are_denied() -> None:
    there = [Looked("a", str(i), True, i / 100) for i in range(100)]
    absent = [Looked("a", "x", False, chance) for chance in (0.5, 0.96, 0.99, 0.995)]
    denied = fit_denied([*there, *absent])
    assert denied == 0.94
    assert figures([*there, *absent], denied) == {
        "there": 100,
        "there_denied": 0.05,
        "absent": 4,
        "absent_noticed": 0.75,
        "denied_from": 0.94,
    }
