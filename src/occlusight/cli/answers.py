"""An answer as a document for programs, and what it cost in words for people."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from occlusight.backends.completion import Completion
    from occlusight.backends.events import Event, Usage
    from occlusight.backends.protocol import Backend, Request


def warnings(backend: Backend, request: Request) -> list[str]:
    """Return what makes a request one for which the model was not made."""
    most, given = backend.info.pictures, len(request.pictures)
    if most is None or given <= most:
        return []
    at_a_time = "one picture" if most == 1 else f"{most} pictures"
    return [
        f"{backend.info.name} was trained on {at_a_time} at a time, and {given} were given: do not trust this answer"
    ]


def reductions(usage: Usage) -> Iterator[str]:
    """Yield a note for each picture that `--max-pixels` made smaller, its default too."""
    for number, use in enumerate(usage.pictures, 1):
        if use.reduced_by == "max_pixels":
            which = f"picture {number}" if len(usage.pictures) > 1 else "the picture"
            yield (
                f"({which} was reduced from {as_size(use.size)} to {as_size(use.read_size)} pixels: {use.tokens} "
                f"token{'s' * (use.tokens != 1)}; --max-pixels allows more)"
            )


def as_size(size: tuple[int, int]) -> str:
    """Return (width, height) as people write it."""
    return f"{size[0]}x{size[1]}"


def answer(
    backend: Backend, request: Request, explain_cost: bool = False, events: Iterator[Event] | None = None
) -> dict[str, Any]:
    """Return `answer, finish_reason, usage, timings, model`: what `--json` prints and a batch records.

    `events` are those of the request, if it has been put to the backend already.

    There are `warnings` where the model was not made for such a request, `thoughts` where it had any, `logprobs` and
    `cost` where they were asked for, and `error` where the answer is not what its schema or expression asks for.
    """
    from occlusight.backends.completion import Completion
    from occlusight.backends.structured import why_incomplete

    completion = Completion.of(backend.generate(request) if events is None else events)
    document: dict[str, Any] = {
        "answer": completion.text,
        "finish_reason": completion.finish_reason,
        "usage": asdict(completion.usage),
        "timings": {key: round(v, 4) if isinstance(v, float) else v for key, v in asdict(completion.timings).items()},
        "model": asdict(backend.info),
    }
    if (asked := completion.asked) is not None:
        chance = None if asked.probability is None else round(asked.probability, 4)
        document |= {"scope": asked.scope, "program": asked.program, "probability": chance}
        document["domain"] = None if asked.domain is None else round(asked.domain, 4)
    if (grounds := completion.grounds) is not None:
        document["probability"] = grounds.probability
        document["evidence"] = None if grounds.evidence is None else asdict(grounds.evidence)
        document["relations"] = [asdict(relation) for relation in grounds.relations]
    if found := warnings(backend, request):
        document["warnings"] = found
    if completion.thoughts:
        document["thoughts"] = completion.thoughts
    if request.sampling.logprobs is not None:
        document["logprobs"] = [asdict(token) for token in completion.tokens]
    if explain_cost:
        document["cost"] = cost(backend, completion)
    if why := why_incomplete(request.sampling, document["answer"], completion.finish_reason):
        document["error"] = why
    return document


def cost(backend: Backend, completion: Completion) -> dict[str, Any]:
    """Return what an answer took: tokens, what was saved, precision, seconds."""
    usage, saved, timings = completion.usage, completion.saved, completion.timings
    return {
        "prompt_tokens": usage.prompt_tokens,
        "image_tokens": usage.image_tokens,
        "image_cached": timings.image_cached,
        "reused_prompt_tokens": saved.reused,
        "answer_tokens": usage.completion_tokens,
        "forced_tokens": saved.forced,
        "guessed_tokens": saved.guessed,
        "precision": backend.info.dtype,
        "wait_s": round(timings.wait_s, 4),
        "encode_s": round(timings.encode_s, 4),
        "prefill_s": round(timings.prefill_s, 4),
        "decode_s": round(timings.decode_s, 4),
    }


def cost_in_words(cost: dict[str, Any]) -> str:
    """Return the same in lines for people."""
    pictures = "known from before" if cost["image_cached"] else f"encoded in {cost['encode_s']:.2f} s"
    return "\n".join(
        [
            f"pictures: {cost['image_tokens']} tokens, {pictures if cost['image_tokens'] else 'none'}",
            f"prompt:   {cost['prompt_tokens']} tokens, {cost['reused_prompt_tokens']} of them known from before, the "
            f"others read in {cost['prefill_s']:.2f} s",
            f"answer:   {cost['answer_tokens']} tokens in {cost['decode_s']:.2f} s; {cost['forced_tokens']} forced, "
            f"{cost['guessed_tokens']} guessed rightly",
            f"computed in {cost['precision']}, after {cost['wait_s']:.2f} s of waiting for others",
        ]
    )
