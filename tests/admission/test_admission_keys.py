"""Keys under a clock that jumps, a catalog that is busy, and notes taken while they are written."""

from __future__ import annotations

import threading
from hashlib import sha256
from typing import Any

import pytest
from admission_room import NOW_US, Clock
from sqlalchemy.exc import OperationalError

from headrace.admission import keys as module
from headrace.admission.keys import KeyTable, LookUpFailed
from headrace.catalog import Catalog, accounts, projects
from headrace.catalog import keys as key_table
from headrace.catalog.accounts import AccountRow


def add_key(catalog: Catalog, name: str, *, expires_at: int | None = None) -> str:
    """Adds a key; its secret is its name."""
    with catalog.write() as conn:
        key_table.add(
            conn,
            key_id=name,
            account_id="a",
            project=1,
            reach="project",
            kind="key",
            style="headrace",
            name=name,
            scopes=frozenset({"write"}),
            secret_sha256=sha256(name.encode()).digest(),
            shown="",
            at=NOW_US,
            expires_at=expires_at,
        )
    return name


@pytest.fixture
def keys(catalog: Catalog, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> KeyTable:
    monkeypatch.setattr(module, "FRESH_S", -1.0)  # every look-up looks at the catalog's version
    return KeyTable(catalog, clock)


def record(catalog: Catalog, key_id: str) -> key_table.KeyRecord:
    with catalog.read() as conn:
        found = key_table.by_id(conn, key_id)
    assert found is not None
    return found


@pytest.mark.parametrize(("moved_us", "found"), [(-1, True), (0, False), (1, False), (-(10**15), True)])
def test_a_key_expires_by_the_clock(keys: KeyTable, catalog: Catalog, clock: Clock, moved_us: int, found: bool) -> None:
    add_key(catalog, "short", expires_at=NOW_US + 1_000_000)
    add_key(catalog, "ever")
    clock.now = NOW_US + 1_000_000 + moved_us
    assert (keys.find("short") is not None) is found
    assert keys.find("ever") is not None


def test_made_and_revoked_keys_count_at_once(keys: KeyTable, catalog: Catalog) -> None:
    assert keys.find("new") is None
    add_key(catalog, "new")
    assert keys.find("new") is not None
    with catalog.write() as conn:
        key_table.revoke(conn, "new", NOW_US)
    assert keys.find("new") is None


def test_a_catalog_that_cannot_be_asked_says_nothing_about_a_key(
    keys: KeyTable, catalog: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_key(catalog, "key")

    def fail(_: Catalog) -> int:
        raise OperationalError("PRAGMA data_version", None, Exception("database is locked"))

    monkeypatch.setattr(Catalog, "data_version", fail)
    with pytest.raises(LookUpFailed):
        keys.find("key")


def test_notes_that_cannot_be_written_are_kept(
    keys: KeyTable, catalog: Catalog, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = keys.find(add_key(catalog, "key"))
    assert key is not None
    keys.note_use(key)
    for reason in ("first", "second"):
        keys.note_refusal(key, reason)
    plain = key_table.record_use

    def fail(*_: object) -> None:
        keys.note_refusal(key, "meanwhile")
        raise OperationalError("UPDATE keys", None, Exception("database or disk is full"))

    monkeypatch.setattr(key_table, "record_use", fail)
    for _ in range(2):
        with pytest.raises(OperationalError):
            keys.flush()
    monkeypatch.setattr(key_table, "record_use", plain)
    clock.move(1)
    keys.note_refusal(key, "last")
    keys.flush()
    kept = record(catalog, "key")
    assert (kept.refused, kept.refused_reason, kept.refused_at) == (5, "last", NOW_US + 1_000_000)
    assert kept.last_used_at == NOW_US
    keys.flush()
    assert record(catalog, "key").refused == 5


def test_no_refusal_is_lost_or_counted_twice(keys: KeyTable, catalog: Catalog) -> None:
    key = keys.find(add_key(catalog, "key"))
    assert key is not None
    ended = threading.Event()

    def flush() -> None:
        while not ended.is_set():
            keys.flush()

    flusher = threading.Thread(target=flush)
    flusher.start()
    for _ in range(20_000):
        keys.note_refusal(key, "no")
    ended.set()
    flusher.join()
    keys.flush()
    assert record(catalog, "key").refused == 20_000


def test_use_is_written_once_in_five_minutes(keys: KeyTable, catalog: Catalog, clock: Clock) -> None:
    key = keys.find(add_key(catalog, "key"))
    assert key is not None
    for seconds, written in ((0, 0), (299.9, 0), (0.1, 300), (-200, 300), (500, 600)):
        clock.move(seconds)
        keys.note_use(key)
        keys.flush()
        assert record(catalog, "key").last_used_at == NOW_US + written * 1_000_000


def test_nodes_that_share_a_catalog(postgres: Any, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    """A key that another node has made is found by its first request, since 401 is for good; what this one writes counts at once.
    One that another node has revoked lives until the next look.
    """
    monkeypatch.setattr(module, "FRESH_REMOTE_S", 3_600.0)
    monkeypatch.setattr(module, "MISSED_S", -1.0)
    with postgres.new() as url:
        here, there = Catalog.open(url), Catalog.open(url)
        with there.write() as conn:
            accounts.add(conn, AccountRow("a", "a@example.org", "a", "hash", "owner", 1))
            projects.add(conn, project_id="p1", slug="one", name="One", account_id="a", at=1)
        keys = KeyTable(here, clock)
        assert keys.find("theirs") is None
        add_key(there, "theirs")
        assert keys.find("theirs") is not None
        add_key(here, "ours")
        assert keys.find("ours") is not None
        revoke(there, "theirs")
        assert keys.find("theirs") is not None
        revoke(here, "ours")
        assert (keys.find("ours"), keys.find("theirs")) == (None, None)
        here.close()
        there.close()


def revoke(catalog: Catalog, key_id: str) -> None:
    with catalog.write() as conn:
        assert key_table.revoke(conn, key_id, NOW_US)
