"""Errors that a user can cause, and what they can do about them.

    OcclusightError
    ├── BadInput          a file, a parameter or a question that cannot be used      (exit code 2)
    │   ├── BadPicture    not a picture, broken, empty or too large
    │   ├── BadData       a data set or an asset folder that is incomplete or wrong
    │   └── BadModel      a model that cannot be found or does not match its configuration
    └── Cancelled         the caller asked for the work to stop

Every message says what was wrong, what was received and what to do.
"""


class OcclusightError(Exception):
    """Base of all errors that carry a message for the user."""


class BadInput(OcclusightError, ValueError):
    """Something that the user gave cannot be used."""


class BadPicture(BadInput):
    """A picture that cannot be read or is outside the limits."""


class BadData(BadInput):
    """A data set or asset folder that is incomplete or wrong."""


class BadModel(BadInput):
    """A model that cannot be found or does not match its configuration."""


class Cancelled(OcclusightError):
    """The work was stopped on request."""
