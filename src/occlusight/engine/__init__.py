"""Runs a Qwen3-VL for many requests at once, with caches for what several questions share. docs/engine.md tells the life of a request.

`Engine.submit` queues a prompt with a `Listener` that hears its logits, `Engine.follow` runs steps until there may be news, `Engine.cancel`
stops. `Speaker` is the listener that answers, `choices.score` reads without answering.
"""
