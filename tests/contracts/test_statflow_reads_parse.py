"""StatFlow's reads without a server: query parameters, JSON points, CSV rows, the route table (contract 1.5-1.8, 1.10)."""

from __future__ import annotations

import csv
import io
import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.exc import OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from headrace.api.compat import rendering, statflow, windows
from headrace.api.compat.base import CompatServices
from headrace.api.compat.rendering import Point
from headrace.api.compat.windows import BadParameter, Window, data_window, export_window, moment, optional_span
from headrace.api.services import ServiceError
from headrace.api.services.stats import StatInfo
from headrace.dialects.base import Limit
from headrace.dialects.statflow_reads import ROUTES
from headrace.records.intents import Answer
from headrace.store import BudgetExceeded, StoreUnavailable
from headrace.store.points import StoredPoint
from headrace.store.series import Bucket

NOW = 1_775_124_037_250  # 2026-04-02T10:00:37.250Z
HOUR, DAY = 3_600_000, 86_400_000


def ms(*parts: int) -> int:
    return int(datetime(*parts, tzinfo=UTC).timestamp()) * 1000  # type: ignore[misc]


def stat(name: str = "page.views", type_: str = "counter") -> StatInfo:
    return StatInfo("0GhkR2mWxZ7", name, type_, "stat", None, False, 0, None, None, None, None)


# --- moments ---


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("now", NOW),
        ("2026-04-01T10:00:00Z", ms(2026, 4, 1, 10)),
        ("2026-04-01T10:00Z", ms(2026, 4, 1, 10)),
        ("2026-04-01 10:00:00Z", ms(2026, 4, 1, 10)),
        ("2026-04-01T10:00:00.5Z", ms(2026, 4, 1, 10) + 500),
        ("2026-04-01T10:00:00+02:00", ms(2026, 4, 1, 8)),
        ("2026-04-01T10:00:00 02:00", ms(2026, 4, 1, 8)),
        ("2026-04-01T10:00:00 0200", ms(2026, 4, 1, 8)),
        ("2026-04-01T10:00 02:00", ms(2026, 4, 1, 8)),
        ("2026-04-01 10:00:00 05:30", ms(2026, 4, 1, 4, 30)),
        ("2026-04-01T10:00:00-02:00", ms(2026, 4, 1, 12)),
        ("2026-04-01", ms(2026, 4, 1)),
        ("0", 0),
        ("1775124037", 1_775_124_037_000),
        ("1775124037.25", NOW),
        ("1775124037250", NOW),
        ("-30s", NOW - 30_000),
        ("-5m", NOW - 300_000),
        ("-24h", NOW - 24 * HOUR),
        ("-7d", NOW - 7 * DAY),
        ("-2w", NOW - 14 * DAY),
        (" -1h ", NOW - HOUR),
        ("2199-12-31T23:59:59Z", ms(2199, 12, 31, 23, 59, 59)),
    ],
)
def test_moments(text: str, expected: int) -> None:
    assert moment(text, "from", NOW) == expected


@pytest.mark.parametrize(
    "text",
    [
        *("yesterday", "2026-04-01T10:00:00", "2026-04-01 02:00", "2026-13-01", "2026-02-30", "2026-4-1"),
        *("-24", "-1M", "-1y", "+1h", "1h", "--1h", "-0.5h", "1e9", "-5", "1_000", "٣", "2026-04-01T10:00:00+24:00"),
        *("1" * 65, "1" * 16, "2026-04-01T10:00:00 02:00 02:00", "\x00", "NOW"),
    ],
)
def test_what_is_no_moment(text: str) -> None:
    with pytest.raises(BadParameter, match=r"\Ato must be ISO 8601 with an offset, a date, Unix seconds, now, or "):
        moment(text, "to", NOW)


@pytest.mark.parametrize("text", ["1969-12-31T23:59:59Z", "2200-01-01", "-30000d", "999999999999999"])
def test_moments_out_of_range(text: str) -> None:
    with pytest.raises(BadParameter, match="from must lie between 1970 and 2200"):
        moment(text, "from", NOW)


