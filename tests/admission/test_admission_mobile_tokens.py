"""Mobile tokens under the key table: found one by one, ended at once, forgotten in time."""

from __future__ import annotations

from hashlib import sha256

import pytest
from admission_room import NOW_US, Clock
from sqlalchemy.exc import OperationalError

from headrace.admission import keys as module
from headrace.admission.keys import KeyRow, KeyTable, LookUpFailed
from headrace.catalog import Catalog, meta, mobile_tokens, projects
from headrace.catalog import keys as key_table
from headrace.catalog.mobile_tokens import PREFIX

MINUTE_US = 60_000_000


@pytest.fixture
def keys(catalog: Catalog, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> KeyTable:
    monkeypatch.setattr(module, "FRESH_S", -1.0)  # every look-up looks at the catalog's version
    with catalog.write() as conn:
        key_table.add(
            conn,
            key_id="parent",
            account_id="a",
            project=1,
            reach="project",
            kind="key",
            style="logister",
            name="server",
            scopes=frozenset({"write"}),
            secret_sha256=sha256(b"parent").digest(),
            shown="",
            at=NOW_US,
            rate=7,
        )
    return KeyTable(catalog, clock)


def mint(catalog: Catalog, keys: KeyTable, name: str, *, life_us: int = MINUTE_US) -> str:
    parent = keys.find("parent")
    assert parent is not None
    with catalog.write() as conn:
        mobile_tokens.add(
            conn,
            key_id=name,
            parent=parent,
            name="token",
            secret_sha256=sha256((PREFIX + name).encode()).digest(),
            shown="",
            bindings={"service": "app"},
            at=NOW_US,
            expires_at=NOW_US + life_us,
        )
    return PREFIX + name


def found(keys: KeyTable, secret: str) -> KeyRow:
    key = keys.find(secret)
    assert key is not None
    return key


def test_a_token_is_found_at_once_and_moves_no_epoch(catalog: Catalog, keys: KeyTable) -> None:
    with catalog.read() as conn:
        before = meta.key_epoch(conn)
    token = found(keys, mint(catalog, keys, "t"))
    assert (token.kind, token.scopes, token.project, token.reach) == ("mobile", {"write"}, 1, "project")
    assert (token.bindings, token.rate, token.unlimited) == ({"service": "app"}, 7, False)
    with catalog.read() as conn:
        assert meta.key_epoch(conn) == before
        assert [row.id for row in key_table.load_live(conn)] == ["parent"]
        assert [row.id for row in key_table.load(conn)] == ["parent"]
    assert keys.find(PREFIX + "unknown") is None


def test_a_token_ends_by_the_clock_its_parent_or_its_project(catalog: Catalog, keys: KeyTable, clock: Clock) -> None:
    short, long = mint(catalog, keys, "s"), mint(catalog, keys, "l", life_us=10 * MINUTE_US)
    clock.now = NOW_US + MINUTE_US - 1
    assert found(keys, short).id == "s"
    clock.now += 1
    assert keys.find(short) is None
    assert found(keys, long).id == "l"
    with catalog.write() as conn:
        key_table.revoke(conn, "parent", clock.now)
    assert keys.find(long) is None


def test_archiving_ends_tokens(catalog: Catalog, keys: KeyTable) -> None:
    token = mint(catalog, keys, "t")
    assert found(keys, token).id == "t"
    with catalog.write() as conn:
        row = projects.by_number(conn, 1)
        assert row is not None
        projects.archive(conn, row.id, NOW_US)
    assert keys.find(token) is None


def test_expired_tokens_are_forgotten_and_nothing_else(catalog: Catalog, keys: KeyTable) -> None:
    mint(catalog, keys, "old")
    mint(catalog, keys, "young", life_us=5 * MINUTE_US)
    with catalog.write() as conn:
        assert mobile_tokens.forget_expired(conn, NOW_US + MINUTE_US) == 0
        assert mobile_tokens.forget_expired(conn, NOW_US + MINUTE_US + 1) == 1
        assert key_table.by_id(conn, "young") is not None
        assert key_table.by_id(conn, "parent") is not None
        assert key_table.by_id(conn, "old") is None


def test_what_is_held_in_memory_is_bounded(catalog: Catalog, keys: KeyTable, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOBILE_KEPT", 2)
    monkeypatch.setattr(module, "USED_KEPT", 2)
    tokens = [mint(catalog, keys, f"t{number}") for number in range(5)]
    for token in (*tokens, *tokens):
        keys.note_use(found(keys, token))
        assert len(keys._mobile) <= 2
        assert len(keys._last_used) <= 2


def test_a_catalog_that_cannot_be_asked_is_no_401(
    catalog: Catalog, keys: KeyTable, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mobile_tokens, "find", _locked)
    with pytest.raises(LookUpFailed):
        keys.find(PREFIX + "t")


def _locked(*_: object) -> None:
    raise OperationalError("SELECT", {}, Exception("database is locked"))
