"""Checkpoints: Hugging Face's names in safetensors, read strictly."""

import json
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save
from torch import Tensor, nn

from occlusight.errors import BadModel
from occlusight.files.whole import write_whole
from occlusight.model.config import ModelConfig
from occlusight.model.fields import listed, read_json
from occlusight.model.qwen3vl import Qwen3VL
from occlusight.model.weight_files import WEIGHTS, WeightFiles, opened

BITS = {2: (torch.int16, np.uint16), 4: (torch.int32, np.uint32), 8: (torch.int64, np.uint64)}
PIECE = 1 << 17
"""Numbers that are checked at a time: they stay in a core's cache."""
PREFIXES = {"vision.": "model.visual.", "text.": "model.language_model.", "lm_head.": "lm_head."}


def hf_name(name: str) -> str:
    """Hugging Face's name of our parameter."""
    for ours, theirs in PREFIXES.items():
        if name.startswith(ours):
            return theirs + name.removeprefix(ours)
    raise BadModel(f"parameter {name} has no place in a Qwen3-VL checkpoint")


def load_model(
    directory: str | Path, dtype: torch.dtype = torch.float32, device: torch.device | str = "cpu"
) -> Qwen3VL:
    """The model in a checkpoint directory, in evaluation mode, its weights converted to `dtype`.

    Raises:
        BadModel: no such checkpoint, or tensors that are missing, unexpected, of another shape, quantized, or not
            finite (they are named).
    """
    directory = Path(directory)
    config, files = open_checkpoint(directory)
    model = Qwen3VL.without_values(config)
    sources = check_shapes(model, files)
    state: dict[str, Tensor] = {}
    checks: dict[str, list[Future[bool]]] = {}
    with ThreadPoolExecutor(1) as pool:  # a tensor is checked while the next one is converted
        for path in sorted({files.tensors[theirs].path for theirs in sources.values()}):
            with opened(path) as file:
                for ours, theirs in sources.items():
                    if files.tensors[theirs].path == path:
                        tensor = file.get_tensor(theirs)
                        checks[theirs] = [pool.submit(is_finite, tensor)]
                        state[ours] = tensor.to(device=device, dtype=dtype)
                        if _narrower(files.tensors[theirs].kind, dtype):
                            checks[theirs].append(pool.submit(is_finite, state[ours]))
    bad = [theirs for theirs, own in checks.items() if not all(check.result() for check in own)]
    refuse_not_finite(directory, bad, dtype)
    model.load_state_dict(state, strict=True, assign=True)
    return model.eval()


def open_checkpoint(directory: Path) -> tuple[ModelConfig, WeightFiles]:
    """Return what a checkpoint's config.json says, and its weights. Where these hold an output layer of their own, it
    is not tied.

    Raises:
        BadModel: there is no such checkpoint, or it cannot be loaded.
    """
    config = ModelConfig.from_hf(read_json(directory, "config.json"))
    files = WeightFiles(directory)
    return replace(config, tie_word_embeddings=files.tied(config.tie_word_embeddings)), files


def is_finite(tensor: Tensor) -> bool:
    """Whether there is no NaN and no infinity among a tensor's floating-point numbers."""
    if tensor.device.type != "cpu":
        low, high = torch.aminmax(tensor)  # either is NaN where one number is
        return bool(torch.isfinite(low) & torch.isfinite(high))
    flat = tensor.contiguous().view(-1)
    return all(_is_finite(flat[begin : begin + PIECE]) for begin in range(0, len(flat), PIECE))


def _is_finite(piece: Tensor) -> bool:
    """Read a piece's bits as whole numbers: where all bits of the exponent are set, they are the largest.

    Positive ones are the largest among numbers with a sign, negative ones among numbers without. Two maxima are many
    times as fast as asking for every number.
    """
    signed, unsigned = BITS[piece.element_size()]
    infinity = int(torch.tensor(float("inf"), dtype=piece.dtype).view(signed))
    bits = piece.view(signed).numpy()
    return bool(bits.max() < infinity and bits.view(unsigned).max() <= infinity + np.iinfo(bits.dtype).max)


def refuse_not_finite(directory: Path, names: list[str], dtype: torch.dtype | None = None) -> None:
    """Raise BadModel for tensors that hold NaN or infinite numbers, as they are or as `dtype`."""
    if names:
        advice = "download the model again" + ("" if dtype != torch.float16 else ", or load it as bfloat16")
        raise BadModel(f"{directory}: {listed(names, 'tensor(s) with NaN or infinite numbers')}; {advice}")


def _narrower(stored: str, dtype: torch.dtype) -> bool:
    """Whether numbers of a stored type may be too large for another one."""
    return stored == "F64" or (dtype == torch.float16 and stored != "F16")


def check_shapes(model: Qwen3VL, files: WeightFiles) -> dict[str, str]:
    """Return which tensor of the files gives each of a model's parameters its values.

    Raises:
        BadModel: tensors are missing, unexpected or of another shape.
    """
    tied = model.config.tie_word_embeddings
    sources = {ours: files.source_of(hf_name(ours), tied) for ours, _ in model.named_parameters()}
    wanted = {sources[ours]: tuple(parameter.shape) for ours, parameter in model.named_parameters()}
    stored = {name: files.tensors[name].shape for name in wanted if name in files.tensors}
    wrong = [
        f"{name} is {shape}, the configuration says {wanted[name]}"
        for name, shape in stored.items()
        if shape != wanted[name]
    ]
    if wrong:
        raise BadModel(f"{files.directory}: {listed(wrong, 'tensor(s) of another shape')}")
    missing = listed([name for name in wanted if name not in stored], "missing tensor(s)")
    unexpected = listed(files.unexpected(set(wanted), tied), "unexpected tensor(s)")
    if missing or unexpected:
        both = "; ".join(part for part in (missing, unexpected) if part)
        raise BadModel(f"{files.directory}: {both}; weights and config.json do not match")
    return sources


def save_model(model: Qwen3VL, directory: str | Path, dtype: torch.dtype = torch.bfloat16) -> None:
    """Write config.json and model.safetensors, as transformers reads them; tied embeddings are written once."""
    directory = Path(directory)
    directory.mkdir(parents=True, exist_ok=True)
    names = dtype_name(dtype)
    text = json.dumps(model.config.to_hf(names), indent=2) + "\n"
    write_whole(directory / "config.json", text)
    write_whole(directory / WEIGHTS, save(hf_state(model, dtype), metadata={"format": "pt"}))


def hf_state(model: nn.Module, dtype: torch.dtype) -> dict[str, Tensor]:
    """All parameters by Hugging Face's names, contiguous, on the CPU."""
    return {
        hf_name(name): parameter.detach().to(device="cpu", dtype=dtype).contiguous()
        for name, parameter in model.named_parameters()
    }


def dtype_name(dtype: torch.dtype) -> str:
    """`torch.bfloat16` to `bfloat16`."""
    return str(dtype).removeprefix("torch.")
