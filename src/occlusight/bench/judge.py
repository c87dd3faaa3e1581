"""A model as judge of explanations, only when asked for, and always with its agreement with the rule beside it.

The judge sees the question, the truth in words and the answer, not the picture, and says whether the explanation is
plausible. Its verdicts are written beside the rule's and never replace them.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from hashlib import sha256
from pathlib import Path
from typing import Any

from occlusight.backends.options import SamplingParams
from occlusight.backends.protocol import Backend, Request
from occlusight.bench.asking import RunRequest, ask_all
from occlusight.bench.record import Finished, Progress, Record, surroundings
from occlusight.bench.statistics import kappa
from occlusight.datasets.dataset import DataSet
from occlusight.errors import BadInput
from occlusight.files.journal import Line
from occlusight.reading.decision import NO, UNKNOWN, YES, verdict

SAMPLING = SamplingParams(max_tokens=16)
PROMPT = """\
An explanation of occlusion is to be judged. It is plausible only if its decision (yes or no) is right, \
it says at least two concrete
things about this picture beyond the decision (who is nearer, which part is hidden or still visible, how much, \
where one is relative to
the other, that they do not overlap, or a cue such as ground contact), and nothing in it is false.

Question: {question}
Truth: {truth}
Explanation: {answer}

Is the explanation plausible? Answer yes or no."""


def judged(
    judge: Backend, run: Finished, data: DataSet, out: Path, progress: Progress | None = None
) -> tuple[list[Line], dict[str, Any]]:
    """Let a model judge a run's explanations; return a line each, and the shares and the agreement.

    What the judge says is kept in the record `out` as it comes, so that a stopped judging resumes; `judged.jsonl` and
    `judge.json` there have what is returned.

    Raises BadInput where the run holds no explanations, where `out` holds what another judge said or what was said of
    other answers, or another process writes it; OcclusightError when too many answers in a row fail.
    """
    asked = explanations(run, data)
    if not asked:
        raise BadInput(f"{run.folder} holds no explanations to judge")
    digest = sha256(json.dumps([one.about for one in asked]).encode()).hexdigest()
    about = {"data": digest, "model": asdict(judge.info), "settings": SAMPLING.to_json(), **surroundings()}
    with Record(out).held() as record:
        said = record.begin(about)
        ask_all(judge, asked, said, record, progress=progress)
        record.settle(one.id for one in asked)
        lines = [verdict_of(said[one.id], run.lines[one.id]) for one in asked]
        summary = summarise(judge.info.name, lines)
        record.write(record.out / "judged.jsonl", lines)
        record.write_document("judge.json", summary)
    return lines, summary


def explanations(run: Finished, data: DataSet) -> list[RunRequest]:
    """Return what the judge is asked, of each explanation of a run that did not fail."""
    asked = []
    for q in data.questions:
        line = run.lines.get(q.id)
        if q.kind != "explanation" or line is None or line["outcome"] == "error":
            continue
        truth = {k: v for k, v in q.answer.items() if k not in ("objects", "names")}
        names = {id: o["en"] for id, o in q.answer["names"].items()}
        known = json.dumps(truth | {"called": names}, ensure_ascii=False)
        prompt = PROMPT.format(question=q.text, truth=known, answer=line["raw"] or "(nothing)")
        asked.append(RunRequest(q.id, Request(prompt, sampling=SAMPLING), {"id": q.id, "question": prompt}))
    return asked


def verdict_of(said: Line, scored: Line) -> Line:
    """Return the judge's verdict on an explanation (None where it gives none, or failed) beside the rule's."""
    found = {YES: True, NO: False}.get(verdict(said["answer"]) or UNKNOWN)
    failed = said["finish_reason"] == "error"
    rule = bool(scored["details"].get("plausible"))
    return {"id": said["id"], "judge": None if failed else found, "rule": rule, "raw": said["answer"], "failed": failed}


def summarise(judge: str, lines: Sequence[Line]) -> dict[str, Any]:
    """Return the shares of plausible explanations and how far judge and rule agree; what failed counts nowhere."""
    heard = [line for line in lines if not line["failed"]]
    pairs = [(bool(line["judge"]), bool(line["rule"])) for line in heard if line["judge"] is not None]
    return {
        "judge": judge,
        "n": len(heard),
        "no_verdict": len(heard) - len(pairs),
        "failed": len(lines) - len(heard),
        "plausible_by_judge": round(sum(a for a, _ in pairs) / len(pairs), 4) if pairs else None,
        "plausible_by_rule": round(sum(bool(line["rule"]) for line in heard) / len(heard), 4) if heard else None,
        "agreement": round(sum(a == b for a, b in pairs) / len(pairs), 4) if pairs else None,
        "kappa": round(kappa(pairs), 4) if pairs else None,
    }
