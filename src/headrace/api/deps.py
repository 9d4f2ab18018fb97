"""What the API needs from the other rooms, as protocols, and the bundle that carries them.

The composition root fills :class:`Services`; nothing here opens a file, a socket or a thread. Calls that may block
(catalog, store) run in worker threads; the protocols below answer from memory and are called on the event loop.
"""

from __future__ import annotations

from collections.abc import Mapping, Set
from typing import Literal, NamedTuple, Protocol

Reach = Literal["project", "account"]


class Unavailable(Exception):  # noqa: N818 - an outcome that a client may retry, answered with 503
    """A look-up or change that cannot be made now. ``retry_after`` in whole seconds."""

    def __init__(self, message: str, retry_after: int = 1) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class KeyView(Protocol):
    """A key that may be used now: known, not revoked, not expired, its project not archived."""

    @property
    def id(self) -> str: ...
    @property
    def account(self) -> str:
        """Id of the account that owns the key."""

    @property
    def project(self) -> int:
        """Number of the key's project; for an account-wide key its default project."""

    @property
    def project_id(self) -> str: ...
    @property
    def reach(self) -> str:
        """``project`` or ``account``."""

    @property
    def kind(self) -> str: ...
    @property
    def scopes(self) -> Set[str]: ...


class Keys(Protocol):
    """Admission's key table."""

    def find(self, secret: str) -> KeyView | None:
        """The live key with this secret, None when there is none. Raises :class:`Unavailable` when it cannot tell."""

    def charge(self, key: KeyView) -> int:
        """Charges one API request to the key's own rate limit. 0: allowed; else whole seconds to wait."""


class HistogramReading(NamedTuple):
    """``bounds`` are upper bounds in seconds, ascending; ``counts`` has one more entry (above the last bound) and is not
    cumulative; ``total`` is the sum of all observations in seconds."""

    bounds: tuple[float, ...]
    counts: tuple[int, ...]
    total: float


class Readings(NamedTuple):
    """Counters since the process started and gauges of this moment. ``accepted`` by dialect; ``refused`` by (dialect, reason
    class, status): the class comes from a fixed list, never from a request; ``rows`` loaded into the store by table."""

    accepted: Mapping[str, int]
    refused: Mapping[tuple[str, str, int], int]
    journal_rows: int
    journal_bytes: int
    journal_oldest_s: float
    commit: HistogramReading
    loader_lag_s: float
    rows: Mapping[str, int]
    dead_letters: int
    query: HistogramReading


class Gauges(Protocol):
    def read(self) -> Readings:
        """All readings at once, from memory."""


class Readiness(NamedTuple):
    """``reasons`` say why nothing can be accepted durably (empty: ready); ``degraded`` what else does not work."""

    reasons: tuple[str, ...] = ()
    degraded: tuple[str, ...] = ()


class Ready(Protocol):
    def check(self) -> Readiness:
        """Whether a record could be acknowledged now, from memory."""
