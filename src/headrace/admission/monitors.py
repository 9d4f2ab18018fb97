"""Monitors as an answer needs them: whether a check-in's slug is known, and as what."""

from __future__ import annotations

from sqlalchemy.exc import SQLAlchemyError

from headrace.admission.keys import KeyTable, LookUpFailed
from headrace.catalog import monitors
from headrace.catalog.db import Catalog

#: Monitors whose ids are remembered before all of them are dropped.
KEPT = 10_000


class MonitorTable:
    """Asks the catalog (one index look-up) for those that it has not found since anything in the catalog last changed, which ``keys``
    looks at before each request. So a monitor counts from the moment it is made, by whatever process, and until it is deleted.
    """

    def __init__(self, catalog: Catalog, keys: KeyTable) -> None:
        self._catalog = catalog
        self._keys = keys
        self._version = keys.version
        self._found: dict[tuple[int, str, str], str] = {}

    def find(self, project: int, slug: str, environment: str) -> str | None:
        """The id of the monitor. Raises :class:`LookUpFailed` when the catalog cannot be asked."""
        if self._version != self._keys.version or not self._catalog.is_sqlite or len(self._found) >= KEPT:
            self._version, self._found = self._keys.version, {}
        place = (project, slug, environment)
        return self._found.get(place) or self._ask(place)

    def _ask(self, place: tuple[int, str, str]) -> str | None:
        try:
            with self._catalog.read() as connection:
                row = monitors.by_slug(connection, *place)
        except SQLAlchemyError as error:
            raise LookUpFailed(str(error).splitlines()[0]) from None
        if row is None:
            return None
        self._found[place] = row.id
        return row.id
