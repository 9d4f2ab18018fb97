"""The instance itself: its id, its secret, the key epoch and the set-up token."""

from __future__ import annotations

from sqlalchemy import Connection, select, update

from headrace.catalog.tables import meta


def instance_id(conn: Connection) -> str:
    """The UUID given to this instance when its catalog was made."""
    return str(conn.execute(select(meta.c.instance_id)).scalar_one())


def instance_secret(conn: Connection) -> bytes:
    """32 random bytes, made with the catalog, from which keys of links and stats are derived."""
    return bytes(conn.execute(select(meta.c.secret)).scalar_one())


def key_epoch(conn: Connection) -> int:
    """A number that grows with every change to keys and projects that alters who may do what."""
    return int(conn.execute(select(meta.c.key_epoch)).scalar_one())


def bump_key_epoch(conn: Connection) -> None:
    """To be called in the transaction that makes such a change; the functions of ``keys`` and ``projects`` do so."""
    conn.execute(update(meta).values(key_epoch=meta.c.key_epoch + 1))


def next_project_number(conn: Connection) -> int:
    """A project number that was never given before. Holds the row until the transaction ends, so numbers ascend."""
    conn.execute(update(meta).values(last_project=meta.c.last_project + 1))
    return int(conn.execute(select(meta.c.last_project)).scalar_one())


def put_setup_token(conn: Connection, digest: bytes) -> None:
    """Makes the set-up token with this SHA-256 the only valid one."""
    conn.execute(update(meta).values(setup_sha256=digest))


def take_setup_token(conn: Connection, digest: bytes) -> bool:
    """Uses the token up; False when it is not the valid one (or was used before)."""
    taken = conn.execute(update(meta).where(meta.c.setup_sha256 == digest).values(setup_sha256=None))
    return taken.rowcount == 1


def drop_setup_token(conn: Connection) -> None:
    """Ends any set-up token. Holds the row until the transaction ends, so two set-ups cannot interleave."""
    conn.execute(update(meta).values(setup_sha256=None))
