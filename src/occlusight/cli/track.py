"""`occlusight track`: who is hidden by whom in a video, since when, and where they must still be."""

from __future__ import annotations

import importlib.util
import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from occlusight.backends.options import EngineOptions
from occlusight.cli.frame_folder import frames_in, refuse_several_sizes
from occlusight.cli.graph import GraphLang, language
from occlusight.cli.options import AnyBackendAnySize, Model, RulesFile
from occlusight.cli.outputs import output_drawing, output_film
from occlusight.cli.progress import SignOfLife
from occlusight.cli.records import with_options
from occlusight.errors import BadInput
from occlusight.extras import install

if TYPE_CHECKING:
    from occlusight.backends.fields import Picture
    from occlusight.backends.protocol import ModelInfo
    from occlusight.occlusion.kinds import Lang
    from occlusight.reasoning.tracking.clip_answers import ClipAnswer
    from occlusight.reasoning.tracking.identity import BoxTracker
    from occlusight.reasoning.tracking.track import Track
    from occlusight.reasoning.tracking.watch import Watcher

NOTHING = {"en": "Nothing hides anything.", "zh": "没有物体被遮挡。"}
EMPTY = {"en": "Nothing was recognised.", "zh": "没有识别出任何物体。"}
OWN = "own"
MOST_FRAMES = 256
"""Frames of a clip: each costs looks of the model."""


@with_options
def track(
    video: Annotated[
        Path,
        typer.Argument(
            metavar="VIDEO", help="A video, or a folder of pictures, which are taken by the numbers in their names."
        ),
    ],
    model: Model = "default",
    engine: AnyBackendAnySize = EngineOptions(),
    fps: Annotated[
        float, typer.Option(help="Frames looked at in a second of the video; of a folder, what a picture lasts.")
    ] = 2.0,
    start: Annotated[float, typer.Option(min=0, help="Seconds from which on it is looked at.")] = 0.0,
    end: Annotated[float | None, typer.Option(help="Seconds until which it is looked at; else to its end.")] = None,
    lang: GraphLang = "en",
    rules: RulesFile = None,
    ask: Annotated[
        list[str] | None,
        typer.Option(
            metavar="QUESTION",
            help="Answer a question from the whole clip instead of telling its events; of several, later ones may say "
            "it.",
        ),
    ] = None,
    tracker: Annotated[
        str,
        typer.Option(
            help="What says which box goes on from which: own (by kind, place and colour), or of the library trackers "
            "sort, bytetrack, ocsort, cbiou."
        ),
    ] = OWN,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print frames with their graphs, things and events as one JSON document.")
    ] = False,
    timeline: Annotated[
        Path | None,
        typer.Option(
            callback=output_drawing,
            metavar="FILE.svg|png",
            help="Draw who is seen and who is hidden when.",
        ),
    ] = None,
    annotated: Annotated[
        Path | None,
        typer.Option(
            callback=output_film,
            metavar="FILE.mp4|webm|mkv",
            help="Write the frames that were looked at as a video, with boxes, names, and what hides which.",
        ),
    ] = None,
    window: Annotated[
        float | None,
        typer.Option(
            help="Seconds that are told as one story: for a video too long for one, or a file that still grows. Events "
            "are printed as they end, with --json a line of JSON each."
        ),
    ] = None,
) -> None:
    """Follow the things of a video: who is hidden by whom, since when, and where what is not seen must still be.

    Every frame becomes a relation graph; over the frames the most probable story is found in which things persist: what
    goes is behind something, or out of the picture.

    Example: occlusight track street.mp4 --timeline street.svg

    Example: occlusight track frames/ --fps 4 --json

    Example: occlusight track street.mp4 --ask "When did the dog go behind the car?" --ask "Is it still there?"

    Example: occlusight track street.mp4 --model Qwen/Qwen3-VL-2B-Instruct --annotated seen.mp4
    """
    if not 0 < fps <= 100:
        raise BadInput(f"--fps takes frames a second above 0, up to 100, but {fps:g} was given")
    for name, seconds in (("--start", start), ("--end", end)):
        if seconds is not None and not math.isfinite(seconds):
            raise BadInput(f"{name} takes seconds, but {seconds} was given")
    if end is not None and end <= start:
        raise BadInput(f"--end must come after --start, but {end:g} and {start:g} were given")
    if empty := [question for question in ask or () if not question.strip()]:
        raise BadInput(f"--ask takes a question, but {empty[0]!r} was given")
    told = language(lang)
    follows = tracker_of(tracker, fps)
    if annotated is not None:
        from occlusight.images.film_writer import check_writer

        check_writer()
    sign = SignOfLife()
    if window is not None:
        if timeline is not None or annotated is not None or ask:
            raise BadInput("--window tells events as they end; --timeline, --annotated and --ask are of a whole clip")
        how = Looks(fps, told, rules, None if follows is None else "--tracker", follows)
        in_window(video, window, (start, end), model, engine, how, sign, as_json)
        return
    with sign:
        frames, duration = frames_of(video, fps, start, end, told, sign)
        places = "--annotated" if annotated is not None else "--tracker" if follows is not None else None
        found = tracked(frames, duration, model, engine, Looks(fps, told, rules, places, follows), sign)
        sign.clear()
    warn_of_another_world(found.watched.domain, told)
    if annotated is not None:
        from occlusight.cli.track_film import write_tracked

        write_tracked(found, frames, annotated, told)
    if timeline is not None:
        draw(found, timeline, told)
    answers = answered(found, ask) if ask else []
    if as_json:
        document = found.to_json() | ({"answers": [one.to_json() for one in answers]} if ask else {})
        print(json.dumps(document, ensure_ascii=False), flush=True)
    else:
        print("\n".join([one.text for one in answers] if ask else lines(found, told)), flush=True)


