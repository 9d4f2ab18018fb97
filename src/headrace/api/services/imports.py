"""Imports of histories, fetched or sent as a file: begun, and told of (statflow.md 1.9)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import closing
from typing import Any

import msgspec
from sqlalchemy import Connection

from headrace.api.imports.files import BadFile, Files, told
from headrace.api.imports.uploads import Uploads
from headrace.api.services import audit
from headrace.api.services.base import Actor, Context, ServiceError, live_project, require
from headrace.catalog import imports, meta
from headrace.catalog.imports import ImportRow
from headrace.catalog.sealing import IMPORT_TOKENS, Seal

#: Characters of an access token, and names that an import may be narrowed to.
TOKEN_MAX = 1_000
STATS_MAX = 10_000

UNDER_WAY = "an import is under way in this project"


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
    #: What the file is called, None where the history is fetched.
    file: str | None = None
    #: Whether everything was only read.
    dry_run: bool = False


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

    def row(conn: Connection) -> dict[str, Any]:
        sealed = Seal(meta.instance_secret(conn), IMPORT_TOKENS).seal(token)
        return {"id": context.new_id(), "base_url": base_url, "token": sealed, "options": dict(options)}

    return _begin(context, actor, project, row, base_url[:100])


def begin_file(
    context: Context, actor: Actor, *, project: str | int, upload: str, name: str, options: Mapping[str, Any]
) -> ImportInfo:
    """Puts the import of an uploaded file in the queue; it is called ``name`` by its sender, and its id becomes the import's. ``options``:
    since and until (Unix seconds), dry_run. Raises ``conflict`` while one is under way, ``forbidden``, ``not_found``.
    """
    require(actor, "write")
    row = {"id": upload, "base_url": "", "token": "", "options": {**options, "file": name}}
    return _begin(context, actor, project, lambda _: row, name[:100])


def queue_file(
    context: Context,
    actor: Actor,
    uploads: Uploads,
    upload: str,
    *,
    project: str | int,
    name: str,
    options: Mapping[str, Any],
) -> ImportInfo:
    """Looks at a file that has come in whole and puts its import in the queue; a file that is refused is removed. Raises as
    :func:`begin_file`, and ``invalid`` for an archive that cannot be read.
    """
    shown = told(name) or "the file"
    try:
        with closing(Files(uploads.path(upload), shown)):
            pass
        info = begin_file(context, actor, project=project, upload=upload, name=shown, options=options)
    except BadFile as error:
        uploads.drop(upload)
        raise ServiceError("invalid", str(error)) from None
    except BaseException:
        uploads.drop(upload)
        raise
    uploads.end(upload)
    return info


def _begin(
    context: Context, actor: Actor, project: str | int, make: Callable[[Connection], dict[str, Any]], subject: str
) -> ImportInfo:
    with context.catalog.write() as conn:
        number = live_project(conn, actor, project).number
        before = imports.load(conn, number)
        now = context.now()
        row = ImportRow(
            **make(conn),
            project=number,
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
            raise ServiceError("conflict", UNDER_WAY)
        audit.note(context, conn, actor, "began an import", subject_id=row.id, subject=subject, project=number)
    return _info(row)


def check_free(context: Context, actor: Actor, *, project: str | int) -> None:
    """Raises what :func:`begin_file` would raise, before a file is taken in for it."""
    require(actor, "write")
    with context.catalog.read() as conn:
        before = imports.load(conn, live_project(conn, actor, project).number)
    if before is not None and before.status in imports.OPEN:
        raise ServiceError("conflict", UNDER_WAY)


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
        imports.file_of(row),
        row.options.get("dry_run", False),
    )
