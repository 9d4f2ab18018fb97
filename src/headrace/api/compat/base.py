"""What a vendor's read handler gets and gives. The gateway has checked key and scope and read the body before."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, NamedTuple, Protocol

from headrace.api.services import Context
from headrace.catalog.keys import KeyRow
from headrace.records.intents import Answer, StreamAnswer
from headrace.store import Store


class ReadRequest(Protocol):
    """One request behind a route with a ``handler``."""

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

    def query(self) -> Mapping[str, str]:
        """Query parameters, percent-decoded; of a repeated one the first."""

    def reachable_project(self, public_id: str) -> int | None:
        """Number of the live project with this id when the key reaches it, else None."""


def _nobody_imports() -> None:
    """Where no server runs, an import waits for one."""


class CompatServices(NamedTuple):
    """What the handlers work with, in worker threads: both may block. ``context`` brings catalog, clock and the stats not
    projected yet; ``store`` gives the open store or raises ``StoreUnavailable`` while there is none. ``wake_imports`` says that an import
    is in the queue; ``private_imports``: it may come from addresses of one's own network.
    """

    context: Context
    store: Callable[[], Store]
    wake_imports: Callable[[], None] = _nobody_imports
    private_imports: bool = False


Handler = Callable[[ReadRequest], Awaitable[Answer | StreamAnswer]]
#: Looks at a body before it is charged: raises ``dialects.base.Refusal``, leaves what it read in ``ReadRequest.reading``. Must not block.
Check = Callable[[ReadRequest], None]
