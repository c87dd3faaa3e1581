"""Checkpoints: Hugging Face's names in safetensors, read strictly."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from occlusight.errors import BadModel
from occlusight.model.config import ModelConfig
from occlusight.model.qwen3vl import Qwen3VL

WEIGHTS = "model.safetensors"
INDEX = "model.safetensors.index.json"
PREFIXES = {"vision.": "model.visual.", "text.": "model.language_model.", "lm_head.": "lm_head."}
SHOWN = 5
"""How many tensors an error names."""


def hf_name(name: str) -> str:
    """Hugging Face's name of our parameter."""
    for ours, theirs in PREFIXES.items():
        if name.startswith(ours):
            return theirs + name.removeprefix(ours)
    raise BadModel(f"parameter {name} has no place in a Qwen3-VL checkpoint")


def read_json(directory: Path, name: str) -> dict[str, Any]:
    """A JSON object of a checkpoint directory.

    Raises:
        BadModel: the file is missing or not a JSON object.
    """
    path = directory / name
    if not path.is_file():
        raise BadModel(f"{directory}: no {name}; a model is a directory with config.json and safetensors")
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise BadModel(f"{path}: not valid JSON ({error}); download the model again") from None
    if not isinstance(content, dict):
        raise BadModel(f"{path}: expected a JSON object, got {type(content).__name__}; download the model again")
    return content


def load_model(
    directory: str | Path, dtype: torch.dtype = torch.float32, device: torch.device | str = "cpu"
) -> Qwen3VL:
    """The model in a checkpoint directory, in evaluation mode, its weights converted to `dtype`.

    Raises:
        BadModel: no such checkpoint, or tensors that are missing, unexpected or of another shape (they are named).
    """
    directory = Path(directory)
    config = ModelConfig.from_hf(read_json(directory, "config.json"))
    model = Qwen3VL.without_values(config)
    wanted = {hf_name(name): (name, parameter) for name, parameter in model.named_parameters()}
    state: dict[str, Tensor] = {}
    unexpected: list[str] = []
    wrong: list[str] = []
    for path in shards(directory):
        try:
            with safe_open(path, framework="pt", device="cpu") as file:
                for theirs in file.keys():  # noqa: SIM118 (not a dict)
                    if theirs not in wanted:
                        unexpected.append(theirs)
                        continue
                    ours, parameter = wanted[theirs]
                    shape = tuple(file.get_slice(theirs).get_shape())
                    if shape != tuple(parameter.shape):
                        wrong.append(f"{theirs} is {shape}, the configuration says {tuple(parameter.shape)}")
                        continue
                    state[ours] = file.get_tensor(theirs).to(device=device, dtype=dtype)
        except SafetensorError as error:
            raise BadModel(f"{path}: not a readable safetensors file ({error}); download it again") from None
    missing = [theirs for theirs, (ours, _) in wanted.items() if ours not in state]
    if wrong:
        raise BadModel(f"{directory}: {_named(wrong, 'tensor(s) of another shape')}")
    if missing or unexpected:
        both = [_named(missing, "missing tensor(s)"), _named(unexpected, "unexpected tensor(s)")]
        raise BadModel(f"{directory}: {'; '.join(part for part in both if part)}; weights and config.json do not match")
    model.load_state_dict(state, strict=True, assign=True)
    return model.eval()


def save_model(model: Qwen3VL, directory: str | Path, dtype: torch.dtype = torch.bfloat16) -> None:
    """Write config.json and model.safetensors, as transformers reads them; tied embeddings are written once."""
    directory = Path(directory)
    directory.mkdir(parents=True, exist_ok=True)
    names = dtype_name(dtype)
    text = json.dumps(model.config.to_hf(names), indent=2) + "\n"
    (directory / "config.json").write_text(text, encoding="utf-8")
    save_file(hf_state(model, dtype), directory / WEIGHTS, metadata={"format": "pt"})


def hf_state(model: nn.Module, dtype: torch.dtype) -> dict[str, Tensor]:
    """All parameters by Hugging Face's names, contiguous, on the CPU."""
    return {
        hf_name(name): parameter.detach().to(device="cpu", dtype=dtype).contiguous()
        for name, parameter in model.named_parameters()
    }


def dtype_name(dtype: torch.dtype) -> str:
    """`torch.bfloat16` to `bfloat16`."""
    return str(dtype).removeprefix("torch.")


def shards(directory: Path) -> list[Path]:
    """The files of weights of a checkpoint directory. Raises BadModel when some are missing."""
    if (directory / WEIGHTS).is_file():
        return [directory / WEIGHTS]
    if not (directory / INDEX).is_file():
        raise BadModel(f"{directory}: neither {WEIGHTS} nor {INDEX}; a model needs its weights as safetensors")
    table: Mapping[str, str] = read_json(directory, INDEX).get("weight_map", {})
    paths = [directory / name for name in sorted(set(table.values()))]
    absent = [path.name for path in paths if not path.is_file()]
    if absent or not paths:
        raise BadModel(f"{directory}: {INDEX} names shards that are not there: {_named(absent, 'file(s)')}")
    return paths


def _named(names: Iterable[str], what: str) -> str:
    names = list(names)
    if not names:
        return ""
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return f"{len(names)} {what}: {', '.join(names[:SHOWN])}{more}"
