"""What the load sends: a believable body per dialect, and the same points in the rivals' forms."""

from __future__ import annotations

import gzip
import json
import random
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import uuid4

JSON = {"Content-Type": "application/json"}

#: Lua for wrk: a fresh UUID in every Logister event, as its SDKs send.
UUIDS = """
math.randomseed(os.time())
wrk.body = wrk.body:gsub("UUID", "00000000-0000-4000-8000-000000000000")
local before, after
init = function()
  local whole = wrk.format()
  local at = whole:find("00000000-0000-4000-8000-000000000000", 1, true)
  before, after = whole:sub(1, at - 1), whole:sub(at + 36)
end
request = function()
  return before .. string.format("%08x-%04x-4%03x-8%03x-%012x", math.random(0, 0x7fffffff), math.random(0, 0xffff),
    math.random(0, 0xfff), math.random(0, 0xfff), math.random(0, 0x7fffffff)) .. after
end
"""
#: Lua for wrk: StatHat's clients send forms, with the key among the parameters.
FORM = """
wrk.body = "ezkey=" .. wrk.headers["Authorization"]:sub(8) .. "&" .. wrk.body
wrk.headers["Authorization"] = nil
wrk.headers["Content-Type"] = "application/x-www-form-urlencoded"
"""


def singles(project: str) -> dict[str, tuple[str, str, str]]:
    """dialect → (path, body, Lua)."""
    now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    return {
        "statflow": ("/v1/ingest", '{"stat":"page.views","value":1,"type":"counter"}', ""),
        "stathat": ("/ez", "stat=page+views&count=1", FORM),
        "slowstats": (
            "/api/slowstats/ingest-metrics",
            json.dumps({"projectId": project, "payload": {"servers": 41, "members": 5210}}),
            "",
        ),
        "slowstats event": (
            "/api/slowstats/ingest-events",
            json.dumps(
                {
                    "projectId": project,
                    "eventType": "command_used",
                    "description": "a member rolled the dice",
                    "payload": {"command": "roll", "userId": "42", "sides": 20},
                    "color": 9175295,
                }
            ),
            "",
        ),
        "logister": (
            "/api/v1/ingest_events",
            json.dumps(
                {
                    "event": {
                        "uuid": "UUID",
                        "event_type": "log",
                        "level": "info",
                        "message": "order placed",
                        "occurred_at": now,
                        "context": {
                            "environment": "production",
                            "release": "1.4.2",
                            "request_id": "7f3a",
                            "user_id": "42",
                        },
                    }
                }
            ),
            UUIDS,
        ),
        "logister check-in": ("/api/v1/check_ins", json.dumps({"check_in": {"slug": "nightly", "status": "ok"}}), ""),
        "seestack": ("/ingest/v1/http-requests", json.dumps({"requests": [_request(now)]}), ""),
        "seestack error": ("/ingest/v1/errors", json.dumps(_error()), ""),
        "seestack log": ("/ingest/v1/logs", json.dumps(_log()), ""),
        "canaryhub": ("/api/v1/events", json.dumps({"events": [{"type": "event", "name": "signup", "value": 29}]}), ""),
    }


def _request(now: str) -> dict[str, object]:
    return {
        "traceId": "4bf92f3577b34da6a3ce929d0e0e4736",
        "direction": "inbound",
        "method": "GET",
        "host": "shop.example",
        "path": "/orders/42",
        "statusCode": 200,
        "durationMs": 31,
        "requestSize": 0,
        "responseSize": 5120,
        "timestamp": now,
    }


def _error() -> dict[str, object]:
    return {
        "exceptionClass": "TypeError",
        "message": "Cannot read properties of undefined (reading 'total')",
        "stackTrace": [f"at step{n} (/app/src/orders.js:{40 + n}:13)" for n in range(8)],
        "level": "error",
        "environment": "production",
        "release": "1.4.2",
        "user": {"id": "42"},
        "metadata": {"order": "7f3a"},
    }


def _log() -> dict[str, object]:
    return {
        "level": "info",
        "message": "order placed",
        "service": "shop",
        "traceId": "4bf92f3577b34da6a3ce929d0e0e4736",
        "environment": "production",
        "metadata": {"order": "7f3a"},
    }


def batches() -> dict[str, tuple[str, str, int]]:
    """name → (path, body, records in it)."""
    now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    events = [{"type": "event", "name": f"event {n % 20}", "value": n, "meta": {"plan": "pro"}} for n in range(100)]
    return {
        "statflow 1,000 points": ("/v1/ingest/batch", points(1_000), 1_000),
        "canaryhub 100 events": ("/api/v1/events", json.dumps({"events": events}), 100),
        "seestack 100 requests": ("/ingest/v1/http-requests", json.dumps({"requests": [_request(now)] * 100}), 100),
    }


#: Lua for wrk: the bodies of a file, one after the other, each behind its length in eight digits.
_FROM_FILE = """
local file = assert(io.open("%s", "rb"))
local bodies = {}
while true do
  local length = file:read(8)
  if not length then break end
  bodies[#bodies + 1] = file:read(tonumber(length))
end
file:close()
wrk.headers["Content-Type"] = "application/x-ndjson"
wrk.headers["Content-Encoding"] = "gzip"
local sent = 0
request = function()
  sent = sent %% #bodies + 1
  return wrk.format(nil, nil, nil, bodies[sent])
end
"""


@contextmanager
def logister_batches(count: int) -> Iterator[str]:
    """Lua that sends ``count`` Logister batches of 100 events, as gzip, each event with a UUID of its own."""
    _, body, _ = singles("")["logister"]
    with tempfile.NamedTemporaryFile("wb") as file:
        for _ in range(count):
            lines = "\n".join(body.replace("UUID", str(uuid4())) for _ in range(100))
            packed = gzip.compress(lines.encode(), 1)
            file.write(b"%08d" % len(packed) + packed)
        file.flush()
        yield _FROM_FILE % file.name


def points(count: int, stats: int = 500) -> str:
    """A StatFlow batch of ``count`` values with two decimals over ``stats`` names."""
    chance = random.Random(1)
    items = [
        {"stat": f"host.{n % stats}.load", "value": round(chance.uniform(0, 100), 2), "type": "value"}
        for n in range(count)
    ]
    return json.dumps({"items": items}, separators=(",", ":"))


def victoria_lines(count: int, stats: int = 500) -> str:
    """The same points for VictoriaMetrics' JSON import: one line a series."""
    chance = random.Random(1)
    now = int(time.time() * 1000)
    lines = [
        json.dumps(
            {
                "metric": {"__name__": f"host.{n % stats}.load"},
                "values": [round(chance.uniform(0, 100), 2)],
                "timestamps": [now + n],
            },
            separators=(",", ":"),
        )
        for n in range(count)
    ]
    return "\n".join(lines) + "\n"


def influx_lines(count: int, stats: int = 500) -> str:
    """The same points as Influx lines (for InfluxDB, and for VictoriaMetrics' second entrance)."""
    chance = random.Random(1)
    now = time.time_ns()
    lines = [f"load,host=h{n % stats} value={chance.uniform(0, 100):.2f} {now + n * 1000}" for n in range(count)]
    return "\n".join(lines) + "\n"
