"""Stats as StatHat's export knows them (stathat.md 1.8): only those of source ``stat``, listed by offset, and put into the trash."""

from __future__ import annotations

from collections.abc import Sequence

from headrace.api.services import audit
from headrace.api.services.base import Actor, Context, live_project, require
from headrace.api.services.stats import StatInfo, info_of, not_found, record_of
from headrace.catalog import alerts, meta, stats
from headrace.catalog import annotations as notes
from headrace.catalog.stats import StatRecord, StatRow
from headrace.records.ids import stat_number
from headrace.records.text import clean_text
from headrace.store import Store

#: Stats on one page.
PAGE = 10_000
#: How long a stat stays in the trash, µs; and stats that one round empties it of.
TRASH_US = 48 * 3_600 * 1_000_000
EMPTIED_AT_ONCE = 200
#: The namespace that StatHat posts to (rulings 3).
SOURCE = "stat"


def page(context: Context, actor: Actor, *, project: str | int, offset: int, limit: int = PAGE) -> list[StatInfo]:
    """Up to ``limit`` stats by name (code points), those of the first ``offset`` left out. Raises ``forbidden``, ``not_found``."""
    require(actor, "read")
    with context.catalog.read() as conn:
        number = live_project(conn, actor, project).number
    # Before the catalog is read: what is projected in between is then known to both, never to none.
    pending = [row for row in context.pending(number) if row.source == SOURCE]
    with context.catalog.read() as conn:
        known = stats.known(conn, [row.stat_id for row in pending])
        fresh = sorted((record_of(row) for row in pending if row.stat_id not in known), key=_name)
        # At most all the fresh ones stand before a row of the catalog: so many rows further up the page may begin.
        first = max(0, offset - len(fresh))
        found = stats.slice_of(conn, number, SOURCE, offset=first, limit=offset + limit - first)
        secret = meta.instance_secret(conn)
    # Of the whole list, the fresh rows above the first one that was read stand before it.
    above = sum(1 for row in fresh if found and first and row.name < found[0].name)
    rows = sorted([*found, *fresh[above:]], key=_name) if found or not first else []
    skipped = offset - first - above
    return [info_of(row, secret) for row in rows[skipped : skipped + limit]]


def _name(row: StatRecord) -> str:
    return row.name


def named(context: Context, actor: Actor, *, project: str | int, name: str) -> StatInfo:
    """The stat of that name. Raises ``not_found``, ``forbidden``."""
    require(actor, "read")
    wanted = clean_text(name).strip()
    with context.catalog.read() as conn:
        number = live_project(conn, actor, project).number
    pending = [record_of(row) for row in context.pending(number) if row.source == SOURCE and row.name == wanted]
    with context.catalog.read() as conn:
        found = [row for row in stats.by_name(conn, number, wanted) if row.source == SOURCE]
        secret = meta.instance_secret(conn)
    for row in (*found, *pending):
        return info_of(row, secret)
    raise not_found()


def numbered(context: Context, actor: Actor, *, project: str | int, ids: Sequence[str]) -> list[StatInfo]:
    """The stats of these ids, in their order; unknown ones are left out. Raises ``not_found`` when none is left, ``forbidden``."""
    require(actor, "read")
    with context.catalog.read() as conn:
        number = live_project(conn, actor, project).number
        secret = meta.instance_secret(conn)
    wanted = [found for found in map(stat_number, ids) if found is not None]
    known = _own(context, number, wanted)
    if not known:
        raise not_found()
    return [info_of(known[one], secret) for one in wanted if one in known]


def _own(context: Context, project: int, wanted: Sequence[int]) -> dict[int, StatRecord]:
    """Those of ``wanted`` that are the project's, in source ``stat``."""
    pending = [record_of(row) for row in context.pending(project) if row.stat_id in wanted]
    with context.catalog.read() as conn:
        known = stats.known(conn, wanted)
        found = stats.by_ids(conn, project, wanted)
    fresh = (row for row in pending if row.stat_id not in known)
    return {row.stat_id: row for row in (*fresh, *found) if row.source == SOURCE}


def trash(context: Context, actor: Actor, *, project: str | int, ref: str) -> None:
    """Puts the stat of the id ``ref`` into the trash: nothing shows it any more, and its name makes a new stat. Raises ``not_found``,
    ``forbidden``.
    """
    require(actor, "write")
    with context.catalog.read() as conn:
        number = live_project(conn, actor, project).number
    wanted = stat_number(ref)
    row = None if wanted is None else _own(context, number, [wanted]).get(wanted)
    if row is None:
        raise not_found()
    with context.catalog.write() as conn:
        plain = StatRow(row.stat_id, row.project, row.source, row.name, row.type, row.created_at)
        if not stats.trash(conn, plain, context.now()):
            raise not_found()
        audit.note(context, conn, actor, "deleted a stat", subject_id=ref, subject=row.name[:100], project=number)
    context.forget_stats(number, [row.stat_id])


def empty_trash(context: Context, store: Store) -> int:
    """Removes what has been in the trash for its time, points first; gives how many stats. Raises what the store raises."""
    with context.catalog.read() as conn:
        due = stats.trashed_before(conn, context.now() - TRASH_US, EMPTIED_AT_ONCE)
    for project in {project for project, _ in due}:
        store.forget_stats(project, [stat for owner, stat in due if owner == project])
    if due:
        with context.catalog.write() as conn:
            for project, stat in due:
                notes.remove_of(conn, project, stat)
                alerts.remove_of(conn, project, stat)
                stats.remove(conn, stat)
    return len(due)
