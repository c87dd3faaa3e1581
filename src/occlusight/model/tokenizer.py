"""Text to token ids and back: the `tokenizers` library, with control tokens kept apart from what users type."""

import codecs
import json
import re
from collections.abc import Iterable, Sequence
from functools import cached_property
from pathlib import Path
from typing import Self

from tokenizers import Tokenizer as BaseTokenizer

from occlusight.errors import BadModel

FILE = "tokenizer.json"


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
            content = json.loads(source)
            added = content["added_tokens"]
            decoder = (content.get("decoder") or {}).get("type")
            self._plain = BaseTokenizer.from_str(json.dumps({**content, "added_tokens": [], "post_processor": None}))
        except Exception as error:  # tokenizers raises bare Exception
            raise BadModel(f"{FILE}: cannot be read ({error}); download the model again") from None
        if decoder != "ByteLevel":
            raise BadModel(f"{FILE}: decoder {decoder!r} is not supported; only ByteLevel is")
        self.control: dict[str, int] = {token["content"]: token["id"] for token in added}
        self.special: frozenset[str] = frozenset(token["content"] for token in added if token["special"])
        """Control tokens that are no part of an answer's text; `<think>` and `<tool_call>` are."""
        self._control_names = {token: name for name, token in self.control.items()}

    @classmethod
    def load(cls, directory: str | Path) -> Self:
        """The tokenizer of a checkpoint directory."""
        path = Path(directory) / FILE
        if not path.is_file():
            raise BadModel(f"{directory}: no {FILE}; a model needs its tokenizer")
        return cls(path.read_text(encoding="utf-8"))

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
        return bytes(BYTES[character] for character in name)

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

    '好' is the bytes e5 a5 bd; if one token holds e5 a5 and the next bd, pushing the first gives '' and the second '好'.
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


def _any_of(names: Sequence[str] | Iterable[str]) -> re.Pattern[str]:
    ordered = sorted(names, key=len, reverse=True)
    return re.compile("|".join(map(re.escape, ordered)) if ordered else r"(?!)")
