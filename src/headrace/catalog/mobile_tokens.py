"""Mobile tokens: short-lived keys of the kind ``mobile`` behind a key of a server (rulings 2; logister.md 1.9).

Apps make them by the thousand, so they are looked up one by one, and making one does not move the key epoch. What ends one before
its time, its parent's revocation or its project's archiving, does.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, delete, insert, select

from headrace.catalog.keys import ROW_COLUMNS, KeyRow, row_of
from headrace.catalog.tables import keys, projects

KIND = "mobile"
#: How their texts begin. A secret of another beginning is never looked for here.
PREFIX = "logister_mobile_"

_parents = keys.alias("parents")


def add(
    conn: Connection,
    *,
    key_id: str,
    parent: KeyRow,
    name: str,
    secret_sha256: bytes,
    shown: str,
    bindings: dict[str, Any],
    at: int,
    expires_at: int,
) -> None:
    """A token with its parent's rate limit. Raises ``IntegrityError`` when the secret is known already."""
    values = {
        "id": key_id,
        "account_id": parent.account,
        "project_number": parent.project,
        "reach": "project",
        "kind": KIND,
        "style": "logister",
        "name": name,
        "scopes": "write",
        "secret_sha256": secret_sha256,
        "shown": shown,
        "bindings": bindings,
        "rate": parent.rate,
        "burst": parent.burst,
        "unlimited": parent.unlimited,
        "created_at": at,
        "expires_at": expires_at,
        "refused": 0,
        "refused_reason": "",
        "parent_id": parent.id,
    }
    conn.execute(insert(keys).values(values))


def find(conn: Connection, secret_sha256: bytes) -> KeyRow | None:
    """The token with this secret while neither it nor its parent is revoked and its project is live; expiry is checked at use."""
    joined = keys.join(projects, projects.c.number == keys.c.project_number).join(
        _parents, _parents.c.id == keys.c.parent_id
    )
    query = (
        select(*ROW_COLUMNS)
        .select_from(joined)
        .where(
            keys.c.secret_sha256 == secret_sha256,
            keys.c.kind == KIND,
            keys.c.revoked_at.is_(None),
            _parents.c.revoked_at.is_(None),
            projects.c.state == "live",
        )
    )
    row = conn.execute(query).one_or_none()
    return None if row is None else row_of(row)


def forget_expired(conn: Connection, before: int) -> int:
    """Deletes the tokens that expired before ``before`` (µs); gives how many."""
    return conn.execute(delete(keys).where(keys.c.kind == KIND, keys.c.expires_at < before)).rowcount
