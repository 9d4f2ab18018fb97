"""Logins: browsers and programs that are signed in as somebody. (``sessions`` are what programs tell of their own runs.)"""

from __future__ import annotations

from typing import NamedTuple

from sqlalchemy import Connection, delete, insert, select, update

from headrace.catalog.accounts import AccountRow
from headrace.catalog.tables import accounts, logins

#: The kind of key that a program's token stands for (rulings 2), and how such tokens begin (``services.login_tokens``). A browser's begin
#: otherwise, and neither is taken for the other.
PROGRAM_KIND, PROGRAM_PREFIX = "login", "hr_login_"
#: The same of command lines that a person let in (``services.device_logins``).
CLI_PREFIX = "logister_cli_"
PROGRAM_PREFIXES = (PROGRAM_PREFIX, CLI_PREFIX)


class LoginRow(NamedTuple):
    """``token_sha256``: of the token that the browser or program holds. ``scopes``: what a command line was let in for, in the words of
    its dialect; "" for what may do whatever its account may. Times in µs.
    """

    id: str
    account_id: str
    token_sha256: bytes
    created_at: int
    seen_at: int
    expires_at: int
    address: str
    agent: str
    scopes: str = ""


def add(conn: Connection, row: LoginRow) -> None:
    conn.execute(insert(logins).values(row._asdict()))


def find(conn: Connection, token_sha256: bytes) -> tuple[LoginRow, AccountRow] | None:
    """The login with this token and its account, expired or not."""
    width = len(LoginRow._fields)
    query = select(logins, accounts).join(accounts, accounts.c.id == logins.c.account_id)
    row = conn.execute(query.where(logins.c.token_sha256 == token_sha256)).one_or_none()
    return None if row is None else (_row(row[:width]), AccountRow(*row[width:]))


def load(conn: Connection, account_id: str, at: int) -> list[LoginRow]:
    """An account's logins that are live at ``at`` µs, the last seen first."""
    query = select(logins).where(logins.c.account_id == account_id, logins.c.expires_at > at)
    return [_row(row) for row in conn.execute(query.order_by(logins.c.seen_at.desc(), logins.c.id))]


def touch(conn: Connection, login_id: str, *, seen_at: int, expires_at: int, address: str) -> None:
    """Notes that the browser was here."""
    change = update(logins).where(logins.c.id == login_id)
    conn.execute(change.values(seen_at=seen_at, expires_at=expires_at, address=address))


def end(conn: Connection, account_id: str, login_id: str) -> bool:
    """Ends one login of an account; False when it has no such one."""
    return conn.execute(delete(logins).where(logins.c.id == login_id, logins.c.account_id == account_id)).rowcount == 1


def end_others(conn: Connection, account_id: str, login_id: str) -> int:
    """Ends all logins of an account but this one; gives their number."""
    return conn.execute(delete(logins).where(logins.c.id != login_id, logins.c.account_id == account_id)).rowcount


def forget_expired(conn: Connection, at: int) -> None:
    """Removes what has expired before ``at`` µs."""
    conn.execute(delete(logins).where(logins.c.expires_at <= at))


def _row(row: tuple[object, ...]) -> LoginRow:
    login = LoginRow(*row)  # type: ignore[arg-type]
    return login._replace(token_sha256=bytes(login.token_sha256))
