"""Our own engine as a backend: a checkpoint folder on this machine."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, closing
from copy import copy
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any, ClassVar, Unpack

from occlusight.backends.events import Event, PictureUse, Saved, Usage
from occlusight.backends.fields import Picture, as_choices, as_pictures
from occlusight.backends.film_reader import FilmReader
from occlusight.backends.hub import checkpoint_of
from occlusight.backends.load import log, open_model, precision_of
from occlusight.backends.local_answer import Answer
from occlusight.backends.opened import Tell
from occlusight.backends.options import EngineKeywords, EngineOptions
from occlusight.backends.picture_reader import PictureReader, ReadOnce
from occlusight.backends.protocol import (
    Backend,
    CancelCheck,
    Capabilities,
    Choice,
    Message,
    ModelInfo,
    Request,
    Weighed,
)
from occlusight.backends.structured import READS_SCHEMAS, prompt_of
from occlusight.checks import instance
from occlusight.engine.config import LONGEST_STEP_S, EngineSettings
from occlusight.engine.engine import Engine
from occlusight.engine.generation import END_THINK, THINK, Generation
from occlusight.engine.prompt import Prompt, Visual
from occlusight.engine.sampling_params import SamplingParams
from occlusight.engine.scoring import score
from occlusight.engine.speeds import KeptSpeeds, Speeds
from occlusight.errors import BadInput
from occlusight.images.process import stop_if
from occlusight.model.chat import Chat
from occlusight.model.device import Placement
from occlusight.model.domain import Domain
from occlusight.model.pixel_limits import PixelLimits
from occlusight.model.preprocess import PreprocessSettings
from occlusight.model.revision import revision_of
from occlusight.model.rope import Grid
from occlusight.model.traits import Traits
from occlusight.model.video import Clip

OF_OTHERS = {"backend", "base_url", "served_checkpoint", "trust_remote_code"}
"""Options that our engine has no use for."""

if TYPE_CHECKING:
    from occlusight.engine.grammar import Grammar, Grammars


class LocalBackend(Backend):
    """Answers with a Qwen3-VL checkpoint. Several threads may use it; their answers advance together.

    Args:
        checkpoint: the folder.
        options: see `EngineOptions`. The limits of pixels hold for requests that say none, and never allow more than
            the checkpoint's own settings.
        name: what the model is called; its folder unless given.
        blind: drop pictures: the baseline that shows what the questions alone give away.
        settings: what options say of the engine, in its own words, instead of them; for its plain twins.
        tell: hears in a line each what was chosen and what takes long.
        keywords: fields of `EngineOptions`; beside a record they change it.

    Raises:
        BadModel: the folder holds no checkpoint that can be loaded.
        BadInput: the device or dtype does not exist here, or the context is longer than the model can be stretched to.
    """

    supported_options: ClassVar[frozenset[str]] = frozenset(EngineKeywords.__annotations__) - OF_OTHERS

    @classmethod
    def open(cls, model: str, options: EngineOptions, tell: Callable[[str], None]) -> LocalBackend:
        """Open a model of the hub, of the package or of a folder."""
        checkpoint = checkpoint_of(model, offline=options.offline)
        return cls(checkpoint, options, name=model, blind=model == "blind", tell=tell)

    def __init__(
        self,
        checkpoint: str | Path,
        options: EngineOptions = EngineOptions(),
        *,
        name: str | None = None,
        blind: bool = False,
        settings: EngineSettings | None = None,
        tell: Tell = log.info,
        **keywords: Unpack[EngineKeywords],
    ) -> None:
        checkpoint = Path(checkpoint)
        if keywords:
            options = replace(options, **keywords)
        settings = settings or engine_settings(options)
        self.blind = blind
        self.chat = Chat.load(checkpoint)
        placement = Placement.choose(checkpoint, options.device, options.dtype)
        own = PreprocessSettings.load(checkpoint)
        own.check_fits(self.chat.config.vision)
        self.reader = PictureReader.on(placement.device.type, own, options.max_pixels, options.min_pixels)
        revision = revision_of(checkpoint)
        quantized = precision_of(str(options.quantize), options.quantize_vision, checkpoint, placement, tell)
        opened = open_model(checkpoint, revision, placement, quantized, settings.kv_bytes, tell)
        model = opened.model
        if options.context is not None:
            model.fit_context(options.context)
        self.kept_speeds = KeptSpeeds(revision, opened.dtype)
        self.engine = Engine(model, revision, settings, Speeds(self.kept_speeds.read()))
        traits = Traits() if blind else Traits.load(checkpoint)
        vision = self.chat.config.vision
        told_by = 2 * vision.out_size * (1 + len(vision.taps))
        self._domain = None if blind else Domain.load(checkpoint, told_by)
        self._info = ModelInfo(
            name=name or str(checkpoint),
            revision=revision,
            context=self.engine.context,
            memory_bytes=opened.memory_bytes,
            dtype=opened.dtype + ("; keys and values in int8" if self.engine.settings.int8_kv else ""),
            pictures=traits.pictures,
            learnt=traits.learnt,
            video=not (blind or traits.learnt),
        )
        self._checkpoint = checkpoint

    @property
    def info(self) -> ModelInfo:
        """The model behind this backend."""
        return self._info

    @property
    def capabilities(self) -> Capabilities:
        """Requests are computed together, and caches are kept."""
        return Capabilities(scores="answer", together=True, caches=True)

    @property
    def preprocess(self) -> PreprocessSettings:
        """How pictures are prepared, with the limits that hold for requests that say none."""
        return self.reader.settings

    @property
    def tells_schemas(self) -> bool:
        """Whether a schema is put after the question unless a request says: the model is large enough to make use of
        it."""
        text = self.engine.model.config.text
        return text.vocab_size * text.hidden_size + text.matrix_numbers >= READS_SCHEMAS

    def within(self, limits: PixelLimits) -> LocalBackend:
        """Return the same model with other pixel limits instead of its own; the engine and its caches are shared."""
        return self._reading_by(PictureReader(replace(self.reader.own, limits=limits)))

    def _reading_by(self, reader: PictureReader) -> LocalBackend:
        other = copy(self)
        other.reader = reader
        return other

    def generate(self, request: Request, cancelled: CancelCheck | None = None) -> Answer:
        """Queue a request and return an iterator over its answer; see `Answer` for how to stop it.

        What several callers ask, in threads or one after the other before they read, is answered together. Pictures are
        opened before there is an iterator: `cancelled`, asked often and from other threads too, stops that.

        Raises:
            BadInput: the request can never be answered: a picture that cannot be used, a context or memory too small
                for it, a schema that nothing satisfies. No work has been done then.
            Cancelled: `cancelled` said so.
        """
        began = perf_counter()
        prompt, uses = self._read(instance("request", request, Request), cancelled)
        max_new_tokens = min(request.sampling.max_tokens, self.engine.context - len(prompt.ids))
        params = request.sampling
        if max_new_tokens < params.max_tokens:
            params = replace(params, max_tokens=max(1, max_new_tokens))
        generation = Generation(self.chat, prompt.ids, params, self._grammar(params))
        sequence = self.engine.submit(prompt, generation, max_new_tokens)
        return Answer(self.engine, self.chat.tokenizer, self.kept_speeds, sequence, generation, uses, began)

    def generate_many(self, requests: Iterable[Request]) -> Iterator[tuple[int, Event]]:
        """Answer several requests together; yield (which one, its next event) as they come. Questions about one picture
        share it.

        Closing the iterator stops them all.

        Raises:
            BadInput: one of them can never be answered; none is begun then.
        """
        by = self._reading_by(ReadOnce(self.reader.own, self.reader.max_pixels, self.reader.min_pixels))
        with ExitStack() as stack:
            open_answers = {}
            for index, request in enumerate(requests):
                open_answers[index] = stack.enter_context(closing(by.generate(request)))
            del by  # the pictures are the answers' now
            while open_answers:
                for index, answer in list(open_answers.items()):
                    event = next(answer, None)
                    if event is None:
                        del open_answers[index]
                    else:
                        yield index, event

    def score(self, request: Request, choices: Sequence[Choice], *, whole: bool = True) -> list[float]:
        """Return the log-probability of each choice as the whole answer, its end included, or, unless `whole`, as its
        beginning.

        A choice of several wordings gets their probabilities' sum. Nothing is decoded: the prompt is read once, then
        all wordings together. A checkpoint that thinks answers at once here.
        """
        return self.score_many([(request, choices)], whole=whole)[0]

    def score_many(self, asked: Sequence[tuple[Request, Sequence[Choice]]], *, whole: bool = True) -> list[list[float]]:
        """Return what `score` would of each of several requests, which are read together."""
        return self.weigh(asked, whole=whole).scores

    def weigh(self, asked: Sequence[tuple[Request, Sequence[Choice]]], *, whole: bool = True) -> Weighed:
        """Return what `score_many` does, and what it took."""
        by = self._reading_by(ReadOnce(self.reader.own, self.reader.max_pixels, self.reader.min_pixels))
        prompts = [(by._decided(one), self._wordings(words, whole)) for one, words in asked]
        scores, reused = score(self.engine, prompts, self.chat.eos_ids if whole else None)
        image_tokens = sum(prompt.image_tokens for prompt, _ in prompts)
        usage = Usage(sum(len(prompt.ids) for prompt, _ in prompts), image_tokens=image_tokens)
        return Weighed(scores, usage, Saved(reused))

    def _decided(self, request: Request) -> Prompt:
        """Return the prompt of a request that is answered at once: thoughts are over before they begin."""
        prompt = self.prompt(instance("request", request, Request))
        control = self.chat.tokenizer.control
        if control.get(THINK, -1) in prompt.ids[-3:] and END_THINK in control:
            done = (*self.chat.encode("\n"), control[END_THINK], *self.chat.encode("\n\n"))
            return Prompt((*prompt.ids, *done), prompt.visuals, prompt.spans)
        return prompt

    def _wordings(self, choices: Sequence[Choice], whole: bool) -> list[list[tuple[int, ...]]]:
        """Return the tokens of each choice's wordings."""
        wordings = as_choices("choices", choices)
        if not whole and not all(word for words in wordings for word in words):
            raise BadInput("an empty text is the beginning of every answer; give choices that are not empty")
        return [[tuple(self.chat.encode(word)) for word in words] for words in wordings]

    def domain(self, pictures: Sequence[Picture]) -> float | None:
        """Return how probably the least likely of the pictures is of the world that the model was trained on; None
        where the checkpoint has not been fitted to tell (see `model.domain`). Raises BadPicture where one cannot be
        read.
        """
        if self._domain is None or not pictures:
            return None
        read = (self.reader.read(picture)[0] for picture in as_pictures("pictures", pictures))
        return min(self._domain.probability(self.engine.encode(visual)) for visual in read)

    def clear_cache(self) -> None:
        """Empty the caches, so that what follows does not depend on what was asked before, not even in its rounding."""
        self.engine.clear_cache()

    def prompt(self, request: Request) -> Prompt:
        """Return the ids and pictures of a request, as the checkpoint's chat template writes them.

        Raises:
            BadInput: the texts are too long for any context of this size.
            BadPicture: a picture cannot be read.
        """
        return self._read(request)[0]

    def _read(self, request: Request, cancelled: CancelCheck | None = None) -> tuple[Prompt, tuple[PictureUse, ...]]:
        """Return the prompt, and how each picture was read."""
        request.check_length(self.engine.context)
        visuals: list[Visual] = []
        shown: list[Grid | Clip] = []
        uses: list[PictureUse] = []

        def content(message: Message | Request, text: str) -> list[dict[str, str]]:
            """Return a message's parts, pictures first; what they become is added to the lists."""
            pictures, films = ((), ()) if self.blind else (message.pictures, message.films)
            if films and not self.info.video:
                raise BadInput(f"{self.info.name} has learnt single pictures, not videos; ask: occlusight track VIDEO")
            for picture in pictures:
                visual, use = self.reader.read(picture, request.max_pixels, request.min_pixels, cancelled)
                visuals.append(visual)
                shown.append(visual.grid)
                uses.append(use)
            for film in films:
                stop_if(cancelled, "video")
                pairs, clip = self._film_reader.read(film, request.max_pixels or self.reader.max_pixels)
                visuals.extend(pairs)
                shown.append(clip)
            kinds = ["image"] * len(pictures) + ["video"] * len(films)
            return [*({"type": kind} for kind in kinds), {"type": "text", "text": text}]

        messages: list[dict[str, Any]] = []
        if request.system:
            messages.append({"role": "system", "content": request.system})
        for earlier in request.history:
            messages.append({"role": earlier.role, "content": content(earlier, earlier.text)})
        messages.append({"role": "user", "content": content(request, prompt_of(request, self.tells_schemas))})
        ids = self.chat.prompt(messages, shown)
        config = self.chat.config
        pads = {config.image_token_id, config.video_token_id}
        return Prompt.build(ids, visuals, pads, merge=config.vision.merge_size), tuple(uses)

    @cached_property
    def _film_reader(self) -> FilmReader:
        return FilmReader.of(self._checkpoint, self.chat.config.vision)

    @cached_property
    def _grammars(self) -> Grammars:
        from occlusight.engine.grammar import Grammars  # and llguidance, which most questions do not need

        return Grammars.of(self.chat.tokenizer, self.engine.model.config.text.vocab_size, self.chat.eos_ids)

    def _grammar(self, params: SamplingParams) -> Grammar | None:
        if params.json_schema is not None:
            return self._grammars.json_schema(str(params.json_schema), params.json_limits)
        return self._grammars.regex(params.regex) if params.regex is not None else None


def engine_settings(options: EngineOptions) -> EngineSettings:
    """Return what options say of the engine, in its own words."""
    settings = EngineSettings(int8_kv=options.int8_kv, kv_bytes=round(1e9 * (options.kv_gb or 0)))
    if not options.prompt_lookup:
        settings = replace(settings, drafts=0)
    return replace(settings, step_s=LONGEST_STEP_S) if options.steady else settings
