"""The stats: number ↔ (project, source, name). The loader projects them from the journal; admission decides them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Literal, NamedTuple

from sqlalchemy import BigInteger, Connection, and_, bindparam, case, delete, func, or_, select, update

from headrace.catalog import meta
from headrace.catalog.db import insert_ignore
from headrace.catalog.tables import projects, stats
from headrace.records.ids import classic_key

#: Rows fetched at a time while all stats stream by.
_STREAM_ROWS = 5_000
#: Ids that one question names.
_ASKED_ABOUT = 5_000


class StatRow(NamedTuple):
    stat_id: int
    project: int
    source: str
    name: str
    type: str
    created_at: int


class StatRecord(NamedTuple):
    """A stat as people see it. ``last_point_ms``: the time of its latest point in ms; other times in µs. ``embed_key``: what shows it on
    pages of others, None without one.
    """

    stat_id: int
    project: int
    source: str
    name: str
    type: str
    unit: str | None
    public: bool
    created_at: int
    last_point_ms: int | None
    last_received_at: int | None
    embed_key: str | None


_ROW = (stats.c.stat_id, stats.c.project, stats.c.source, stats.c.name, stats.c.type, stats.c.created_at)
_RECORD = tuple(stats.c[name] for name in StatRecord._fields)


def load_all(conn: Connection) -> Iterator[StatRow]:
    """Every stat outside the trash, streamed."""
    query = select(*_ROW).where(stats.c.trashed_at.is_(None))
    for row in conn.execute(query, execution_options={"yield_per": _STREAM_ROWS}):
        yield StatRow(*row)


def add_missing(conn: Connection, rows: Sequence[StatRow]) -> None:
    """Inserts the stats that are not there yet, by ``stat_id``: projecting a segment twice changes nothing. Raises
    ``IntegrityError`` when another live stat holds the name.
    """
    secret = meta.instance_secret(conn) if any(row.source == "stat" for row in rows) else b""
    values = [
        row._asdict()
        | {"public": False, "classic_key": classic_key(secret, row.stat_id) if row.source == "stat" else None}
        for row in rows
    ]
    insert_ignore(conn, stats, values, conflict=("stat_id",))


def touch(conn: Connection, rows: Sequence[tuple[int, int, int]]) -> None:
    """Moves last point and last receipt forward, never back. ``rows``: (stat_id, last point in ms, received in µs)."""
    if not rows:
        return
    point, received = stats.c.last_point_ms, stats.c.last_received_at
    new_point = bindparam("point", type_=BigInteger)
    new_received = bindparam("received", type_=BigInteger)
    change = (
        update(stats)
        .where(stats.c.stat_id == bindparam("stat"))
        .values(
            last_point_ms=case((point > new_point, point), else_=new_point),
            last_received_at=case((received > new_received, received), else_=new_received),
        )
    )
    conn.execute(change, [{"stat": stat, "point": ms, "received": us} for stat, ms, us in sorted(rows)])


def slice_of(conn: Connection, project: int, source: str, *, offset: int, limit: int) -> list[StatRecord]:
    """Up to ``limit`` stats of ``source`` by name (code points), after the first ``offset`` of them."""
    query = _matching(select(*_RECORD), project, "", "", source).order_by(stats.c.name, stats.c.source, stats.c.type)
    return [StatRecord(*row) for row in conn.execute(query.offset(offset).limit(limit))]


def known(conn: Connection, stat_ids: Sequence[int]) -> dict[int, bool]:
    """Which of ``stat_ids`` the catalog has, and whether each is in the trash."""
    found: dict[int, bool] = {}
    for first in range(0, len(stat_ids), _ASKED_ABOUT):
        asked = stats.c.stat_id.in_(stat_ids[first : first + _ASKED_ABOUT])
        query = select(stats.c.stat_id, stats.c.trashed_at).where(asked)
        found |= {row[0]: row[1] is not None for row in conn.execute(query)}
    return found


def trash(conn: Connection, row: StatRow, at: int) -> bool:
    """Puts a stat into the trash at ``at`` µs, whether it is projected or not; False when it is there already."""
    add_missing(conn, [row])
    change = update(stats).where(
        stats.c.stat_id == row.stat_id, stats.c.project == row.project, stats.c.trashed_at.is_(None)
    )
    return conn.execute(change.values(trashed_at=at)).rowcount == 1


def share(conn: Connection, row: StatRow, *, public: bool, embed_key: str | None) -> bool:
    """Sets who else may see a stat, whether it is projected or not; False when it is in the trash."""
    add_missing(conn, [row])
    change = update(stats).where(
        stats.c.stat_id == row.stat_id, stats.c.project == row.project, stats.c.trashed_at.is_(None)
    )
    return conn.execute(change.values(public=public, embed_key=embed_key)).rowcount == 1


def embedded(conn: Connection, keys: Sequence[str]) -> dict[str, StatRecord]:
    """The stats that these embed keys show, by key."""
    return {row.embed_key: StatRecord(*row) for row in conn.execute(_outside().where(stats.c.embed_key.in_(keys)))}


def public_one(conn: Connection, stat_id: int) -> StatRecord | None:
    """The stat of that number if anybody may see it."""
    row = conn.execute(_outside().where(stats.c.stat_id == stat_id, stats.c.public)).one_or_none()
    return StatRecord(*row) if row else None


def _outside() -> Any:
    """Stats that can be shared with others at all: not those in the trash, nor those of a project that is not live."""
    live = and_(projects.c.number == stats.c.project, projects.c.state == "live")
    return select(*_RECORD).join(projects, live).where(stats.c.trashed_at.is_(None))


def trashed_before(conn: Connection, moment: int, limit: int) -> list[tuple[int, int]]:
    """(project, stat_id) of up to ``limit`` stats that came into the trash before ``moment`` µs, the oldest first."""
    query = select(stats.c.project, stats.c.stat_id).where(stats.c.trashed_at < moment)
    return [(row[0], row[1]) for row in conn.execute(query.order_by(stats.c.trashed_at).limit(limit))]


def by_origins(conn: Connection, project: int, origins: Sequence[str]) -> dict[str, StatRow]:
    """The project's untrashed stats whose histories came from stats of these ids elsewhere."""
    wanted = stats.c.origin.in_(origins)
    query = select(stats.c.origin, *_ROW).where(wanted, stats.c.project == project, stats.c.trashed_at.is_(None))
    return {row[0]: StatRow(*row[1:]) for row in conn.execute(query)}


