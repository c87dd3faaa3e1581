"""Text to token ids and back: the `tokenizers` library, with control tokens kept apart from what users type."""

import codecs
import json
import re
from collections.abc import Iterable, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, Self

from tokenizers import Tokenizer as BaseTokenizer

from occlusight.errors import BadModel
from occlusight.model.fields import Fields, parse_object, read_json, read_text

FILE, SETTINGS, SPECIAL_MAP = "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json"
MOST_BYTES = 20 << 20
"""The largest tokenizer.json: Qwen's has 7 MB, indented 18."""
CLASSES = ("Qwen2Tokenizer", "Qwen2TokenizerFast", "PreTrainedTokenizerFast", "TokenizersBackend")
"""Classes of transformers that take a tokenizer.json as it is."""
TOKENS = ("bos_token", "eos_token", "pad_token", "unk_token", "sep_token", "cls_token", "mask_token")
NOTES = (
    "chat_template backend auto_map is_local local_files_only processor_class padding_side truncation_side padding "
    "truncation model_max_length max_length "
    "stride pad_to_multiple_of pad_token_type_id errors "
    "clean_up_tokenization_spaces model_input_names name_or_path special_tokens_map_file tokenizer_file use_fast "
    "legacy "
    "model_specific_special_tokens image_token video_token vision_bos_token vision_eos_token audio_token unsloth_fixed "
    "vision_start_token vision_end_token transformers_version"
)
"""Fields that change neither a prompt nor an answer here. (The chat template is read elsewhere.)"""


class Tokenizer:
    """A byte-level BPE tokenizer as Qwen's.

    Control tokens (`added_tokens` of tokenizer.json: `<|im_start|>`, `<|image_pad|>`, `<think>` ...) are encoded only
    by name, through `control`; `encode` takes text to be text, whatever it contains.
    """

    def __init__(self, source: str) -> None:
        """Parse the content of a tokenizer.json.

        Raises:
            BadModel: it is not a byte-level tokenizer that the `tokenizers` library reads.
        """
        try:
            content = parse_object(source, FILE)
            added = [
                (str(token["content"]), int(token["id"]), bool(token["special"])) for token in content["added_tokens"]
            ]
            decoder = (content.get("decoder") or {}).get("type")
            adds = _adds_tokens(content.get("post_processor"))
            self._plain = BaseTokenizer.from_str(json.dumps({**content, "added_tokens": [], "post_processor": None}))
        except (KeyboardInterrupt, SystemExit, BadModel):
            raise
        except BaseException as error:  # tokenizers raises bare Exception, and BaseException where its Rust code panics
            raise BadModel(f"{FILE}: cannot be read ({str(error)[:200]}); download the model again") from None
        if decoder != "ByteLevel":
            raise BadModel(f"{FILE}: decoder {decoder!r:.80} is not supported; only ByteLevel is")
        if adds:
            raise BadModel(f"{FILE}: its post_processor adds tokens to every text, which is not supported")
        self.control: dict[str, int] = {name: token for name, token, _ in added}
        self.special: frozenset[str] = frozenset(name for name, _, special in added if special)
        """Control tokens that are no part of an answer's text; `<think>` and `<tool_call>` are."""
        self.named: dict[str, str] = {}
        """What the tokenizer's configuration calls `eos_token`, `pad_token` ...; chat templates may use the names."""
        self._control_names = {token: name for name, token in self.control.items()}
        if "" in self.control or min(self.control.values(), default=0) < 0:
            raise BadModel(f"{FILE}: an added token without a name or with a negative id; download the model again")

    @classmethod
    def load(cls, directory: str | Path) -> Self:
        """The tokenizer of a checkpoint directory: tokenizer.json, tokenizer_config.json and special_tokens_map.json.

        Raises:
            BadModel: a file is missing, damaged, or asks for something that is not supported.
        """
        directory = Path(directory)
        if not (directory / FILE).is_file():
            raise BadModel(f"{directory}: no {FILE}; a model needs its tokenizer")
        tokenizer = cls(read_text(directory / FILE, MOST_BYTES))
        for name in (SETTINGS, SPECIAL_MAP):
            if (directory / name).is_file():
                tokenizer._configure(Fields(read_json(directory, name), str(directory / name)))
        return tokenizer

    def _configure(self, fields: Fields) -> None:
        """Follow what tokenizer_config.json or special_tokens_map.json says besides tokenizer.json."""
        fields.expect("tokenizer_class", *CLASSES)
        for key in ("add_bos_token", "add_eos_token", "add_prefix_space", "split_special_tokens"):
            fields.expect(key, False)
        fields.without_effect(NOTES)
        if fields.part("added_tokens_decoder") is not None:
            for token, entry in fields.get("added_tokens_decoder").items():
                self._add(fields, token, entry)
        for key in ("extra_special_tokens", "additional_special_tokens"):
            entries = fields.get(key) or []
            if not isinstance(entries, (list, dict)):
                fields.refuse(f"needs a list of tokens as {key}, got {entries!r:.80}")
            names = [_name_of(entry) for entry in (entries.values() if isinstance(entries, dict) else entries)]
            self.special |= {name for name in names if name in self.control}
        named = {key: _name_of(fields.get(key)) for key in TOKENS}
        self.named |= {key: name for key, name in named.items() if name is not None}
        fields.close()

    def _add(self, fields: Fields, token: str, entry: Any) -> None:
        """Take a control token that tokenizer.json may lack, as transformers does."""
        name = _name_of(entry)
        if not name or not token.isdecimal():
            fields.refuse(f"added_tokens_decoder holds {token!r:.80}, which names no token", between=": ")
        if self.control.get(name, int(token)) != int(token) or self._control_names.get(int(token), name) != name:
            fields.refuse(f"added_tokens_decoder says that {token} is {name!r}, {FILE} does not", between=": ")
        self.control[name], self._control_names[int(token)] = int(token), name
        if isinstance(entry, dict) and entry.get("special") is True:
            self.special |= {name}

    def __len__(self) -> int:
        """How many ids there are, control tokens included."""
        own = sum(self._plain.token_to_id(name) is None for name in self.control)
        return self._plain.get_vocab_size() + own

    def encode(self, text: str) -> list[int]:
        """Ids of plain text; a control token's name in it is spelled out like any other text."""
        return list(self._plain.encode(text, add_special_tokens=False).ids)

    def decode(self, ids: Iterable[int], skip_special: bool = True) -> str:
        """The text of ids; bytes that are no UTF-8 become U+FFFD, ids outside the vocabulary nothing."""
        stream = Detokenizer(self, skip_special)
        return "".join([*(stream.push(token) for token in ids), stream.finish()])

    def name(self, token: int) -> str | None:
        """The vocabulary's name of an id, None outside the vocabulary."""
        return self._control_names.get(token) or self._plain.id_to_token(token)

    def bytes_of(self, token: int, skip_special: bool = True) -> bytes:
        """The bytes that an id stands for."""
        name = self.name(token)
        if name is None or (skip_special and name in self.special):
            return b""
        if name in self.control:
            return name.encode()
        try:
            return bytes(BYTES[character] for character in name)
        except KeyError:
            return name.encode("utf-8", "replace")  # not in the byte alphabet: as it is, like the `tokenizers` library

    @cached_property
    def control_pattern(self) -> re.Pattern[str]:
        """Matches the name of any control token, the longest first."""
        return _any_of(self.control)

    @cached_property
    def special_pattern(self) -> re.Pattern[str]:
        """Matches the name of any special control token."""
        return _any_of(self.special)


