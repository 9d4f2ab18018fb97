"""A ``claims.db`` that is broken: what can be read goes on behind new filters, whatever interrupts it."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from hashlib import blake2b
from pathlib import Path

import pytest
from admission_room import DAY_US, NOW_US

from headrace.admission import claims_rescue
from headrace.admission.claims_rescue import Rescued, rescue
from headrace.admission.folded import HELD_US, FoldedClaims
from headrace.journal import JournalUnavailable, aside

PAGE = 4096
#: Claims of each of the two generations: some 20 pages.
CLAIMS = 2_500
MAXIMUM = 4 * CLAIMS


def digest(number: int) -> bytes:
    return blake2b(b"%d" % number, digest_size=16).digest()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A file of two generations, the second a day younger."""
    folded = FoldedClaims(tmp_path / "claims.db", maximum=MAXIMUM)
    for first, at in ((0, NOW_US), (CLAIMS, NOW_US + DAY_US)):
        folded.fold([(digest(n), b"%d" % n, at) for n in range(first, first + CLAIMS)])
    folded.close()
    return tmp_path / "claims.db"


def held(path: Path, now: int = NOW_US) -> list[int]:
    """The numbers that are still claimed, each with its own value; no other is, whether there are filters or not."""
    folded = FoldedClaims(path, maximum=MAXIMUM)
    before = [number for number in range(2 * CLAIMS) if folded.holds(digest(number), now) == b"%d" % number]
    folded.warm()
    after = [number for number in range(2 * CLAIMS) if folded.holds(digest(number), now) is not None]
    assert before == after
    assert all(folded.holds(digest(-number), now) is None for number in range(1, 50))
    assert all(generation.bloom is not None for generation in folded._generations)
    folded.close()
    return before


def spoil(path: Path, page: int, size: int = 8) -> None:
    data = bytearray(path.read_bytes())
    data[page * PAGE : page * PAGE + size] = b"\xff" * size
    path.write_bytes(data)


def leaf_of(path: Path, number: int) -> int:
    return path.read_bytes().find(digest(number)) // PAGE


def root_of(path: Path, table: str) -> int:
    with closing(sqlite3.connect(path)) as db:
        page: int = db.execute("SELECT rootpage FROM sqlite_master WHERE name = ?", (table,)).fetchone()[0]
    return page - 1


def _one_leaf(path: Path) -> None:
    spoil(path, leaf_of(path, 7))


def _two_leaves(path: Path) -> None:
    for number in (7, 70, CLAIMS + 7):
        spoil(path, leaf_of(path, number))


def _generations(path: Path) -> None:
    spoil(path, root_of(path, "generations"))


def _root(path: Path) -> None:
    spoil(path, root_of(path, "claims_1"))


def _cut_short(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 3 // 4])


def _no_database(path: Path) -> None:
    path.write_bytes(b"not a database\n" * 900)


DAMAGE: dict[str, tuple[Callable[[Path], None], int, int]] = {
    "a leaf": (_one_leaf, 2 * CLAIMS - 400, 2 * CLAIMS - 50),
    "three leaves": (_two_leaves, 2 * CLAIMS - 1_000, 2 * CLAIMS - 150),
    "the table of generations": (_generations, 2 * CLAIMS, 2 * CLAIMS),
    "the root of a generation": (_root, CLAIMS, CLAIMS),
    "the end": (_cut_short, CLAIMS, 2 * CLAIMS - 200),
    "everything": (_no_database, 0, 0),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_what_can_be_read_goes_on(path: Path, damage: str) -> None:
    spoil_it, least, most = DAMAGE[damage]
    spoil_it(path)
    broken = path.read_bytes()
    found = rescue(path, NOW_US)
    assert found is not None
    numbers = held(path)
    assert least <= len(numbers) == found.claims <= most
    assert found.aside.read_bytes()[100:] == broken[100:]
    assert aside.set_aside(path) == [found.aside.name]
    assert rescue(path, NOW_US) is None
    # Their time is still their own.
    assert [number for number in held(path, NOW_US + HELD_US) if number < CLAIMS] == []


@pytest.mark.parametrize("state", ["none", "empty", "sound", "killed", "older"])
def test_sound_files_are_left_alone(path: Path, tmp_path: Path, state: str) -> None:
    folded = FoldedClaims(path, maximum=MAXIMUM)
    folded.fold([(digest(0), b"0", NOW_US)])
    if state == "killed":
        path = shutil.copytree(tmp_path, tmp_path / "copy") / "claims.db"
        assert path.with_name("claims.db-wal").stat().st_size
    folded.close()
    if state in {"none", "empty"}:
        path = tmp_path / "other.db"
    if state == "empty":
        path.touch()
    if state == "older":
        path.unlink()
        with closing(sqlite3.connect(path)) as db:
            db.execute("CREATE TABLE generations (number INTEGER PRIMARY KEY, count, first_at, last_at, bloom BLOB)")
    assert rescue(path, NOW_US) is None
    assert aside.set_aside(path) == []
    assert not list(path.parent.glob("*.resc*"))


@pytest.mark.parametrize("at", ["while it is built", "before the swap", "in the swap"])
def test_a_stop_at_any_point_costs_nothing(path: Path, monkeypatch: pytest.MonkeyPatch, at: str) -> None:
    _one_leaf(path)
    plain: dict[str, Callable[..., object]] = {"complete": aside.complete, "swap": aside.swap}

    def stop(*_: object) -> None:
        if at == "in the swap":
            path.rename(aside.name_for(path, NOW_US))
        raise KeyboardInterrupt

    name = "complete" if at == "while it is built" else "swap"
    monkeypatch.setattr(aside, name, stop)
    with pytest.raises(KeyboardInterrupt):
        rescue(path, NOW_US)
    monkeypatch.setattr(aside, name, plain[name])
    found = rescue(path, NOW_US)
    assert isinstance(found, Rescued)
    assert len(held(path)) == found.claims > 2 * CLAIMS - 400
    assert len(aside.set_aside(path)) == 1


def test_a_large_file_is_looked_at_once_damage_was_met_in_it(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(claims_rescue, "LOOKED_AT_BYTES", path.stat().st_size - 1)
    _one_leaf(path)
    assert rescue(path, NOW_US) is None
    folded = FoldedClaims(path, maximum=MAXIMUM)
    assert folded.damage == ""
    with pytest.raises(JournalUnavailable, match="claims cannot be looked up"):
        folded.holds(digest(7), NOW_US)
    assert "malformed" in folded.damage
    folded.close()
    assert rescue(path, NOW_US) is not None
    assert digest(7) not in path.read_bytes()
    assert len(held(path)) > 2 * CLAIMS - 400
    # In the new one nothing was met yet.
    monkeypatch.setattr(claims_rescue, "LOOKED_AT_BYTES", 0)
    spoil(path, leaf_of(path, CLAIMS + 7))
    assert rescue(path, NOW_US) is None


def test_the_limit_of_what_is_looked_at(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _one_leaf(path)
    for over, noticed in ((1, False), (0, True)):
        monkeypatch.setattr(claims_rescue, "LOOKED_AT_BYTES", path.stat().st_size - over)
        assert (rescue(path, NOW_US) is not None) is noticed


def test_what_was_never_a_claim_is_passed_over(path: Path) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        rows = [(b"short", b"", 1), (digest(-1), "text", 1), (digest(-2), b"", "soon"), (digest(-3), b"", 1 << 40)]
        db.executemany("INSERT INTO claims_1 VALUES (?, ?, ?)", rows)
    _generations(path)
    found = rescue(path, NOW_US)
    assert found is not None
    assert found.claims == 2 * CLAIMS
