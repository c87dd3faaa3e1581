"""A team's own photographs: a template to fill in, an error estimate with its interval, and whether the scenes' figures
carry over."""

from __future__ import annotations

import csv
import io
import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from occlusight.backends.options import SamplingParams
from occlusight.backends.protocol import Backend, Request
from occlusight.bench.asking import RunRequest, ask_all
from occlusight.bench.record import Progress, Record, surroundings
from occlusight.bench.settings import Settings
from occlusight.bench.statistics import Rate, rate
from occlusight.errors import BadData
from occlusight.files.journal import Line
from occlusight.files.text import is_file, read_text
from occlusight.files.whole import replacing
from occlusight.reading.decision import decision

COLUMNS = ("picture", "lang", "hides", "hidden", "truth")
SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff")
ENOUGH = 50
CARRIED = {
    "yes": "within the interval, so the scenes' figure may be taken",
    "no": "outside the interval, so the scenes' figure does not carry over",
    "too few": f"label at least {ENOUGH} to tell whether it carries over",
}
ASKED = {"en": "Does the {a} hide the {b}, and why?", "zh": "{a}是否遮挡{b}?为什么?"}


@dataclass(frozen=True)
class Labelled:
    """One line of a filled-in template: does `hides` hide part of `hidden` in this picture?"""

    picture: Path
    lang: str
    hides: str
    hidden: str
    truth: bool

    @property
    def id(self) -> str:
        """What tells it apart from the others of a template."""
        return f"{self.picture}: {self.question}"

    @property
    def question(self) -> str:
        """The question as it is asked."""
        return ASKED[self.lang].format(a=self.hides, b=self.hidden)


def write_template(pictures: Path, out: Path) -> int:
    """Write a CSV with two lines a picture, one for each direction of a pair, and return how many pictures there are.
    Raises BadData."""
    found = sorted(p for p in pictures.rglob("*") if p.suffix.lower() in SUFFIXES) if pictures.is_dir() else []
    if not found:
        raise BadData(f"{pictures} holds no pictures ({', '.join(SUFFIXES)}); give the folder of your photographs")
    if out.exists():
        raise BadData(f"{out} exists already, maybe with labels in it; give another --out, or delete it")
    with replacing(out) as draft, draft.open("w", encoding="utf-8-sig", newline="") as file:
        lines = csv.writer(file)
        lines.writerow(COLUMNS)
        for picture in found:
            for _ in range(2):
                lines.writerow([picture.resolve(), "en", "", "", ""])
    return len(found)


def read_labels(path: Path) -> list[Labelled]:
    """Read a filled-in template; lines without a truth are left out. Raises BadData that names the line."""
    labels = []
    for i, row in _rows(path):
        if missing := [c for c in COLUMNS if row.get(c) is None]:
            raise BadData(
                f"{path}, line {i}: the column {', '.join(missing)} is missing; the columns are {', '.join(COLUMNS)}"
            )
        said = row["truth"].strip().lower()
        if not said:
            continue
        if said not in ("yes", "no", "是", "否"):
            raise BadData(f"{path}, line {i}: truth must be yes or no, but is {row['truth']!r}")
        if row["lang"] not in ASKED:
            raise BadData(f"{path}, line {i}: lang must be en or zh, but is {row['lang']!r}")
        picture = path.parent / row["picture"]
        if not is_file(picture):
            raise BadData(f"{path}, line {i}: the picture {picture} does not exist")
        names = [re.sub(r"^the ", "", row[c].strip(), flags=re.I) for c in ("hides", "hidden")]
        if not all(names):
            raise BadData(f"{path}, line {i}: name both things, in the columns hides and hidden")
        labels.append(Labelled(picture, row["lang"], names[0], names[1], said in ("yes", "是")))
    if not labels:
        raise BadData(
            f"{path} has no line with a truth yet; fill in hides, hidden and truth (yes or no), at best for "
            f"{ENOUGH} lines"
        )
    return labels


