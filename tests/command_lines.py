"""Command lines of Logister that a person has let in, made beside a running server in its own catalog."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import requests
from wire import TIMEOUT_S, bearer

from headrace.api.services import device_logins
from headrace.api.services.base import Context, Who
from headrace.catalog import Catalog, accounts, members, projects, sqlite_url
from headrace.dialects.logister_cli import SCOPES
from headrace.dialects.logister_cli_reads import PREFIX

#: The owner of every server of the tests, and the password of all people.
EMAIL, PASSWORD = "owner@example.test", "correct horse battery"


@contextmanager
def _catalog(server: Any) -> Iterator[Catalog]:
    catalog = Catalog.open(sqlite_url(server.data / "catalog.db"))
    try:
        yield catalog
    finally:
        catalog.close()


def approved(server: Any, email: str = EMAIL, scopes: Sequence[str] = SCOPES) -> str:
    """The device code of a command line that the account with this address has let in, and that has not fetched its key yet."""
    with _catalog(server) as catalog:
        context = Context(catalog)
        with catalog.read() as conn:
            account = accounts.by_email(conn, email)
        assert account is not None
        asked = device_logins.begin(context, client_name="a test", scopes=tuple(scopes))
        device_logins.decide(context, Who("account", account.id, account.email), asked.user_code, approve=True)
    return asked.device_code


def let_in(server: Any, email: str = EMAIL, scopes: Sequence[str] = SCOPES) -> str:
    """The key of a command line that acts as the account with this address."""
    path, code = f"{PREFIX}/device_authorizations/token", approved(server, email, scopes)
    answer = requests.post(server.url + path, json={"device_code": code}, timeout=TIMEOUT_S)
    assert answer.status_code == 200, answer.text
    key: str = answer.json()["access_token"]
    return key


def read(server: Any, key: str, path: str, **query: Any) -> requests.Response:
    """A read of the command line's API."""
    return requests.get(server.url + PREFIX + path, params=query, headers=bearer(key), timeout=TIMEOUT_S)


def person(server: Any, email: str, project: str, role: str = "viewer") -> None:
    """An account that belongs to one project."""
    server.call("account.create", email=email, password=PASSWORD)
    with _catalog(server) as catalog, catalog.write() as conn:
        account, row = accounts.by_email(conn, email), projects.by_id(conn, project)
        assert account is not None
        assert row is not None
        members.add(conn, project=row.number, account_id=account.id, role=role, at=1)


def leave(server: Any, email: str, project: str) -> None:
    """The account no longer belongs to the project."""
    with _catalog(server) as catalog, catalog.write() as conn:
        account, row = accounts.by_email(conn, email), projects.by_id(conn, project)
        assert account is not None
        assert row is not None
        assert members.remove(conn, row.number, account.id)
