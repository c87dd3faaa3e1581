"""The small model's own tokenizer: byte-level BPE trained on our questions and answers, with Qwen's special tokens."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from tokenizers import Regex, Tokenizer, decoders, pre_tokenizers, trainers
from tokenizers.models import BPE

from occlusight.scenes.meshes.catalogue import Catalogue

SPECIAL = (
    "<|endoftext|>",
    "<|im_start|>",
    "<|im_end|>",
    "<|object_ref_start|>",
    "<|object_ref_end|>",
    "<|box_start|>",
    "<|box_end|>",
    "<|quad_start|>",
    "<|quad_end|>",
    "<|vision_start|>",
    "<|vision_end|>",
    "<|vision_pad|>",
    "<|image_pad|>",
    "<|video_pad|>",
)
"""The names that Qwen3-VL's own tokenizer gives them, so that one chat template serves both."""

ZH_WORDS = [
    "是否",
    "有没有",
    "遮挡",
    "挡住",
    "遮住",
    "位置",
    "关系",
    "前面",
    "后面",
    "左边",
    "右边",
    "左侧",
    "右侧",
    "上部",
    "下部",
    "中间",
    "上面",
    "下面",
    "物体",
    "东西",
    "图中",
    "画面",
    "图片",
    "哪个",
    "哪些",
    "什么",
    "一小部分",
    "一部分",
    "一半",
    "大部分",
    "几乎全部",
    "全部",
    "离我们",
    "镜头",
    "相机",
    "最近",
    "最远",
    "更近",
    "更远",
    "为什么",
    "因为",
    "所以",
    "可以",
    "能看到",
    "看到",
    "看见",
    "部分",
    "相对于",
    "它们",
    "我们",
    "没有",
    "它",
    "旁边",
    "如果",
    "移走",
    "完整",
    "可见",
    "重叠",
]
"""Function words that stay whole, as the names of kinds and colours do; other Chinese is cut into characters."""


def train_tokenizer(corpus: Iterable[str], catalogue: Catalogue, vocab_size: int = 4096) -> Tokenizer:
    """Train on `corpus`. Chinese names of kinds and colours are words of their own, so that a name is spelled alike
    wherever it stands; other Han characters stand alone; the rest follows Qwen's pattern."""
    words = {w for k in catalogue.kinds.values() for w in (k.zh, *k.aliases_zh)}
    words |= {c.zh for c in catalogue.colours.values()} | set(ZH_WORDS)
    lexicon = "|".join(re.escape(w) for w in sorted(words, key=lambda w: (-len(w), w)))
    pattern = (
        rf"{lexicon}|\p{{Han}}|(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{{L}}\p{{N}}]?[\p{{L}}--\p{{Han}}]+|\p{{N}}"
        r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
    ).replace(r"[\p{L}--\p{Han}]", r"[a-zA-Z\x{00C0}-\x{024F}]")
    tokenizer = Tokenizer(BPE())
    split = pre_tokenizers.Split(Regex(pattern), behavior="isolated")
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [split, pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size - len(SPECIAL),
        min_frequency=2,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(corpus, trainer)
    tokenizer.add_special_tokens(list(SPECIAL))
    return tokenizer


def load_tokenizer(folder: Path) -> Tokenizer:
    """Read `tokenizer.json` of a checkpoint or a run."""
    return Tokenizer.from_file(str(folder / "tokenizer.json"))
