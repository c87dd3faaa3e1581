"""True answers in other words than the templates': what the readers and scorers must get right if they are to be
trusted.

Every question has one paraphrase, chosen by its id, so that a set of some hundred questions uses them all.
"""

from __future__ import annotations

import hashlib

from occlusight.occlusion.facts import Facts
from occlusight.occlusion.kinds import Names
from occlusight.questions.phrases import Wording
from occlusight.questions.question import Question, finished
from occlusight.questions.registry import templates


def paraphrases(question: Question, facts: Facts, names: Names) -> list[str]:
    """Return every paraphrase that says the true answer to this question."""
    template, words = templates()[question.template], Wording(facts, names, question.lang)
    said = template.paraphrase
    found = said(question.answer, words) if said else [template.reply(question.answer, words)]
    return [finished(template, text, question.lang) for text in found]


def paraphrase(question: Question, facts: Facts, names: Names) -> str:
    """Return one of them, by the question's id."""
    found = paraphrases(question, facts, names)
    digest = hashlib.sha256(question.id.encode()).digest()
    return found[int.from_bytes(digest[:4], "big") % len(found)]
