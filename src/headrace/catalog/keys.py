"""Keys: the record of rulings 2. A secret is kept as its SHA-256 and exists once per instance, revoked ones included."""

from __future__ import annotations

from typing import Any, NamedTuple

from sqlalchemy import Connection, bindparam, case, insert, or_, select, update

from headrace.catalog import meta
from headrace.catalog.tables import keys, projects


class KeyRow(NamedTuple):
    """What admission needs of a key that may still be used. ``project`` is the default project's number, ``project_id`` its
    UUID; times in µs; ``rate`` in units per minute, ``burst`` in units, None meaning the dialect's own.
    """

    id: str
    account: str
    project: int
    project_id: str
    reach: str
    kind: str
    scopes: frozenset[str]
    secret_sha256: bytes
    bindings: dict[str, Any]
    rate: int | None
    burst: int | None
    unlimited: bool
    expires_at: int | None
    last_used_at: int | None
    name: str


class KeyRecord(NamedTuple):
    """A key as people manage it: everything but its secret."""

    id: str
    account_id: str
    project: int
    project_id: str
    project_name: str
    reach: str
    kind: str
    style: str
    name: str
    scopes: frozenset[str]
    shown: str
    rate: int | None
    burst: int | None
    unlimited: bool
    created_at: int
    expires_at: int | None
    revoked_at: int | None
    last_used_at: int | None
    refused: int
    refused_reason: str
    refused_at: int | None


_RECORD = (
    *(keys.c.id, keys.c.account_id, keys.c.project_number, projects.c.id.label("project_id")),
    projects.c.name.label("project_name"),
    *(keys.c.reach, keys.c.kind, keys.c.style, keys.c.name, keys.c.scopes, keys.c.shown),
    *(keys.c.rate, keys.c.burst, keys.c.unlimited),
    *(keys.c.created_at, keys.c.expires_at, keys.c.revoked_at, keys.c.last_used_at),
    *(keys.c.refused, keys.c.refused_reason, keys.c.refused_at),
)
_JOINED = keys.join(projects, projects.c.number == keys.c.project_number)


def add(
    conn: Connection,
    *,
    key_id: str,
    account_id: str,
    project: int,
    reach: str,
    kind: str,
    style: str,
    name: str,
    scopes: frozenset[str],
    secret_sha256: bytes,
    shown: str,
    at: int,
    bindings: dict[str, Any] | None = None,
    rate: int | None = None,
    burst: int | None = None,
    unlimited: bool = False,
    expires_at: int | None = None,
) -> None:
    """Raises ``IntegrityError`` when the secret is known already."""
    values = {
        "id": key_id,
        "account_id": account_id,
        "project_number": project,
        "reach": reach,
        "kind": kind,
        "style": style,
        "name": name,
        "scopes": " ".join(sorted(scopes)),
        "secret_sha256": secret_sha256,
        "shown": shown,
        "bindings": bindings or {},
        "rate": rate,
        "burst": burst,
        "unlimited": unlimited,
        "created_at": at,
        "expires_at": expires_at,
        "refused": 0,
        "refused_reason": "",
    }
    conn.execute(insert(keys).values(values))
    meta.bump_key_epoch(conn)


def load_live(conn: Connection) -> list[KeyRow]:
    """Keys that are neither revoked nor, when they reach one project only, of a project that is not live. Expired ones are
    included: expiry is checked at use. Mobile tokens are looked up one by one (``catalog.mobile_tokens``).
    """
    query = (
        select(*ROW_COLUMNS)
        .select_from(_JOINED)
        .where(
            keys.c.revoked_at.is_(None),
            keys.c.parent_id.is_(None),
            or_(keys.c.reach == "account", projects.c.state == "live"),
        )
    )
    return [row_of(row) for row in conn.execute(query)]


#: The columns of a :class:`KeyRow`, for :func:`row_of`.
ROW_COLUMNS = (
    *(keys.c.id, keys.c.account_id, keys.c.project_number, projects.c.id, keys.c.reach, keys.c.kind, keys.c.scopes),
    *(keys.c.secret_sha256, keys.c.bindings, keys.c.rate, keys.c.burst, keys.c.unlimited),
    *(keys.c.expires_at, keys.c.last_used_at, keys.c.name),
)


