"""Pictures and questions of one's own: a JSON Lines file with a picture, a question and its answer a line."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from occlusight.errors import BadData
from occlusight.files.json_lines import read_lines
from occlusight.files.text import is_file, shown
from occlusight.occlusion.kinds import LANGS, Lang
from occlusight.occlusion.parse import is_chinese
from occlusight.questions.question import kinds_of_questions
from occlusight.scenes.imports.fields import id_at, text_at

FIELDS = ("image", "question", "answer", "id", "lang", "kind", "choices")
LARGEST = 10**15  # number that is an answer
UNSCORED = "explanation"  # of a kind whose reasons are judged against a graph, which these pictures do not have
DECIDED = {"yes": "yes", "no": "no", "是": "yes", "否": "no"}
LETTER = {"en": "Answer with the letter of the right choice.", "zh": "请用正确选项的字母回答。"}


@dataclass(frozen=True)
class Own:
    """One line: `template` says how its answer is scored, `about` is shared by the same question in two languages."""

    picture: Path
    text: str
    lang: Lang
    kind: str
    template: str
    value: Any
    choices: tuple[str, ...]
    about: str


def own_questions(path: Path, pictures: Path) -> Iterator[tuple[str, Own]]:
    """Yield each question with its place ("questions.jsonl, line 3"). Raises BadData that names file and line.

    Fields: image, question, answer (yes or no; a whole number; a text or a list of right texts; with `choices` the
    right one or its letter), and where wanted id, lang (else told by the letters), kind (what it counts as, else
    "own"), choices.
    """
    for where, line in read_lines(path):
        unknown = [name for name in line if name not in FIELDS]
        missing = [name for name in FIELDS[:3] if name not in line]
        if unknown or missing:
            what = f"has no {', '.join(missing)}" if missing else f"has the unknown {', '.join(unknown)}"
            raise BadData(f"{where} {what}; the fields are {', '.join(FIELDS)}, the first three needed")
        text = line["question"]
        if not isinstance(text, str) or not text.strip():
            raise BadData(f"{where}: the question must be a text, but is {shown(text)}")
        lang = line.get("lang", "zh" if is_chinese(text) else "en")
        kind = line.get("kind", "own")
        if lang not in LANGS:
            raise BadData(f"{where}: lang must be one of {', '.join(LANGS)}, but is {shown(lang)}")
        if not isinstance(kind, str) or kind not in kinds_of_questions() or kind == UNSCORED:
            allowed = ", ".join(k for k in kinds_of_questions() if k != UNSCORED)
            raise BadData(f"{where}: kind must be one of {allowed}, but is {shown(kind)}")
        template, value, choices = _answer(line["answer"], line.get("choices"), where)
        if kind == "occlusion" and template != "own.yes_no":
            raise BadData(
                f"{where}: a question of the kind occlusion is answered yes or no, not {shown(line['answer'])}"
            )
        if choices:
            options = "\n".join(f"{chr(ord('A') + i)}. {choice}" for i, choice in enumerate(choices))
            text = f"{text}\n{options}\n{LETTER[lang]}"
        picture = pictures / text_at(line, "image", where)
        if not is_file(picture):
            raise BadData(f"{where}: the picture {picture} does not exist; --images names the folder of the pictures")
        about = str(id_at(line, "id", where) if "id" in line else where.rpartition(" ")[2])
        yield where, Own(picture, text, lang, kind, template, value, choices, about)


def _answer(answer: Any, choices: Any, where: str) -> tuple[str, Any, tuple[str, ...]]:
    """Return the template, the value and the choices. Raises BadData."""
    if choices is not None:
        if not isinstance(choices, list) or not 2 <= len(choices) <= 26 or not all(isinstance(c, str) for c in choices):
            raise BadData(f"{where}: choices must be a list of 2 to 26 texts, but is {shown(choices)}")
        if len(set(choices)) < len(choices):
            raise BadData(f"{where}: two of the choices are the same: {shown(choices)}")
        letter = answer.strip("(). ").upper() if isinstance(answer, str) else ""
        if answer in choices:
            return "own.choice", choices.index(answer), tuple(choices)
        if len(letter) == 1 and 0 <= ord(letter) - ord("A") < len(choices):
            return "own.choice", ord(letter) - ord("A"), tuple(choices)
        raise BadData(
            f"{where}: the answer {shown(answer)} is neither one of the choices {shown(choices)} nor the letter of one"
        )
    if isinstance(answer, bool):
        return "own.yes_no", "yes" if answer else "no", ()
    if isinstance(answer, int):
        if abs(answer) > LARGEST:
            raise BadData(f"{where}: a number as the answer is at most {LARGEST}, but this is {shown(answer)}")
        return "own.number", answer, ()
    if isinstance(answer, str) and answer.strip().lower() in DECIDED:
        return "own.yes_no", DECIDED[answer.strip().lower()], ()
    texts = answer if isinstance(answer, list) else [answer]
    if not texts or not all(isinstance(one, str) and one.strip() for one in texts):
        raise BadData(
            f"{where}: the answer must be yes or no, a whole number, or a text or several, but is {shown(answer)}"
        )
    return "own.text", texts, ()
