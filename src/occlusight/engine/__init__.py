"""Runs a Qwen3-VL: one sequence at a time, with caches for what several questions share.

`Engine.start` encodes the pictures and reads the prompt, `advance` reads one more token, `keep` leaves the sequence's keys and
values for a later prompt that begins alike. `Turns` and `Interrupts` let several callers share an engine and let each stop early.
"""
