"""What whoever starts the server decides about its API."""

from __future__ import annotations

from dataclasses import dataclass, field

from occlusight.serve.access import Access
from occlusight.serve.api.bodies import BodyLimits
from occlusight.serve.api.pictures import RequestLimits
from occlusight.serve.origins import origin


@dataclass(frozen=True)
class ApiSettings:
    """Who may use the server, from which other sites' pages the API may be used, and how much a request may bring.

    Raises BadInput for an origin that is none.
    """

    access: Access = field(default_factory=Access)
    allow_origins: tuple[str, ...] = ()
    bodies: BodyLimits = field(default_factory=BodyLimits)
    requests: RequestLimits = field(default_factory=RequestLimits)

    def __post_init__(self) -> None:
        object.__setattr__(self, "allow_origins", tuple(map(origin, self.allow_origins)))
