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
    print(round(__import__("time").time()%1000,2), flush=True); until(lambda: readiness(server)[0] == 200, "readiness")
    print(round(__import__("time").time()%1000,2), flush=True); send_all(client, name)


def test_ingest_stops_before_the_disk_is_full(make_server: Callable[..., Any], small_disk: Disk) -> None:
    server = make_server(
        small_disk.path / "data",
        wrapper=small_disk.wrapper,
        env={"HEADRACE_DISK_MIN_FREE_BYTES": str(24 * MIB)},
    ).start()
    client = Client(server, "reserve")
    print(round(__import__("time").time()%1000,2), flush=True); send_all(client, "before")
    small_disk.fill(leave=16 * MIB)
    print(round(__import__("time").time()%1000,2), flush=True); until(lambda: readiness(server)[0] == 503, "the reserve to be noticed")
    print(round(__import__("time").time()%1000,2), flush=True); assert_refused(client, "refused")
    print(round(__import__("time").time()%1000,2), flush=True); status, reasons, _ = readiness(server)
    print(round(__import__("time").time()%1000,2), flush=True); assert (status, len(reasons)) == (503, 1)
    print(round(__import__("time").time()%1000,2), flush=True); assert f"{24 * MIB:,} are needed" in reasons[0]
    # The reserve is for what was accepted: it still goes into the store, and can be read.
    print(round(__import__("time").time()%1000,2), flush=True); held = names_held(client)
    print(round(__import__("time").time()%1000,2), flush=True); assert held["event logister before"] == 1
    small_disk.clear()
    print(round(__import__("time").time()%1000,2), flush=True); accepted_again(server, client, "after")
    again = names_held(client)
    print(round(__import__("time").time()%1000,2), flush=True); assert again == held | {name.replace("before", "after"): 1 for name in held}
    print(round(__import__("time").time()%1000,2), flush=True); assert server.stop() == 0


def test_a_disk_without_any_room_left(make_server: Callable[..., Any], small_disk: Disk) -> None:
    """No reserve: SQLite and the engine meet the end of the disk themselves."""
    server = make_server(
        small_disk.path / "data", wrapper=small_disk.wrapper, env={"HEADRACE_DISK_MIN_FREE_BYTES": "0"}
    ).start()
    client = Client(server, "no room")
    print(round(__import__("time").time()%1000,2), flush=True); send_all(client, "before")
    kept = 0
    for _ in range(8):  # the write-ahead log grows, so that some commits still fit into it later, which the store cannot take
        assert batch(client, "bulk", 1000) == 202
        kept += 1000
    print(round(__import__("time").time()%1000,2), flush=True); assert names_held(client)["event logister before"] == 1
    small_disk.fill()
    refused = False
    for _ in range(200):
        status = batch(client, "bulk", 1000)
        assert status in {202, 503}
        kept += 1000 * (status == 202)
        refused = refused or status == 503
        if refused:
            break
    print(round(__import__("time").time()%1000,2), flush=True); assert refused
    print(round(__import__("time").time()%1000,2), flush=True); until(lambda: readiness(server)[0] == 503, "the full disk to be noticed")
    print(round(__import__("time").time()%1000,2), flush=True); assert "disk is full" in readiness(server)[1][0]
    print(round(__import__("time").time()%1000,2), flush=True); assert_refused(client, "refused")
    print(round(__import__("time").time()%1000,2), flush=True); assert client.call("GET", "/v1/stats").status_code == 200
    print(round(__import__("time").time()%1000,2), flush=True); assert any(row["message"] == "before" for row in client.rows("events"))
    small_disk.clear()
    print(round(__import__("time").time()%1000,2), flush=True); accepted_again(server, client, "after")
    print(round(__import__("time").time()%1000,2), flush=True); held = names_held(client)
    print(round(__import__("time").time()%1000,2), flush=True); assert held["point stat:bulk:value"] == kept
    print(round(__import__("time").time()%1000,2), flush=True); assert not [name for name in held if "refused" in name]
    print(round(__import__("time").time()%1000,2), flush=True); assert all(held[name.replace("before", "after")] == count for name, count in held.items() if "before" in name)
    print(round(__import__("time").time()%1000,2), flush=True); assert server.stop() == 0


