"""Stats: listed in pages, found by id or by name. Stats that are not projected yet are among them."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Annotated, Any

import msgspec

from headrace.api.services.base import Actor, Context, ServiceError, between, live_project, require
from headrace.catalog import meta, stats
from headrace.catalog.stats import StatRecord, StatRow
from headrace.records.ids import classic_key, stat_number, stat_text
from headrace.records.text import clean_text

#: Stats on one page (statflow.md 1.5).
PAGE_MAX = 1_000
#: Characters of a search text: names are no longer.
SEARCH_MAX = 255
#: The order in which a name is looked for; ``stat`` is the namespace that people name things in (rulings 3).
SOURCES = ("stat", "slowstats", "logister", "canaryhub")
TYPES = ("counter", "value")
#: A moment or a stat's number in a cursor.
_Number = Annotated[int, msgspec.Meta(ge=-1, le=(1 << 63) - 1)]
#: Orders of a list: by name, or the latest point or the youngest stat first.
ORDERS = ("name", "last", "created")


class StatInfo(msgspec.Struct, frozen=True):
    """``id`` is the 11-character form (``records.ids.stat_number`` reads it). ``last_point_ms`` is the latest point's own
    time in ms, the other times are µs. ``classic_key``: what StatHat's classic API calls the stat by; only source ``stat``
    has one. ``embed_key`` shows the stat on pages of others, None without one.
    """

    id: str
    name: str
    type: str
    source: str
    unit: str | None
    public: bool
    created_at: int
    last_point_ms: int | None
    last_received_at: int | None
    classic_key: str | None
    embed_key: str | None


class StatPage(msgspec.Struct, frozen=True):
    """``next`` is the cursor of the page that follows, None on the last."""

    stats: list[StatInfo]
    next: str | None


def page(
    context: Context,
    actor: Actor,
    *,
    project: str | int,
    limit: int = PAGE_MAX,
    cursor: str | None = None,
    q: str = "",
    type: str = "",  # noqa: A002 - the query parameter's name
    source: str = "",
    order: str = "name",
) -> StatPage:
    """One page of a project's stats: by name (code points), source and type, or in another of ``ORDERS``; ``q`` is a part of the name, in
    which the case of ASCII letters does not count. Raises ``invalid``, ``forbidden``, ``not_found``.
    """
    require(actor, "read")
    between(limit, "limit", 1, PAGE_MAX)
    _check_filters(q, type, source, order)
    after = None if not cursor else _read_cursor(cursor, order)
    search = clean_text(q)
    with context.catalog.read() as conn:
        number = live_project(conn, actor, project).number
    # Before the catalog is read: what is projected in between is then seen twice, never not at all.
    pending = context.pending(number)
    with context.catalog.read() as conn:
        filters = {"contains": search, "stat_type": type, "source": source}
        if order == "name":
            found = stats.page(conn, number, after=after, limit=limit + 1, **filters)
        else:
            found = stats.newest(conn, number, _MOMENTS[order], after=after, limit=limit + 1, **filters)
        secret = meta.instance_secret(conn)
    fresh = (record_of(row) for row in pending if _matches(row, search, type, source))
    key = _KEYS[order]
    rows = _merge(found, (row for row in fresh if after is None or key(row) > _place(after, order)), key)
    shown = rows[:limit]
    following = _cursor(shown[-1], order) if len(rows) > limit else None
    return StatPage([info_of(row, secret) for row in shown], following)


def get(context: Context, actor: Actor, *, project: str | int, ref: str) -> StatInfo:
    """The stat with this id, else with this name (``stat`` before the derived sources). Raises ``not_found``, the same for
    a stat of another project, and ``forbidden``.
    """
    require(actor, "read")
    with context.catalog.read() as conn:
        number = live_project(conn, actor, project).number
        secret = meta.instance_secret(conn)
    return info_of(find(context, number, ref), secret)


def find(context: Context, project: int, ref: str) -> StatRecord:
    """As :func:`get`, for a project that was looked up already."""
    text = clean_text(ref)
    wanted = stat_number(text)
    pending = context.pending(project)
    with context.catalog.read() as conn:
        if wanted is not None:
            by_id = stats.by_id(conn, project, wanted)
            by_id = by_id or next((record_of(row) for row in pending if row.stat_id == wanted), None)
            if by_id is not None:
                return by_id
        named = _merge(stats.by_name(conn, project, text), (record_of(row) for row in pending if row.name == text))
    if not named:
        raise not_found()
    return min(named, key=lambda row: (SOURCES.index(row.source), row.type))


def not_found() -> ServiceError:
    """No such stat, or none that whoever asks may see."""
    return ServiceError("not_found", "stat not found")


def _check_filters(q: str, stat_type: str, source: str, order: str) -> None:
    if len(q) > SEARCH_MAX:
        raise ServiceError("invalid", f"q must be at most {SEARCH_MAX} characters")
    if stat_type and stat_type not in TYPES:
        raise ServiceError("invalid", "type must be counter or value")
    if source and source not in SOURCES:
        raise ServiceError("invalid", f"source must be one of {', '.join(SOURCES)}")
    if order not in ORDERS:
        raise ServiceError("invalid", f"order must be one of {', '.join(ORDERS)}")


def _matches(row: StatRow, search: str, stat_type: str, source: str) -> bool:
    if search and _fold(search) not in _fold(row.name):
        return False
    return stat_type in ("", row.type) and source in ("", row.source)


def _fold(text: str) -> str:
    """ASCII letters in lower case and nothing else, as the catalog compares."""
    return text.encode().lower().decode()


def _by_name(row: StatRecord) -> tuple[Any, ...]:
    return row.name, row.source, row.type


def _by_last_point(row: StatRecord) -> tuple[Any, ...]:
    return 1 if row.last_point_ms is None else -row.last_point_ms, row.stat_id


def _by_age(row: StatRecord) -> tuple[Any, ...]:
    return -row.created_at, row.stat_id


#: How each order sorts here, and what it goes by in the catalog.
_KEYS: Mapping[str, Callable[[StatRecord], tuple[Any, ...]]] = {
    "name": _by_name,
    "last": _by_last_point,
    "created": _by_age,
}
_MOMENTS: Mapping[str, Any] = {"last": "last_point_ms", "created": "created_at"}


def _place(after: tuple[Any, ...], order: str) -> tuple[Any, ...]:
    """A cursor as the order's key sorts: moments run backwards."""
    return after if order == "name" else (-after[0], after[1])


