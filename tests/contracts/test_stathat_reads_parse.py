"""StatHat's windows and alerts as they are read, and what an import keeps of a StatHat export: pure functions (contract 1.8, 1.9)."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st
from inbound import FakeInbound

from headrace.api.imports import grain
from headrace.api.imports.source import BadAddress, read_address
from headrace.dialects.answers import Problem
from headrace.dialects.base import Fault, FaultDetail
from headrace.dialects.stathat import DIALECT
from headrace.dialects.stathat_alerts import Alert, read_alert
from headrace.dialects.stathat_answers import fault
from headrace.dialects.stathat_reads import ROUTES, data_ids, token_of_basic, token_of_path
from headrace.dialects.stathat_timeframes import EARLIEST_S, LATEST_S, read_window
from headrace.gateway.routes import RouteTable
from headrace.outward.connecting import is_public

MINUTE, HOUR, DAY = 60, 3_600, 86_400
#: A Thursday, 15:04:05.
NOW = int(datetime(2026, 4, 2, 15, 4, 5, tzinfo=UTC).timestamp())


def at(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp())


def read(**query: str) -> tuple[int, int, int, str]:
    return tuple(read_window(query, NOW))


# --- windows


@pytest.mark.parametrize(
    ("t", "points", "width", "text"),
    [
        ("", 56, 3 * HOUR, "1 week @ 3 hours"),
        ("1w3h", 56, 3 * HOUR, "1 week @ 3 hours"),
        # Vector 15: case matters.
        ("1M1d", 30, DAY, "1 month @ 1 day"),
        ("1m1m", 1, MINUTE, "1 minute @ 1 minute"),
        ("1d1h", 24, HOUR, "1 day @ 1 hour"),
        ("1y1d", 365, DAY, "1 year @ 1 day"),
        ("2y1M", 24, 30 * DAY, "2 years @ 1 month"),
        # A duration that its interval does not divide, and one that is shorter.
        ("1d7h", 3, 7 * HOUR, "1 day @ 7 hours"),
        ("1h1d", 1, DAY, "1 hour @ 1 day"),
        # A duration alone has an interval of its own.
        ("1h", 60, MINUTE, "1 hour @ 1 minute"),
        ("60m", 60, MINUTE, "1 hour @ 1 minute"),
        ("61m", 4, 15 * MINUTE, "61 minutes @ 15 minutes"),
        ("1d", 96, 15 * MINUTE, "1 day @ 15 minutes"),
        ("25h", 1, DAY, "25 hours @ 1 day"),
        ("7d", 7, DAY, "1 week @ 1 day"),
        ("14d", 14, DAY, "2 weeks @ 1 day"),
        ("30d", 30, DAY, "30 days @ 1 day"),
        ("168h24h", 7, DAY, "1 week @ 1 day"),
        ("9999m1m", 9_999, MINUTE, "9999 minutes @ 1 minute"),
        ("10000m1m", 10_000, MINUTE, "10000 minutes @ 1 minute"),
    ],
)
def test_timeframes(t: str, points: int, width: int, text: str) -> None:
    window = read_window({"t": t}, NOW)
    assert (window.points, window.width, window.text) == (points, width, text)
    assert window.start % MINUTE == 0
    assert list(window.times) == [window.start + k * width for k in range(points)]


def test_a_window_begins_with_a_minute_and_not_with_an_hour() -> None:
    assert read(t="1d1h")[0] == at("2026-04-01T15:04:00")
    assert read(t="1d1h", start=str(at("2026-03-01T10:11:59")))[0] == at("2026-03-01T10:11:00")
    assert read(t="1d1h", start=f"{at('2026-03-01T10:11:59')}999")[0] == at("2026-03-01T10:11:00")
    assert read(t="1h", start="0")[0] == 0


@pytest.mark.parametrize(
    ("query", "problem"),
    [
        *(({"t": t}, "invalid t") for t in ("x", "1", "w", "1W", "1 w", "1w 3h", "-1w", "1.5h", "0d1h", "1d0h")),
        *(({"t": t}, "invalid t") for t in ("1d1h1w", "1234567890m", "\u0661d", "1w3h;", "130y130y")),
        *(({"start": start}, "invalid start") for start in ("x", "-1", "1e9", "9" * 16, str(LATEST_S))),
        *(({"summary": text}, "invalid summary") for text in ("x", "0d", "1d1h", "1D", "999999999y", "-1d")),
        ({"t": "10001m1m"}, "too many points"),
        ({"t": "1y1m"}, "too many points"),
        ({"summary": "10001d"}, "too many points"),
        ({"summary": "200y"}, "too many points"),
    ],
)
def test_windows_that_there_are_not(query: dict[str, str], problem: str) -> None:
    with pytest.raises(Problem, match=f"^{problem}$"):
        read_window(query, NOW)


@pytest.mark.parametrize(
    ("query", "first", "points", "text"),
    [
        # Vector 16: midnights, up to that of today.
        ({"summary": "7d"}, "2026-03-27", 7, "1 week @ 1 day"),
        ({"summary": "1w", "t": "1h1m"}, "2026-03-27", 7, "1 week @ 1 day"),
        ({"summary": "10000d"}, "1998-11-16", 10_000, "10000 days @ 1 day"),
        # Months and years of the calendar.
        ({"summary": "2M"}, "2026-02-03", 59, "2 months @ 1 day"),
        ({"summary": "1y"}, "2025-04-03", 365, "1 year @ 1 day"),
        ({"summary": "1M", "start": str(at("2024-01-31"))}, "2024-01-31", 29, "1 month @ 1 day"),
        ({"summary": "1M", "start": str(at("2025-02-01"))}, "2025-02-01", 28, "1 month @ 1 day"),
        ({"summary": "12M", "start": str(at("2024-01-01"))}, "2024-01-01", 366, "12 months @ 1 day"),
        # One that no midnight falls into is that of its own day.
        ({"summary": "1h"}, "2026-04-02", 1, "1 hour @ 1 day"),
        ({"summary": "16h"}, "2026-04-02", 1, "16 hours @ 1 day"),
        ({"summary": "3d", "start": str(at("2026-03-01T10:00:00"))}, "2026-03-02", 3, "3 days @ 1 day"),
        ({"summary": "3d", "start": str(at("2026-03-01"))}, "2026-03-01", 3, "3 days @ 1 day"),
    ],
)
def test_summaries(query: dict[str, str], first: str, points: int, text: str) -> None:
    assert read(**query) == (at(first), DAY, points, text)


def is_sound(query: dict[str, str], *, offset: bool = False) -> bool:
    """Whether the query is refused in the words there are, or read within all limits."""
    try:
        window = read_window(query, NOW, offset=offset)
    except Problem as problem:
        return str(problem) in ("invalid t", "invalid start", "invalid summary", "too many points")
    return 1 <= window.points <= 10_000 and EARLIEST_S <= window.start < window.end <= LATEST_S


@given(st.text(), st.text(), st.text(), st.booleans())
def test_any_window_is_read_or_refused(t: str, start: str, summary: str, offset: bool) -> None:
    assert is_sound({"t": t, "start": start, "summary": summary}, offset=offset)


@given(
    st.integers(0, 10**9),
    st.sampled_from("mhdwMy"),
    st.one_of(st.just(""), st.integers(-10, 10**15).map(str)),
    st.sampled_from(("t", "summary")),
)
def test_windows_of_any_size(number: int, unit: str, start: str, name: str) -> None:
    assert is_sound({name: f"{number}{unit}", "start": start})


def test_the_distance_that_a_line_is_compared_at_is_passed_over() -> None:
    assert read_window({"t": "1d15m1w"}, NOW, offset=True) == read_window({"t": "1d15m"}, NOW)


# --- keys and ids


def basic(text: str) -> str | None:
    return token_of_basic(FakeInbound(ROUTES[0], headers={b"authorization": text.encode()}))


def test_where_the_token_is() -> None:
    assert token_of_path(FakeInbound(ROUTES[0], params={"token": " hr_1 "})) == "hr_1"
    for pair in ("hr_1:", "hr_1", "hr_1:ignored:too"):
        assert basic(f"Basic {base64.b64encode(pair.encode()).decode()}") == "hr_1"
        assert basic(f"basic  {base64.b64encode(pair.encode()).decode()} ") == "hr_1"
    assert basic("Basic ?") == ""
    assert basic("Bearer hr_1") is None
    assert token_of_basic(FakeInbound(ROUTES[0])) is None


@pytest.mark.parametrize("ids", [1, 2, 4, 5, 6, 11, 500])
def test_five_ids_count(ids: int) -> None:
    match = RouteTable([DIALECT]).match("GET", "/x/token/data/" + "/".join(map(str, range(ids))))
    assert match is not None
    assert (match.params["token"], data_ids(match.params)) == ("token", ["0", "1", "2", "3", "4"][:ids])


# --- refusals


@pytest.mark.parametrize(
    ("kind", "status", "body"),
    [
        (Fault.NO_KEY, 401, {"msg": "invalid access token"}),
        (Fault.BAD_KEY, 401, {"msg": "invalid access token"}),
        (Fault.NO_SCOPE, 403, {"msg": "this token lacks the read scope"}),
        (Fault.RATE, 200, {"Error": "Rate limit exceeded."}),
        (Fault.TOO_LARGE, 413, {"msg": "body too large"}),
        (Fault.ENCODING, 415, {"msg": "unsupported encoding"}),
        (Fault.UNREADABLE, 400, {"msg": "body does not match its content encoding"}),
        (Fault.UNAVAILABLE, 503, {"msg": "service unavailable"}),
        (Fault.INTERNAL, 500, {"msg": "internal error"}),
    ],
)
def test_faults_of_reads(kind: Fault, status: int, body: Any) -> None:
    for route in ROUTES:
        answer = fault(kind, FaultDetail(scope="read", retry_after=7, inbound=FakeInbound(route)))
        assert (answer.status, json.loads(answer.body)) == (status, body)
        assert answer.reason
        headers = dict(answer.headers)
        assert headers[b"cache-control"] == b"no-store"
        assert (headers.get(b"retry-after") == b"7") == (kind in (Fault.RATE, Fault.UNAVAILABLE))
        assert (b"www-authenticate" in headers) == (status == 401 and route.path.startswith("/a1/"))


# --- alerts

FORM = b"application/x-www-form-urlencoded"
VALUE = {"stat_id": "s", "kind": "value", "time_window": "1h", "operator": "greater than", "threshold": 100}
DELTA = VALUE | {
    "kind": "delta",
    "time_window": "1d",
    "operator": "different than",
    "percentage": 12.5,
    "time_delta": "1w",
}


@pytest.mark.parametrize(
    ("sent", "alert"),
    [
        (VALUE, Alert("s", "value", "1h", "greater than", 100.0)),
        ({**VALUE, "operator": "gt"}, Alert("s", "value", "1h", "greater than", 100.0)),
        ({**VALUE, "operator": "lt", "threshold": -1e-7}, Alert("s", "value", "1h", "less than", -1e-7)),
        ({**VALUE, "threshold": "1e+06"}, Alert("s", "value", "1h", "greater than", 1e6)),
        # What belongs to another kind is passed over.
        ({**VALUE, "percentage": "x", "time_delta": "x"}, Alert("s", "value", "1h", "greater than", 100.0)),
        (DELTA, Alert("s", "delta", "1d", "different than", None, 12.5, "1w")),
        ({**DELTA, "operator": "dt"}, Alert("s", "delta", "1d", "different than", None, 12.5, "1w")),
        ({"stat_id": " s ", "kind": "data", "time_window": "1y", "operator": "?"}, Alert("s", "data", "1y")),
    ],
)
def test_alerts(sent: dict[str, Any], alert: Alert) -> None:
    for kind in (FORM, b"", b"text/plain"):
        assert read_alert(urlencode(sent).encode(), kind) == alert
    for kind in (b"application/json", b"Application/JSON; charset=utf-8"):
        assert read_alert(json.dumps(sent).encode(), kind) == alert


@pytest.mark.parametrize("window", ["5m", "1h", "3h", "1d", "1w", "1M", "1y"])
def test_windows_of_alerts(window: str) -> None:
    assert read_alert(urlencode({**DELTA, "time_window": window, "time_delta": window}).encode(), FORM) == Alert(
        "s", "delta", window, "different than", None, 12.5, window
    )


@pytest.mark.parametrize(
    ("changed", "problem"),
    [
        ({"stat_id": None}, "stat_id is required"),
        ({"stat_id": " "}, "stat_id is required"),
        ({"stat_id": 7}, "stat_id is required"),
        *(({"kind": kind}, "kind must be value, delta or data") for kind in (None, "Value", "gauge")),
        *(({"time_window": text}, "time_window must be one of 5m 1h 3h 1d 1w 1M 1y") for text in (None, "2h", "1H")),
        *(({"operator": text}, "operator must be greater than or less than") for text in (None, "is", "dt", "Gt")),
        *(({"threshold": text}, "threshold must be a number") for text in (None, "x", "", "1,5", True, "NaN", "inf")),
        ({"kind": "delta"}, "percentage must be a number"),
        ({"kind": "delta", "operator": "="}, "operator must be greater than or less than or different than"),
        ({"kind": "delta", "percentage": 0}, "percentage must be above 0"),
        ({"kind": "delta", "percentage": -1}, "percentage must be above 0"),
        ({"kind": "delta", "percentage": 1}, "time_delta must be one of 5m 1h 3h 1d 1w 1M 1y"),
    ],
)
def test_alerts_that_there_are_not(changed: dict[str, Any], problem: str) -> None:
    sent = {name: value for name, value in (VALUE | changed).items() if value is not None}
    with pytest.raises(Problem, match=f"^{problem}$"):
        read_alert(json.dumps(sent).encode(), b"application/json")


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"1", b"null", b"[" * 100_000])
def test_alerts_that_are_no_json(body: bytes) -> None:
    with pytest.raises(Problem, match=r"^invalid json$"):
        read_alert(body, b"application/json")


# --- imports: addresses


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("93.184.216.34", True),
        ("2606:2800:220:1::1", True),
        *((text, False) for text in ("127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "0.0.0.0")),
        *((text, False) for text in ("100.64.0.1", "224.0.0.1", "255.255.255.255", "198.18.0.1")),
        *((text, False) for text in ("::1", "::", "fe80::1", "fe80::1%eth0", "fd00::1", "ff02::1", "2001:db8::1")),
        # Others in disguise.
        *((text, False) for text in ("::ffff:127.0.0.1", "::ffff:10.0.0.1", "2002:7f00:1::1", "64:ff9b::7f00:1")),
        *((text, False) for text in ("2001:0:4136:e378:8000:63bf:3fff:fdd2", "64:ff9b:1::7f00:1", "::127.0.0.1")),
        ("::ffff:93.184.216.34", True),
    ],
)  # fmt: skip
def test_public_addresses(address: str, public: bool) -> None:
    assert is_public(address) is public


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("https://stats.example.com", ("https", "stats.example.com", 443, "")),
        (" https://Stats.Example.com:8443/headrace/ ", ("https", "stats.example.com", 8443, "/headrace")),
        ("https://[2606:2800:220:1::1]/", ("https", "2606:2800:220:1::1", 443, "")),
    ],
)
def test_addresses(text: str, place: tuple[Any, ...]) -> None:
    assert tuple(read_address(text, private=False)) == place


@pytest.mark.parametrize(
    "text",
    [
        *("", "stats.example.com", "http://stats.example.com", "ftp://stats.example.com", "https://", "file:///etc"),
        *("https://user@stats.example.com", "https://a:b@stats.example.com", "https://stats.example.com?x", "https://a/#b"),
        *("https://a:99999", "https://a:b", "https://a/ b", "https://a/\r\nHost: b", "https://ä.example", "https://[::1"),
        "https://example.com/" + "x" * 2_000,
        "https://" + "x" * 64 + ".example.com",
    ],
)  # fmt: skip
def test_addresses_that_are_none(text: str) -> None:
    with pytest.raises(BadAddress):
        read_address(text, private=False)


def test_http_is_for_those_who_allow_it() -> None:
    assert read_address("http://10.0.0.7:8787", private=True) == ("http", "10.0.0.7", 8787, "")


# --- imports: what is kept


def choose(stat_type: str, days: dict[int, float], quarters: dict[int, float]) -> dict[int, float]:
    return dict(grain.choose(stat_type, days, quarters, now=100 * DAY))


Q = grain.QUARTER_S


@pytest.mark.parametrize(
    ("stat_type", "days", "quarters", "kept"),
    [
        ("counter", {0: 3.0}, {0: 1.0, Q: 0.0, 2 * Q: 2.0}, {0: 1.0, 2 * Q: 2.0}),
        # A source that no longer has the quarter hours, or not all of them.
        ("counter", {0: 3.0, DAY: 0.0}, {}, {0: 3.0}),
        ("counter", {0: 3.0, DAY: 5.0}, {DAY + Q: 5.0}, {0: 3.0, DAY + Q: 5.0}),
        ("counter", {0: 3.0}, {0: 1.0}, {0: 3.0}),
        # Today's sum grows between two requests.
        ("counter", {99 * DAY: 3.0}, {99 * DAY: 4.0}, {99 * DAY: 4.0}),
        ("counter", {0: 0.1 + 0.2}, {0: 0.1, Q: 0.2}, {0: 0.1, Q: 0.2}),
        # Days that begin elsewhere.
        ("counter", {77: 3.0}, {0: 1.0, Q: 2.0}, {0: 1.0, Q: 2.0}),
        ("value", {0: 2.0}, {0: 1.0, Q: 3.0, 2 * Q: 0.0}, {0: 1.0, Q: 3.0}),
        ("value", {0: 2.0}, {}, {0: 2.0}),
        ("value", {0: 0.0}, {0: 0.0, Q: 0.0}, {}),
        # A zero between two numbers: the day's mean tells whether somebody sent it.
        ("value", {0: 2.0}, {0: 3.0, Q: 0.0, 2 * Q: 3.0}, {0: 3.0, Q: 0.0, 2 * Q: 3.0}),
        ("value", {0: 3.0}, {0: 3.0, Q: 0.0, 2 * Q: 3.0}, {0: 3.0, 2 * Q: 3.0}),
        ("value", {0: 1.2}, {0: 3.0, Q: 0.0, 2 * Q: 0.0, 3 * Q: 3.0}, {0: 3.0, 3 * Q: 3.0}),
    ],
)
def test_what_is_kept(
    stat_type: str, days: dict[int, float], quarters: dict[int, float], kept: dict[int, float]
) -> None:
    assert choose(stat_type, days, quarters) == kept


@given(st.dictionaries(st.integers(0, 40 * 96 - 1), st.integers(-50, 50).map(float)))
def test_a_counter_keeps_its_sum(sent: dict[int, float]) -> None:
    quarters = {place * Q: value for place, value in sent.items()}
    days: dict[int, float] = {}
    for time, value in quarters.items():
        days[time - time % DAY] = days.get(time - time % DAY, 0.0) + value
    assert choose("counter", days, quarters) == {time: value for time, value in quarters.items() if value}


def test_windows_that_are_asked_for() -> None:
    assert list(grain.years(0, 800 * DAY)) == [435 * DAY, 70 * DAY, -295 * DAY]
    assert list(grain.years(0, 365 * DAY)) == [0]
    assert grain.weeks({"a": {0: 0.0, DAY: 1.0, 9 * DAY: 0.0}, "b": {8 * DAY: 2.0}}) == [8 * DAY, DAY]
    assert grain.weeks({"a": {0: 0.0}}) == grain.weeks({}) == []


@pytest.mark.parametrize(
    ("item", "stat"),
    [
        ({"id": "a", "name": "n", "counter": True, "created_at": 7}, grain.Stat("a", "n", "counter", 7)),
        ({"id": 12, "name": "n", "counter": False}, grain.Stat("12", "n", "value", grain.FIRST_S)),
        ({"id": "a", "name": "n", "created_at": "2026"}, grain.Stat("a", "n", "value", grain.FIRST_S)),
        *((item, None) for item in ({"id": "a"}, {"name": "n"}, {"id": None, "name": "n"}, [], "n", None)),
    ],
)
def test_entries_of_a_list(item: Any, stat: Any) -> None:
    assert grain.read_stat(item) == stat


@pytest.mark.parametrize(
    ("item", "found"),
    [
        ({"name": "n", "points": [{"time": 5, "value": 1}, {"time": 9, "value": 2.5}]}, ("n", {5: 1.0, 9: 2.5})),
        ({"name": "n", "points": [{"time": 4, "value": 1}, {"time": 10, "value": 2}]}, ("n", {})),
        *(
            ({"name": "n", "points": [{"time": time, "value": value}]}, None)
            for time, value in ((5, "1"), ("5", 1), (5.0, 1), (5, None), (5, 10**400), (None, 1))
        ),
        *((item, None) for item in ({"name": "n"}, {"points": []}, {"name": "n", "points": [1]}, None, [])),
    ],
)
def test_datasets(item: Any, found: Any) -> None:
    assert grain.read_dataset(item, 5, 10) == found