def row_of(row: Any) -> KeyRow:
    """The key of a row of ``ROW_COLUMNS``."""
    key = KeyRow(*row)
    return key._replace(scopes=frozenset(row.scopes.split()), secret_sha256=bytes(key.secret_sha256))


def record_use(conn: Connection, used: dict[str, int], refused: dict[str, tuple[int, str, int]]) -> None:
    """Adds what was counted since the last call. ``used``: key id → when it was last used, µs; ``refused``: key id →
    (count to add, last reason, when). Changes no one's rights, so the key epoch stays.
    """
    if used:
        last = keys.c.last_used_at
        newest = case((last > bindparam("at"), last), else_=bindparam("at"))
        change = update(keys).where(keys.c.id == bindparam("key")).values(last_used_at=newest)
        conn.execute(change, [{"key": key, "at": at} for key, at in sorted(used.items())])
    if refused:
        change = update(keys).where(keys.c.id == bindparam("key"))
        change = change.values(
            refused=keys.c.refused + bindparam("count"), refused_reason=bindparam("reason"), refused_at=bindparam("at")
        )
        rows = sorted(refused.items())
        conn.execute(change, [{"key": key, "count": n, "reason": why, "at": at} for key, (n, why, at) in rows])


def load(
    conn: Connection, *, account_id: str | None = None, project: int | None = None, project_reach_only: bool = False
) -> list[KeyRecord]:
    """Keys that people manage, revoked ones included, oldest first, narrowed by what is given. (A mobile token lives and ends with
    its parent.)
    """
    query = select(*_RECORD).select_from(_JOINED).order_by(keys.c.created_at, keys.c.id)
    query = query.where(keys.c.parent_id.is_(None))
    if account_id is not None:
        query = query.where(keys.c.account_id == account_id)
    if project is not None:
        query = query.where(keys.c.project_number == project)
    if project_reach_only:
        query = query.where(keys.c.reach == "project")
    return [_record(row) for row in conn.execute(query)]


def by_id(conn: Connection, key_id: str) -> KeyRecord | None:
    row = conn.execute(select(*_RECORD).select_from(_JOINED).where(keys.c.id == key_id)).one_or_none()
    return _record(row) if row else None


def secret_exists(conn: Connection, secret_sha256: bytes) -> bool:
    """Whether any key of the instance, revoked or not, has this secret."""
    return conn.execute(select(keys.c.id).where(keys.c.secret_sha256 == secret_sha256)).first() is not None


def is_live(conn: Connection, secret_sha256: bytes) -> bool:
    """Whether a key with this secret exists that is not revoked."""
    query = select(keys.c.id).where(keys.c.secret_sha256 == secret_sha256, keys.c.revoked_at.is_(None))
    return conn.execute(query).first() is not None


def revoke(conn: Connection, key_id: str, at: int) -> bool:
    """Compare-and-set; False when the key is unknown or revoked already."""
    change = update(keys).where(keys.c.id == key_id, keys.c.revoked_at.is_(None)).values(revoked_at=at)
    if conn.execute(change).rowcount != 1:
        return False
    meta.bump_key_epoch(conn)
    return True


def rename(conn: Connection, key_id: str, name: str) -> bool:
    """Another name for a key; False when it is unknown or revoked."""
    change = update(keys).where(keys.c.id == key_id, keys.c.revoked_at.is_(None)).values(name=name)
    if conn.execute(change).rowcount != 1:
        return False
    meta.bump_key_epoch(conn)
    return True


def revoke_project(conn: Connection, project: int, at: int) -> int:
    """Revokes every key that reaches this project only; gives their number. The caller bumps the key epoch."""
    change = update(keys).where(
        keys.c.project_number == project, keys.c.reach == "project", keys.c.revoked_at.is_(None)
    )
    return conn.execute(change.values(revoked_at=at)).rowcount


def hand_over(conn: Connection, project: int, account_id: str, at: int) -> None:
    """Gives a project's keys to its new account. Keys of the whole old account that write there by default are revoked: the project is no
    longer theirs. The caller bumps the key epoch.
    """
    of_project = update(keys).where(keys.c.project_number == project)
    conn.execute(of_project.where(keys.c.reach == "account", keys.c.revoked_at.is_(None)).values(revoked_at=at))
    conn.execute(of_project.where(keys.c.reach == "project").values(account_id=account_id))


def _record(row: Any) -> KeyRecord:
    record = KeyRecord(*row)
    return record._replace(scopes=frozenset(row.scopes.split()))
