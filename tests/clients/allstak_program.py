"""A program that uses ``allstak`` in every way, run by ``test_allstak.py``: ``allstak_program.py HOST KEY FOLDER [what]``. It prints what
the client told it. The client patches sqlite3, logging and the interpreter's hooks, so it gets a process of its own.
"""

import json
import sqlite3
import sys

import allstak


def everything() -> dict[str, object]:
    told: dict[str, object] = {}
    allstak.set_user(user_id="u1", email="ann@example.test")
    allstak.add_breadcrumb("navigation", "opened the basket")
    allstak.add_breadcrumb("http", "GET /orders", level="warn", data={"status": 503})
    try:
        raise ValueError("no such order")  # noqa: TRY301
    except ValueError as error:
        told["error"] = allstak.capture_exception(error, metadata={"order": "o-7"})
    told["large"] = allstak.capture_error("Overflow", "too long: " + "x" * 5_000)
    allstak.log.info("order placed", service="shop", request_id="r1", user_id="u1", metadata={"basket": "b-1"})
    allstak.log.warn("slow answer")
    for status in (200, 0):
        allstak.http.record(
            direction="outbound",
            method="post",
            host="pay.example",
            path="/charges?card=1",
            status_code=status,
            duration_ms=1_320,
        )
    with allstak.start_span("checkout", description="the whole checkout") as span:
        span.set_tag("items", 3)
        with sqlite3.connect(":memory:") as database:
            database.execute("SELECT 1 WHERE 'a' = 'b'")
        database.close()
    with allstak.replay.start_session("session-1") as session:
        session.record("input", {"type": "password", "value": "hunter2"}, url="https://shop.example/?q=1")
    told["beat"] = allstak.cron.ping("nightly", "success", 12, message="42 rows")
    told["unknown"] = allstak.cron.ping("nobodys", "failed", 12)
    with allstak.cron.job("nightly"):
        pass
    allstak.flush()
    return told


def left_for_the_exit() -> dict[str, object]:
    allstak.log.info("said at the very end")
    return {}


def refused() -> dict[str, object]:
    beats = [allstak.cron.ping("nightly", "success", 1) for _ in range(5)]
    return {"error": allstak.capture_error("E", "m"), "beats": beats}


def crash() -> dict[str, object]:
    raise RuntimeError("nobody catches this")


host, key, folder, what = sys.argv[1:]
allstak.init(
    api_key=key,
    host=host,
    environment="staging",
    release="1.4.2",
    offline_queue_dir=folder,
    flush_interval_ms=60_000,
    connect_timeout=60.0,
    read_timeout=60.0,
)
said = {"everything": everything, "exit": left_for_the_exit, "refused": refused, "crash": crash}[what]()
print(json.dumps(said | {"diagnostics": allstak.get_diagnostics()}))
