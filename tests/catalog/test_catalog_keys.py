"""Keys and projects: who is live, what moves the key epoch, and who wins a race."""

import threading
from collections.abc import Callable

import pytest
from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError

from headrace.catalog import Catalog, keys, meta, projects
from headrace.catalog.projects import ProjectRow


def add_key(conn: Connection, key_id: str, *, reach: str = "project", project: int = 1, **more) -> None:
    given = {
        "account_id": "a",
        "kind": "key",
        "style": "headrace",
        "name": f"key {key_id}",
        "scopes": frozenset(("write", "read")),
        "secret_sha256": key_id.encode().ljust(32, b"-"),
        "shown": "hr_12345",
        "at": 5,
    }
    keys.add(conn, key_id=key_id, reach=reach, project=project, **(given | more))


def test_load_live_gives_the_whole_record(catalog: Catalog, project: ProjectRow) -> None:
    with catalog.write() as conn:
        add_key(conn, "k1", rate=60, burst=120, expires_at=9, bindings={"platform": "ios", "deep": [1, None]})
        add_key(conn, "k2", unlimited=True, scopes=frozenset(("manage",)), reach="account")
        keys.record_use(conn, {"k2": 77}, {})
    with catalog.read() as conn:
        first, second = sorted(keys.load_live(conn))
    assert first == keys.KeyRow(
        id="k1",
        account="a",
        project=1,
        project_id="p1",
        reach="project",
        kind="key",
        scopes=frozenset(("read", "write")),
        secret_sha256=b"k1".ljust(32, b"-"),
        bindings={"platform": "ios", "deep": [1, None]},
        rate=60,
        burst=120,
        unlimited=False,
        expires_at=9,
        last_used_at=None,
        name="key k1",
    )
    assert (second.unlimited, second.rate, second.scopes, second.last_used_at) == (True, None, {"manage"}, 77)
    assert second.bindings == {}


def test_archiving_revokes_project_keys_and_spares_account_keys(catalog: Catalog, project: ProjectRow) -> None:
    with catalog.write() as conn:
        projects.add(conn, project_id="p2", slug="two", name="Two", account_id="a", at=1)
        add_key(conn, "own")
        add_key(conn, "wide", reach="account")
        add_key(conn, "other", project=2)
        add_key(conn, "gone")
        keys.revoke(conn, "gone", 6)
        assert projects.archive(conn, "p1", 7)
    with catalog.read() as conn:
        assert {key.id for key in keys.load_live(conn)} == {"wide", "other"}
        assert projects.load_live(conn) == [(2, "p2", "a")]
        revoked = {key.id: key.revoked_at for key in keys.load(conn)}
    assert revoked == {"own": 7, "wide": None, "other": None, "gone": 6}


def _revoke(conn: Connection) -> object:
    return keys.revoke(conn, "k1", 9)


def _archive(conn: Connection) -> object:
    return projects.archive(conn, "p1", 9)


@pytest.mark.parametrize(
    ("change", "bumps"),
    [
        pytest.param(lambda conn: add_key(conn, "k2"), 1, id="key made"),
        pytest.param(_revoke, 1, id="key revoked"),
        pytest.param(lambda conn: keys.revoke(conn, "nobody", 9), 0, id="unknown key revoked"),
        pytest.param(_archive, 1, id="project archived"),
        pytest.param(lambda conn: projects.archive(conn, "nothing", 9), 0, id="unknown project archived"),
        pytest.param(
            lambda conn: projects.add(conn, project_id="p2", slug="two", name="", account_id="a", at=1),
            1,
            id="project made",
        ),
        pytest.param(lambda conn: keys.record_use(conn, {"k1": 9}, {"k1": (1, "why", 9)}), 0, id="use recorded"),
    ],
)
def test_the_key_epoch_moves_with_authentication_and_with_nothing_else(
    catalog: Catalog, project: ProjectRow, change: Callable[[Connection], object], bumps: int
) -> None:
    with catalog.write() as conn:
        add_key(conn, "k1")
        before = meta.key_epoch(conn)
    with catalog.write() as conn:
        change(conn)
    with catalog.read() as conn:
        assert meta.key_epoch(conn) == before + bumps


@pytest.mark.parametrize("change", [_revoke, _archive], ids=["revoke", "archive"])
def test_of_two_threads_one_wins(catalog: Catalog, project: ProjectRow, change: Callable[[Connection], bool]) -> None:
    with catalog.write() as conn:
        add_key(conn, "k1")
        before = meta.key_epoch(conn)
    assert sorted(race(catalog, change)) == [False, True]
    with catalog.read() as conn:
        assert meta.key_epoch(conn) == before + 1


def test_a_setup_token_is_taken_by_one_thread_only(catalog: Catalog) -> None:
    with catalog.write() as conn:
        meta.put_setup_token(conn, b"old")
        meta.put_setup_token(conn, b"new")
        assert not meta.take_setup_token(conn, b"old")
    assert sorted(race(catalog, lambda conn: meta.take_setup_token(conn, b"new"))) == [False, True]


def test_a_secret_exists_once_even_after_revocation(catalog: Catalog, project: ProjectRow) -> None:
    with catalog.write() as conn:
        add_key(conn, "k1")
        keys.revoke(conn, "k1", 9)
        assert keys.secret_exists(conn, b"k1".ljust(32, b"-"))
    with pytest.raises(IntegrityError), catalog.write() as conn:
        add_key(conn, "k2", secret_sha256=b"k1".ljust(32, b"-"))


def test_use_moves_forward_and_refusals_add_up(catalog: Catalog, project: ProjectRow) -> None:
    with catalog.write() as conn:
        add_key(conn, "k1")
        add_key(conn, "k2")
        keys.record_use(conn, {"k1": 50, "unknown": 50}, {"k1": (2, "too large", 40)})
        keys.record_use(conn, {"k1": 30, "k2": 60}, {"k1": (3, "no scope", 45), "unknown": (1, "x", 1)})
        keys.record_use(conn, {}, {})
    with catalog.read() as conn:
        first, second = keys.load(conn)
    assert (first.last_used_at, first.refused, first.refused_reason, first.refused_at) == (50, 5, "no scope", 45)
    assert (second.last_used_at, second.refused, second.refused_reason, second.refused_at) == (60, 0, "", None)


def race(catalog: Catalog, change: Callable[[Connection], bool]) -> list[bool]:
    """What two threads get that make the same change at the same moment."""
    start, won = threading.Barrier(2), []

    def work() -> None:
        start.wait()
        with catalog.write() as conn:
            won.append(change(conn))

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return won
