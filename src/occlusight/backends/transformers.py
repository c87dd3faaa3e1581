"""Any image-text model of Hugging Face's transformers as a backend: for comparison, and for families that our engine
does not run.

Whatever `AutoModelForImageTextToText` opens and whose processor puts pictures into a prompt can be asked; a checkpoint
with code of its own is refused unless that is allowed.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from time import perf_counter
from typing import Any, ClassVar

import torch
import transformers
from llguidance import LLTokenizer
from llguidance.hf import from_tokenizer
from PIL import Image

from occlusight.backends.downloads import WANTED
from occlusight.backends.drawing import PLAIN, Draws, Stops, Tells
from occlusight.backends.events import Done, Event, Timings, Usage
from occlusight.backends.fields import as_choices
from occlusight.backends.hf_processor import Inputs, Processor, content_of
from occlusight.backends.honoured import NAMES, refuse_others
from occlusight.backends.hub import CODE, checkpoint_of
from occlusight.backends.options import EngineOptions
from occlusight.backends.protocol import Backend, CancelCheck, Capabilities, Choice, Message, ModelInfo, Request
from occlusight.backends.structured import READS_SCHEMAS, prompt_of
from occlusight.engine.grammar import Grammar, Grammars
from occlusight.engine.sampling_params import SamplingParams
from occlusight.errors import BadInput, BadModel
from occlusight.model.picture import open_picture
from occlusight.model.revision import revision_of
from occlusight.model.traits import Traits

HONOURED = NAMES - {"thinking_tokens", "max_pixels", "min_pixels", "films"}
"""The fields of a request that reach the model; any other that is asked for is refused."""
ALONG = ("attention_mask", "token_type_ids", "mm_token_type_ids", "cross_attention_mask")
"""Inputs with an entry for every token of the prompt; a token of an answer has what the prompt's last one has."""


