"""Damaged files: what is broken is set aside and told, the server starts, and everything else is kept. Only a damaged catalog keeps it
from starting: accounts and keys cannot be guessed.
"""

from __future__ import annotations

import re
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from datetime import date
from pathlib import Path
from typing import Any
from uuid import uuid4

import requests
from ops_load import names_held, readiness, send_all, until
from wire import TIMEOUT_S, Client

from headrace.admission.folded import FoldedClaims
from headrace.catalog import copies
from headrace.dialects.logister_identity import UUID_FAMILY
from headrace.records.intents import claim_key

KINDS = {
    "point stat:{}:counter",
    "point slowstats:{}:value",
    "point canaryhub:{}:counter",
    "event canaryhub {}",
    "event logister {}",
    "request /{}",
}


def records(name: str) -> set[str]:
    return {kind.format(name) for kind in KINDS}


def kept_waiting(server: Any, *names: str) -> Client:
    """Has ``server`` accept records of these names that nothing loads, and kills it. The whole journal is one file afterwards."""
    store = server.data / "store"
    store.write_text("in the way")
    server.start()
    client = Client(server, "damage")
    for name in names:
        send_all(client, name)
    server.kill()
    store.unlink()
    with closing(sqlite3.connect(server.data / "journal.db")) as journal:
        journal.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return client


def flip(path: Path, offset: int, size: int = 1) -> None:
    with path.open("r+b") as file:
        file.seek(offset)
        found = file.read(size)
        file.seek(offset)
        file.write(bytes(byte ^ 0x20 for byte in found))


def page_of(journal: Path, marker: bytes) -> int:
    """Where in the file a page's body holds ``marker``."""
    place = journal.read_bytes().find(marker)
    assert place >= 0
    return place


def test_a_flipped_byte_in_a_page_and_then_no_database_at_all(make_server: Callable[..., Any]) -> None:
    server = make_server()
    client = kept_waiting(server, "first", "second")
    journal = server.data / "journal.db"
    # The Logister message of the second record, within its row.
    flip(journal, page_of(journal, b'"second"'))
    server.start()
    held = names_held(client)
    lost = (records("first") | records("second")) - set(held)
    assert len(lost) == 1
    assert lost < records("second")
    assert set(held.values()) == {1}
    status, reasons, degraded = readiness(server)
    assert (status, reasons) == (200, [])
    assert degraded == ["1 damaged journal pages are set aside"]
    assert re.search(r"page \d+ of segment \d+ is damaged and set aside \(1 rows\)", server.log.read_text())
    send_all(client, "after")
    held = names_held(client)
    assert records("after") <= set(held)
    assert server.stop() == 0

    damage = b"not a database\n" * 700
    journal.write_bytes(damage)
    server.start()
    assert names_held(client) == held
    aside = set_aside(server)
    assert aside.read_bytes() == damage
    (line,) = (line for line in server.log.read_text().splitlines() if "the journal was damaged" in line)
    assert line.endswith(f"the journal was damaged: 0 waiting rows go on in a new one, the rest stays in {aside}")
    assert readiness(server) == (200, [], [f"a damaged journal is set aside in {aside.name}"])
    send_all(client, "again")
    assert set(names_held(client)) == set(held) | records("again")
    found = [line["text"] for line in server.cli("doctor", "--json")["checks"] if line["state"] == "warn"]
    assert any(aside.name in text for text in found), found
    aside.unlink()
    assert readiness(server) == (200, [], [])
    assert server.stop() == 0


def test_a_journal_whose_tree_is_broken(make_server: Callable[..., Any]) -> None:
    """Everything that can still be read goes on in a new journal, once; what was claimed and answered is still known."""
    server = make_server()
    names = [f"record{number}" for number in range(12)]
    client = kept_waiting(server, *names)
    journal = server.data / "journal.db"
    with closing(sqlite3.connect(journal)) as db:
        old = db.execute("SELECT value FROM meta WHERE key = 'uuid'").fetchone()[0]
        rows = db.execute("SELECT total(row_count) FROM pages").fetchone()[0]
    # A b-tree page whose header says nothing sensible: its rows are lost, the others are not.
    size = 4096
    place = page_of(journal, b'"record7"') // size * size
    flip(journal, place, 8)
    server.start()
    held = names_held(client)
    empty = {name for name, count in held.items() if count == 0}  # stats whose only point was on the broken page
    held = {name: count for name, count in held.items() if count}
    wanted = {record for name in names for record in records(name)}
    assert set(held.values()) == {1}
    lost = wanted - set(held)
    assert empty <= lost
    assert 0 < len(lost) < len(wanted) / 3
    aside = set_aside(server)
    with closing(sqlite3.connect(server.data / "journal.db")) as db:
        uuid, origin = (
            db.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()[0] for key in ("uuid", "rescued_from")
        )
    assert origin == old != uuid
    told = re.search(
        r"the journal was damaged: (\d+) waiting rows go on in a new one, the rest stays in (\S+)",
        server.log.read_text(),
    )
    assert told is not None
    assert 0 < int(told[1]) < rows
    assert told[2] == str(aside)
    send_all(client, "after")
    assert records("after") <= set(names_held(client))
    assert server.stop() == 0


