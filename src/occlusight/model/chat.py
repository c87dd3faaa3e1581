"""Conversations to token ids: the checkpoint's chat template, with one place for every picture and clip."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, NoReturn, Self, TypeAlias

import jinja2
from jinja2.ext import loopcontrols
from jinja2.sandbox import ImmutableSandboxedEnvironment

from occlusight.errors import BadInput, BadModel
from occlusight.model.config import ModelConfig
from occlusight.model.rope import Grid
from occlusight.model.tokenizer import Detokenizer, Tokenizer
from occlusight.model.video import Clip
from occlusight.model.weights import read_json

Message: TypeAlias = Mapping[str, Any]
"""`role` and `content`: a string, or parts `{"type": "text", "text": ...}`, `{"type": "image"}`, `{"type": "video"}`."""


@dataclass(frozen=True)
class Chat:
    """A checkpoint's tokenizer, chat template and end-of-answer ids."""

    tokenizer: Tokenizer
    template: jinja2.Template
    config: ModelConfig
    eos_ids: tuple[int, ...]

    @classmethod
    def load(cls, directory: str | Path) -> Self:
        """Read tokenizer.json, the chat template, config.json and generation_config.json of a checkpoint.

        Raises:
            BadModel: a file is missing or does not fit the others.
        """
        directory = Path(directory)
        config = ModelConfig.from_hf(read_json(directory, "config.json"))
        tokenizer = Tokenizer.load(directory)
        for token in (config.image_token_id, config.video_token_id, config.vision_start_token_id):
            if tokenizer.name(token) not in tokenizer.control:
                raise BadModel(f"{directory}: id {token} of config.json is no control token of tokenizer.json")
        return cls(tokenizer, load_template(directory), config, eos_ids(directory, config, tokenizer))

    def prompt(
        self,
        messages: Sequence[Message],
        visuals: Sequence[Grid | Clip] = (),
        *,
        add_generation_prompt: bool = True,
        **settings: Any,
    ) -> list[int]:
        """Ids of a conversation.

        Args:
            messages: see `Message`. Text that spells a control token is text.
            visuals: grids of pictures and clips with their times, in the order in which the messages show them.
            add_generation_prompt: end with the start of the model's turn.
            settings: passed to the template (`tools`, `enable_thinking` ...).

        Raises:
            BadInput: the messages show another number of pictures than `visuals` has, or the template refuses them.
        """
        shield = _Shield(self.tokenizer, _strings((messages, settings)))
        try:
            text = self.template.render(
                messages=[shield.message(message) for message in messages],
                add_generation_prompt=add_generation_prompt,
                **shield.cover(settings, self.tokenizer.control_pattern),
            )
        except jinja2.TemplateError as error:
            raise BadInput(f"the model's chat template cannot write these messages: {error}") from None
        pieces = self._with_visuals(self._pieces(text, shield), visuals)
        ids: list[int] = []
        plain = ""
        for piece in (*pieces, None):
            if isinstance(piece, str):
                plain += piece  # adjacent text is encoded together, as one string would be
                continue
            ids += self.tokenizer.encode(plain)
            plain = ""
            ids += piece or ()
        return ids

    def encode(self, text: str) -> list[int]:
        """Ids of plain text."""
        return self.tokenizer.encode(text)

    def decode(self, ids: Sequence[int]) -> str:
        """The text of an answer's ids."""
        return self.tokenizer.decode(ids)

    def stream(self) -> Detokenizer:
        """A decoder for an answer's ids as they come."""
        return Detokenizer(self.tokenizer)

    def _pieces(self, text: str, shield: "_Shield") -> list[str | list[int]]:
        """Split a rendered template into plain text and control ids."""
        pieces: list[str | list[int]] = []
        last = 0
        for match in self.tokenizer.control_pattern.finditer(text):
            pieces += [shield.uncover(text[last : match.start()]), [self.tokenizer.control[match.group()]]]
            last = match.end()
        return [piece for piece in (*pieces, shield.uncover(text[last:])) if piece]

    def _with_visuals(self, pieces: Sequence[str | list[int]], visuals: Sequence[Grid | Clip]) -> list[str | list[int]]:
        """Replace the one pad of each picture and clip by as many as it has tokens.

        A clip's start, pad and end become, for every frame pair, its time as text, then start, pads and end: this is
        how Qwen3-VL was released (transformers 4.57, vLLM); transformers 5 keeps the outer start and end as well.
        """
        image, video = [self.config.image_token_id], [self.config.video_token_id]
        start, end = [self.config.vision_start_token_id], [self.config.vision_end_token_id]
        shown = sum(piece in (image, video) for piece in pieces)
        if shown != len(visuals):
            raise BadInput(f"the messages show {shown} picture(s), but {len(visuals)} were given")
        rest = iter(visuals)
        out: list[str | list[int]] = []
        skip = -1
        for place, piece in enumerate(pieces):
            if place == skip:
                continue
            if piece not in (image, video):
                out.append(piece)
                continue
            visual = next(rest)
            if isinstance(visual, Clip) != (piece == video):
                raise BadInput("the messages show pictures and videos in another order than they were given")
            if not isinstance(visual, Clip):
                out.append(image * self._tokens(visual))
                continue
            if out and out[-1] == start and place + 1 < len(pieces) and pieces[place + 1] == end:
                out.pop()
                skip = place + 1
            pairs, rows, columns = visual.grid
            pads = video * self._tokens((1, rows, columns))
            for seconds in visual.seconds[:pairs]:
                out += [f"<{seconds:.1f} seconds>", start + pads + end]
        return out

    def _tokens(self, grid: Grid) -> int:
        return grid[0] * grid[1] * grid[2] // self.config.vision.merge_size**2