def test_a_file_system_that_became_read_only(
    make_server: Callable[..., Any], breaking_disk: Disk, tmp_path: Path
) -> None:
    """After an input/output error: for good, until somebody repairs it. The server goes on answering and ends as it should."""
    server = make_server(
        breaking_disk.path / "data", wrapper=breaking_disk.wrapper, env={"HEADRACE_DISK_MIN_FREE_BYTES": "0"}
    ).start()
    client = Client(server, "aborted")
    print(round(__import__("time").time()%1000,2), flush=True); send_all(client, "before")
    before = names_held(client)
    load = Load(client, 2, "load")
    print(round(__import__("time").time()%1000,2), flush=True); until(lambda: load.total() > 50, "some load")
    print(round(__import__("time").time()%1000,2), flush=True); breaking_disk.abort()
    print(round(__import__("time").time()%1000,2), flush=True); until(lambda: 503 in load.statuses, "the broken disk to be noticed")
    print(round(__import__("time").time()%1000,2), flush=True); load.stop()
    print(round(__import__("time").time()%1000,2), flush=True); assert_refused(client, "refused")
    print(round(__import__("time").time()%1000,2), flush=True); status, reasons, _ = readiness(server)
    print(round(__import__("time").time()%1000,2), flush=True); assert status == 503, reasons
    print(round(__import__("time").time()%1000,2), flush=True); assert any(word in reasons[0] for word in ("journal cannot be written", "read-only")), reasons
    print(round(__import__("time").time()%1000,2), flush=True); assert any(row["message"] == "before" for row in client.rows("events"))
    print(round(__import__("time").time()%1000,2), flush=True); assert client.call("GET", "/v1/stats").status_code == 200
    print(round(__import__("time").time()%1000,2), flush=True); assert server.stop() == 0
    print(round(__import__("time").time()%1000,2), flush=True); breaking_disk.repair(tmp_path / "disk.img")
    print(round(__import__("time").time()%1000,2), flush=True); server.start()
    print(round(__import__("time").time()%1000,2), flush=True); load.assert_kept()
    print(round(__import__("time").time()%1000,2), flush=True); held = names_held(client)
    print(round(__import__("time").time()%1000,2), flush=True); assert {name: held[name] for name in before} == before
    print(round(__import__("time").time()%1000,2), flush=True); assert not [name for name in held if "refused" in name]
    print(round(__import__("time").time()%1000,2), flush=True); accepted_again(server, client, "after")
    print(round(__import__("time").time()%1000,2), flush=True); assert server.stop() == 0


def test_a_disk_that_is_read_only_for_a_while(make_server: Callable[..., Any], faults: Path, tmp_path: Path) -> None:
    """Every write of the databases fails as on a read-only file system, and then does not any more."""
    rule = tmp_path / "rule"
    server = make_server(env={"LD_PRELOAD": str(faults), "CRASH_SHIM": str(rule)}).start()
    client = Client(server, "for a while")
    load = Load(client, 4, "load")
    print(round(__import__("time").time()%1000,2), flush=True); until(lambda: load.total() > 50, "some load")
    rule.write_text(f"write {server.data.name}/ 30 1 0\n")
    print(round(__import__("time").time()%1000,2), flush=True); until(lambda: 503 in load.statuses, "the failing writes to be noticed")
    print(round(__import__("time").time()%1000,2), flush=True); assert_refused(client, "refused")
    print(round(__import__("time").time()%1000,2), flush=True); until(lambda: readiness(server)[0] == 503, "readiness to tell")
    print(round(__import__("time").time()%1000,2), flush=True); assert "cannot be written" in readiness(server)[1][0]
    print(round(__import__("time").time()%1000,2), flush=True); assert client.call("GET", "/v1/stats").status_code == 200
    rule.unlink()
    print(round(__import__("time").time()%1000,2), flush=True); until(lambda: readiness(server)[0] == 200, "readiness")
    before = load.total()
    print(round(__import__("time").time()%1000,2), flush=True); until(lambda: load.total() > before + 50, "load to be accepted again")
    print(round(__import__("time").time()%1000,2), flush=True); load.stop()
    print(round(__import__("time").time()%1000,2), flush=True); load.assert_kept()
    print(round(__import__("time").time()%1000,2), flush=True); send_all(client, "after")
    print(round(__import__("time").time()%1000,2), flush=True); assert not [name for name in names_held(client) if "refused" in name]
    print(round(__import__("time").time()%1000,2), flush=True); assert server.stop() == 0
