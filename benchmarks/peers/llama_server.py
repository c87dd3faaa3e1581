"""Serve a GGUF model with llama.cpp (the package xllamacpp) over OpenAI's chat API: python llama_server.py FOLDER PORT.

Prints the address when it is ready, and serves until its input is closed.
"""

import sys
from pathlib import Path

import xllamacpp

CONTEXT = 2048
MAX_IMAGE_TOKENS = 64  # what the checkpoint's own pixel limits allow


def main(folder: str, port: str) -> None:
    """Load and serve."""
    params = xllamacpp.CommonParams()
    params.model.path = str(Path(folder) / "model.gguf")
    params.mmproj.path = str(Path(folder) / "mmproj.gguf")
    params.model_alias = {"occlusight"}
    params.n_ctx, params.n_parallel, params.port = CONTEXT, 1, int(port)
    params.cpuparams.n_threads = 2
    params.warmup = False
    params.use_jinja = True
    params.image_min_tokens, params.image_max_tokens = 1, MAX_IMAGE_TOKENS
    server = xllamacpp.Server(params)
    print(server.listening_address, flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main(*sys.argv[1:])
