"""Who else may see a stat: everybody, on its public page, and readers of pages that embed it (stathat.md 1.11, 2)."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection

from headrace.api.services import audit, stats
from headrace.api.services.base import Actor, Context, Who, live_project, require
from headrace.api.services.stats import StatInfo, info_of
from headrace.catalog import meta, projects
from headrace.catalog import stats as stat_rows
from headrace.catalog.stats import StatRecord, StatRow
from headrace.records.ids import new_stat_number, stat_number, stat_text

#: Characters of a stat's name that the audit log keeps.
TOLD = 100


def share(
    context: Context,
    actor: Actor,
    *,
    project: str | int,
    ref: str,
    public: bool | None = None,
    embed: bool | None = None,
) -> StatInfo:
    """The stat of the id or name ``ref``, after switching what is given: ``public`` its page, ``embed`` its embed key. One that is revoked
    never comes back: switching it on again makes another. Raises ``not_found``, ``forbidden``.
    """
    require(actor, "manage")
    with context.catalog.read() as conn:
        number = live_project(conn, actor, project).number
        secret = meta.instance_secret(conn)
    found = stats.find(context, number, ref)
    with context.catalog.write() as conn:
        # As it is now that nobody else can change it; None: it is not projected yet.
        before = stat_rows.by_id(conn, number, found.stat_id) or found
        key = before.embed_key if embed is None else (before.embed_key or _new_key(context)) if embed else None
        after = before._replace(public=before.public if public is None else public, embed_key=key)
        if after != before:
            _store(context, conn, actor, before, after)
    return info_of(after, secret)


def _new_key(context: Context) -> str:
    """As long as two stats' ids: nobody guesses it."""
    return stat_text(new_stat_number(context.random)) + stat_text(new_stat_number(context.random))


def _store(context: Context, conn: Connection, actor: Actor, before: StatRecord, after: StatRecord) -> None:
    plain = StatRow(after.stat_id, after.project, after.source, after.name, after.type, after.created_at)
    if not stat_rows.share(conn, plain, public=after.public, embed_key=after.embed_key):
        raise stats.not_found()
    for was, now, what in (
        (before.public, after.public, "public page"),
        (before.embed_key, after.embed_key, "embed key"),
    ):
        if was != now:
            audit.note(
                context,
                conn,
                actor,
                "shared a stat" if now else "stopped sharing a stat",
                subject_id=stat_text(after.stat_id),
                subject=after.name[:TOLD],
                project=after.project,
                details=what,
            )


def embedded(context: Context, keys: Sequence[str]) -> list[StatRecord]:
    """The stats that ``keys`` show, in their order. Those that show none are left out."""
    with context.catalog.read() as conn:
        found = stat_rows.embedded(conn, keys)
    return [found[key] for key in dict.fromkeys(keys) if key in found]


def public_stat(context: Context, ref: str) -> tuple[Actor, StatRecord]:
    """The stat with this id that everybody may see, and who reads it on behalf of whoever comes. Raises ``not_found``, the same for a stat
    that is not public.
    """
    wanted = stat_number(ref)
    with context.catalog.read() as conn:
        found = None if wanted is None else stat_rows.public_one(conn, wanted)
        owner = None if found is None else projects.by_number(conn, found.project)
    if found is None or owner is None:
        raise stats.not_found()
    return Actor(owner.account_id, found.project, frozenset(("read",)), who=Who("visitor")), found