def warn_of_another_world(domain: float | None, lang: Lang) -> None:
    """Say on stderr where frames are probably not of the world that the model knows."""
    from occlusight.cli.larger import how_larger
    from occlusight.reasoning.sentences import sentence

    if how := how_larger(domain, lang):
        typer.echo(f"{sentence('other_world', lang).strip()} {how}", err=True)


def in_window(
    video: Path,
    seconds: float,
    part: tuple[float, float | None],
    model: str,
    engine: EngineOptions,
    how: Looks,
    sign: SignOfLife,
    as_json: bool,
) -> None:
    """Tell the events of a video as they end, by a window of so many seconds that moves over it. Raises BadInput."""
    from occlusight.cli.track_window import frames_of_window, pieces, tell_events
    from occlusight.reasoning.tracking.identity import ByNameAndPlace
    from occlusight.reasoning.tracking.window import Window

    count = frames_of_window(seconds, how.fps, MOST_FRAMES)
    if not video.is_file():
        raise BadInput(f"--window is for one video file, but {str(video)!r} is none")
    coming = pieces(video, how.fps, count // 2, *part, sign.tell)
    first = next(coming)  # what cannot be opened is refused before a model is
    watcher = watcher_of(model, engine, how, sign)
    sign.clear()
    window = Window(watcher, count, ByNameAndPlace(tracker=how.tracker))
    tell_events(window, chain([first], coming), how.lang, as_json)


def frames_of(
    video: Path, fps: float, start: float, end: float | None, lang: Lang, sign: SignOfLife
) -> tuple[list[tuple[float, Picture]], float]:
    """Return the frames of a video, or of a folder of pictures, with their seconds, and how long it lasts. Raises
    BadInput."""
    if not video.exists():
        raise BadInput(f"{str(video)!r} does not exist; give a video, or a folder of pictures")
    frames: list[tuple[float, Picture]]
    if video.is_dir():
        timed, duration = frames_in(video, fps, sign.tell, lang)
        frames = [(s, path) for s, path in timed if s >= start and (end is None or s < end)]
    else:
        from occlusight.images.film import FilmLimits, open_film

        film = open_film(video, fps, start, end, FilmLimits(frames=MOST_FRAMES))
        frames = [(frame.seconds, frame.image) for frame in film.frames]
        duration = film.duration_s
    if not frames:
        raise BadInput(f"{str(video)!r} has no pictures between {start:g} s and {'its end' if end is None else end}")
    if len(frames) > MOST_FRAMES:
        raise BadInput(
            f"{str(video)!r} has {len(frames)} frames to look at, and {MOST_FRAMES} at most are; give "
            + ("--start and --end" if video.is_dir() else "a lower --fps, or --start and --end")
        )
    if video.is_dir():
        sign.say("opening the pictures ...")
        refuse_several_sizes([path for _, path in frames if isinstance(path, Path)])
    return frames, duration


@dataclass(frozen=True)
class Looks:
    """How a clip is looked at.

    fps: frames a second
    rules: a file of them
    places: the option for which the model must say where things are, if any
    tracker: what follows boxes; None is our own
    """

    fps: float
    lang: Lang
    rules: Path | None = None
    places: str | None = None
    tracker: BoxTracker | None = None


def tracker_of(name: str, fps: float) -> BoxTracker | None:
    """Return what follows boxes; None is our own. Raises BadInput for a name of none, and for one that is not
    installed."""
    from occlusight.reasoning.tracking.library_trackers import TRACKERS, LibraryTracker

    if name == OWN:
        return None
    if name not in TRACKERS:
        raise BadInput(f"--tracker takes {', '.join((OWN, *TRACKERS))}, but {name!r} was given")
    if importlib.util.find_spec("trackers") is None:
        raise BadInput(f"--tracker {name} is of the library trackers, which is not installed: {install('trackers')}")
    return LibraryTracker(name, fps)


def watcher_of(model: str, engine: EngineOptions, how: Looks, sign: SignOfLife) -> Watcher:
    """Open the model that looks at frames. Raises BadInput for one that cannot tell what is wanted."""
    from occlusight.backends import open_backend
    from occlusight.backends.protocol import Request
    from occlusight.reasoning.calibrations import calibration_of
    from occlusight.reasoning.extract import Extractor
    from occlusight.reasoning.rules.ruleset import load_rules
    from occlusight.reasoning.tracking.watch import Watcher

    own = None if how.rules is None else load_rules(how.rules)
    sign.say(f"opening the model {model} ...")
    extractor = Extractor(open_backend(model, engine, tell=sign.tell))
    if how.places is not None:
        refuse_without_places(extractor.backend.info, how.places)
    fitted = calibration_of(extractor.backend.info.revision)
    request = Request("?", max_pixels=engine.max_pixels, min_pixels=engine.min_pixels)
    return Watcher(extractor, fitted, own, how.lang, request)


def tracked(
    frames: Sequence[tuple[float, Picture]],
    duration: float,
    model: str,
    engine: EngineOptions,
    how: Looks,
    sign: SignOfLife,
) -> Track:
    """Open the model and follow the things of the frames. Raises BadInput for one that cannot tell what is wanted."""
    from occlusight.reasoning.tracking.identity import ByNameAndPlace
    from occlusight.reasoning.tracking.track import track as told_of

    watcher = watcher_of(model, engine, how, sign)
    looks = 2 * len(frames)
    matcher = ByNameAndPlace(tracker=how.tracker)
    watched = watcher.watch(frames, matcher, report=lambda done, _: sign.say(f"look {done} of {looks} ..."))
    return told_of(watched, how.fps, duration)


def answered(found: Track, questions: Sequence[str]) -> list[ClipAnswer]:
    """Answer questions from the story of a clip, one after the other."""
    from occlusight.api import understanding
    from occlusight.reasoning.tracking.clip_answers import ClipAnswers

    answers = ClipAnswers(found, understanding())
    return [answers.answer(question, history=questions[:number]) for number, question in enumerate(questions)]


def refuse_without_places(info: ModelInfo, option: str) -> None:
    """Raise BadInput for a model that cannot say where things are, before it looks."""
    if info.learnt and "detect" not in info.learnt:
        raise BadInput(
            f"{info.name} says what there is, not where in the picture, which {option} needs; leave it out, or give a "
            "--model that draws boxes"
        )


def draw(found: Track, out: Path, lang: Lang) -> None:
    """Draw who is seen and hidden when into a file."""
    from occlusight.api.timeline_rows import TITLE, rows
    from occlusight.drawing.png import png
    from occlusight.drawing.timeline_svg import timeline_svg
    from occlusight.files.whole import write_whole

    svg = timeline_svg(rows(found, lang), found.duration_s, TITLE[lang])
    write_whole(out, png(svg) if out.suffix.lower() == ".png" else svg)


def lines(found: Track, lang: Lang) -> Iterator[str]:
    """Yield the events of a clip, one a line."""
    if not found.things:
        yield EMPTY[lang]
        return
    for event in found.events:
        said = getattr(event.evidence, lang).rstrip(".。")
        yield said if event.probability is None else f"{said} ({event.probability:.2f})"
    if not found.events:
        yield NOTHING[lang]
