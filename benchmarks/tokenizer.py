"""Qwen's real vocabulary as a `tokenizer.json`.

The 151,643 byte-level ranks ship in the PyPI package dashscope (`dashscope/resources/qwen.tiktoken`, a line a token:
its bytes in base64 and its rank). Byte-pair encoding by ranks and by merges agree when each token is merged from the
two pieces into which the lower ranks cut it.
"""

from __future__ import annotations

import base64
import zipfile
from itertools import pairwise
from pathlib import Path

from tokenizers import AddedToken, Regex, Tokenizer, decoders, pre_tokenizers
from tokenizers.models import BPE

from occlusight.errors import BadData
from occlusight.model.tokenizer import BYTES
from occlusight.train.tokenizer import SPECIAL

RANKS = "dashscope/resources/qwen.tiktoken"
PATTERN = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
"""Qwen's pattern of words: it cuts every digit apart."""


def qwen_tokenizer(wheel: Path) -> Tokenizer:
    """The tokenizer of Qwen3-VL from a wheel of dashscope.

    Raises:
        BadData: the file is no such wheel.
    """
    try:
        with zipfile.ZipFile(wheel) as archive:
            lines = archive.read(RANKS).splitlines()
    except (OSError, KeyError, zipfile.BadZipFile) as error:
        raise BadData(f"{wheel} is not a wheel of dashscope with {RANKS} ({error}); download it again") from None
    ranks = {base64.b64decode(token): int(rank) for token, rank in (line.split() for line in lines if line)}
    names = {byte: character for character, byte in BYTES.items()}

    def name(token: bytes) -> str:
        return "".join(names[byte] for byte in token)

    merges = [(name(a), name(b)) for a, b in (pieces(token, ranks) for token in ranks if len(token) > 1)]
    tokenizer = Tokenizer(BPE({name(token): rank for token, rank in ranks.items()}, merges))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(PATTERN), behavior="isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens([AddedToken(token, normalized=False, special=True) for token in SPECIAL])
    return tokenizer


def pieces(token: bytes, ranks: dict[bytes, int]) -> tuple[bytes, bytes]:
    """The two tokens that are merged into `token`: those that remain when only lower ranks may be merged.

    `{b"a": 0, b"b": 1, b"c": 2, b"ab": 3, b"abc": 4}`: b"abc" is b"ab" + b"c".
    """
    parts = [token[place : place + 1] for place in range(len(token))]
    while len(parts) > 2:
        joined = [ranks.get(a + b, len(ranks)) for a, b in pairwise(parts)]
        best = min(range(len(joined)), key=joined.__getitem__)
        if joined[best] >= ranks[token]:
            raise BadData(f"the token {token!r} cannot be merged from tokens of lower rank; the vocabulary is not BPE")
        parts[best : best + 2] = [parts[best] + parts[best + 1]]
    return parts[0], parts[1]
