"""Stream an answer, stop after a while, and ask how likely two answers are.

python examples/stream.py examples/street.webp
"""

import argparse
from pathlib import Path

from occlusight.backends import open_backend
from occlusight.backends.events import Done, TextDelta
from occlusight.backends.protocol import Request

parser = argparse.ArgumentParser()
parser.add_argument("picture", type=Path)
parser.add_argument("--model", default="default")
options = parser.parse_args()
backend = open_backend(options.model)

request = Request("Does the street lamp hide the car, and why?", (options.picture,), max_tokens=64)
events = backend.generate(request)
for event in events:
    if isinstance(event, TextDelta):
        print(event.text, end="", flush=True)
    elif isinstance(event, Done):
        print(f"\n{event.finish_reason} after {event.usage.completion_tokens} tokens in {event.timings.decode_s:.2f} s")

events = backend.generate(request)
next(events)
events.close()  # ends the computation, as the page's stop button does

scores = backend.score(Request("Does the street lamp hide the car?", (options.picture,)), ["Yes.", "No."])
print("log-probabilities of Yes and No:", [round(score, 2) for score in scores])
