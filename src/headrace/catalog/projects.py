"""Projects: the walls between data. A project is known by a UUID, a slug, and the small number its rows carry.

| state | archive | begin its deletion | end it |
|---|---|---|---|
| live | archived; its project keys are revoked, account keys survive and lose it | deleting; its keys as when archived | refused |
| archived | refused | deleting | refused |
| deleting | refused | refused | deleted |
| deleted | refused | refused | refused |

Of a deleted project one line stays, without name and slug: it keeps the id and the number taken.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from sqlalchemy import ColumnElement, Connection, insert, select, update

from headrace.catalog import keys, meta
from headrace.catalog.tables import projects

#: States of a project that can be looked at and changed; of the others there is nothing left to see.
KEPT_STATES = ("live", "archived")

#: What a project can be for (logister.md 2.9), fixed when it is made. It decides nothing but who may make mobile tokens.
PLATFORMS = ("ruby", "cfml", "javascript", "python", "dotnet", "cloudflare_pages", "android", "ios", "http_api")
DEFAULT_PLATFORM = "http_api"


class ProjectRow(NamedTuple):
    """``state`` is live, archived, deleting or deleted. Numbers ascend from 1 and are never reused. ``ez``: StatHat's EZ API is on; ``browsers``: pages
    of other origins may read answers of StatHat's classic API. ``platform``: what it is for, one of ``PLATFORMS``. ``quota``: records
    that it may be given in a calendar month, None for any number. ``logister_rate``: units a minute that each of its keys may send to
    Logister's endpoints, None for the dialect's own limit. ``stats_max``: stats of the source ``stat`` that it may have, None for any number.
    """

    id: str
    number: int
    slug: str
    name: str
    account_id: str
    state: str
    created_at: int
    archived_at: int | None
    ez: bool = True
    browsers: bool = False
    platform: str = DEFAULT_PLATFORM
    quota: int | None = None
    logister_rate: int | None = None
    stats_max: int | None = None


def add(
    conn: Connection,
    *,
    project_id: str,
    slug: str,
    name: str,
    account_id: str,
    at: int,
    platform: str = DEFAULT_PLATFORM,
    quota: int | None = None,
) -> ProjectRow:
    """Raises ``IntegrityError`` when the slug is taken."""
    number = meta.next_project_number(conn)
    row = ProjectRow(project_id, number, slug, name, account_id, "live", at, None, platform=platform, quota=quota)
    conn.execute(insert(projects).values(row._asdict()))
    meta.bump_key_epoch(conn)
    return row


def load_live(conn: Connection) -> list[tuple[int, str, str]]:
    """(number, id, account id) of every live project."""
    columns = (projects.c.number, projects.c.id, projects.c.account_id)
    found = conn.execute(select(*columns).where(projects.c.state == "live").order_by(projects.c.number))
    return [(number, project_id, account_id) for number, project_id, account_id in found]


def load_features(conn: Connection) -> dict[int, frozenset[str]]:
    """Of every live project the features that are switched on, by number."""
    columns = (projects.c.number, projects.c.ez, projects.c.browsers)
    found = conn.execute(select(*columns).where(projects.c.state == "live"))
    return {
        number: frozenset(name for name, on in (("ez", ez), ("browsers", browsers)) if on)
        for number, ez, browsers in found
    }


def load_platforms(conn: Connection) -> dict[int, str]:
    """What every live project is for, by number."""
    found = conn.execute(select(projects.c.number, projects.c.platform).where(projects.c.state == "live"))
    return {row.number: row.platform for row in found}


def load_quotas(conn: Connection) -> dict[int, int]:
    """The quotas of the live projects that have one, by number."""
    limited = (projects.c.state == "live", projects.c.quota.is_not(None))
    found = conn.execute(select(projects.c.number, projects.c.quota).where(*limited))
    return {row.number: row.quota for row in found}


def load_logister_rates(conn: Connection) -> dict[int, int]:
    """Logister's limit of the live projects that have one of their own, by number."""
    own = (projects.c.state == "live", projects.c.logister_rate.is_not(None))
    found = conn.execute(select(projects.c.number, projects.c.logister_rate).where(*own))
    return {row.number: row.logister_rate for row in found}


def load_stats_max(conn: Connection) -> dict[int, int]:
    """How many stats the live projects may have that have a limit, by number."""
    limited = (projects.c.state == "live", projects.c.stats_max.is_not(None))
    found = conn.execute(select(projects.c.number, projects.c.stats_max).where(*limited))
    return {row.number: row.stats_max for row in found}


def set_limits(conn: Connection, project_id: str, limits: Mapping[str, int | None]) -> None:
    """Sets ``logister_rate``, ``stats_max`` or both; None lifts a limit."""
    conn.execute(update(projects).where(projects.c.id == project_id).values(**limits))
    meta.bump_key_epoch(conn)


def set_quota(conn: Connection, project_id: str, quota: int | None) -> None:
    """Sets the records that a project may be given in a month, None for any number."""
    conn.execute(update(projects).where(projects.c.id == project_id).values(quota=quota))
    meta.bump_key_epoch(conn)


