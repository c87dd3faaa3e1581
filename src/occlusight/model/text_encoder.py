"""A small BERT that reads a question about a picture: which program it means, who hides whom in it, and whether
pictures tell it at all.

It reads questions whose names are cut to `x1`, `x2` ... in their order of mention, and knows nothing else of
them. A checkpoint is a folder of `config.json`, `tokenizer.json` and `model.safetensors`; matrices are stored as int8
codes with a scale for each row, and computed with in fp32.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Self, TypeAlias

import torch
import torch.nn.functional as F
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from tokenizers import AddedToken, Tokenizer, models, normalizers, pre_tokenizers, processors
from torch import Tensor, nn

from occlusight.errors import BadModel
from occlusight.model.qwen3vl import WithoutInitialValues

Piece: TypeAlias = tuple[str, float]
"""A piece of the vocabulary, and the logarithm of its probability."""

CONFIG, WEIGHTS, TOKENIZER = "config.json", "model.safetensors", "tokenizer.json"
START, PAD, END, UNKNOWN = range(4)
SPECIAL = ("<s>", "<pad>", "</s>", "<unk>")
NAMES = ("x1", "x2", "x3", "x4")
"""Names in the order of their mention; each is a piece of its own."""
SCALE = ".scale"


@dataclass(frozen=True)
class EncoderConfig:
    """Sizes of the encoder."""

    vocabulary: int
    hidden: int
    layers: int
    heads: int
    inner: int
    positions: int
    epsilon: float = 1e-12


@dataclass(frozen=True)
class ReaderConfig:
    """Sizes of a reader, what it tells apart, and the temperatures that calibrate its probabilities."""

    encoder: EncoderConfig
    labels: tuple[str, ...]
    head: int = 256
    label_temperature: float = 1.0
    direction_temperature: float = 1.0
    scope_temperature: float = 1.0


@dataclass(frozen=True)
class ReaderLogits:
    """What the heads say of a batch of B questions.

    `labels` (B, labels), `hides` (B,) of x1 hiding x2 rather than x2 hiding x1, `inside` (B,) of what pictures tell.
    """

    labels: Tensor
    hides: Tensor
    inside: Tensor


class EncoderLayer(nn.Module):
    """Attention and a feed-forward network, each with its normalization after the sum, as in BERT."""

    def __init__(self, config: EncoderConfig) -> None:
        super().__init__()
        hidden = config.hidden
        self.heads, self.rate = config.heads, 0.0
        self.query, self.key, self.value = (nn.Linear(hidden, hidden) for _ in range(3))
        self.attention_out = nn.Linear(hidden, hidden)
        self.attention_norm = nn.LayerNorm(hidden, config.epsilon)
        self.up, self.down = nn.Linear(hidden, config.inner), nn.Linear(config.inner, hidden)
        self.out_norm = nn.LayerNorm(hidden, config.epsilon)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """Return `(B, T, D)`; `mask` (B, 1, 1, T) is False where a question has ended."""

        def split(y: Tensor) -> Tensor:
            return y.view(*y.shape[:2], self.heads, -1).transpose(1, 2)

        q, k, v = split(self.query(x)), split(self.key(x)), split(self.value(x))
        seen = F.scaled_dot_product_attention(q, k, v, attn_mask=mask).transpose(1, 2).flatten(2)
        x = self.attention_norm(x + F.dropout(self.attention_out(seen), self.rate, self.training))
        out: Tensor = self.out_norm(x + F.dropout(self.down(F.gelu(self.up(x))), self.rate, self.training))
        return out


class TextEncoder(nn.Module):
    """Embeddings of pieces and places, then layers."""

    def __init__(self, config: EncoderConfig) -> None:
        super().__init__()
        self.words = nn.Parameter(torch.empty(config.vocabulary, config.hidden))
        self.positions = nn.Parameter(torch.empty(config.positions, config.hidden))
        nn.init.normal_(self.words, std=0.02)
        nn.init.normal_(self.positions, std=0.02)
        self.norm = nn.LayerNorm(config.hidden, config.epsilon)
        self.layers = nn.ModuleList(EncoderLayer(config) for _ in range(config.layers))
        self.frozen = 0
        """In training: so many layers, and the embeddings, are left as they are, and computed in bf16."""

    def forward(self, ids: Tensor, mask: Tensor) -> Tensor:
        """Return hidden states `(B, T, D)` of ids `(B, T)`; `mask` (B, T) is True where a question has a piece."""
        seen = mask[:, None, None, :]
        if self.frozen:
            with torch.no_grad(), torch.autocast(ids.device.type, torch.bfloat16):
                x = self._through(self._embedded(ids), seen, 0, self.frozen)
            return self._through(x.float(), seen, self.frozen, len(self.layers))
        return self._through(self._embedded(ids), seen, 0, len(self.layers))

    def _embedded(self, ids: Tensor) -> Tensor:
        out: Tensor = self.norm(F.embedding(ids, self.words) + self.positions[: ids.shape[1]])
        return out

    def _through(self, x: Tensor, seen: Tensor, first: int, end: int) -> Tensor:
        for number in range(first, end):
            x = self.layers[number](x, seen)
        return x


def pooled(hidden: Tensor, mask: Tensor) -> Tensor:
    """Return the mean `(B, D)` of the hidden states `(B, T, D)` where `mask` (B, T) is True; zero where nowhere."""
    weights = mask.to(hidden.dtype)[..., None]
    return (hidden * weights).sum(1) / weights.sum(1).clamp(min=1)


class QuestionReader(nn.Module):
    """The encoder and its heads. The heads see the question's mean and the states at `x1` and `x2`, so that the order
    of the names is before them."""

    def __init__(self, config: ReaderConfig) -> None:
        super().__init__()
        self.config = config
        self.encoder = TextEncoder(config.encoder)
        hidden = config.encoder.hidden
        self.label_in, self.label_out = nn.Linear(3 * hidden, config.head), nn.Linear(config.head, len(config.labels))
        self.hides_in, self.hides_out = nn.Linear(3 * hidden, config.head), nn.Linear(config.head, 1)
        self.inside_in, self.inside_out = nn.Linear(hidden, config.head), nn.Linear(config.head, 1)
        self.rate = 0.0

    def forward(self, ids: Tensor, mask: Tensor, name_ids: Sequence[int]) -> ReaderLogits:
        """Read ids `(B, T)`; `mask` (B, T) is True where a question has a piece, `name_ids` has x1 and x2 first."""
        hidden = self.encoder(ids, mask)
        mean = pooled(hidden, mask)
        seen = torch.cat((mean, *(pooled(hidden, ids == name) for name in name_ids[:2])), 1)
        seen = F.dropout(seen, self.rate, self.training)
        return ReaderLogits(
            labels=self.label_out(F.gelu(self.label_in(seen))),
            hides=self.hides_out(F.gelu(self.hides_in(seen)))[:, 0],
            inside=self.inside_out(F.gelu(self.inside_in(mean)))[:, 0],
        )


class QuestionTokenizer:
    """Pieces of questions, by XLM-R's unigram model over a vocabulary that may be cut."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._tokenizer = tokenizer
        self.name_ids = tuple(_id_of(tokenizer, name) for name in NAMES)
        tokenizer.enable_padding(pad_id=PAD, pad_token=SPECIAL[PAD])

    @classmethod
    def of(cls, pieces: Sequence[Piece], positions: int) -> Self:
        """Build a tokenizer from pieces in the order of their ids, the first four of them SPECIAL, the last NAMES."""
        if tuple(text for text, _ in pieces[:4]) != SPECIAL or tuple(text for text, _ in pieces[-4:]) != NAMES:
            raise ValueError(f"the pieces must begin with {SPECIAL} and end with {NAMES}")
        tokenizer = Tokenizer(models.Unigram(list(pieces), unk_id=UNKNOWN, byte_fallback=False))
        tokenizer.normalizer = normalizers.NFKC()
        tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="first")
        tokenizer.post_processor = processors.TemplateProcessing(
            single="<s> $A </s>", special_tokens=[("<s>", START), ("</s>", END)]
        )
        tokenizer.add_tokens([AddedToken(name, lstrip=True, normalized=False) for name in NAMES])
        tokenizer.enable_truncation(positions)
        return cls(tokenizer)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read the tokenizer of a checkpoint. Raises BadModel."""
        try:
            return cls(Tokenizer.from_file(str(folder / TOKENIZER)))
        except Exception as error:  # tokenizers raises bare Exception
            raise BadModel(f"{folder / TOKENIZER}: cannot be read ({str(error)[:200]})") from None

    def save(self, folder: Path) -> None:
        """Write the tokenizer into a checkpoint."""
        self._tokenizer.save(str(folder / TOKENIZER), pretty=False)

    def pieces(self, text: str) -> list[str]:
        """Return the pieces of a question, those around it included."""
        return [str(self._tokenizer.id_to_token(number)) for number in self._tokenizer.encode(_spaced(text)).ids]

    def batch(self, texts: Iterable[str]) -> tuple[Tensor, Tensor]:
        """Return ids and mask `(B, T)` of questions, T the longest of them."""
        encodings = self._tokenizer.encode_batch([_spaced(text) for text in texts])
        ids = torch.tensor([encoding.ids for encoding in encodings])
        return ids, torch.tensor([encoding.attention_mask for encoding in encodings]) == 1


def _spaced(text: str) -> str:
    """Return a text with single spaces between its words, and none around it."""
    return " ".join(text.split())


def _id_of(tokenizer: Tokenizer, name: str) -> int:
    found = tokenizer.token_to_id(name)
    if found is None:
        raise BadModel(f"{TOKENIZER} has no piece {name!r}")
    return int(found)


def save_reader(folder: Path, model: QuestionReader, tokenizer: QuestionTokenizer) -> None:
    """Write a checkpoint into a folder, matrices as int8 rows."""
    folder.mkdir(parents=True, exist_ok=True)
    settings = json.dumps(asdict(model.config), indent=2, ensure_ascii=False)
    (folder / CONFIG).write_text(settings + "\n", encoding="utf-8")
    tokenizer.save(folder)
    save_file(_packed(model.state_dict()), folder / WEIGHTS)


def load_reader(folder: Path) -> tuple[QuestionReader, QuestionTokenizer]:
    """Read a checkpoint from a folder. Raises BadModel where a file is missing, damaged, or at odds with others."""
    try:
        config = _config(json.loads((folder / CONFIG).read_text("utf-8")))
        with torch.device("meta"), WithoutInitialValues():
            model = QuestionReader(config)
        model.load_state_dict(_unpacked(load_file(folder / WEIGHTS)), assign=True)
    except (OSError, ValueError, TypeError, KeyError, RuntimeError, SafetensorError) as error:
        raise BadModel(f"{folder} is not the checkpoint of a reader of questions ({str(error)[:300]})") from None
    return model.eval(), QuestionTokenizer.load(folder)


def _config(stored: dict[str, Any]) -> ReaderConfig:
    known = {field.name for field in fields(ReaderConfig)}
    if unknown := sorted(stored.keys() - known):
        raise ValueError(f"{CONFIG} has the unknown fields {', '.join(unknown)}")
    encoder = EncoderConfig(**stored["encoder"])
    return ReaderConfig(**{**stored, "encoder": encoder, "labels": tuple(stored["labels"])})


def _packed(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return int8 codes and a scale for each row of every matrix, and vectors as they are."""
    out = {}
    for name, value in state.items():
        if value.ndim == 2:
            scale = value.abs().amax(1).clamp(min=1e-8) / 127
            out[name] = torch.round(value / scale[:, None]).to(torch.int8)
            out[name + SCALE] = scale
        else:
            out[name] = value.contiguous()
    return out


def _unpacked(stored: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return every parameter in fp32."""
    return {
        name: value.float() * stored[name + SCALE][:, None] if name + SCALE in stored else value.float()
        for name, value in stored.items()
        if not name.endswith(SCALE)
    }
