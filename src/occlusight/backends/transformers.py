"""Any image-text model of Hugging Face's transformers as a backend: for comparison, and for families that our engine does not run.

LLaVA, InternVL, CogVLM, MiniGPT and the rest work as far as their checkpoints and processors do; a checkpoint with code of
its own is refused unless that is allowed.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from time import perf_counter
from typing import Any

import torch
import transformers

from occlusight.backends.protocol import Done, Event, ModelInfo, Picture, Request, TextDelta, Timings, Usage
from occlusight.engine.revision import revision_of
from occlusight.errors import BadInput, BadModel
from occlusight.model.picture import open_picture

Inputs = dict[str, Any]


class TransformersBackend:
    """Answers with `AutoModelForImageTextToText`, greedy or sampled, nothing cached between requests.

    Raises:
        BadModel: transformers cannot load the checkpoint; the message carries its reason.
    """

    def __init__(
        self,
        checkpoint: str | Path,
        *,
        name: str | None = None,
        device: str = "cpu",
        dtype: str = "auto",
        trust_remote_code: bool = False,
    ) -> None:
        folder = Path(checkpoint)
        try:
            self.model = transformers.AutoModelForImageTextToText.from_pretrained(
                folder, dtype=_dtype(dtype, device), trust_remote_code=trust_remote_code
            )
            self.tokenizer = transformers.AutoTokenizer.from_pretrained(folder, trust_remote_code=trust_remote_code)
            self.inputs = inputs_of(folder, self.model.config, self.tokenizer, trust_remote_code)
        except (OSError, ValueError, KeyError, ImportError, RuntimeError) as error:
            reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
            raise BadModel(f"transformers cannot load {folder} ({reason})") from error
        model: Any = self.model
        model.eval()
        model.to("cpu" if device == "auto" else device)
        parameters = list(model.parameters())
        config = getattr(self.model.config, "text_config", self.model.config)
        self._info = ModelInfo(
            name=f"{name or folder} (transformers)",
            revision=revision_of(folder),
            context=int(getattr(config, "max_position_embeddings", 0)),
            video=getattr(self.model.config, "video_token_id", None) is not None,
            memory_bytes=sum(p.numel() * p.element_size() for p in parameters),
            dtype=str(parameters[0].dtype).removeprefix("torch."),
        )

    @property
    def info(self) -> ModelInfo:
        """The model behind this backend."""
        return self._info

    def generate(self, request: Request) -> Iterator[Event]:
        """Yield the answer as it is written; closing the iterator stops it after the token at hand."""
        began = perf_counter()
        inputs = self._inputs(request)
        length = inputs["input_ids"].shape[1]
        streamer = transformers.TextIteratorStreamer(self.tokenizer, skip_prompt=True, skip_special_tokens=True)
        stop, found = _Stop(), _Found()
        thread = threading.Thread(target=self._run, args=(request, inputs, streamer, stop, found), daemon=True)
        thread.start()
        first = 0.0
        try:
            for piece in streamer:
                first = first or perf_counter()
                if piece:
                    yield TextDelta(piece)
        finally:
            stop.set()
            thread.join()
        if found.error is not None:
            raise found.error
        assert found.ids is not None
        ended = perf_counter()
        count = found.ids.shape[1] - length
        last = int(found.ids[0, -1])
        images = int((inputs["input_ids"] == getattr(self.model.config, "image_token_id", -1)).sum())
        reason = "stop" if last in self._ends() else "length"
        first = first or ended
        yield Done(
            "stop" if reason == "stop" else "length",
            Usage(length, count, images),
            Timings(first_token_s=first - began, decode_s=ended - first),
        )

    def _run(self, request: Request, inputs: Inputs, streamer: Any, stop: _Stop, found: _Found) -> None:
        sampled = request.temperature > 0
        try:
            if request.seed is not None and sampled:
                torch.manual_seed(request.seed)
            with torch.inference_mode():
                found.ids = self.model.generate(
                    **inputs,
                    max_new_tokens=request.max_tokens,
                    do_sample=sampled,
                    temperature=request.temperature if sampled else None,
                    top_p=request.top_p if sampled else None,
                    top_k=0 if sampled else None,
                    eos_token_id=sorted(self._ends()) or None,
                    streamer=streamer,
                    stopping_criteria=[stop],
                )
        except Exception as error:  # handed to the thread that asks
            found.error = error
            streamer.end()

    def score(self, request: Request, choices: Sequence[str]) -> list[float]:
        """Return the log-probability of each choice as the whole answer, its end included."""
        inputs = self._inputs(request)
        ids = inputs.pop("input_ids")  # (1, T)
        ends = sorted(self._ends())
        scores = []
        for choice in choices:
            wanted = self.tokenizer.encode(choice, add_special_tokens=False)
            whole = torch.cat([ids, torch.tensor([wanted], device=ids.device)], dim=1)
            extra = {"attention_mask": torch.ones_like(whole)}
            if "mm_token_type_ids" in inputs:
                kinds = inputs["mm_token_type_ids"]
                extra["mm_token_type_ids"] = torch.cat([kinds, kinds.new_zeros(1, len(wanted))], dim=1)
            with torch.inference_mode():
                logits = self.model(**{**inputs, **extra, "input_ids": whole}).logits[0, ids.shape[1] - 1 :]
            found = logits.float().log_softmax(-1)
            said = found[:-1].gather(1, torch.tensor(wanted, device=found.device)[:, None]).sum()
            scores.append(float(said + found[-1, ends].logsumexp(0)))
        return scores

    def _inputs(self, request: Request) -> Inputs:
        messages: list[dict[str, Any]] = []
        pictures: list[Picture] = []
        if request.system:
            messages.append({"role": "system", "content": [{"type": "text", "text": request.system}]})
        for turn in request.history:
            messages.append({"role": turn.role, "content": _content(turn.text, turn.pictures, pictures)})
        messages.append({"role": "user", "content": _content(request.prompt, request.pictures, pictures)})
        found = self.inputs(messages, [open_picture(p) for p in pictures])
        return {key: value.to(self.model.device) for key, value in found.items()}

    def _ends(self) -> set[int]:
        """The ids that end an answer."""
        ends = self.model.generation_config.eos_token_id
        ends = self.tokenizer.eos_token_id if ends is None else ends
        return set(ends) if isinstance(ends, (list, tuple)) else set() if ends is None else {int(ends)}


class _Stop(transformers.StoppingCriteria):
    """Stops a generation from another thread."""

    def __init__(self) -> None:
        self._event = threading.Event()

    def set(self) -> None:
        """Stop after the token at hand."""
        self._event.set()

    def __call__(self, input_ids: Any, scores: Any, **kwargs: Any) -> Any:
        return torch.full((input_ids.shape[0],), self._event.is_set(), device=input_ids.device, dtype=torch.bool)


class _Found:
    """What the generating thread leaves."""

    ids: torch.Tensor | None = None
    error: Exception | None = None


def _content(text: str, pictures: Sequence[Picture], seen: list[Picture]) -> list[dict[str, Any]]:
    seen += pictures
    return [*({"type": "image"} for _ in pictures), {"type": "text", "text": text}]


def _dtype(name: str, device: str) -> Any:
    """The dtype to load in; "auto" is fp32 on a CPU, what the checkpoint says elsewhere."""
    if name == "auto":
        return torch.float32 if device in ("cpu", "auto") else "auto"
    found = getattr(torch, name, None)
    if not isinstance(found, torch.dtype):
        raise BadInput(f"--dtype takes auto, float32, bfloat16 or float16, but {name!r} was given")
    return found


def inputs_of(folder: Path, config: Any, tokenizer: Any, trust_remote_code: bool) -> Any:
    """Return the function from messages and pictures to a model's inputs.

    It is the checkpoint's own processor; for Qwen3-VL, whose processor wants torchvision for videos, its tokenizer and its image
    processor without torchvision are put together where torchvision is absent.
    """
    try:
        processor: Any = transformers.AutoProcessor.from_pretrained(  # type: ignore[no-untyped-call]
            folder, trust_remote_code=trust_remote_code
        )
    except (ImportError, ValueError) as error:
        if config.model_type != "qwen3_vl" or "torchvision" not in str(error).lower():
            raise
        return _qwen_inputs(folder, config, tokenizer)

    def inputs(messages: list[dict[str, Any]], pictures: list[Any]) -> Inputs:
        text = processor.apply_chat_template(messages, add_generation_prompt=True, tokenize=False)
        return dict(processor(text=[text], images=pictures or None, return_tensors="pt"))

    return inputs


def _qwen_inputs(folder: Path, config: Any, tokenizer: Any) -> Any:
    from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil

    images = Qwen2VLImageProcessorPil.from_pretrained(folder)
    merge = config.vision_config.spatial_merge_size**2

    def inputs(messages: list[dict[str, Any]], pictures: list[Any]) -> Inputs:
        text = tokenizer.apply_chat_template(messages, add_generation_prompt=True, tokenize=False)
        ids = tokenizer.encode(text, add_special_tokens=False)
        found = dict(images(images=pictures, return_tensors="pt")) if pictures else {}
        grids = iter(found.get("image_grid_thw", ()))
        pad, whole = config.image_token_id, []
        for id in ids:
            whole += [pad] * (int(next(grids).prod()) // merge) if id == pad else [id]
        input_ids = torch.tensor([whole])
        return {
            **found,
            "input_ids": input_ids,
            "attention_mask": torch.ones_like(input_ids),
            "mm_token_type_ids": (input_ids == pad).long(),
        }

    return inputs
