"""The questions of the plan "eyes": what is seen, scene by scene, and what several pictures of the set show together.

They are matched over the whole set as balanced questions are. Pictures next to each other in the set go into one
question in twos, threes and fours; of a clip two albums are asked about: its mover as it goes and is hidden, and as it
goes, is hidden and comes back.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import cycle

from occlusight.files.json_lines import Line
from occlusight.occlusion.facts import HORIZONTAL_MARGIN, Facts
from occlusight.occlusion.kinds import Names
from occlusight.questions.album import Album
from occlusight.questions.question import Question, ask_album, put
from occlusight.questions.template import Asked, about
from occlusight.randomness import stream
from occlusight.scenes.make.balanced_quiz import matched_quiz
from occlusight.scenes.make.plan import DatasetPlan

PER_SCENE: Mapping[str, int] = {
    "detect": 1,
    "detect_kind": 1,
    "locate": 1,
    "describe": 1,
    "colour": 1,
    "exists": 2,
    "exists_coloured": 2,
    "amount_hidden": 1,
    "part_hidden": 1,
    "hides_what": 1,
    "hides_anything": 2,
    "anything_hidden": 1,
    "behind": 1,
    "in_front": 1,
    "left_of": 1,
    "right_of": 1,
    "between": 1,
    "order": 1,
}
TOGETHER = (2, 3, 2, 4)  # pictures of one question, in turn


def sight_quiz(plan: DatasetPlan, lines: Sequence[Line], facts: Sequence[Facts], names: Names) -> list[list[Question]]:
    """Ask about all scenes of a set, by their lines and what is true of them; return the questions about each.

    Those about several pictures are with the last of them.
    """
    if plan.frames:
        found: list[list[Question]] = [[] for _ in lines]
        albums = _of_clips(plan, lines, facts, names)
    else:
        found = matched_quiz(plan, range(len(lines)), facts, names, PER_SCENE, tuple(PER_SCENE), "sight questions")
        albums = _of_stills(plan, facts, names)
    for last, questions in albums:
        found[last] += questions
    return found


def _of_stills(plan: DatasetPlan, facts: Sequence[Facts], names: Names) -> Iterator[tuple[int, list[Question]]]:
    """Questions about groups of neighbours; of a scene and its variants only the first is shown."""
    bases, sizes = range(0, plan.count, plan.group_size), cycle(TOGETHER)
    at = 0
    while (shown := bases[at : at + next(sizes)]) and len(shown) > 1:
        album = Album(tuple(facts[i] for i in shown))
        asked = [
            q
            for lang in plan.langs
            for q in ask_album(
                album,
                names,
                stream("stills questions", plan.seed, shown[-1]),
                lang,
                scenes=[plan.scene_id(i) for i in shown],
                image=plan.image(shown[-1]),
            )
        ]
        yield shown[-1], asked
        at += len(shown)


def _of_clips(
    plan: DatasetPlan, lines: Sequence[Line], facts: Sequence[Facts], names: Names
) -> Iterator[tuple[int, list[Question]]]:
    """Two albums of each clip in which its mover can be asked about."""
    for first in range(0, plan.count, plan.frames):
        mover = lines[first]["focus"][1]
        clip = range(first, first + plan.frames)
        rng = stream("stills questions", plan.seed, first)
        seen = [i for i in clip if mover in facts[i].nameable]
        gone = [i for i in clip if facts[i].objects[mover].visible_fraction == 0]
        back = [i for i in seen if gone and i > gone[-1]]
        before = [i for i in seen if gone and i < gone[0]]
        if not (before and gone and back):
            continue
        start, hidden, end = (int(found[rng.integers(len(found))]) for found in (before, gone, back))
        still = next((a for a in facts[start].nameable if a != mover and a in facts[end].nameable), None)
        for shown in ((start, hidden), (start, hidden, end)):
            album = Album(tuple(facts[i] for i in shown), clip=True)
            asked = list(_about_mover(album, mover, still))
            questions = [
                q
                for lang in plan.langs
                for q in put(
                    asked,
                    album,
                    names,
                    stream("stills questions", plan.seed, shown[-1]),
                    lang,
                    scene=plan.scene_id(shown[-1]),
                    image=plan.image(shown[-1]),
                    scenes=tuple(plan.scene_id(i) for i in shown),
                )
            ]
            yield shown[-1], questions


def _about_mover(album: Album, mover: str, still: str | None) -> Iterator[tuple[str, Asked]]:
    """What became of the mover; and of something that stands still, where the mover is back."""
    last = album.last
    yield "still_there.clip", about("still_there", (mover,), "a")
    if not last.untouched(mover) or last.whole_in_picture(mover):
        yield "hidden_now.clip", about("hidden_now", (mover,), "a")
    if mover in last.nameable:
        shift = last.objects[mover].amodal_box[0] - album.first.objects[mover].amodal_box[0]
        if abs(shift) > HORIZONTAL_MARGIN:
            yield "moved.clip", about("moved", (mover,), "a")
        if still is not None:
            yield "moved.clip", about("moved", (still,), "a")
