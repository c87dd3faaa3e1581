"""Tries what an answer shall follow in a process of its own before the engine follows it.

Schemas come from anybody, and llguidance computes over some of them for ever (many patterns for one text, numbers that
a large one divides), and ends its process over others (whole numbers below -2^63, definitions that lead to a thousand
others, each of which is a call inside the last). What the trial survives costs the engine what it cost the trial.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from functools import lru_cache

from occlusight.errors import BadForm

SECONDS = 2.0
"""Of a processor, within which a grammar is ready."""
PATIENCE = 15
"""So many times that by the clock, where the machine is busy or such seconds cannot be limited."""
LONGEST = 1_000_000
"""Characters of a grammar: more are not even tried."""
STACK = 4 * 2**20
"""Bytes for calls inside calls; the engine's threads have twice as many."""
BYTES = 64
"""Of an answer that are tried, too: some grammars are ready at once, and fail with the first key of an object."""
REMEMBERED = 64
START = "import sys; sys.path[:] = {path}; from occlusight.engine.grammar_trial import main; main()"


class TooCostly(BadForm):
    """What shall be followed takes more than there is."""


@lru_cache(REMEMBERED)
def try_rules(rules: str) -> None:
    """Return where a grammar, as llguidance writes it, can be followed.

    Raises:
        BadForm: it is wrong; with llguidance's reason alone.
        TooCostly: it takes too much time or memory.
    """
    if len(rules) > LONGEST:
        raise TooCostly(f"it takes more than {LONGEST:,} characters to write it out")
    try:
        ended = subprocess.run(
            [sys.executable, "-c", START.format(path=ascii(sys.path))],
            input=rules.encode(),
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "RAYON_NUM_THREADS": "1"},
            timeout=SECONDS * PATIENCE,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise TooCostly(f"it takes longer than {SECONDS * PATIENCE:g} s") from None
    if ended.returncode == -getattr(signal, "SIGPROF", 0) and ended.returncode:
        raise TooCostly(f"it takes more than {SECONDS:g} s of a processor")
    if ended.returncode:
        raise TooCostly(f"it ends the process that reads it, with exit code {ended.returncode}")
    if reason := ended.stdout.decode():
        raise BadForm(reason)


def main() -> None:
    """Read a grammar, and write why it cannot be followed, if it cannot."""
    if hasattr(signal, "setitimer"):
        signal.setitimer(signal.ITIMER_PROF, SECONDS)
    threading.stack_size(STACK)
    trial = threading.Thread(target=follow, args=[sys.stdin.buffer.read().decode()])
    trial.start()
    trial.join()


def follow(rules: str) -> None:
    """Follow a grammar for a few bytes, and write why that cannot be, if it cannot."""
    from llguidance import LLMatcher, LLTokenizer

    matcher = LLMatcher(LLTokenizer("byte"), rules, log_level=0)
    for _ in range(BYTES):
        allowed = matcher.compute_logit_bias() if not matcher.is_error() else b""
        if matcher.is_error() or matcher.is_stopped():
            break
        quote = ord('"')  # ends a text, after which there is more to try
        following = quote if allowed[quote] else next((at for at, one in enumerate(allowed) if one), None)
        if following is None:
            break
        matcher.consume_token(following)
    if matcher.is_error():
        sys.stdout.buffer.write(first_line(matcher.get_error()).encode())


def first_line(error: object) -> str:
    """Return what an error of llguidance says first."""
    lines = str(error).strip().splitlines()
    return lines[0].rstrip(".;") if lines else "no reason given"
