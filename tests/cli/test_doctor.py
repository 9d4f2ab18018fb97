"""``doctor``: each thing that can be wrong with a folder, and what it says about it."""

from __future__ import annotations

import os
import sqlite3
import time
from contextlib import closing
from datetime import date

import msgspec
import pytest

from headrace.admission.folded import FoldedClaims
from headrace.catalog import copies
from headrace.cli import checks, doctor, restore
from headrace.cli.lock import FolderLock
from headrace.journal import schema
from headrace.settings import load_settings

NOW = 1_790_000_000_000_000


@pytest.fixture
def settings(data):
    data.mkdir(mode=0o700)
    return load_settings(
        {"data": str(data)}, {"HEADRACE_DISK_MIN_FREE_BYTES": "0", "HEADRACE_JOURNAL_MAX_BYTES": "1MiB"}
    )


def states(findings) -> dict[str, str]:
    return {finding.check: finding.state for finding in findings}


def write_journal(data, rows=(), quarantined=0):
    with closing(schema.connect(data / "journal.db")) as journal:
        schema.prepare(journal, "a-journal", 1)
        for place, (at, body) in enumerate(rows, start=schema.page_ids(1)[0]):
            journal.execute("INSERT INTO pages VALUES (?, 'events', 0, 7, 0, ?, ?, 0)", (place, at, body))
        for number in range(quarantined):
            journal.execute("INSERT INTO quarantine VALUES (?, 'events', 0, 1, 0, x'00')", (number,))


def test_a_missing_folder_is_all_that_is_said(headrace, data):
    ran = headrace("doctor", "--json")
    assert ran.code == 1
    report = msgspec.json.decode(ran.out)
    assert [(row["check"], row["state"]) for row in report["checks"]] == [("folder", "fail")]
    assert report["ok"] is False
    assert not data.exists()


def test_a_file_in_place_of_the_folder(data, headrace):
    data.write_text("")
    assert "is not a folder" in headrace("doctor").out


def test_a_folder_that_is_in_use_and_does_not_answer(headrace, made, data):
    (data / "store").mkdir()
    held = FolderLock.take(data)
    try:
        ran = headrace("doctor")
    finally:
        held.release()
    assert ran.code == 1
    assert f"fail  store        another Headrace process (pid {os.getpid()}) is using {data}\n" in ran.out
    assert "-> stop the process that uses it" in ran.out


def test_a_new_folder_is_well(headrace, made):
    ran = headrace("doctor", "--json")
    found = {row["check"]: row["state"] for row in msgspec.json.decode(ran.out)["checks"]}
    names = ("folder", "disk", "permissions", "catalog", "journal", "store", "clock")
    assert tuple(found) == names
    assert {found[name] for name in names if name != "disk"} == {"ok"}


def test_permissions_matter_where_others_can_get_to(made, data):
    settings = load_settings({"data": str(data)}, {})
    (data / "catalog.db").chmod(0o644)
    assert states(checks.check_permissions(settings)) == {"permissions": "ok"}
    data.chmod(0o755)
    (finding,) = checks.check_permissions(settings)
    assert finding.state == "fail"
    assert finding.text == f"{data}/catalog.db is open to other users (mode 0644)"
    assert finding.advice == f"chmod 600 {data}/catalog.db"
    (data / "catalog.db").chmod(0o600)
    (finding,) = checks.check_permissions(settings)
    assert (finding.state, finding.advice) == ("warn", f"chmod 700 {data}")


def test_a_tls_key_outside_the_folder_is_looked_at(settings, tmp_path):
    key = tmp_path / "key.pem"
    key.write_text("")
    key.chmod(0o640)
    settings = msgspec.structs.replace(settings, tls_key=key)
    assert states(checks.check_permissions(settings)) == {"permissions": "fail"}
    key.chmod(0o600)
    assert states(checks.check_permissions(settings)) == {"permissions": "ok"}


DISK = {
    "plenty": (0, "1MiB", "ok"),
    "too-little-for-the-journal": (0, "1048576TiB", "warn"),
    "too-little": (1 << 59, "1MiB", "fail"),
}


