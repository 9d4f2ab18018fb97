"""Accounts: who may sign in. E-mail addresses are unique in their casefolded form."""

from __future__ import annotations

from typing import NamedTuple

from sqlalchemy import Connection, func, insert, select, update

from headrace.catalog.tables import accounts


class AccountRow(NamedTuple):
    """``role`` is owner or member; ``password_hash`` an argon2 hash."""

    id: str
    email: str
    name: str
    password_hash: str
    role: str
    created_at: int


def add(conn: Connection, row: AccountRow) -> None:
    """Raises ``IntegrityError`` when the address is taken."""
    conn.execute(insert(accounts).values(row._asdict()))


def count(conn: Connection) -> int:
    return int(conn.execute(select(func.count()).select_from(accounts)).scalar_one())


def load_all(conn: Connection) -> list[AccountRow]:
    """Oldest first."""
    return [AccountRow(*row) for row in conn.execute(select(accounts).order_by(accounts.c.created_at, accounts.c.id))]


def by_id(conn: Connection, account_id: str) -> AccountRow | None:
    row = conn.execute(select(accounts).where(accounts.c.id == account_id)).one_or_none()
    return AccountRow(*row) if row else None


def by_email(conn: Connection, email: str) -> AccountRow | None:
    """``email`` in casefolded form."""
    row = conn.execute(select(accounts).where(accounts.c.email == email)).one_or_none()
    return AccountRow(*row) if row else None


def replace_hash(conn: Connection, account_id: str, old: str, new: str) -> bool:
    """Compare-and-set; False when the hash is no longer ``old``."""
    change = update(accounts).where(accounts.c.id == account_id, accounts.c.password_hash == old)
    return conn.execute(change.values(password_hash=new)).rowcount == 1


def rename(conn: Connection, account_id: str, name: str) -> None:
    conn.execute(update(accounts).where(accounts.c.id == account_id).values(name=name))
