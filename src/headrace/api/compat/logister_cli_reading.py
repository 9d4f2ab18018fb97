"""One read of a command line: who asks, about which project, and what is asked (logister.md 1.11)."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any, Final

from headrace.api.compat.base import CompatServices, ReadRequest
from headrace.api.compat.logister_cli_asked import Cursors, Query
from headrace.api.compat.logister_cli_shown import Json
from headrace.api.compat.logister_cli_shown import time as shown_time
from headrace.api.services import device_logins
from headrace.api.services.base import ServiceError
from headrace.api.services.roles import Membership
from headrace.catalog import progress
from headrace.records.text import clean_text
from headrace.store import Budget, Store

#: Scopes that a key must all have been let in for.
Scopes = tuple[str, ...]
#: Seconds that the store may take for one request, then the answer is 503; the last of its queries is given this much of them at least.
STORE_S: Final = 15.0
_LEAST_S: Final = 0.1


class Reading:
    """Lives as long as the request. ``now``: µs; ``query``: its parameters."""

    def __init__(self, services: CompatServices, request: ReadRequest) -> None:
        self.services = services
        self.request = request
        self.context = services.context
        self.now = services.context.now()
        self.query = Query(request.query_bytes())
        self._until = time.monotonic() + STORE_S

    @cached_property
    def place(self) -> Membership:
        """The key's person's place in the project that the path names. Raises ``not_found`` and ``conflict``."""
        account, ref = self.request.key.account, clean_text(self.request.params["project"])
        return device_logins.place(self.context, account, ref, self.request.address)

    @property
    def project(self) -> int:
        """The project's number."""
        return self.place.info.number

    @property
    def segment(self) -> int:
        """The last segment of the journal of which everything is stored."""
        with self.context.catalog.read() as conn:
            return progress.last_segment(conn)

    @property
    def store(self) -> Store:
        return self.services.store()

    @property
    def budget(self) -> Budget:
        """What the next query of the store may cost."""
        return Budget(seconds=max(_LEAST_S, self._until - time.monotonic()))

    def named(self, name: str) -> str:
        """A segment of the path."""
        return clean_text(self.request.params[name])

    def cursors(self, resource: str, filters: Mapping[str, Any]) -> Cursors:
        """Cursors of a list of the project's."""
        return Cursors(resource, self.place.info.id, filters)

    def listed(self, items: Sequence[Json], next_cursor: str | None = None, **more: Any) -> Json:
        """A list's envelope."""
        following = {} if next_cursor is None else {"next_cursor": next_cursor}
        return {"items": list(items), **following, "generated_at": shown_time(self.now), **more}


def nothing_there() -> ServiceError:
    """What is not there, or somebody else's."""
    return ServiceError("not_found", "not found")