@given(st.text() | st.from_regex(r"[0-9T:+Z -]{1,30}"))
def test_any_moment_is_read_or_refused(text: str) -> None:
    try:
        found = moment(text, "from", NOW)
    except BadParameter:
        return
    assert windows.MIN_MS <= found < windows.MAX_MS


# --- windows ---


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({}, Window(NOW - DAY, NOW, "5m")),
        ({"from": "", "to": "", "resolution": "", "tz": ""}, Window(NOW - DAY, NOW, "5m")),
        ({"to": "2026-04-01"}, Window(ms(2026, 3, 31), ms(2026, 4, 1), "5m")),
        ({"to": "3600"}, Window(0, HOUR, "1m")),
        ({"from": "-7d"}, Window(NOW - 7 * DAY, NOW, "30m")),
        ({"from": "-8h"}, Window(NOW - 8 * HOUR, NOW, "1m")),
        ({"resolution": "1h"}, Window(NOW - DAY, NOW, "1h")),
        ({"resolution": "raw"}, Window(NOW - DAY, NOW, "raw")),
        ({"resolution": "1M"}, Window(NOW - DAY, NOW, "1M")),
        ({"resolution": "1m"}, Window(NOW - DAY, NOW, "1m")),
        *[
            ({"resolution": word}, Window(NOW - DAY, NOW, short))
            for word, short in (("minute", "1m"), ("hour", "1h"), ("day", "1d"), ("week", "1w"), ("month", "1M"))
        ],
        ({"resolution": "1d", "tz": "Europe/Berlin"}, Window(NOW - DAY, NOW, "1d", "Europe/Berlin")),
        ({"unknown": "x"}, Window(NOW - DAY, NOW, "5m")),
    ],
    ids=str,
)
def test_data_windows(query: dict[str, str], expected: Window) -> None:
    assert data_window(query, NOW) == expected


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ({"from": "-1h", "to": "-1h"}, "from must be before to"),
        ({"from": "-1h", "to": "-2h"}, "from must be before to"),
        ({"from": "now"}, "from must be before to"),
        ({"to": "0"}, "from must be before to"),
        ({"from": "x"}, "from must be ISO 8601"),
        ({"to": "x"}, "to must be ISO 8601"),
        *[
            ({"resolution": name}, "resolution must be one of 1m 5m 15m 30m 1h 3h 6h 12h 1d 1w 1M raw")
            for name in ("2m", "1H", "60", "RAW", "1y", "years")
        ],
        *[
            ({"tz": name}, "tz must be an IANA time zone")
            for name in ("Mars/Olympus", "../etc/passwd", "/etc/passwd", "Europe", "\x00", "x" * 9_000)
        ],
    ],
    ids=lambda value: str(value)[:60],
)
def test_windows_are_refused(query: dict[str, str], message: str) -> None:
    for parse in (data_window, export_window):
        if parse is export_window and query == {"from": "now"}:
            continue
        with pytest.raises(BadParameter, match=message):
            parse(query, NOW)


@pytest.mark.parametrize(("minutes", "allowed"), [(9_999, True), (10_000, True), (10_001, False)])
def test_at_most_10000_points(minutes: int, allowed: bool) -> None:
    end = ms(2026, 4, 1)
    query = {"from": str(end // 1000 - minutes * 60), "to": str(end // 1000), "resolution": "1m"}
    if allowed:
        assert data_window(query, NOW).start == end - minutes * 60_000
    else:
        with pytest.raises(BadParameter, match="more than 10,000 points"):
            data_window(query, NOW)


@pytest.mark.parametrize(("minutes", "resolution"), [(499, "1m"), (500, "1m"), (501, "5m")])
def test_the_default_is_the_finest_of_500_points(minutes: int, resolution: str) -> None:
    end = ms(2026, 4, 1) // 1000
    assert data_window({"from": str(end - minutes * 60), "to": str(end)}, NOW).resolution == resolution


def test_a_century_without_a_resolution_is_answered() -> None:
    assert data_window({"from": "0", "to": "2199-12-31"}, NOW).resolution == "1M"


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({}, Window(0, NOW, "raw")),
        ({"resolution": ""}, Window(0, NOW, "raw")),
        ({"resolution": "1m"}, Window(0, NOW, "1m")),
        ({"from": "-7d", "to": "-1d"}, Window(NOW - 7 * DAY, NOW - DAY, "raw")),
    ],
    ids=str,
)
def test_export_windows(query: dict[str, str], expected: Window) -> None:
    assert export_window(query, NOW) == expected