class TransformersBackend(Backend):
    """Answers with `AutoModelForImageTextToText`, nothing cached between requests.

    Logits are those of transformers; tokens are drawn from them as our engine does, and the checkpoint's own settings
    have no say.

    Raises:
        BadModel: transformers cannot load the checkpoint, or its processor takes no picture; the message carries the
            reason.
    """

    supported_options: ClassVar[frozenset[str]] = frozenset({"device", "dtype", "trust_remote_code"})

    @classmethod
    def open(cls, model: str, options: EngineOptions, tell: Callable[[str], None]) -> TransformersBackend:
        """Open a checkpoint, downloaded if it is on a hub."""
        folder = checkpoint_of(model, (*WANTED, *(CODE if options.trust_remote_code else ())))
        return cls(
            folder,
            name=model,
            device=options.device,
            dtype=options.dtype,
            trust_remote_code=options.trust_remote_code,
        )

    def __init__(
        self,
        checkpoint: str | Path,
        *,
        name: str | None = None,
        device: str = "cpu",
        dtype: str = "auto",
        trust_remote_code: bool = False,
    ) -> None:
        folder, kept_as = Path(checkpoint), _dtype(dtype, device)
        try:
            self.model = transformers.AutoModelForImageTextToText.from_pretrained(
                folder, dtype=kept_as, trust_remote_code=trust_remote_code
            )
            self.tokenizer = transformers.AutoTokenizer.from_pretrained(folder, trust_remote_code=trust_remote_code)
            self.processor = Processor(folder, self.model.config, self.tokenizer, trust_remote_code)
            self.tells_schemas = sum(p.numel() for p in self.model.parameters()) >= READS_SCHEMAS
            self._vocabulary_size = max(len(self.tokenizer), int(self.model.config.get_text_config().vocab_size or 0))
            self._grammars = Grammars(self._vocabulary, self._vocabulary_size)
            self._info = self._described(name or str(folder), folder)
            self._try()
        except Exception as error:  # every family raises its own
            raise unusable(folder, error) from error
        model: Any = self.model
        model.eval()
        model.to("cpu" if device == "auto" else device)

    def _described(self, name: str, folder: Path) -> ModelInfo:
        parameters = list(self.model.parameters())
        config = getattr(self.model.config, "text_config", self.model.config)
        traits = Traits.load(folder)
        return ModelInfo(
            name=f"{name} (transformers)",
            revision=revision_of(folder),
            context=int(getattr(config, "max_position_embeddings", 0)),
            memory_bytes=sum(p.numel() * p.element_size() for p in parameters),
            dtype=str(parameters[0].dtype).removeprefix("torch."),
            pictures=traits.pictures,
            learnt=traits.learnt,
        )

    @property
    def info(self) -> ModelInfo:
        """The model behind this backend."""
        return self._info

    @property
    def capabilities(self) -> Capabilities:
        """Answers are scored, and computed one after the other."""
        return Capabilities(scores="answer")

    def generate(self, request: Request, cancelled: CancelCheck | None = None) -> Iterator[Event]:
        """Yield the answer as it is written; closing the iterator stops it after the token at hand.

        Raises:
            BadInput: the request asks for what is not honoured here, for a schema that cannot be followed, or with a
                picture that cannot be used.
        """
        refuse_others(request, HONOURED, "the backend transformers")
        return self._answer(request, cancelled)

    def _answer(self, request: Request, cancelled: CancelCheck | None) -> Iterator[Event]:
        began = perf_counter()
        inputs = self._inputs(request, cancelled)
        prompt = inputs["input_ids"][0].tolist()
        draws = Draws(request.sampling, prompt, self._ends(), self._grammar(request.sampling))
        tells = Tells(self.tokenizer, draws, request.sampling.stop)
        stop, failures = Stops(draws, tells), list[Exception]()
        thread = threading.Thread(target=self._run, args=(request, inputs, draws, tells, stop, failures), daemon=True)
        thread.start()
        first = 0.0
        try:
            for piece in iter(tells.pieces.get, None):
                first = first or perf_counter()
                yield piece
        finally:
            stop.set()
            thread.join()
        if failures:
            raise failures[0]
        ended = perf_counter()
        first = first or ended
        yield Done(
            stop.reason,
            Usage(len(prompt), draws.said, self._image_tokens(inputs)),
            Timings(first_token_s=first - began, decode_s=ended - first),
        )

    def _run(
        self, request: Request, inputs: Inputs, draws: Draws, tells: Tells, stop: Stops, failures: list[Exception]
    ) -> None:
        try:
            with torch.inference_mode():
                self.model.generate(
                    **inputs,
                    **PLAIN,
                    max_new_tokens=request.sampling.max_tokens,
                    eos_token_id=sorted(self._ends()) or None,
                    streamer=tells,
                    logits_processor=[draws],
                    stopping_criteria=[stop],
                )
        except Exception as error:  # handed to the thread that asks
            failures.append(error)
            tells.pieces.put(None)

    def _grammar(self, params: SamplingParams) -> Grammar | None:
        if params.json_schema is not None:
            return self._grammars.json_schema(str(params.json_schema), params.json_limits)
        return self._grammars.regex(params.regex) if params.regex is not None else None

    def _vocabulary(self) -> LLTokenizer:
        """Return what grammars want to know of the tokenizer. Raises BadInput for one in Python, whose bytes cannot be
        told."""
        fast: Any = self.tokenizer
        try:
            return from_tokenizer(fast, n_vocab=self._vocabulary_size, eos_token=sorted(self._ends()))
        except ValueError as error:
            raise BadInput(
                f"json_schema and regex need a fast tokenizer, which {self.info.name} lacks ({error}); leave them out"
            ) from None

    def score(self, request: Request, choices: Sequence[Choice], *, whole: bool = True) -> list[float]:
        """Return the log-probability of each choice as the whole answer, its end included, or, unless `whole`, as its
        beginning; of several wordings their sum. Raises BadInput as `generate` does."""
        refuse_others(request, HONOURED, "the backend transformers")
        inputs = self._inputs(request)
        ids = inputs.pop("input_ids")  # (1, T)
        ends = sorted(self._ends())
        scores = []
        for wordings in as_choices("choices", choices):
            found = [self._log_probability(inputs, ids, wording, ends if whole else None) for wording in wordings]
            scores.append(float(torch.stack(found).logsumexp(0)))
        return scores

    def _log_probability(self, inputs: Inputs, ids: torch.Tensor, text: str, ends: list[int] | None) -> torch.Tensor:
        """Return a text's log-probability after a prompt's ids (1, T), and that one of `ends` follows it."""
        wanted = self.tokenizer.encode(text, add_special_tokens=False)
        whole = torch.cat([ids, torch.tensor([wanted], dtype=ids.dtype, device=ids.device)], dim=1)
        along = {name: _longer(inputs[name], len(wanted)) for name in ALONG if name in inputs}
        with torch.inference_mode():
            logits = self.model(**{**inputs, **along, "input_ids": whole}).logits[0, ids.shape[1] - 1 :]
        found = logits.float().log_softmax(-1)
        said: torch.Tensor = found[:-1].gather(1, whole[0, ids.shape[1] :, None]).sum()
        return said if ends is None else said + found[-1, ends].logsumexp(0)

    def _inputs(self, request: Request, cancelled: CancelCheck | None = None) -> Inputs:
        request.check_length(self.info.context)
        messages: list[dict[str, Any]] = []
        if request.system:
            messages.append({"role": "system", "content": content_of(request.system, [])})
        for turn in (*request.history, Message("user", prompt_of(request, self.tells_schemas), request.pictures)):
            pictures = [open_picture(picture, cancelled=cancelled) for picture in turn.pictures]
            messages.append({"role": turn.role, "content": content_of(turn.text, pictures)})
        return {name: self._placed(value) for name, value in self.processor(messages).items()}

    def _placed(self, value: Any) -> Any:
        """A tensor where the model is, pixels as the model keeps its numbers; anything else as it is."""
        if not torch.is_tensor(value):
            return value
        return value.to(self.model.device, self.model.dtype if value.is_floating_point() else value.dtype)

    def _image_tokens(self, inputs: Inputs) -> int:
        """How many tokens of a prompt stand for pictures; 0 where the family has none."""
        config = self.model.config
        image = getattr(config, "image_token_id", getattr(config, "image_token_index", -1))
        return int((inputs["input_ids"] == image).sum())

    def _try(self) -> None:
        """Prepare a picture once, so that a processor that cannot is noticed before a run begins."""
        found = self._inputs(Request("?", (Image.new("RGB", (64, 64)),)))
        config = self.model.config
        pictured = self._image_tokens(found) or not any(
            hasattr(config, f"image_token_{end}") for end in ("id", "index")
        )
        if not pictured or not any(torch.is_tensor(value) and value.is_floating_point() for value in found.values()):
            raise ValueError("its chat template has no place for a picture")

    def _ends(self) -> set[int]:
        """The ids that end an answer."""
        ends = self.model.generation_config.eos_token_id
        ends = self.tokenizer.eos_token_id if ends is None else ends
        return set(ends) if isinstance(ends, (list, tuple)) else set() if ends is None else {int(ends)}


def unusable(folder: Path, error: Exception) -> BadModel:
    """Return an error that says in one line why transformers cannot use a checkpoint, and what to do."""
    reason = (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")
    hint = "; if you trust the code that it brings: --trust-remote-code" if "trust_remote_code" in str(error) else ""
    return BadModel(f"transformers cannot load {folder} ({reason}){hint}")


def _longer(values: torch.Tensor, by: int) -> torch.Tensor:
    """Repeat the last entry of dimension 1."""
    last = values[:, -1:]
    return torch.cat([values, last.expand(-1, by, *last.shape[2:])], dim=1)


def _dtype(name: str, device: str) -> Any:
    """The dtype to load in; "auto" is fp32 on a CPU, what the checkpoint says elsewhere."""
    if name == "auto":
        return torch.float32 if device in ("cpu", "auto") else "auto"
    found = getattr(torch, name, None)
    if not isinstance(found, torch.dtype):
        raise BadInput(f"--dtype takes auto, float32, bfloat16 or float16, but {name!r} was given")
    return found
