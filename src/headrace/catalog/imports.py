"""Imports of histories, fetched from a StatHat export or sent as a file; the last one of each project.

| status | begins | takes a step | ends | begins again |
|---|---|---|---|---|
| (none) | queued | - | - | - |
| queued | refused | running | failed, cancelled | - |
| running | refused | running | completed, failed, cancelled | - |
| completed, failed, cancelled | queued | - | - | - |
"""

from __future__ import annotations

from typing import Any, NamedTuple

from sqlalchemy import Connection, delete, insert, select, update

from headrace.catalog.tables import imports

#: Those under way: they go on after a restart.
OPEN = ("queued", "running")


class ImportRow(NamedTuple):
    """Of a file ``base_url`` and ``token`` are "" and the options name it. ``token`` is sealed, and "" once the import has ended; ``batch`` is the number that its rows carry, above that of every one before;
    ``after`` is the name of the last stat that is done with. Times in µs.
    """

    project: int
    id: str
    base_url: str
    token: str
    options: dict[str, Any]
    status: str
    batch: int
    stats_total: int
    stats_done: int
    stats_failed: int
    points_imported: int
    current_stat: str | None
    after: str
    failures: list[dict[str, str]]
    error: str | None
    started_at: int
    finished_at: int | None


_COLUMNS = tuple(imports.c[name] for name in ImportRow._fields)


def file_of(row: ImportRow) -> str | None:
    """What the file of an import is called, None where its history is fetched."""
    name: str | None = row.options.get("file")
    return name


def load(conn: Connection, project: int) -> ImportRow | None:
    """The project's last import, None before its first."""
    row = conn.execute(select(*_COLUMNS).where(imports.c.project == project)).one_or_none()
    return ImportRow(*row) if row else None


def begin(conn: Connection, row: ImportRow) -> bool:
    """Puts an import in the place of the one before; False while that one is under way."""
    before = load(conn, row.project)
    if before is not None and before.status in OPEN:
        return False
    conn.execute(delete(imports).where(imports.c.project == row.project))
    conn.execute(insert(imports).values(row._asdict()))
    return True


def waiting(conn: Connection) -> list[ImportRow]:
    """Those under way, the oldest first."""
    query = select(*_COLUMNS).where(imports.c.status.in_(OPEN)).order_by(imports.c.started_at)
    return [ImportRow(*row) for row in conn.execute(query)]


def step(conn: Connection, row: ImportRow, **changes: Any) -> bool:
    """Changes an import that is under way; False when it no longer is."""
    change = update(imports).where(imports.c.project == row.project, imports.c.id == row.id, imports.c.status.in_(OPEN))
    return conn.execute(change.values(**changes)).rowcount == 1
