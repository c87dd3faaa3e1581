"""Errors that a user can cause, and what they can do about them.

    OcclusightError
    ├── BadInput          a file, a parameter or a question that cannot be used      (exit code 2)
    │   ├── BadPicture    not a picture, broken, empty or too large
    │   ├── BadVideo      not a video, without frames, cut, broken or too long
    │   ├── BadForm       a JSON schema, or a regular expression, that no answer can follow
    │   ├── BadData       a data set or an asset folder that is incomplete or wrong
    │   └── BadModel      a model that cannot be found or does not match its configuration
    ├── Incomplete        an answer that is not what its schema or expression asks for (exit code 1)
    ├── BadNumbers        the model computed numbers that are none                   (exit code 1)
    ├── Busy              a server has too much to do now; later it will do
    └── Cancelled         the caller asked for the work to stop

Every message says what was wrong, what was received and what to do.
"""


class OcclusightError(Exception):
    """Base of all errors that carry a message for the user."""


class BadInput(OcclusightError, ValueError):
    """Something that the user gave cannot be used."""


class BadPicture(BadInput):
    """A picture that cannot be read or is outside the limits."""


class BadVideo(BadInput):
    """A video that cannot be read or is outside the limits."""


class BadForm(BadInput):
    """A JSON schema or a regular expression that is none, or that no answer can follow here."""


class BadData(BadInput):
    """A data set or asset folder that is incomplete or wrong."""


class BadModel(BadInput):
    """A model that cannot be found or does not match its configuration."""


class Incomplete(OcclusightError):
    """An answer that was cut, or ended otherwise, before it was what its schema or expression asks for; `text` is what
    there is."""

    def __init__(self, message: str, text: str = "") -> None:
        super().__init__(message)
        self.text = text


class BadNumbers(OcclusightError):
    """The model computed NaN or infinite numbers, from which no answer can be read."""


class Busy(OcclusightError):
    """Too much is asked at once.

    `retry_after_s` is a whole number of seconds after which it is worth another try; `by_client` says that the client
    itself asks too much (HTTP 429), not all clients together (503).
    """

    def __init__(self, message: str, retry_after_s: int, *, by_client: bool = False) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s
        self.by_client = by_client


class Cancelled(OcclusightError):
    """The work was stopped on request."""
