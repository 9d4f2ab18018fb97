"""Monitors as an answer needs them: whether a check-in's slug is known, and as what."""

from __future__ import annotations

from sqlalchemy.exc import SQLAlchemyError

from headrace.admission.keys import LookUpFailed
from headrace.catalog import monitors
from headrace.catalog.db import Catalog


class MonitorTable:
    """Asks the catalog each time (one index look-up), so that a monitor counts from the moment it is made, by whatever process."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog

    def find(self, project: int, slug: str, environment: str) -> str | None:
        """The id of the monitor. Raises :class:`LookUpFailed` when the catalog cannot be asked."""
        try:
            with self._catalog.read() as connection:
                row = monitors.by_slug(connection, project, slug, environment)
        except SQLAlchemyError as error:
            raise LookUpFailed(str(error).splitlines()[0]) from None
        return None if row is None else row.id