def test_a_span_without_defaults() -> None:
    assert optional_span({}, NOW) == (None, None)
    assert optional_span({"from": "-1h"}, NOW) == (NOW - HOUR, None)
    assert optional_span({"to": "now"}, NOW) == (None, NOW)
    with pytest.raises(BadParameter, match="from must be before to"):
        optional_span({"from": "now", "to": "-1h"}, NOW)


# --- rendering ---

FULL = Bucket(ms(2026, 4, 1), count=3, sum=7.5, min=1.0, max=4.25)
EMPTY = Bucket(ms(2026, 4, 1, 1))


def test_counters_are_dense_with_zeros() -> None:
    shown = [rendering.json_point(rendering.bucket_point(bucket, "counter"), "counter") for bucket in (FULL, EMPTY)]
    assert shown == [
        {"timestamp": "2026-04-01T00:00:00Z", "value": 7.5, "count": 3},
        {"timestamp": "2026-04-01T01:00:00Z", "value": 0, "count": 0},
    ]


def test_values_are_dense_with_nulls() -> None:
    shown = [rendering.json_point(rendering.bucket_point(bucket, "value"), "value") for bucket in (FULL, EMPTY)]
    assert shown == [
        {"timestamp": "2026-04-01T00:00:00Z", "value": 2.5, "min": 1, "max": 4.25, "count": 3},
        {"timestamp": "2026-04-01T01:00:00Z", "value": None, "min": None, "max": None, "count": 0},
    ]


def test_the_head_of_an_answer() -> None:
    assert rendering.json_head(stat(), Window(ms(2026, 4, 1), NOW, "1h")) == {
        "stat": {"id": "0GhkR2mWxZ7", "name": "page.views", "type": "counter"},
        "from": "2026-04-01T00:00:00Z",
        "to": "2026-04-02T10:00:37Z",
        "resolution": "1h",
    }


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (6.0, "6"),
        (0.0, "0"),
        (-0.0, "0"),
        (0.1, "0.1"),
        (0.1 + 0.2, "0.30000000000000004"),
        (-2.5, "-2.5"),
        (1e15, "1000000000000000"),
        (2.0**53, "9007199254740992.0"),
        (1e22, "1e+22"),
        (5e-324, "5e-324"),
        (float("inf"), ""),
    ],
)
def test_numbers_in_their_shortest_form(value: float, shown: str) -> None:
    line = rendering.csv_rows([Point(0, value, 1, value, value)], stat(type_="value")).decode()
    assert line == f"1970-01-01T00:00:00Z,page.views,value,{shown},1,{shown},{shown}\r\n"
    number = rendering.number(value)
    assert json.dumps(number) == (shown or "null")


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_numbers_come_back_exactly(value: float) -> None:
    number = rendering.number(value)
    assert number is not None
    assert float(repr(number)) == value


def test_a_counters_bounds_are_empty_cells() -> None:
    rows = rendering.csv_rows(
        [
            rendering.bucket_point(FULL, "counter"),
            rendering.stored_point(StoredPoint(NOW, 2.0, 1, 2.0, 2.0), "counter"),
        ],
        stat(),
    )
    assert rows == (
        b"2026-04-01T00:00:00Z,page.views,counter,7.5,3,,\r\n2026-04-02T10:00:37Z,page.views,counter,2,1,,\r\n"
    )


@pytest.mark.parametrize(
    ("name", "cell"),
    [
        ("plain name", "plain name"),
        ("a,b", '"a,b"'),
        ('say "hi"', '"say ""hi"""'),
        ("two\nlines", '"two\nlines"'),
        ("=1+1", "'=1+1"),
        ("+x", "'+x"),
        ("-x", "'-x"),
        ("@x", "'@x"),
        ("\tx", "'\tx"),
        ("\rx", '"\'\rx"'),
        ('=HYPERLINK("x","y")', '"\'=HYPERLINK(""x"",""y"")"'),
        ("x=1", "x=1"),
        ("größe", "größe"),
    ],
)
def test_text_cells(name: str, cell: str) -> None:
    line = rendering.csv_rows([Point(0, -1.0, 1, None, None)], stat(name)).decode()
    assert line == f"1970-01-01T00:00:00Z,{cell},counter,-1,1,,\r\n"