class _Shield:
    """Covers control tokens in what users wrote while the template runs: `<|im_end|>` becomes '#0#', where # is a
    character that occurs nowhere in the conversation."""

    def __init__(self, tokenizer: Tokenizer, strings: Sequence[str]) -> None:
        self._tokenizer = tokenizer
        used = set("".join(strings))
        self._mark = next(chr(code) for code in range(0xE000, 0xF900) if chr(code) not in used)
        self._covered: list[str] = []

    def message(self, message: Message) -> Any:
        """Cover a message. In the assistant's turns `<think>` stays: templates look for it."""
        own = message.get("role") == "assistant"
        return self.cover(message, self._tokenizer.special_pattern if own else self._tokenizer.control_pattern)

    def cover(self, value: Any, pattern: re.Pattern[str]) -> Any:
        """Cover every string in nested lists and dictionaries."""
        if isinstance(value, str):
            return pattern.sub(self._cover_one, value)
        if isinstance(value, Mapping):
            return {key: self.cover(item, pattern) for key, item in value.items()}
        if isinstance(value, (list, tuple)):
            return [self.cover(item, pattern) for item in value]
        return value

    def uncover(self, text: str) -> str:
        """Put the covered names back."""
        mark = re.escape(self._mark)
        return re.sub(f"{mark}([0-9]+){mark}", lambda match: self._covered[int(match.group(1))], text)

    def _cover_one(self, match: re.Match[str]) -> str:
        self._covered.append(match.group())
        return f"{self._mark}{len(self._covered) - 1}{self._mark}"


def load_template(directory: Path) -> jinja2.Template:
    """The chat template: chat_template.jinja, else chat_template.json, else in tokenizer_config.json.

    It comes with the checkpoint, so it runs in jinja2's sandbox.
    """
    environment = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True, extensions=[loopcontrols])
    environment.filters["tojson"] = _to_json
    environment.globals["raise_exception"] = _refuse
    environment.globals["strftime_now"] = lambda form: datetime.now().strftime(form)
    try:
        return environment.from_string(_template_source(directory))
    except jinja2.TemplateSyntaxError as error:
        raise BadModel(f"{directory}: the chat template is not valid ({error}); download the model again") from None


def eos_ids(directory: Path, config: ModelConfig, tokenizer: Tokenizer) -> tuple[int, ...]:
    """Ids that end an answer: from generation_config.json, else config.json, else tokenizer_config.json."""
    found: Any = None
    if (directory / "generation_config.json").is_file():
        found = read_json(directory, "generation_config.json").get("eos_token_id")
    if found is None:
        found = list(config.eos_token_ids) or None
    if found is None and (directory / "tokenizer_config.json").is_file():
        token = read_json(directory, "tokenizer_config.json").get("eos_token")
        found = tokenizer.control.get(str(token["content"] if isinstance(token, dict) else token))
    if found is None:
        raise BadModel(f"{directory}: no eos_token_id in generation_config.json or config.json; answers would not end")
    return (found,) if isinstance(found, int) else tuple(found)


def _template_source(directory: Path) -> str:
    path = directory / "chat_template.jinja"
    if path.is_file():
        return path.read_text(encoding="utf-8")
    for name in ("chat_template.json", "tokenizer_config.json"):
        if not (directory / name).is_file():
            continue
        source = read_json(directory, name).get("chat_template")
        if isinstance(source, list):
            source = next((entry["template"] for entry in source if entry["name"] == "default"), None)
        if isinstance(source, str):
            return source
    raise BadModel(f"{directory}: no chat_template.jinja, nor a chat template elsewhere; a chat model needs one")


def _strings(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value]
    if isinstance(value, Mapping):
        return [text for item in value.values() for text in _strings(item)]
    if isinstance(value, (list, tuple)):
        return [text for item in value for text in _strings(item)]
    return []


def _to_json(value: Any, indent: int | None = None) -> str:
    return json.dumps(value, ensure_ascii=False, indent=indent)


def _refuse(message: str) -> NoReturn:
    raise jinja2.TemplateError(message)
