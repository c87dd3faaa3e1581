"""One question asked of every picture and video in a folder, a line of JSON each, resumable."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Any, TypeVar

from occlusight.cli.pictures import SUFFIXES, hidden
from occlusight.cli.progress import progress
from occlusight.cli.results import for_people, for_programs
from occlusight.errors import BadInput, BadPicture, BadVideo, Cancelled, Incomplete
from occlusight.files.journal import Journal
from occlusight.files.lock import only_writer
from occlusight.files.whole import unwritable, write_lines
from occlusight.images.film import Budget, open_film

if TYPE_CHECKING:
    from occlusight.backends.protocol import Backend, Request

T = TypeVar("T")
KEY = ("question", "model", "settings")
"""What tells a line apart from others, beside its picture or video."""
BEGINS = b'{"'
"""How a line begins."""
TOGETHER = 4
"""So many pictures are asked about at a time."""
VIDEOS = frozenset(
    {".3gp", ".avi", ".flv", ".m2ts", ".m4v", ".mkv", ".mov", ".mp4", ".mpeg", ".mpg", ".mts", ".ogv", ".webm", ".wmv"}
)
"""Not `.ts`, which names programs more often."""


@dataclass(frozen=True)
class Batch:
    """The pictures and videos under `folder`, asked with `request`'s question and settings, recorded in `out`.

    A line holds `picture` (or `video`), `question, model, settings` and what `ask --json` prints or `error`,
    or both where an answer is not what its schema asks for.

    A picture whose line holds an answer under the same question, model and settings, and no error, is not asked again;
    failures and a line cut by a crash are. Only one process at a time writes a file, and no line that is in it is lost:
    a failure stays until the picture was asked again. Of a name that is not UTF-8 the line has the odd bytes as \\xNN.
    """

    folder: Path
    out: Path
    model: str
    request: Request

    def pictures(self) -> list[Path]:
        """Return the pictures and videos under the folder, sorted, without what is hidden. Raises BadInput where
        there are none."""
        if not self.folder.is_dir():
            raise BadInput(f"--batch needs a folder of pictures, but {str(self.folder)!r} is not a folder")
        looked_for = SUFFIXES | VIDEOS
        named = (p for p in self.folder.rglob("*") if p.suffix.lower() in looked_for)
        found = sorted(p for p in named if not hidden(p.relative_to(self.folder)) and p.is_file())
        if not found:
            raise BadInput(
                f"no pictures or videos in {str(self.folder)!r}; files that end in {', '.join(sorted(looked_for))} are "
                "looked for"
            )
        return found

    def key(self, picture: Path) -> dict[str, Any]:
        """Return what tells this answer apart from others in the same file."""
        request = self.request
        settings = {**request.sampling.to_json(), "system": request.system}
        limits = {"max_pixels": request.max_pixels, "min_pixels": request.min_pixels}
        settings |= {name: value for name, value in limits.items() if value is not None}
        name = escaped(picture.relative_to(self.folder).as_posix())
        kind = "video" if picture.suffix.lower() in VIDEOS else "picture"
        return {kind: name, "question": self.request.prompt, "model": self.model, "settings": settings}

    def run(self, open_backend: Callable[[], Backend]) -> None:
        """Ask what has not been answered yet; the model is opened only if something is left to ask.

        Raises BadInput where another process writes the file, it holds something else, or it cannot be written.
        """
        pictures = self.pictures()
        try:
            self.out.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise unwritable(self.out, error) from None
        with only_writer(self.out), Journal(self.out, BEGINS) as journal:
            lines = self.newest(journal.lines)
            left = [p for p in pictures if "error" in lines.get(fingerprint(self.key(p)), {"error": None})]
            failed = incomplete = 0
            if left:
                backend = open_backend()
                there = len(pictures) - len(left)
                with progress("asking", "pictures") as show:
                    show(there, len(pictures))
                    for number, record in enumerate(self.records(backend, left), there + 1):
                        failed += "error" in record
                        incomplete += "error" in record and "answer" in record
                        journal.append(record)
                        lines[fingerprint(record)] = record
                        show(number, len(pictures))
            if len(lines) < len(journal.lines) + len(left):
                write_lines(self.out, lines.values())  # a line a picture: failures that were asked again are left out
        summary = {
            "asked": len(left),
            "already_done": len(pictures) - len(left),
            "failed": failed,
            "out": str(self.out),
        }
        failures = f"{failed} failed" + (" (their lines say why)" if failed else "")
        for_people(
            f"{self.out}: {len(left)} picture{'s' * (len(left) != 1)} asked about, {failures}; "
            f"{summary['already_done']} were there"
        )
        for_programs(summary)
        if incomplete:
            raise Incomplete(
                f"{incomplete} answers are not what was asked for; their lines in {str(self.out)!r} say why"
            )

    def records(self, backend: Backend, pictures: list[Path]) -> Iterator[dict[str, Any]]:
        """Yield a record a picture, in order; a picture that cannot be used gives a record with `error`.

        A few pictures are asked about at a time: our engine answers them together.
        """
        left = iter(pictures)
        over = Event()
        threads = ThreadPoolExecutor(TOGETHER, thread_name_prefix="batch")

        def begin(most: int) -> list[Future[dict[str, Any]]]:
            return [threads.submit(self.record, backend, picture, over) for picture in islice(left, most)]

        try:
            ahead = deque(begin(TOGETHER))
            while ahead:
                yield ahead.popleft().result()
                ahead += begin(1)
        finally:
            over.set()
            threads.shutdown(cancel_futures=True)

    def record(self, backend: Backend, picture: Path, over: Event) -> dict[str, Any]:
        """Ask about a picture; return its record. Raises Cancelled once `over` is set."""
        from occlusight.cli.answers import answer

        key = self.key(picture)
        try:
            if "video" in key:
                request = replace(self.request, films=(open_film(picture, cancelled=over.is_set, budget=Budget()),))
            else:
                request = replace(self.request, pictures=(picture,))
            events = backend.generate(request, over.is_set)
            found = answer(backend, self.request, events=until(over, events))
        except (BadPicture, BadVideo, OSError) as error:
            return {**key, "error": escaped(str(error))}
        return {**key, "revision": found.pop("model")["revision"], **found}

    def newest(self, records: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
        """Return by fingerprint what counts: the first answer, without one the last failure. Raises BadInput for a line
        of something else."""
        found: dict[str, dict[str, Any]] = {}
        for number, record in enumerate(records, 1):
            if not all(name in record for name in KEY) or not {"picture", "video"} & record.keys():
                raise BadInput(
                    f"line {number} of {str(self.out)!r} is not a line of a batch; give another --out or remove the "
                    "file"
                )
            if "error" in found.get(fingerprint(record), {"error": None}):
                found[fingerprint(record)] = record
        return found


def until(over: Event, events: Iterator[T]) -> Iterator[T]:
    """Yield events as they come; raise Cancelled instead of the next one once it is over."""
    for event in events:
        if over.is_set():
            raise Cancelled("the batch was stopped")
        yield event


def escaped(text: str) -> str:
    """Return a text that may hold a file name as one that is UTF-8: odd bytes become \\xNN."""
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def fingerprint(record: Mapping[str, Any]) -> str:
    """Return what tells a record apart from others in the same file as one comparable string."""
    own = {name: record[name] for name in ("picture", "video", *KEY) if name in record}
    return json.dumps(own, sort_keys=True, ensure_ascii=False)
