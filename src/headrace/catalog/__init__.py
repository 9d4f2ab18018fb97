"""The catalog: relational state in SQLite or PostgreSQL. One module per noun, functions take a connection first.

Times are integers, µs since the epoch, UTC, in columns named ``*_at``; only ``last_point_ms`` is in ms.
"""

from headrace.catalog.db import Catalog, CatalogError, sqlite_url

__all__ = ["Catalog", "CatalogError", "sqlite_url"]
