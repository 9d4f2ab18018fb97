"""What a vendor's read handler gets and gives. The gateway has checked key and scope and read the body before."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, NamedTuple, Protocol

from headrace.api.services import Context
from headrace.catalog.keys import KeyRow
from headrace.records.intents import Reply
from headrace.store import Store


class ReadRequest(Protocol):
    """One request behind a route with a ``handler``."""

    @property
    def method(self) -> str: ...
    @property
    def params(self) -> Mapping[str, str]:
        """The path's ``{name}`` segments, percent-decoded."""

    @property
    def body(self) -> bytes:
        """The decoded body; empty on routes without a ``body`` step."""

    #: What the route's check made of the body (:data:`Check`); None where there is none.
    reading: Any

    @property
    def key(self) -> KeyRow: ...
    @property
    def received_us(self) -> int:
        """Receipt time, µs since the epoch, UTC."""

    @property
    def address(self) -> str:
        """The client's address behind trusted proxies, "" when there is none."""

    def header(self, name: bytes) -> bytes | None:
        """First header of that lower-case name."""

    @property
    def scheme(self) -> str:
        """The scheme that the client used, as far as proxies that are trusted tell it."""

    def query(self) -> Mapping[str, str]:
        """Query parameters, percent-decoded; of a repeated one the first."""

    def query_bytes(self) -> bytes:
        """The query as sent."""

    def reachable_project(self, public_id: str) -> int | None:
        """Number of the live project with this id when the key reaches it, else None."""


def _nobody_imports() -> None:
    """Where no server runs, an import waits for one."""


def _uncounted(_address: str, _email: str) -> int:
    """Where no server runs, nobody guesses."""
    return 0


class CompatServices(NamedTuple):
    """What the handlers work with, in worker threads: both may block. ``context`` brings catalog, clock and the stats not
    projected yet; ``store`` gives the open store or raises ``StoreUnavailable`` while there is none. ``wake_imports`` says that an import
    is in the queue; ``private_imports``: it may come from addresses of one's own network. ``path_prefix`` stands in front of every link, "" or
    "/x". ``charge_sign_in`` counts a try to sign in, of an address to an account, and gives the seconds to wait, 0 for one that may go on (on
    the event loop's thread); ``open_registration``: anybody may make an account.
    """

    context: Context
    store: Callable[[], Store]
    wake_imports: Callable[[], None] = _nobody_imports
    private_imports: bool = False
    path_prefix: str = ""
    charge_sign_in: Callable[[str, str], int] = _uncounted
    open_registration: bool = False


Handler = Callable[[ReadRequest], Awaitable[Reply]]
#: Looks at a body before it is charged: raises ``dialects.base.Refusal``, leaves what it read in ``ReadRequest.reading``. Must not block.
Check = Callable[[ReadRequest], None]