def imported(conn: Connection, row: StatRow, origin: str, last_ms: int | None) -> None:
    """Notes where the history of a stat came from ("": a file that does not say), and its latest moment; when one was received stays as it
    is.
    """
    add_missing(conn, [row])
    point = stats.c.last_point_ms
    changes: dict[str, Any] = {"origin": origin} if origin else {}
    if last_ms is not None:
        changes["last_point_ms"] = case((point > last_ms, point), else_=last_ms)
    if changes:
        conn.execute(update(stats).where(stats.c.stat_id == row.stat_id).values(changes))


def remove(conn: Connection, stat_id: int) -> None:
    """Forgets a stat for good."""
    conn.execute(delete(stats).where(stats.c.stat_id == stat_id))


def by_id(conn: Connection, project: int, stat_id: int) -> StatRecord | None:
    """The project's stat of that number, None when it is unknown, another project's or in the trash."""
    query = select(*_RECORD).where(stats.c.stat_id == stat_id, stats.c.project == project, stats.c.trashed_at.is_(None))
    row = conn.execute(query).one_or_none()
    return StatRecord(*row) if row else None


def by_name(conn: Connection, project: int, name: str) -> list[StatRecord]:
    """The project's stats of that exact name, in all sources."""
    query = select(*_RECORD).where(stats.c.project == project, stats.c.name == name, stats.c.trashed_at.is_(None))
    return [StatRecord(*row) for row in conn.execute(query)]


def page(
    conn: Connection,
    project: int,
    *,
    after: tuple[str, str, str] | None,
    limit: int,
    contains: str = "",
    stat_type: str = "",
    source: str = "",
) -> list[StatRecord]:
    """Up to ``limit`` stats after the (name, source, type) ``after``, ordered by these (names by code point). ``contains``
    is a part of the name, in which the case of ASCII letters does not count.
    """
    query = _matching(select(*_RECORD), project, contains, stat_type, source)
    if after is not None:
        name, after_source, after_type = after
        same_source = and_(stats.c.source == after_source, stats.c.type > after_type)
        same_name = and_(stats.c.name == name, or_(stats.c.source > after_source, same_source))
        # The first condition bounds the walk along stats_by_name, the second settles the boundary's own name.
        query = query.where(stats.c.name >= name, or_(stats.c.name > name, same_name))
    ordered = query.order_by(stats.c.name, stats.c.source, stats.c.type)
    return [StatRecord(*row) for row in conn.execute(ordered.limit(limit))]