class Detokenizer:
    """Text of ids as they come, holding back the bytes of a character until it is whole.

    '好' is the bytes e5 a5 bd; if one token holds e5 a5 and the next bd, pushing the first gives '' and the second
    '好'.
    """

    def __init__(self, tokenizer: Tokenizer, skip_special: bool = True) -> None:
        self._tokenizer = tokenizer
        self._skip_special = skip_special
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")

    def push(self, token: int) -> str:
        """What this id completes, perhaps nothing."""
        return self._decoder.decode(self._tokenizer.bytes_of(token, self._skip_special))

    def finish(self) -> str:
        """What is left at the end: U+FFFD for a character that was cut."""
        return self._decoder.decode(b"", final=True)


def _byte_names() -> dict[str, int]:
    """The printable character by which byte-level BPE (GPT-2) writes each byte: printable Latin-1 as itself, the
    others, in order, as the characters from U+0100 on. The space is 'Ġ'."""
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [byte for byte in range(256) if byte not in printable]
    return {chr(byte): byte for byte in printable} | {chr(0x100 + place): byte for place, byte in enumerate(others)}


BYTES = _byte_names()


def _name_of(entry: Any) -> str | None:
    """The text of a token, which is written as it is or as an object with its properties."""
    name = entry.get("content") if isinstance(entry, dict) else entry
    return name if isinstance(name, str) else None


def _adds_tokens(processor: Any) -> bool:
    """Whether a tokenizer's post-processor writes tokens of its own around a text."""
    if not processor:
        return False
    if processor["type"] == "Sequence":
        return any(_adds_tokens(one) for one in processor["processors"])
    if processor["type"] == "TemplateProcessing":
        return any("SpecialToken" in piece for piece in processor["single"])
    return bool(processor["type"] != "ByteLevel")


def _any_of(names: Sequence[str] | Iterable[str]) -> re.Pattern[str]:
    ordered = sorted(names, key=len, reverse=True)
    return re.compile("|".join(map(re.escape, ordered)) if ordered else r"(?!)")