def switch(conn: Connection, project_id: str, *, ez: bool, browsers: bool) -> None:
    """Switches the features of a project."""
    conn.execute(update(projects).where(projects.c.id == project_id).values(ez=ez, browsers=browsers))
    meta.bump_key_epoch(conn)


def load_all(conn: Connection, account_id: str | None = None) -> list[ProjectRow]:
    """By number, deleted ones left out; only an account's own when ``account_id`` is given."""
    query = select(projects).where(projects.c.state != "deleted").order_by(projects.c.number)
    if account_id is not None:
        query = query.where(projects.c.account_id == account_id)
    return [ProjectRow(*row) for row in conn.execute(query)]


def has_owned(conn: Connection, account_id: str) -> bool:
    """Whether a project is the account's, or was until it was deleted."""
    return (
        conn.execute(select(projects.c.number).where(projects.c.account_id == account_id).limit(1)).first() is not None
    )


def by_id(conn: Connection, project_id: str) -> ProjectRow | None:
    return _one(conn, projects.c.id == project_id)


def by_number(conn: Connection, number: int) -> ProjectRow | None:
    return _one(conn, projects.c.number == number)


def by_slug(conn: Connection, slug: str) -> ProjectRow | None:
    return _one(conn, projects.c.slug == slug)


def free_slug(conn: Connection, base: str) -> str:
    """``base``, or with the first number behind it that no project has, from 2. Of thousands of one name, which anybody makes where
    registration is open, few are looked at: numbers that were freed in between may be passed over.
    """
    if by_slug(conn, base) is None:
        return base
    taken, free = 1, 2
    while by_slug(conn, f"{base}-{free}") is not None:
        taken, free = free, free * 2
    while free - taken > 1:
        middle = (taken + free) // 2
        if by_slug(conn, f"{base}-{middle}") is None:
            free = middle
        else:
            taken = middle
    return f"{base}-{free}"


def by_name(conn: Connection, name: str) -> list[ProjectRow]:
    """Live projects of that exact name; names need not be unique."""
    query = select(projects).where(projects.c.name == name, projects.c.state == "live").order_by(projects.c.number)
    return [ProjectRow(*row) for row in conn.execute(query)]


def archive(conn: Connection, project_id: str, at: int) -> bool:
    """Compare-and-set live → archived, together with the project's keys; False when it was not live."""
    change = update(projects).where(projects.c.id == project_id, projects.c.state == "live")
    if conn.execute(change.values(state="archived", archived_at=at)).rowcount != 1:
        return False
    number = conn.execute(select(projects.c.number).where(projects.c.id == project_id)).scalar_one()
    keys.revoke_project(conn, number, at)
    meta.bump_key_epoch(conn)
    return True


def begin_deletion(conn: Connection, project_id: str, at: int) -> bool:
    """Compare-and-set live or archived → deleting, together with the project's keys; False when it was neither."""
    change = update(projects).where(projects.c.id == project_id, projects.c.state.in_(KEPT_STATES))
    if conn.execute(change.values(state="deleting")).rowcount != 1:
        return False
    number = conn.execute(select(projects.c.number).where(projects.c.id == project_id)).scalar_one()
    keys.revoke_project(conn, number, at)
    meta.bump_key_epoch(conn)
    return True


def end_deletion(conn: Connection, number: int) -> bool:
    """Compare-and-set deleting → deleted; False when it was not being deleted. No project made later can have its line's slug: slugs
    have no tilde.
    """
    change = update(projects).where(projects.c.number == number, projects.c.state == "deleting")
    line = {
        "state": "deleted",
        "name": "",
        "slug": f"~{number}",
        "quota": None,
        "logister_rate": None,
        "stats_max": None,
        "platform": DEFAULT_PLATFORM,
    }
    if conn.execute(change.values(line)).rowcount != 1:
        return False
    meta.bump_key_epoch(conn)
    return True


def load_deleting(conn: Connection) -> list[int]:
    """Numbers of the projects that are being deleted."""
    return list(conn.execute(select(projects.c.number).where(projects.c.state == "deleting")).scalars())


def load_gone(conn: Connection) -> frozenset[int]:
    """Numbers of the projects that are being deleted or were deleted."""
    return frozenset(conn.execute(select(projects.c.number).where(projects.c.state.not_in(KEPT_STATES))).scalars())


def hand_over(conn: Connection, number: int, *, old: str, new: str, at: int) -> bool:
    """Compare-and-set of the account that owns a project, together with its keys; False when it is no longer ``old``."""
    change = update(projects).where(projects.c.number == number, projects.c.account_id == old)
    if conn.execute(change.values(account_id=new)).rowcount != 1:
        return False
    keys.hand_over(conn, number, new, at)
    meta.bump_key_epoch(conn)
    return True


def _one(conn: Connection, condition: ColumnElement[bool]) -> ProjectRow | None:
    row = conn.execute(select(projects).where(condition)).one_or_none()
    return ProjectRow(*row) if row else None
