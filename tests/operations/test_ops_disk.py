"""A disk that is full or read-only: ingest says so in each dialect's form, reads go on, nothing acknowledged is lost."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from ops_disk import MIB, Disk
from ops_load import Load, assert_refused, names_held, readiness, send_all, until
from wire import Client


def batch(client: Client, stat: str, points: int) -> int:
    """Posts ``points`` points at once; gives the status."""
    items = [{"stat": stat, "value": index / 7, "type": "value"} for index in range(points)]
    return client.call("POST", "/v1/ingest/batch", json={"items": items}).status_code


def accepted_again(server: Any, client: Client, name: str) -> None:
    until(lambda: readiness(server)[0] == 200, "readiness")
    send_all(client, name)


def test_ingest_stops_before_the_disk_is_full(make_server: Callable[..., Any], small_disk: Disk) -> None:
    server = make_server(
        small_disk.path / "data",
        wrapper=small_disk.wrapper,
        env={"HEADRACE_DISK_MIN_FREE_BYTES": str(24 * MIB)},
    ).start()
    client = Client(server, "reserve")
    send_all(client, "before")
    small_disk.fill(leave=16 * MIB)
    until(lambda: readiness(server)[0] == 503, "the reserve to be noticed")
    assert_refused(client, "refused")
    status, reasons, _ = readiness(server)
    assert (status, len(reasons)) == (503, 1)
    assert f"{24 * MIB:,} are needed" in reasons[0]
    # The reserve is for what was accepted: it still goes into the store, and can be read.
    held = names_held(client)
    assert held["event logister before"] == 1
    small_disk.clear()
    accepted_again(server, client, "after")
    again = names_held(client)
    assert again == held | {name.replace("before", "after"): 1 for name in held}
    assert server.stop() == 0


def test_a_disk_without_any_room_left(make_server: Callable[..., Any], small_disk: Disk) -> None:
    """No reserve: SQLite and the engine meet the end of the disk themselves."""
    server = make_server(
        small_disk.path / "data", wrapper=small_disk.wrapper, env={"HEADRACE_DISK_MIN_FREE_BYTES": "0"}
    ).start()
    client = Client(server, "no room")
    send_all(client, "before")
    kept = 0
    for _ in range(
        8
    ):  # the write-ahead log grows, so that some commits still fit into it later, which the store cannot take
        assert batch(client, "bulk", 1000) == 202
        kept += 1000
    assert names_held(client)["event logister before"] == 1
    small_disk.fill()
    refused = False
    for _ in range(200):
        status = batch(client, "bulk", 1000)
        assert status in {202, 503}
        kept += 1000 * (status == 202)
        refused = refused or status == 503
        if refused:
            break
    assert refused
    until(lambda: readiness(server)[0] == 503, "the full disk to be noticed")
    assert "disk is full" in readiness(server)[1][0]
    assert_refused(client, "refused")
    assert client.call("GET", "/v1/stats").status_code == 200
    assert any(row["message"] == "before" for row in client.rows("events"))
    small_disk.clear()
    accepted_again(server, client, "after")
    held = names_held(client)
    assert held["point stat:bulk:value"] == kept
    assert not [name for name in held if "refused" in name]
    assert all(held[name.replace("before", "after")] == count for name, count in held.items() if "before" in name)
    assert server.stop() == 0


def test_a_file_system_that_became_read_only(
    make_server: Callable[..., Any], breaking_disk: Disk, tmp_path: Path
) -> None:
    """After an input/output error: for good, until somebody repairs it. The server goes on answering and ends as it should."""
    server = make_server(
        breaking_disk.path / "data", wrapper=breaking_disk.wrapper, env={"HEADRACE_DISK_MIN_FREE_BYTES": "0"}
    ).start()
    client = Client(server, "aborted")
    send_all(client, "before")
    before = names_held(client)
    load = Load(client, 2, "load")
    until(lambda: load.total() > 50, "some load")
    breaking_disk.abort()
    until(lambda: 503 in load.statuses, "the broken disk to be noticed")
    load.stop()
    assert_refused(client, "refused")
    status, reasons, _ = readiness(server)
    assert status == 503, reasons
    assert any(word in reasons[0] for word in ("journal cannot be written", "read-only")), reasons
    assert any(row["message"] == "before" for row in client.rows("events"))
    assert client.call("GET", "/v1/stats").status_code == 200
    assert server.stop() == 0
    breaking_disk.repair(tmp_path / "disk.img")
    server.start()
    # ext4 reports a sync as done whose journal is aborted meanwhile: what was under way then may be gone, nothing before it.
    load.assert_kept(under_way=1)
    held = names_held(client)
    assert {name: held[name] for name in before} == before
    assert not [name for name in held if "refused" in name]
    accepted_again(server, client, "after")
    assert server.stop() == 0


def test_a_disk_that_is_read_only_for_a_while(make_server: Callable[..., Any], faults: Path, tmp_path: Path) -> None:
    """Every write of the databases fails as on a read-only file system, and then does not any more."""
    rule = tmp_path / "rule"
    server = make_server(env={"LD_PRELOAD": str(faults), "CRASH_SHIM": str(rule)}).start()
    client = Client(server, "for a while")
    load = Load(client, 4, "load")
    until(lambda: load.total() > 50, "some load")
    rule.write_text(f"write {server.data.name}/ 30 1 0\n")
    until(lambda: 503 in load.statuses, "the failing writes to be noticed")
    assert_refused(client, "refused")
    until(lambda: readiness(server)[0] == 503, "readiness to tell")
    assert "cannot be written" in readiness(server)[1][0]
    assert client.call("GET", "/v1/stats").status_code == 200
    rule.unlink()
    until(lambda: readiness(server)[0] == 200, "readiness")
    before = load.total()
    until(lambda: load.total() > before + 50, "load to be accepted again")
    load.stop()
    load.assert_kept()
    send_all(client, "after")
    assert not [name for name in names_held(client) if "refused" in name]
    assert server.stop() == 0
