"""The command `occlusight`. `main` is its entry point; nothing heavy is imported before a command needs it."""

from occlusight.cli.app import main

__all__ = ["main"]
