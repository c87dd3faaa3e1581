"""Runs a Qwen3-VL for many requests at once, with caches for what several questions share. docs/engine.md tells the
life of a request.

`Engine.submit` queues a prompt with a `LogitsConsumer` that takes its logits, `Engine.follow` runs steps until there
may be news, `Engine.cancel` stops. `Generation` is the one that answers, `scoring.score` reads without answering.
"""
