"""A model as judge of explanations, only when asked for, and always with its agreement with the rule beside it.

The judge sees the question, the truth in words and the answer, not the picture, and says whether the explanation is plausible. Its
verdicts are written beside the rule's and never replace them.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from occlusight.backends.completion import Completion
from occlusight.backends.protocol import Backend, Request
from occlusight.bench.record import Finished
from occlusight.bench.statistics import kappa
from occlusight.datasets.dataset import DataSet
from occlusight.errors import BadInput
from occlusight.reading.decision import NO, UNKNOWN, YES, verdict

PROMPT = """\
An explanation of occlusion is to be judged. It is plausible only if its decision (yes or no) is right, it says at least two concrete
things about this picture beyond the decision (who is nearer, which part is hidden or still visible, how much, where one is relative to
the other, that they do not overlap, or a cue such as ground contact), and nothing in it is false.

Question: {question}
Truth: {truth}
Explanation: {answer}

Is the explanation plausible? Answer yes or no."""


def judged(
    judge: Backend, run: Finished, data: DataSet, progress: Callable[[int, int], None] | None = None
) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Let a model judge a run's explanations; return a line each, and the shares and the agreement. Raises BadInput without any."""
    asked = [
        q
        for q in data.questions
        if q.kind == "explanation" and q.id in run.lines and run.lines[q.id]["outcome"] != "error"
    ]
    if not asked:
        raise BadInput(f"{run.folder} holds no explanations to judge")
    lines = []
    for i, q in enumerate(asked):
        if progress:
            progress(i, len(asked))
        truth = {k: v for k, v in q.answer.items() if k not in ("objects", "names")}
        names = {id: o["en"] for id, o in q.answer["names"].items()}
        told = json.dumps(truth | {"called": names}, ensure_ascii=False)
        line = run.lines[q.id]
        request = Request(PROMPT.format(question=q.text, truth=told, answer=line["raw"] or "(nothing)"), max_tokens=16)
        said = Completion.of(judge.generate(request)).text
        rule = bool(line["details"].get("plausible"))
        found = {YES: True, NO: False}.get(verdict(said) or UNKNOWN)
        lines.append({"id": q.id, "judge": found, "rule": rule, "raw": said})
    pairs = [(bool(line["judge"]), bool(line["rule"])) for line in lines if line["judge"] is not None]
    summary = {
        "judge": judge.info.name,
        "n": len(lines),
        "no_verdict": len(lines) - len(pairs),
        "plausible_by_judge": round(sum(a for a, _ in pairs) / len(pairs), 4) if pairs else None,
        "plausible_by_rule": round(sum(bool(line["rule"]) for line in lines) / len(lines), 4),
        "agreement": round(sum(a == b for a, b in pairs) / len(pairs), 4) if pairs else None,
        "kappa": round(kappa(pairs), 4) if pairs else None,
    }
    return lines, summary
