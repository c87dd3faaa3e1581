"""Interchangeable sources of answers behind one protocol; `open_backend` turns a model's name into one."""

from occlusight.backends.open import open_backend

__all__ = ["open_backend"]
