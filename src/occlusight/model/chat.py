"""Conversations to token ids: the checkpoint's chat template, with one place for every picture and clip."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self, TypeAlias

import jinja2

from occlusight.errors import BadInput, BadModel
from occlusight.model.config import ModelConfig, token_ids
from occlusight.model.fields import Fields, read_json, read_text, warn_once
from occlusight.model.rope import Grid
from occlusight.model.template import Template, reason
from occlusight.model.tokenizer import Detokenizer, Tokenizer
from occlusight.model.video import Clip

GENERATION = "generation_config.json"
DECODING = (
    "do_sample temperature top_k top_p min_p typical_p repetition_penalty max_length max_new_tokens num_beams "
    "bos_token_id pad_token_id "
    "transformers_version use_cache cache_implementation _from_model_config"
)
"""Fields of generation_config.json that say how to decode unless somebody asks otherwise; here each request says it."""
Message: TypeAlias = Mapping[str, Any]
"""`role` and `content`: a string, or parts `{"type": "text", "text": ...}`, `{"type": "image"}`,
`{"type": "video"}`.
"""


@dataclass(frozen=True)
class Chat:
    """A checkpoint's tokenizer, chat template and end-of-answer ids."""

    tokenizer: Tokenizer
    template: Template
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
        template = load_template(directory)
        chat = cls(tokenizer, template, config, end_ids(directory, config, tokenizer, template))
        chat.check_template(directory)
        return chat

    def check_template(self, directory: Path) -> None:
        """Raise BadModel unless the template can write a question about a picture."""
        shown = [{"role": "user", "content": [{"type": "image"}, {"type": "text", "text": "?"}]}]
        try:
            self.template.render(messages=shown, add_generation_prompt=True, **self.tokenizer.named)
        except jinja2.TemplateError as error:
            raise BadModel(
                f"{directory}: the chat template cannot write a question about a picture: {reason(error)}"
            ) from None

    def prompt(
        self,
        messages: Sequence[Message],
        visuals: Sequence[Grid | Clip] = (),
        *,
        add_generation_prompt: bool = True,
        chat_template_kwargs: Mapping[str, object] | None = None,
    ) -> list[int]:
        """Ids of a conversation.

        Args:
            messages: see `Message`. Text that spells a control token is text.
            visuals: grids of pictures and clips with their times, in the order in which the messages show them.
            add_generation_prompt: end with the start of the model's turn.
            chat_template_kwargs: what else the template is told (`tools`, `enable_thinking` ...).

        Raises:
            BadInput: the messages show another number of pictures than `visuals` has, or the template refuses them.
        """
        told = dict(chat_template_kwargs or {})
        shield = _Shield(self.tokenizer, _strings((messages, told)))
        try:
            text = self.template.render(
                messages=[shield.message(message) for message in messages],
                add_generation_prompt=add_generation_prompt,
                **self.tokenizer.named,
                **shield.cover(told, self.tokenizer.control_pattern),
            )
        except jinja2.TemplateError as error:
            raise BadInput(f"the model's chat template cannot write these messages: {reason(error)}") from None
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
        if max(ids, default=0) >= self.config.text.vocab_size:
            raise BadModel(
                f"tokenizer.json has ids up to {max(ids)}, the model {self.config.text.vocab_size}; they do not fit"
            )
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


def load_template(directory: Path) -> Template:
    """The chat template: in processor_config.json, else chat_template.json, chat_template.jinja or
    tokenizer_config.json, as in transformers.

    It comes with the checkpoint, so it runs in a sandbox and within bounds.

    Raises:
        BadModel: there is none, or it cannot be compiled.
    """
    found: dict[str, str] = {}
    for name in ("processor_config.json", "chat_template.json", "chat_template.jinja", "tokenizer_config.json"):
        if (directory / name).is_file():
            source = read_text(directory / name) if name.endswith(".jinja") else _in_json(directory, name)
            if source is not None:
                found[name] = source
    if not found:
        raise BadModel(f"{directory}: no chat_template.jinja, nor a chat template elsewhere; a chat model needs one")
    first, *others = found
    if differ := [name for name in others if found[name].strip() != found[first].strip()]:
        warn_once(f"{directory}: the chat template of {first} is used; {' and '.join(differ)} say otherwise")
    try:
        return Template(found[first])
    except BadModel as error:
        raise BadModel(f"{directory / first}: {error}") from None


def _in_json(directory: Path, name: str) -> str | None:
    """Return the chat template that a JSON file holds; of several the one called default."""
    source = read_json(directory, name).get("chat_template")
    if isinstance(source, list):
        named = {entry.get("name"): entry.get("template") for entry in source if isinstance(entry, dict)}
        source = named.get("default")
    elif isinstance(source, dict):
        source = source.get("default")
    if source is not None and not isinstance(source, str):
        raise BadModel(f"{directory / name}: the chat template must be a text, got {type(source).__name__}")
    return source


def end_ids(directory: Path, config: ModelConfig, tokenizer: Tokenizer, template: Template) -> tuple[int, ...]:
    """Ids that end an answer: those of generation_config.json, else of config.json, and those that tokenizer and chat
    template name.

    Raises:
        BadModel: there is none, or one is no id of the vocabulary.
    """
    found: tuple[int, ...] = ()
    if (directory / GENERATION).is_file():
        fields = Fields(read_json(directory, GENERATION), str(directory / GENERATION))
        found = token_ids(fields, "eos_token_id")
        fields.without_effect(DECODING)
        fields.close()
    found = found or config.eos_token_ids
    names = [tokenizer.named.get("eos_token", ""), *end_of_turn(template, tokenizer)]
    ids = tuple(dict.fromkeys((*found, *(tokenizer.control[name] for name in names if name in tokenizer.control))))
    if not ids:
        raise BadModel(f"{directory}: no eos_token_id in generation_config.json or config.json; answers would not end")
    if outside := [one for one in ids if one >= config.text.vocab_size]:
        raise BadModel(f"{directory}: eos_token_id {outside[0]} is outside the vocabulary ({config.text.vocab_size})")
    return ids


def end_of_turn(template: Template, tokenizer: Tokenizer) -> list[str]:
    """Return the control token that the template writes right after an assistant's words; none where it cannot write
    such a turn.
    """
    said = "\ue000said\ue000"
    try:
        text = template.render(
            messages=[{"role": "user", "content": "?"}, {"role": "assistant", "content": said}],
            add_generation_prompt=False,
        )
    except jinja2.TemplateError:
        return []
    after = text.rpartition(said)[2].lstrip() if said in text else ""
    match = tokenizer.special_pattern.match(after)
    return [match.group()] if match else []


def _strings(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value]
    if isinstance(value, Mapping):
        return [text for item in value.values() for text in _strings(item)]
    if isinstance(value, (list, tuple)):
        return [text for item in value for text in _strings(item)]
    return []
