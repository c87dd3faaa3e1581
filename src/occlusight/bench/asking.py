"""Asking a model the requests of a run, picture by picture, so that an interrupted run ends as an uninterrupted one
would.

The questions about one picture are a group, fixed by what is asked: the picture is encoded once for all of them, and
what the engine keeps from one question helps the others. That help is exact in theory but rounds differently, which can
flip a tie between two tokens. So every group starts from an empty cache and is asked in the same way each time, and a
run that resumes in the middle of a group first asks the whole of it again; the answers that were recorded stay.

A group is asked at once, where the picture and what the questions have in common are read once and every pass over the
weights brings all answers on; or one question after the other, which is the plain twin.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass

from occlusight.backends.completion import Completion
from occlusight.backends.events import Done, Event
from occlusight.backends.protocol import Backend, Request
from occlusight.bench.record import AnswerLog, Answers, Progress, Record
from occlusight.errors import BadInput, Cancelled, OcclusightError
from occlusight.files.journal import Journal, Line
from occlusight.files.whole import Unwritable

FAILURES = (OcclusightError, RuntimeError, OSError, MemoryError)


@dataclass(frozen=True, eq=False)
class RunRequest:
    """One request of a run, and what is written of it.

    Requests of one `group` are about one picture. `about` begins the line in answers.jsonl, which has `id` at least;
    `choices` are the words of yes and no whose log-probabilities are wanted, None where none are.
    """

    group: str
    request: Request
    about: Line
    choices: tuple[str, str] | None = None

    @property
    def id(self) -> str:
        """What tells it apart from the others of its run."""
        return str(self.about["id"])


def groups(requests: Iterable[RunRequest]) -> list[list[RunRequest]]:
    """Return the requests by group, in the order in which the groups first appear."""
    found: dict[str, list[RunRequest]] = {}
    for one in requests:
        found.setdefault(one.group, []).append(one)
    return list(found.values())


def ask_all(
    backend: Backend,
    requests: Collection[RunRequest],
    answers: Answers,
    record: Record,
    *,
    together: bool = True,
    progress: Progress | None = None,
) -> None:
    """Ask what has no answer yet; `answers` grows, and so do the files, a line as soon as an answer is there.

    With `together`, groups are asked at once where the backend can. Raises OcclusightError when too many answers in a
    row fail.
    """
    with Journal(record.answers) as lines, Journal(record.timings) as seconds:
        log = AnswerLog(answers, lines, seconds, len(requests), progress)
        for group in groups(requests):
            if all(one.id in answers for one in group):
                log.done += len(group)
                continue
            log.count(0)
            ask_group(backend, group, log, together=together)
    if progress:
        progress(len(requests), len(requests))


def can_score(backend: Backend, asked: RunRequest) -> bool:
    """Whether the backend gives log-probabilities, tried with a request that has choices: of the servers behind those
    that do some may not."""
    if backend.capabilities.scores is None:
        return False
    try:
        backend.score(asked.request, asked.choices or (), whole=scores_whole(backend))
    except BadInput:
        return False
    return True


def scores_whole(backend: Backend) -> bool:
    """Whether a decision is weighed as the whole answer; where a backend tells less, by its first token."""
    return backend.capabilities.scores == "answer"


def ask_group(backend: Backend, group: Sequence[RunRequest], log: AnswerLog, *, together: bool) -> None:
    """Ask the requests of a group, from empty caches; where all at once fails, one after the other, so that each
    failure is its own."""
    before = log.done
    if together and backend.capabilities.together:
        try:
            ask_at_once(backend, group, log)
            return
        except (Cancelled, Unwritable):
            raise
        except FAILURES as failure:
            print(f"{group[0].group}: asked one by one ({type(failure).__name__}: {failure})", file=sys.stderr)
            log.done = before
    ask_in_turn(backend, group, log)


def ask_at_once(backend: Backend, group: Sequence[RunRequest], log: AnswerLog) -> None:
    """Ask a group together. An answer is written down as it ends; one that is a decision, once all decisions have been
    weighed."""
    backend.clear_cache()
    choices = {at: one.choices for at, one in enumerate(group) if one.choices}
    events: list[list[Event]] = [[] for _ in group]
    ends: dict[int, Completion] = {}
    begun = time.perf_counter()
    for at, event in backend.generate_many([one.request for one in group]):
        events[at].append(event)
        if isinstance(event, Done):
            ends[at] = Completion.of(events[at])
            if at not in choices:
                log.answer(line_of(group[at], ends[at].text, ends[at].finish_reason))
    seconds = time.perf_counter() - begun
    weighed = [(group[at].request, words) for at, words in choices.items()]
    scores = backend.score_many(weighed, whole=scores_whole(backend))
    for at, logs in zip(choices, scores, strict=True):
        log.answer(line_of(group[at], ends[at].text, ends[at].finish_reason, logs))
    for timing in shares(group, ends, seconds):
        log.time(timing)


def shares(group: Sequence[RunRequest], ends: dict[int, Completion], seconds: float) -> Iterator[Line]:
    """Yield the lines of a group for timings.jsonl: equal shares of its seconds, the picture's encoding being the first
    question's."""
    encode_s = max(end.timings.encode_s for end in ends.values())
    share = (seconds - encode_s) / len(group)
    for at, one in enumerate(group):
        own = share + encode_s if at == 0 else share
        timing = {"id": one.id, "seconds": round(own, 6), "together": len(group)}
        yield {**timing, "usage": asdict(ends[at].usage), "timings": asdict(ends[at].timings)}


def ask_in_turn(backend: Backend, group: Sequence[RunRequest], log: AnswerLog) -> None:
    """Ask one question after the other; what has an answer is asked again where a later one has none and the caches
    remember."""
    backend.clear_cache()
    remembers = backend.capabilities.caches
    for at, one in enumerate(group):
        known = one.id in log.answers
        if known and not (remembers and any(other.id not in log.answers for other in group[at:])):
            log.count(1)
            continue
        line, timing = ask_one(backend, one)
        log.answer(line)
        if not known:
            log.time(timing)


def ask_one(backend: Backend, asked: RunRequest) -> tuple[Line, Line]:
    """Return the lines of one request for answers.jsonl and timings.jsonl."""
    logs: Sequence[float] | None = None
    events: list[Event] = []  # also those before a failure
    begun = time.perf_counter()
    seconds, error = None, None
    try:
        for event in backend.generate(asked.request):
            events.append(event)
        seconds = time.perf_counter() - begun
        if asked.choices:
            logs = backend.score(asked.request, asked.choices, whole=scores_whole(backend))
    except Cancelled:
        raise
    except FAILURES as failure:
        error = f"{type(failure).__name__}: {failure}"
    said = Completion.of(events)
    reason = said.finish_reason if error is None else "error"
    timing: Line = {
        "seconds": round(time.perf_counter() - begun if seconds is None else seconds, 6),
        "id": asked.id,
    }
    if said.finish_reason != "cancelled":
        timing |= {"usage": asdict(said.usage), "timings": asdict(said.timings)}
    return line_of(asked, said.text, reason, logs, error), timing


def line_of(
    asked: RunRequest, text: str, reason: str, logs: Sequence[float] | None = None, error: str | None = None
) -> Line:
    """Return a request's line for answers.jsonl."""
    line: Line = dict(asked.about)
    if logs is not None:
        line["log_probabilities"] = {word: round(log, 4) for word, log in zip(("yes", "no"), logs, strict=True)}
    line |= {"answer": text, "finish_reason": reason}
    return line if error is None else line | {"error": error}