@pytest.mark.parametrize(("least", "journal", "state"), DISK.values(), ids=DISK.keys())
def test_disk(settings, least, journal, state):
    cap = {"1MiB": 1 << 20, "1048576TiB": 1 << 60}[journal]
    settings = msgspec.structs.replace(settings, disk_min_free_bytes=least, journal_max_bytes=cap)
    assert states(checks.check_disk(settings)) == {"disk": state}


JOURNALS = {
    "empty": ((), 0, ["ok"]),
    "waiting": (((NOW - 5_000_000, b"x"),), 0, ["ok"]),
    "slow-n": (((NOW - 60_000_000, b"x"),), 0, ["ok"]),
    "slow-n+1": (((NOW - 61_000_000, b"x"),), 0, ["warn"]),
    "under-the-cap": (((NOW, b"x" * ((1 << 20) - 1)),), 0, ["ok"]),
    "at-the-cap": (((NOW, b"x" * (1 << 20)),), 0, ["fail"]),
    "damaged-pages": ((), 2, ["ok", "warn"]),
}


@pytest.mark.parametrize(("rows", "quarantined", "expected"), JOURNALS.values(), ids=JOURNALS.keys())
def test_journal(settings, rows, quarantined, expected):
    write_journal(settings.data, rows, quarantined)
    findings = list(checks.check_journal(settings, NOW))
    assert [finding.state for finding in findings] == expected
    assert all(finding.advice for finding in findings if finding.state != "ok")


def test_a_journal_of_another_kind(settings):
    write_journal(settings.data)
    with closing(sqlite3.connect(settings.data / "journal.db")) as journal:
        journal.execute(f"PRAGMA user_version = {schema.VERSION + 1}")
    (finding,) = checks.check_journal(settings, NOW)
    assert (finding.state, finding.advice) == ("fail", "run the newer release")
    (settings.data / "journal.db").write_bytes(b"no database" * 100)
    (finding,) = checks.check_journal(settings, NOW)
    assert (finding.state, "does not open" in finding.text) == ("fail", True)


def test_catalogs(made, data):
    settings = load_settings({"data": str(data)}, {})
    assert states(doctor.check_catalog(settings)) == {"catalog": "ok"}
    with closing(sqlite3.connect(data / "catalog.db", isolation_level=None)) as catalog:
        catalog.execute("UPDATE alembic_version SET version_num = '9999'")
    (finding,) = doctor.check_catalog(settings)
    assert (finding.state, "newer" in finding.text) == ("fail", True)
    for path in data.glob("catalog.db*"):
        path.unlink()
    assert states(doctor.check_catalog(settings)) == {"catalog": "warn"}
    (data / "catalog.db").write_bytes(b"no database" * 100)
    (finding,) = doctor.check_catalog(settings)
    assert (finding.state, "file is not a database" in finding.text) == ("fail", True)
    assert finding.advice == f"there is no copy in {data}/backups, restore the data folder from a backup"


def copy_of(data, day=date(2026, 11, 20)):
    return copies.make(data / "catalog.db", data / "backups", day, keep=7, min_free_bytes=0)


def test_copies_of_the_catalog(made, data):
    settings = load_settings({"data": str(data)}, {})
    older, newest = copy_of(data), copy_of(data, date(2026, 11, 21))
    found = [finding.text for finding in doctor.check_catalog(settings)]
    assert found[1:] == ["2 of the catalog, the newest of 2026-11-21"]
    newest.write_bytes(b"no database" * 100)
    (data / "catalog.db").unlink()
    first, *_ = doctor.check_catalog(settings)
    assert first.state == "fail"
    assert first.advice.startswith(f"bring back the copy of 2026-11-20 with `headrace doctor --data {data} ")
    assert str(older) in first.advice