def test_damaged_claims(make_server: Callable[..., Any]) -> None:
    """Those that can be read still tell repeats; the others' events would be taken in once more, and nothing else comes of it."""
    server = make_server()
    ids = [str(uuid4()) for _ in range(1_000)]
    answers = []
    folded = FoldedClaims(server.data / "claims.db", maximum=1_000_000)
    now = time.time_ns() // 1000
    folded.fold([(claim_key(UUID_FAMILY, 1, uuid), b"", now) for uuid in ids])
    folded.close()
    path = server.data / "claims.db"
    flip(path, page_of(path, claim_key(UUID_FAMILY, 1, ids[0])) // 4096 * 4096, 8)
    found = {line["check"]: line["state"] for line in server.cli("doctor", "--json", code=1)["checks"]}
    assert found["claims"] == "fail"
    server.start()
    aside = set_aside(server, "claims.db")
    (line,) = (line for line in server.log.read_text().splitlines() if "the claims were damaged" in line)
    told = re.search(r"the claims were damaged: (\d+) of them go on in a new file, the rest stays in (\S+)", line)
    assert told is not None
    assert 500 < int(told[1]) < 1_000
    assert told[2] == str(aside)
    assert readiness(server) == (200, [], [f"damaged claims are set aside in {aside.name}"])
    with closing(sqlite3.connect(server.data / "claims.db")) as claims:
        kept = {row[0] for row in claims.execute("SELECT digest FROM claims_1")}
    (project,) = server.call("project.list")
    headers = {"Authorization": f"Bearer {server.key(project['id'])}"}
    for uuid in (ids[0], ids[0], next(one for one in ids if claim_key(UUID_FAMILY, 1, one) in kept)):
        event = {"uuid": uuid, "event_type": "log", "message": "again"}
        answer = requests.post(
            f"{server.url}/api/v1/ingest_events", json={"event": event}, headers=headers, timeout=TIMEOUT_S
        )
        answers.append((answer.status_code, answer.json().get("duplicate", False)))
    assert answers == [(201, False), (200, True), (200, True)]
    states = [line for line in server.cli("doctor", "--json")["checks"] if line["check"] == "claims"]
    assert [(line["state"], aside.name in line["text"]) for line in states] == [("ok", False), ("warn", True)]
    assert server.stop() == 0


def test_a_damaged_catalog_and_its_copies(make_server: Callable[..., Any]) -> None:
    server = make_server()
    server.start()
    client = Client(server, "kept")
    send_all(client, "before")
    names_held(client)
    catalog, folder = server.data / "catalog.db", server.data / "backups"
    until(lambda: list(folder.glob("catalog-*.db")), "the copy of the day")
    copy = copies.make(catalog, folder, date(2099, 1, 2), keep=7, min_free_bytes=0)
    # What came after the copy is not in it.
    lost = Client(server, "lost")
    assert server.stop() == 0
    damage = b"not a database\n" * 700
    for spoil, why in (
        (lambda: catalog.write_bytes(damage), "file is not a database"),
        (lambda: catalog.write_bytes(b""), "it holds no catalog"),
        (catalog.unlink, "the file is missing"),
    ):
        spoil()
        server.start(wait=False)
        assert server.process.wait(TIMEOUT_S) == 1
        line = server.log.read_text().splitlines()[-1]
        command = f"headrace doctor --data {server.data} --restore-catalog {copy}"
        assert line.startswith(f"headrace: the catalog {catalog} is damaged ({why}): bring back the copy of 2099-01-02")
        assert f"with `{command}`" in line
        found = [line for line in server.cli("doctor", "--json", code=1)["checks"] if line["check"] == "catalog"]
        assert [(line["state"], command in line["advice"]) for line in found] == [("fail", True)]
    catalog.write_bytes(damage)
    assert set(server.data.glob("catalog.db*")) == {catalog}

    assert str(copy) in server.cli("doctor", "--restore-catalog", str(copy))
    aside = set_aside(server, "catalog.db")
    assert aside.read_bytes() == damage
    server.start()
    assert client.call("POST", "/v1/ingest", json={"stat": "again", "count": 1}).status_code == 202
    assert names_held(client)["point stat:again:counter"] == 1
    assert lost.call("POST", "/v1/ingest", json={"stat": "again", "count": 1}).status_code == 401
    # No number is given twice: the store still holds rows under that of the lost project.
    server.project("new")
    numbers = {project["name"]: project["number"] for project in server.call("project.list")}
    assert numbers["new"] > numbers["kept"] + 1_000
    checks = [line for line in server.cli("doctor", "--json")["checks"] if line["check"] == "catalog"]
    assert [(line["state"], aside.name in line["text"]) for line in checks] == [("ok", False), ("warn", True)]
    assert server.stop() == 0


def set_aside(server: Any, name: str = "journal.db") -> Path:
    (found,) = server.data.glob(f"{name}.damaged-*")
    return found