def _rows(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield the rows of a template, each with the line where it ends. Raises BadData."""
    try:
        rows = csv.DictReader(io.StringIO(read_text(path), newline=""))
        for row in rows:
            yield rows.line_num, row
    except csv.Error as error:
        raise BadData(f"{path}, line {rows.line_num} is not CSV ({error})") from None
    except BadData as error:
        raise BadData(
            f"{error}; spreadsheets save a template as 'CSV UTF-8', and a new one comes from: occlusight bench "
            "label --pictures DIR"
        ) from None


def label_run(
    backend: Backend,
    labels: Sequence[Labelled],
    out: Path,
    max_tokens: int = 256,
    progress: Progress | None = None,
) -> list[Line]:
    """Ask the model every labelled question and return a line each: answer, what it says, and the truth.

    Answers are kept in the record of a run as they come, so that a stopped run resumes; a label that was put right
    since is compared again, not asked again. `scored.jsonl` has the lines that are returned.

    Raises BadInput where `out` holds another run, or another process writes it, OcclusightError when too many answers
    in a row fail.
    """
    settings = Settings(sampling=SamplingParams(max_tokens=max_tokens), certainty=False)
    about = {"model": asdict(backend.info), "settings": settings.to_json(), **surroundings()}
    with Record(out).held() as record:
        known = record.begin(about)
        asked = [request_for(label, settings) for label in labels]
        ask_all(backend, asked, known, record, together=settings.together, progress=progress)
        record.settle(one.id for one in asked)
        lines = [compared(label, known[label.id]) for label in labels]
        record.write(record.out / "scored.jsonl", lines)
    return lines


def request_for(label: Labelled, settings: Settings) -> RunRequest:
    """Return what is asked about a label; those about one picture are one group."""
    request = Request(label.question, (label.picture,), settings.system, sampling=settings.sampling)
    about = {"id": label.id, "picture": str(label.picture), "question": label.question}
    return RunRequest(str(label.picture), request, about)


def compared(label: Labelled, line: Line) -> Line:
    """Return an answer with what it says (None where it failed) beside the label's truth."""
    reason = line.get("finish_reason", "length" if line.get("cut") else "stop")  # earlier versions wrote `cut`
    said = None if reason == "error" else decision(line["answer"])
    cut = reason not in ("stop", "error")
    kept = {key: line[key] for key in ("id", "picture", "question", "answer")}
    return {**kept, "cut": cut, "failed": reason == "error", "said": said, "truth": "yes" if label.truth else "no"}


def estimate(lines: Sequence[dict[str, Any]], scenes: dict[str, Any] | None = None) -> dict[str, Any]:
    """Return the error on one's own pictures with its interval, clustered by picture; beside the figures of a run on
    scenes where given.

    Answers that failed count nowhere. `carries_over` is "yes" where the scenes' figure lies in the interval, "no" where
    it does not, "too few" under 50 labels: an interval that wide would hold almost any figure.
    """
    failed = [line for line in lines if line.get("failed")]
    lines = [line for line in lines if not line.get("failed")]
    wrong, yes, no = (_rate(lines, truth) for truth in (None, "yes", "no"))
    result: dict[str, Any] = {
        "n": len(lines),
        "unparsed": sum(line["said"] not in ("yes", "no") for line in lines),
        "cut": sum(bool(line["cut"]) for line in lines),
        "failed": len(failed),
        **wrong.to_json("error"),
        **yes.to_json("missed_occlusion"),
        **no.to_json("false_occlusion"),
    }
    if scenes is None or scenes.get("occlusion_balanced_accuracy") is None:
        return result
    expected = {
        "missed_occlusion": 1 - scenes["occlusion_yes_accuracy"],
        "false_occlusion": 1 - scenes["occlusion_no_accuracy"],
    }
    for name, figure in expected.items():
        interval = result[f"{name}_ci95"]
        inside = interval is not None and interval[0] <= figure <= interval[1]
        carried = "too few" if len(lines) < ENOUGH or interval is None else "yes" if inside else "no"
        result |= {f"{name}_on_scenes": round(figure, 4), f"{name}_carries_over": carried}
    return result


def summary(result: dict[str, Any]) -> str:
    """Say an estimate in words, a line a rate."""
    lines = []
    for name, words in (
        ("error", "wrong"),
        ("missed_occlusion", "wrong where the truth is yes"),
        ("false_occlusion", "wrong where the truth is no"),
    ):
        if result[name] is None:
            lines.append(f"{words}: no such label")
            continue
        low, high = result[f"{name}_ci95"]
        line = f"{words}: {100 * result[name]:.1f} % (95 % interval {100 * low:.1f} to {100 * high:.1f})"
        if f"{name}_on_scenes" in result:
            verdict = CARRIED[result[f"{name}_carries_over"]]
            line += f"; on scenes {100 * result[f'{name}_on_scenes']:.1f} %: {verdict}"
        lines.append(line)
    failed = f", {result['failed']} more failed" if result["failed"] else ""
    return "\n".join([f"{result['n']} labelled questions, {result['unparsed']} without an answer{failed}", *lines])


def _rate(lines: Sequence[dict[str, Any]], truth: str | None) -> Rate:
    rows: dict[str, list[tuple[float, float]]] = defaultdict(list)
    for line in lines:
        if truth is None or line["truth"] == truth:
            rows[line["picture"]].append((float(line["said"] != line["truth"] or line["cut"]), 1.0))
    return rate(rows)