def _merge(
    found: Sequence[StatRecord], fresh: Iterable[StatRecord], key: Callable[[StatRecord], tuple[Any, ...]] = _by_name
) -> list[StatRecord]:
    known = {row.stat_id for row in found}
    return sorted([*found, *(row for row in fresh if row.stat_id not in known)], key=key)


def record_of(row: StatRow) -> StatRecord:
    """A stat that is not projected yet, as the catalog will have it."""
    return StatRecord(
        row.stat_id, row.project, row.source, row.name, row.type, None, False, row.created_at, None, None, None
    )


def info_of(row: StatRecord, secret: bytes) -> StatInfo:
    """A stat as callers see it; ``secret`` is the instance's."""
    return StatInfo(
        id=stat_text(row.stat_id),
        name=row.name,
        type=row.type,
        source=row.source,
        unit=row.unit,
        public=row.public,
        created_at=row.created_at,
        last_point_ms=row.last_point_ms,
        last_received_at=row.last_received_at,
        classic_key=classic_key(secret, row.stat_id).hex() if row.source == "stat" else None,
        embed_key=row.embed_key,
    )


def _cursor(row: StatRecord, order: str) -> str:
    key = _KEYS[order](row)
    return base64.urlsafe_b64encode(msgspec.json.encode(_place(key, order))).rstrip(b"=").decode()


def _read_cursor(text: str, order: str) -> tuple[Any, ...]:
    try:
        raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        if order == "name":
            return tuple(clean_text(part) for part in msgspec.json.decode(raw, type=tuple[str, str, str]))
        return msgspec.json.decode(raw, type=tuple[_Number, _Number])
    except (binascii.Error, ValueError):
        raise ServiceError("invalid", "cursor must be the next of an earlier page") from None