@given(st.text(st.characters(exclude_categories=("Cs",)), min_size=1))
def test_csv_readers_read_every_name(name: str) -> None:
    text = (rendering.CSV_HEADER + rendering.csv_rows([Point(0, 1.0, 1, 1.0, 1.0)], stat(name, "value"))).decode()
    (row,) = csv.DictReader(io.StringIO(text, newline=""))
    assert row["stat"] == ("'" + name if name[0] in "=+-@\t\r" else name)
    assert (row["value"], row["count"], row["min"], row["max"]) == ("1", "1", "1", "1")


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("Page Views", "page-views.csv"),
        ("api.latency_ms", "api.latency_ms.csv"),
        ('../"x"\r\nSet-Cookie: a', "x-set-cookie-a.csv"),
        ("日本", "stat.csv"),
        ("..", "stat.csv"),
        ("x" * 300, "x" * 60 + ".csv"),
    ],
)
def test_file_names(name: str, file: str) -> None:
    assert rendering.file_name(name) == file


# --- refusals ---


@pytest.mark.parametrize(
    ("problem", "status", "text"),
    [
        (BadParameter("limit must be 1"), 400, "limit must be 1"),
        (ServiceError("invalid", "no"), 400, "no"),
        (ServiceError("forbidden", "not yours"), 403, "not yours"),
        (ServiceError("not_found", "stat not found"), 404, "stat not found"),
        (ServiceError("conflict", "taken"), 409, "taken"),
        (BudgetExceeded("time"), 400, "this is too much to read at once: choose a shorter span"),
        (StoreUnavailable("secret details"), 503, "service unavailable"),
        (OperationalError("SELECT secret", {}, Exception()), 503, "service unavailable"),
        (PoolTimeout("secret details"), 503, "service unavailable"),
    ],
    ids=repr,
)
def test_what_goes_wrong_has_statflows_form(problem: Exception, status: int, text: str) -> None:
    def work(*_: Any) -> Any:
        raise problem

    answer = statflow._guarded(None, None, work)  # type: ignore[arg-type]
    assert isinstance(answer, Answer)
    assert (answer.status, json.loads(answer.body)) == (status, {"error": text})
    assert (b"retry-after" in dict(answer.headers)) is (status == 503)
    assert answer.reason == text


def test_every_route_has_its_handler() -> None:
    services = CompatServices(None, None)  # type: ignore[arg-type]
    assert statflow.handlers(services).keys() == {route.handler for route in ROUTES}


# --- the route table ---


def test_the_routes_of_the_contract() -> None:
    served = {(route.method, route.path, route.scope) for route in ROUTES}
    both = ("read", "write")
    assert served == {
        ("GET", "/v1/stats", "read"),
        ("GET", "/v1/stats/{id}/data", "read"),
        ("GET", "/v1/stats/{id}/export", "read"),
        ("POST", "/v1/auth/api-keys", both),
        ("GET", "/v1/auth/api-keys", both),
        ("DELETE", "/v1/auth/api-keys/{id}", both),
        ("POST", "/v1/annotations", "write"),
        ("GET", "/v1/annotations", "read"),
        ("DELETE", "/v1/annotations/{id}", "write"),
        ("POST", "/v1/import/stathat", both),
        ("GET", "/v1/import/stathat/status", both),
    }


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: f"{route.method} {route.path}")
def test_each_route_is_whole(route: Any) -> None:
    assert route.handler.startswith("statflow.")
    assert route.parse is None
    assert (route.group, route.limit) == ("read", Limit("bucket", per_minute=3_600, burst=60))
    assert route.steps[:2] == ("auth", "scope")
    assert route.steps[-1] == "handle"
    assert ("body" in route.steps) is (route.method == "POST") is (route.cap == 4 * 1024 * 1024)
    statuses = [status for status, _ in route.answers]
    assert len(statuses) == len(set(statuses))
    for status, body in route.answers:
        if status >= 400:
            assert json.loads(body).keys() == {"error"}
