"""Imports of histories: a file is sent to a project, and where its import stands."""

from __future__ import annotations

from typing import Any

import msgspec
from anyio import to_thread
from litestar import Request, get, post
from litestar.params import FromPath, FromQuery

from headrace.api.auth import reads, writes
from headrace.api.deps import Services, TheActor, TheServices
from headrace.api.errors import ApiError
from headrace.api.imports.files import FILE_MAX
from headrace.api.imports.uploads import FileTooLarge, NoRoom
from headrace.api.requests import check_encoding
from headrace.api.services import imports
from headrace.api.services.imports import ImportInfo
from headrace.api.times import maybe, moment

#: Bytes that are gathered before they are written.
_PIECE = 1 << 20
#: What a client waits before it tries again where there was no room, seconds.
_RETRY_S = "60"


class Failure(msgspec.Struct, frozen=True):
    """What could not be imported: a stat, or a line of a file."""

    name: str
    error: str


class Import(msgspec.Struct, frozen=True):
    """``status`` is queued, running, completed, failed (with ``error``) or cancelled. ``file`` is what the file was called, null for a history
    that is fetched from a StatHat export; of a ``dry_run`` nothing was kept; ``failures`` are the first 100.
    """

    status: str
    file: str | None
    dry_run: bool
    stats_total: int
    stats_done: int
    stats_failed: int
    points_imported: int
    current_stat: str | None
    started_at: str | None
    finished_at: str | None
    error: str | None
    failures: list[Failure]


class Imports(msgspec.Struct, frozen=True):
    """The project's last import, or none."""

    imports: list[Import]


def view(info: ImportInfo) -> Import:
    return Import(
        info.status,
        info.file,
        info.dry_run,
        info.stats_total,
        info.stats_done,
        info.stats_failed,
        info.points_imported,
        info.current_stat,
        maybe(info.started_at),
        maybe(info.finished_at),
        info.error,
        [Failure(**failure) for failure in info.failures],
    )


@get("/projects/{project:str}/imports", guards=[reads], sync_to_thread=True, summary="The last import")
def list_imports(services: TheServices, actor: TheActor, project: FromPath[str]) -> Imports:
    """Of a file, or of a StatHat export by `/v1/import/stathat`."""
    info = imports.status(services.context, actor, project=project)
    return Imports([] if info.status == imports.IDLE.status else [view(info)])


@post(
    "/projects/{project:str}/imports",
    guards=[writes],
    status_code=202,
    summary="Import a file",
    request_max_body_size=FILE_MAX,
    opt={"binary": "A CSV export, saved JSON of a StatHat export, or a ZIP archive of such files; at most 512 MiB."},
)
async def begin_import(
    services: TheServices,
    actor: TheActor,
    request: Request[Any, Any, Any],
    project: FromPath[str],
    name: FromQuery[str] = "",
    since: FromQuery[str | None] = None,
    until: FromQuery[str | None] = None,
    dry_run: FromQuery[bool] = False,
) -> Import:
    """The body is the file as it is, whatever its Content-Type. `name` is what errors call it; `since` and `until` narrow what is imported;
    with `dry_run` everything is read and nothing kept. A second time repairs and doubles nothing.
    """
    check_encoding(request)
    options = _options(services.context.now(), since, until, dry_run=dry_run)
    await to_thread.run_sync(lambda: imports.check_free(services.context, actor, project=project))
    upload = services.context.new_id()
    try:
        await to_thread.run_sync(services.uploads.begin, upload)
        await _take_in(services, upload, request)
    except NoRoom as error:
        services.uploads.drop(upload)
        raise ApiError(503, "unavailable", str(error), {"retry-after": _RETRY_S}) from None
    except BaseException:
        services.uploads.drop(upload)
        raise
    info = await to_thread.run_sync(
        lambda: imports.queue_file(
            services.context, actor, services.uploads, upload, project=project, name=name, options=options
        )
    )
    services.wake_imports()
    return view(info)


def _options(now: int, since: str | None, until: str | None, *, dry_run: bool) -> dict[str, Any]:
    """Raises :class:`ApiError`."""
    sent = {"since": since, "until": until}
    options: dict[str, Any] = {
        field: moment(text, field, now) // 1_000_000 for field, text in sent.items() if text is not None
    }
    if "until" in options and options["until"] <= options.get("since", 0):
        raise ApiError(400, "bad_request", "since must be before until")
    return options | ({"dry_run": True} if dry_run else {})


async def _take_in(services: Services, upload: str, request: Request[Any, Any, Any]) -> None:
    """Writes the body to the disk as it comes. Raises :class:`ApiError`."""
    gathered = bytearray()

    async def write() -> None:
        try:
            await to_thread.run_sync(services.uploads.add, upload, bytes(gathered))
        except FileTooLarge:
            raise ApiError(413, "too_large", f"a file has at most {FILE_MAX >> 20} MiB") from None
        gathered.clear()

    async for piece in request.stream():
        gathered += piece
        if len(gathered) >= _PIECE:
            await write()
    await write()


HANDLERS = (list_imports, begin_import)