def test_restoring_a_copy(headrace, made, data):
    copy = copy_of(data)
    assert headrace("project", "create", "--name", "later", "--json").code == 0
    before = (data / "catalog.db").read_bytes()
    done = headrace("doctor", "--restore-catalog", str(copy), "--json").json
    assert done["restored"] == str(copy)
    (aside,) = data.glob("catalog.db.damaged-*")
    assert (done["former"], aside.read_bytes()) == (str(aside), before)
    assert [project["name"] for project in headrace("project", "list", "--json").json] == ["First"]
    # A number that the former catalog may have given since the copy is not given again.
    assert headrace("project", "create", "--name", "new", "--json").json["number"] == 2 + restore.NUMBERS_LEFT_OUT
    assert (data / "catalog.db").stat().st_mode & 0o077 == 0
    assert not list(data.glob("*.resc*"))


def newer(copy):
    with closing(sqlite3.connect(copy, isolation_level=None)) as catalog:
        catalog.execute("UPDATE alembic_version SET version_num = '9999'")


RESTORES = {
    "missing": (lambda copy: copy.unlink(), "unable to open database file"),
    "broken": (lambda copy: copy.write_bytes(b"no database" * 100), "cannot be restored: file is not a database"),
    "empty": (lambda copy: copy.write_bytes(b""), "cannot be restored: it holds no catalog"),
    "newer": (newer, "was written by a newer Headrace (schema 9999)"),
}


@pytest.mark.parametrize(("spoil", "says"), RESTORES.values(), ids=RESTORES.keys())
def test_what_is_not_restored(headrace, made, data, spoil, says):
    copy = copy_of(data)
    before = (data / "catalog.db").read_bytes()
    spoil(copy)
    ran = headrace("doctor", "--restore-catalog", str(copy))
    assert (ran.code, ran.err.count("\n"), says in ran.err) == (1, 1, True), ran.err
    assert (data / "catalog.db").read_bytes() == before
    assert not list(data.glob("catalog.db.*"))


def test_nothing_is_restored_beside_a_server_or_into_a_database(headrace, made, data, monkeypatch):
    copy = copy_of(data)
    held = FolderLock.take(data)
    try:
        ran = headrace("doctor", "--restore-catalog", str(copy))
    finally:
        held.release()
    assert (ran.code, f"is using {data}" in ran.err) == (1, True)
    monkeypatch.setenv("HEADRACE_CATALOG_URL", "postgresql://host/name")
    ran = headrace("doctor", "--restore-catalog", str(copy))
    assert (ran.code, "no SQLite file" in ran.err) == (1, True)


def test_claims(settings):
    path = settings.data / "claims.db"
    assert list(checks.check_claims(settings)) == []
    folded = FoldedClaims(path, maximum=1_000)
    folded.fold([(b"%016d" % number, b"", NOW) for number in range(250)])
    folded.close()
    assert states(checks.check_claims(settings)) == {"claims": "ok"}
    data = bytearray(path.read_bytes())
    data[-4096:-4088] = b"\xff" * 8
    path.write_bytes(data)
    (finding,) = checks.check_claims(settings)
    assert (finding.state, "is damaged" in finding.text) == ("fail", True)
    (settings.data / "claims.db.damaged-20261121T000000.000000Z").touch()
    assert [finding.state for finding in checks.check_claims(settings)] == ["fail", "warn"]


CLOCKS = {
    "in-step": (0, "ok"),
    "ahead-n": (5_000_000, "ok"),
    "ahead-n+1": (5_000_001, "warn"),
}


@pytest.mark.parametrize(("ahead", "state"), CLOCKS.values(), ids=CLOCKS.keys())
def test_clock_against_the_files(settings, ahead, state):
    file = settings.data / "catalog.db"
    file.write_text("")
    os.utime(file, ns=((NOW + ahead) * 1000,) * 2)
    assert states(checks.check_clock(settings, NOW)) == {"clock": state}


def test_clock_against_the_last_record(settings):
    write_journal(settings.data, [(time.time_ns() // 1000 + 3_600_000_000, b"x")])
    (finding,) = checks.check_clock(settings, time.time_ns() // 1000)
    assert finding.state == "warn"
    assert "behind the journal's last record" in finding.text


@pytest.mark.parametrize(("year_us", "state"), [(1_704_067_199_999_999, "fail"), (1_704_067_200_000_000, "ok")])
def test_clock_with_a_year_that_cannot_be(settings, year_us, state):
    assert states(checks.check_clock(settings, year_us)) == {"clock": state}
