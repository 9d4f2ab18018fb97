"""Everything that the store holds of a project, taken out for good: each part with rows of it is written anew without them. The engine
does that by itself, and goes on after a restart with what was asked for before; the old parts leave the disk 8 minutes later.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from typing import Any, Final, NamedTuple

from headrace.store import schema
from headrace.store.client import Store
from headrace.store.errors import StoreUnavailable, redacted
from headrace.store.reader import Budget, Sql

#: Rows of a page of :func:`claimants`: one more than a segment of the journal has, so that each page ends at least one segment.
PAGE_ROWS: Final = 200_001
#: A page sorts what is left of the project by segment, which other reads need not.
_BUDGET: Final = Budget(seconds=60.0, rows=1_000_000_000)


class Claimant(NamedTuple):
    """What a record that may have been claimed is known by. Of events the ids of trace and span may be anything."""

    id: str
    trace_id: str
    span_id: str


class ClaimantPage(NamedTuple):
    """``next``: after which segment the next page begins, None on the last."""

    claimants: list[Claimant]
    next: int | None


def claimants(store: Store, project: int, table: str, dialect: str, after: int) -> ClaimantPage:
    """Records of ``dialect`` that came in segments after ``after``, whole segments of them. Raises what :meth:`Store.query` raises."""
    sql = Sql(
        f"SELECT toString(id), trace_id, span_id, batch FROM {table} WHERE project = {{project:UInt32}}"
        " AND dialect = {dialect:String} AND batch > {after:UInt64} ORDER BY batch LIMIT {limit:UInt32}",
        {"dialect": dialect, "after": after, "limit": PAGE_ROWS},
    )
    rows = store.query(project, sql, _BUDGET).rows
    last = rows[-1][3] if len(rows) == PAGE_ROWS else None
    found = [Claimant(*row[:3]) for row in rows if row[3] != last]
    return ClaimantPage(found, None if last is None else last - 1)


def delete_rows(store: Store, project: int, pause: Callable[[], None]) -> None:
    """Deletes all rows of ``project`` from every table and rollup; returns when none is left and that is on disk. ``pause`` waits a
    moment between two looks; what it raises ends this. Nothing more of the project may be inserted. May be repeated. Raises
    :class:`StoreUnavailable`.
    """
    if not 0 < project < 1 << 32:
        raise ValueError("rows are deleted of a project")
    with closing(store.connect()) as client:
        left = sorted(schema.READABLE)
        while left := [table for table in left if _ask_for(client, table, project)]:
            pause()
    store.sync()


def _ask_for(client: Any, table: str, project: int) -> bool:
    """Whether the engine is still at the deletion of ``table``'s rows of ``project``; it is asked for if there are any."""
    try:
        failures = client.query(
            # A try that was called off, by a stop or a pause of merges, is made again by itself.
            "SELECT latest_fail_reason != '' AND position(latest_fail_reason, '(ABORTED)') = 0"
            " FROM system.mutations WHERE database = currentDatabase()"
            f" AND table = '{table}' AND command = '(DELETE WHERE project = {project})' AND NOT is_done"
        ).result_rows
        if not failures:
            if not client.query(f"SELECT 1 FROM {table} WHERE project = {project} LIMIT 1").result_rows:
                return False
            client.command(f"ALTER TABLE {table} DELETE WHERE project = {project} SETTINGS mutations_sync = 0")
    except Exception as error:
        raise StoreUnavailable(f"rows of {table} cannot be deleted: {redacted(error)}") from None
    if any(failed for (failed,) in failures):
        raise StoreUnavailable(f"the engine cannot delete rows of {table} now")
    return True
