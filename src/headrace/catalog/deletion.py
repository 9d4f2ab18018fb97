"""What the catalog holds of a project that is being deleted, taken out a little at a time: one writer at a time changes the catalog, and
a project may have a million stats.
"""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import ColumnElement, Connection, Table, delete, select, tuple_

from headrace.catalog.tables import audit, keys, metadata

#: Rows that one transaction takes out at most. 5,000 stats took 60 ms.
ROWS_AT_ONCE = 5_000


def clear(conn: Connection, project: int) -> bool:
    """Deletes up to ``ROWS_AT_ONCE`` rows of the project that has this number; True when there were no more. The project's own line stays,
    and so do keys of its whole account and the audit log.
    """
    left = ROWS_AT_ONCE
    for table, mine in _holdings(project):
        identity = tuple_(*table.primary_key)
        some = select(*table.primary_key).where(mine).limit(left)
        left -= conn.execute(delete(table).where(identity.in_(some))).rowcount
        if left <= 0:
            return False
    return True


def _holdings(project: int) -> Iterator[tuple[Table, ColumnElement[bool]]]:
    """Every table with rows of projects, those first that others do not refer to, and which rows are the project's."""
    for table in reversed(metadata.sorted_tables):
        if table is keys:
            yield table, (keys.c.project_number == project) & (keys.c.reach == "project")
        elif "project" in table.c and table is not audit:
            yield table, table.c.project == project
