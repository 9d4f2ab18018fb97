"""Device logins: a command line shows a short code, a person who is signed in says yes or no to it (RFC 8628; logister.md 1.11).

| state | approve | deny | exchange | its time is over |
|---|---|---|---|---|
| pending | approved | denied | refused: waits | refused: expired |
| approved | refused | refused | used, and a key is made | refused: expired |
| denied | refused | refused | refused: denied | refused: expired |
| used | refused | refused | refused: no longer good | refused: expired |

A line whose time is over is taken out when the next one is made.
"""

from __future__ import annotations

from typing import NamedTuple

from sqlalchemy import Connection, delete, func, insert, select, update

from headrace.catalog.tables import device_logins


class DeviceLogin(NamedTuple):
    """``device_sha256``: of the secret that the command line polls with; ``user_digest``: of the code that a person types. ``scopes`` in
    the words of the dialect. Times in µs.
    """

    id: str
    device_sha256: bytes
    user_digest: bytes
    client_name: str
    scopes: tuple[str, ...]
    state: str
    account_id: str | None
    created_at: int
    expires_at: int
    polled_at: int | None


def add(conn: Connection, row: DeviceLogin) -> None:
    """Raises ``IntegrityError`` when one of the codes is in use."""
    conn.execute(insert(device_logins).values(row._asdict() | {"scopes": " ".join(row.scopes)}))


def count_pending(conn: Connection) -> int:
    """How many wait for a person."""
    query = select(func.count()).select_from(device_logins).where(device_logins.c.state == "pending")
    return int(conn.execute(query).scalar_one())


def by_device(conn: Connection, device_sha256: bytes) -> DeviceLogin | None:
    return _one(conn.execute(select(device_logins).where(device_logins.c.device_sha256 == device_sha256)).one_or_none())


def by_user_code(conn: Connection, user_digest: bytes) -> DeviceLogin | None:
    return _one(conn.execute(select(device_logins).where(device_logins.c.user_digest == user_digest)).one_or_none())


def touch(conn: Connection, login_id: str, at: int) -> None:
    """Notes that the command line asked."""
    conn.execute(update(device_logins).where(device_logins.c.id == login_id).values(polled_at=at))


def decide(conn: Connection, login_id: str, *, state: str, account_id: str) -> bool:
    """Compare-and-set pending → ``state`` (approved or denied) by a person; False when somebody has decided already."""
    change = update(device_logins).where(device_logins.c.id == login_id, device_logins.c.state == "pending")
    return conn.execute(change.values(state=state, account_id=account_id)).rowcount == 1


def use(conn: Connection, login_id: str) -> bool:
    """Compare-and-set approved → used; False when it is not approved (any more)."""
    change = update(device_logins).where(device_logins.c.id == login_id, device_logins.c.state == "approved")
    return conn.execute(change.values(state="used")).rowcount == 1


def forget_expired(conn: Connection, before: int) -> None:
    """Removes what expired before ``before`` (µs)."""
    conn.execute(delete(device_logins).where(device_logins.c.expires_at < before))


def _one(row: tuple[object, ...] | None) -> DeviceLogin | None:
    if row is None:
        return None
    login = DeviceLogin(*row)  # type: ignore[arg-type]
    return login._replace(
        device_sha256=bytes(login.device_sha256),
        user_digest=bytes(login.user_digest),
        scopes=tuple(str(login.scopes).split()),
    )
