"""What the dialects share: reading JSON exactly, and building rows."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from bodies import encoded, values
from hypothesis import given
from hypothesis import strategies as st

from headrace.dialects.jsontext import MAX_DEPTH, NotJson, compact, is_finite, number, read_json
from headrace.dialects.rows import event_row, request_row, span_row
from headrace.records.tables import TABLES


@pytest.mark.parametrize(
    ("body", "value"),
    [
        pytest.param(b'\xef\xbb\xbf{"a":1}', {"a": 1}, id="byte-order-mark"),
        pytest.param(b'{"a":1,"a":2}', {"a": 2}, id="last-key-wins"),
        pytest.param(b'["\\ud83d"]', ["\ufffd"], id="lone-high-surrogate"),
        pytest.param(b'["x\\uDC00y"]', ["x\ufffdy"], id="lone-low-surrogate"),
        pytest.param(b'{"\\ud83d":{"b":["\\u0000"]}}', {"\ufffd": {"b": ["\ufffd"]}}, id="repaired-at-depth"),
        pytest.param(b'["\\ud83d\\ude00"]', ["😀"], id="whole-pair"),
        pytest.param(b"[1e400,-Infinity]", [math.inf, -math.inf], id="infinities"),
        pytest.param(b"[%b]" % (b"9" * 4300), [10**4300 - 1], id="4300-digits"),
        pytest.param(b"[" * MAX_DEPTH + b"]" * MAX_DEPTH, None, id="deepest"),
    ],
)
def test_read(body: bytes, value: Any) -> None:
    found = read_json(body)
    assert value is None or found == value


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"\xef\xbb\xbf\xef\xbb\xbf1", id="two-byte-order-marks"),
        pytest.param(b'"\xed\xa0\x80"', id="encoded-surrogate"),
        pytest.param(b'"\x00"', id="raw-nul"),
        pytest.param(b"[%b]" % (b"9" * 4301), id="4301-digits"),
        pytest.param(b"[" * (MAX_DEPTH + 1) + b"]" * (MAX_DEPTH + 1), id="a-level-too-deep"),
        pytest.param(b'{"a":' * 500 + b"1" + b"}" * 500, id="objects-too-deep"),
        pytest.param(b'["\\ud83d",%b]' % (b"[" * 900 + b"]" * 900), id="too-deep-to-repair"),
        pytest.param(b"[" * 1_000_000, id="recursion"),
    ],
)
def test_not_json(body: bytes) -> None:
    with pytest.raises(NotJson):
        read_json(body)


@given(encoded(values))
def test_reading_gives_clean_values_or_not_json(body: bytes) -> None:
    try:
        value = read_json(body)
    except NotJson:
        return
    if is_finite(value):
        text = compact(value)
        assert json.loads(text) == value
        assert b"\\u0000" not in text


@pytest.mark.parametrize(
    ("value", "expected"),
    [(1, 1.0), (1.5, 1.5), (10**30, 1e30), (True, None), ("1", None), (None, None), (10**400, None), (math.nan, None)],
)
def test_number(value: object, expected: float | None) -> None:
    assert number(value) == expected


@pytest.mark.parametrize(
    ("value", "finite"),
    [
        ([1, {"a": 2.5}], True),
        ([[{"a": [math.nan]}]], False),
        ({"a": -math.inf}, False),
        (math.inf, False),
        ("x", True),
    ],
)
def test_is_finite(value: object, finite: bool) -> None:
    assert is_finite(value) is finite


@given(st.dictionaries(st.text(), st.integers() | st.text() | st.lists(st.none())))
def test_compact_is_json_without_spaces(value: dict[str, object]) -> None:
    ours = compact(value)
    assert json.loads(ours) == value
    assert len(ours) <= len(json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode())


@pytest.mark.parametrize(("build", "table"), [(event_row, "events"), (request_row, "requests"), (span_row, "spans")])
def test_rows_follow_their_table(build: Any, table: str) -> None:
    columns = TABLES[table].names[:-1]
    row = build(project=3, id="i", trace_id="t", labels={"a": "b"})
    assert row.table == table
    shown = dict(zip(columns, row.values, strict=True))
    assert (shown["project"], shown["id"], shown["trace_id"], shown["labels"]) == (3, "i", "t", {"a": "b"})
    assert (shown["release"], shown["raw"], shown["ts"]) == ("", "", None)
    with pytest.raises(TypeError, match="colour"):
        build(colour="red")
