"""StatHat imports: begun, and told of (statflow.md 1.9)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from headrace.api.services import audit
from headrace.api.services.base import Actor, Context, ServiceError, live_project, require
from headrace.catalog import imports, meta
from headrace.catalog.imports import ImportRow
from headrace.catalog.sealing import IMPORT_TOKENS, Seal

#: Characters of an access token, and names that an import may be narrowed to.
TOKEN_MAX = 1_000
STATS_MAX = 10_000


class ImportInfo(msgspec.Struct, frozen=True):
    """Where the project's last import stands; times in µs."""

    status: str
    stats_total: int = 0
    stats_done: int = 0
    stats_failed: int = 0
    points_imported: int = 0
    current_stat: str | None = None
    started_at: int | None = None
    finished_at: int | None = None
    error: str | None = None
    failures: list[dict[str, str]] = []


#: Before the first one.
IDLE = ImportInfo("idle")


def begin(
    context: Context,
    actor: Actor,
    *,
    project: str | int,
    token: str,
    base_url: str,
    options: Mapping[str, Any],
) -> ImportInfo:
    """Puts an import in the queue; ``options``: since and until (Unix seconds), stats (names), dry_run. Raises ``conflict`` while one is
    under way, ``forbidden``, ``not_found``.
    """
    require(actor, "read")
    require(actor, "write")
    with context.catalog.write() as conn:
        number = live_project(conn, actor, project).number
        before = imports.load(conn, number)
        now = context.now()
        row = ImportRow(
            project=number,
            id=context.new_id(),
            base_url=base_url,
            token=Seal(meta.instance_secret(conn), IMPORT_TOKENS).seal(token),
            options=dict(options),
            status="queued",
            batch=max(now // 1000, (before.batch if before else 0) + 1),
            stats_total=0,
            stats_done=0,
            stats_failed=0,
            points_imported=0,
            current_stat=None,
            after="",
            failures=[],
            error=None,
            started_at=now,
            finished_at=None,
        )
        if not imports.begin(conn, row):
            raise ServiceError("conflict", "an import is under way in this project")
        audit.note(context, conn, actor, "began an import", subject_id=row.id, subject=base_url[:100], project=number)
    return _info(row)


def status(context: Context, actor: Actor, *, project: str | int) -> ImportInfo:
    """Where the project's last import stands. Raises ``forbidden``, ``not_found``."""
    require(actor, "read")
    with context.catalog.read() as conn:
        row = imports.load(conn, live_project(conn, actor, project).number)
    return IDLE if row is None else _info(row)


def _info(row: ImportRow) -> ImportInfo:
    return ImportInfo(
        row.status,
        row.stats_total,
        row.stats_done,
        row.stats_failed,
        row.points_imported,
        row.current_stat,
        row.started_at,
        row.finished_at,
        row.error,
        row.failures,
    )
