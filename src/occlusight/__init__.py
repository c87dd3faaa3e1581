"""Occlusight (遮见): what stands in front of what in a picture, why, and how sure the answer is.

>>> import occlusight
>>> occlusight.generate_response("street.webp", "Is the red car hidden by anything?")  # doctest: +SKIP
'Yes. The lamp post hides part of the red car, so the lamp post is nearer.'
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from occlusight.api import generate_response, load, relations

__all__ = ["__version__", "generate_response", "load", "relations"]
__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    """Import what is asked for when it is asked for: `import occlusight` alone stays fast."""
    if name in __all__:
        from occlusight import api

        return getattr(api, name)
    raise AttributeError(f"module 'occlusight' has no attribute {name!r}")
