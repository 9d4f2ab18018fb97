"""Annotations: notes on the timeline (statflow.md 1.10)."""

from urllib.parse import urlsplit

import msgspec

from headrace.api.services import audit, stats
from headrace.api.services.base import Actor, Context, ServiceError, between, live_project, require
from headrace.catalog import annotations
from headrace.catalog.annotations import AnnotationRow
from headrace.records.ids import stat_text
from headrace.records.text import clean_text

#: Characters of a text (statflow.md 1.10) and of a link.
TEXT_MAX = 1_000
URL_MAX = 2_000
#: Characters of a text that the audit log keeps.
TOLD = 100
#: Annotations in one answer.
LIST_MAX = 1_000
KINDS = ("deploy", "incident", "change", "note")
#: Moments that can be noted: from 1970 to before 2200, in µs.
TS_MAX = 7_258_118_399_999_999


class AnnotationInfo(msgspec.Struct, frozen=True):
    """``ts`` is the moment noted, µs; ``stat_id`` the 11 characters of the stat, None when it is on all charts."""

    id: str
    text: str
    kind: str
    url: str | None
    stat_id: str | None
    ts: int
    created_at: int


def create(
    context: Context,
    actor: Actor,
    *,
    project: str | int,
    text: str,
    ts: int | None = None,
    stat: str | None = None,
    kind: str = "note",
    url: str | None = None,
) -> AnnotationInfo:
    """Notes ``text`` at ``ts`` µs (default now), on one stat (id or name) or on all charts. Raises ``invalid``,
    ``forbidden``, ``not_found``.
    """
    require(actor, "write")
    moment = context.now() if ts is None else ts
    note, link = check(text=text, ts=moment, kind=kind, url=url)
    with context.catalog.read() as conn:
        number = live_project(conn, actor, project).number
    stat_id = None if stat is None else stats.find(context, number, stat).stat_id
    row = AnnotationRow(context.new_id(), number, stat_id, kind, note, link, moment, context.now())
    with context.catalog.write() as conn:
        annotations.add(conn, row)
        audit.note(context, conn, actor, "added an annotation", subject_id=row.id, subject=note[:TOLD], project=number)
    return _info(row)


def check(*, text: str, ts: int, kind: str, url: str | None) -> tuple[str, str]:
    """Text and link of an annotation as they are stored. Raises ``invalid``."""
    note = clean_text(text).strip()
    if not 1 <= len(note) <= TEXT_MAX:
        raise ServiceError("invalid", f"text must be 1 to {TEXT_MAX} characters")
    if kind not in KINDS:
        raise ServiceError("invalid", f"kind must be one of {', '.join(KINDS)}")
    between(ts, "timestamp", 0, TS_MAX)
    return note, _link(url) if url else ""


def list_all(
    context: Context,
    actor: Actor,
    *,
    project: str | int,
    start: int | None = None,
    end: int | None = None,
    stat: str | None = None,
    limit: int = LIST_MAX,
) -> list[AnnotationInfo]:
    """A project's annotations in [start, end) µs, oldest first; with ``stat`` its own and those on all charts. Raises
    ``invalid``, ``forbidden``, ``not_found``.
    """
    require(actor, "read")
    between(limit, "limit", 1, LIST_MAX)
    for bound in (start, end):
        if bound is not None:
            between(bound, "a bound", 0, TS_MAX + 1)
    with context.catalog.read() as conn:
        number = live_project(conn, actor, project).number
    stat_id = None if stat is None else stats.find(context, number, stat).stat_id
    with context.catalog.read() as conn:
        rows = annotations.load(conn, number, start=start, end=end, stat_id=stat_id, limit=limit)
    return [_info(row) for row in rows]


def delete(context: Context, actor: Actor, *, project: str | int, annotation_id: str) -> None:
    """Raises ``not_found`` for an annotation that is unknown or another project's, and ``forbidden``."""
    require(actor, "write")
    with context.catalog.write() as conn:
        number = live_project(conn, actor, project).number
        if not annotations.remove(conn, number, clean_text(annotation_id)):
            raise ServiceError("not_found", "annotation not found")
        audit.note(context, conn, actor, "removed an annotation", subject_id=annotation_id, project=number)


def _link(url: str) -> str:
    text = clean_text(url).strip()
    try:
        parts = urlsplit(text)
    except ValueError:
        parts = urlsplit("")
    # Anything else (javascript:, data:) would run when someone clicks it.
    if parts.scheme not in ("http", "https") or not parts.netloc or len(text) > URL_MAX or not text.isprintable():
        raise ServiceError("invalid", f"url must be an http or https link of at most {URL_MAX} characters")
    return text


def _info(row: AnnotationRow) -> AnnotationInfo:
    stat_id = None if row.stat_id is None else stat_text(row.stat_id)
    return AnnotationInfo(row.id, row.text, row.kind, row.url or None, stat_id, row.ts, row.created_at)