def newest(
    conn: Connection,
    project: int,
    by: Literal["last_point_ms", "created_at"],
    *,
    after: tuple[int, int] | None,
    limit: int,
    contains: str = "",
    stat_type: str = "",
    source: str = "",
) -> list[StatRecord]:
    """Up to ``limit`` stats after the (moment, stat_id) ``after``, the latest first; a stat without a point yet counts as of moment -1."""
    moment = func.coalesce(stats.c[by], -1)
    query = _matching(select(*_RECORD), project, contains, stat_type, source)
    if after is not None:
        query = query.where(or_(moment < after[0], and_(moment == after[0], stats.c.stat_id > after[1])))
    return [StatRecord(*row) for row in conn.execute(query.order_by(moment.desc(), stats.c.stat_id).limit(limit))]


def count(conn: Connection, project: int, *, contains: str = "", stat_type: str = "", source: str = "") -> int:
    """How many stats a listing with these filters has in all."""
    return int(conn.execute(_matching(select(func.count()), project, contains, stat_type, source)).scalar_one())


def by_ids(conn: Connection, project: int, stat_ids: Sequence[int]) -> list[StatRecord]:
    """Those of ``stat_ids`` that are the project's, in any order."""
    query = select(*_RECORD).where(
        stats.c.stat_id.in_(stat_ids), stats.c.project == project, stats.c.trashed_at.is_(None)
    )
    return [StatRecord(*row) for row in conn.execute(query)]


def numbers(conn: Connection, project: int, *, source: str, same: bool, limit: int) -> list[int]:
    """Up to ``limit`` numbers of the project's stats of ``source``, or (``same`` false) of any other. Those in the trash are among them:
    their points are still there.
    """
    wanted = stats.c.source == source if same else stats.c.source != source
    query = select(stats.c.stat_id).where(stats.c.project == project, wanted).limit(limit)
    return [int(row[0]) for row in conn.execute(query)]


def latest(conn: Connection, project: int, *, source: str, limit: int) -> list[StatRecord]:
    """The ``limit`` stats of ``source`` that points were received for last, the latest first."""
    query = select(*_RECORD).where(
        stats.c.project == project,
        stats.c.source == source,
        stats.c.trashed_at.is_(None),
        stats.c.last_received_at.is_not(None),
    )
    return [
        StatRecord(*row)
        for row in conn.execute(query.order_by(stats.c.last_received_at.desc(), stats.c.stat_id).limit(limit))
    ]


def _matching(query: Any, project: int, contains: str, stat_type: str, source: str) -> Any:
    """``query`` narrowed to the project's stats outside the trash that pass the filters."""
    query = query.where(stats.c.project == project, stats.c.trashed_at.is_(None))
    if contains:
        query = query.where(stats.c.name.icontains(contains, autoescape=True))
    if stat_type:
        query = query.where(stats.c.type == stat_type)
    if source:
        query = query.where(stats.c.source == source)
    return query


def find(conn: Connection, project: int, source: str, name: str, type_: str | None) -> StatRow | None:
    """The untrashed stat of that name; ``type_`` tells apart a counter and a value of one name in a derived source."""
    here = (stats.c.project == project, stats.c.source == source, stats.c.name == name, stats.c.trashed_at.is_(None))
    query = select(*_ROW).where(*here)
    row = conn.execute(query if type_ is None else query.where(stats.c.type == type_)).first()
    return StatRow(*row) if row else None


def by_classic_key(conn: Connection, project: int, key: bytes) -> StatRow | None:
    """The project's untrashed stat with this classic key (16 bytes)."""
    query = select(*_ROW).where(stats.c.classic_key == key, stats.c.project == project, stats.c.trashed_at.is_(None))
    row = conn.execute(query).first()
    return StatRow(*row) if row else None


def counts(conn: Connection) -> dict[tuple[int, str], int]:
    """Untrashed stats by (project, source)."""
    query = select(stats.c.project, stats.c.source, func.count()).where(stats.c.trashed_at.is_(None))
    return {(row[0], row[1]): row[2] for row in conn.execute(query.group_by(stats.c.project, stats.c.source))}
