"""The oracle in other words: every hand-written paraphrase of a true answer must score full marks."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from occlusight.bench.paraphrase import paraphrases
from occlusight.bench.scorers import RIGHT, score
from occlusight.occlusion.facts import Facts
from occlusight.questions.own import BROUGHT
from occlusight.questions.paraphrases import frames
from occlusight.questions.question import KINDS, ask
from occlusight.questions.registry import templates
from occlusight.reading.decision import decision
from occlusight.reading.mentions import Vocabulary


def sentences(group: object, lang: str) -> list[str]:
    assert isinstance(group, dict)
    return group[lang] if lang in group else [text for inner in group.values() for text in sentences(inner, lang)]


@pytest.mark.parametrize("lang", ["en", "zh"])
@pytest.mark.parametrize("kind", KINDS)
def test_there_are_twenty_a_kind_and_language(kind: str, lang: str) -> None:
    found = sentences(frames()[kind], lang)
    assert len(set(found)) >= 20


def test_every_paraphrase_scores_full_marks(graphs, names) -> None:
    said: Counter[str] = Counter()
    problems = []
    for seed in range(12):
        facts = Facts(graphs.random_graph(np.random.default_rng(seed)))
        words = Vocabulary(names, facts)
        for lang in ("en", "zh"):
            for q in ask(facts, names, np.random.default_rng(seed), lang, per_kind=4, scene=str(seed)):
                for text in paraphrases(q, facts, names):
                    found = score(q, text, "stop", words)
                    said[q.template] += 1
                    if found.outcome != RIGHT or not found.details.get("plausible", True) or text == q.reply:
                        problems.append(
                            f"{q.template} {q.text} -> {text}: {found.outcome}, {found.extracted}, "
                            f"{found.reason}; {q.answer}"
                        )
    assert not problems, "\n".join([f"{len(problems)} of {said.total()}", *problems[:40]])
    assert len(said) >= 16


def test_every_scored_template_has_paraphrases() -> None:
    assert {name for name, t in templates().items() if t.paraphrase is None} == set(BROUGHT)


@pytest.mark.parametrize("frame", ["through", "mirror", "behind", "view"])
@pytest.mark.parametrize("lang", ["en", "zh"])
def test_decisions_about_targeted_scenes_are_read(frame: str, lang: str) -> None:
    """What cannot be told is a no to "can it be told?"."""
    for value in ("yes", "no"):
        for text in frames()[frame][value][lang]:
            said = decision(text.format(a="the shop window", b="the red car"))
            assert ("no" if frame == "behind" and said == "unknown" else said) == value, text
