"""What a parser made of a body, in a form that tests can compare."""

from __future__ import annotations

import json
import math
from typing import Any

from inbound import FakeInbound

from headrace.dialects.base import Refusal
from headrace.records.encode import MAX_MS, MIN_MS, encode_row
from headrace.records.intents import NEW, Answer, Intent, PlainPoint, PointColumns, PointIn, Submission
from headrace.records.tables import TABLES


def refusal(request: FakeInbound) -> tuple[int, Any]:
    """Status and decoded body of the refusal; fails when the request is accepted."""
    try:
        request.route.parse(request)
    except Refusal as refused:
        return shown(refused.answer)
    raise AssertionError("accepted")


def accepted(request: FakeInbound) -> Submission:
    submission = request.route.parse(request)
    check_storable(submission)
    return submission


def answered(submission: Submission) -> tuple[int, Any]:
    """Status and decoded body once every intent is new."""
    return shown(submission.render([NEW] * len(submission.intents)))


def shown(answer: Answer) -> tuple[int, Any]:
    assert dict(answer.headers)[b"content-type"] == b"application/json"
    return answer.status, json.loads(answer.body)


def check_storable(submission: Submission) -> None:
    """Every row and point of an accepted request fits its table: nothing that the store would refuse gets this far."""
    for intent in submission.intents:
        for row in intent.rows:
            encode_row(TABLES[row.table], row.values)
        for point in map(PointIn._make, points_of(intent)):
            assert point.name == point.name.encode().decode()
            assert "\x00" not in point.name
            assert type(point.ts) is int
            assert MIN_MS <= point.ts < MAX_MS
            assert type(point.value) is float
            assert math.isfinite(point.value)


def outcome(request: FakeInbound) -> int:
    """Status of the answer. Anything but a storable submission or a 4xx in the flat ``{"error": text}`` fails."""
    try:
        submission = request.route.parse(request)
    except Refusal as refused:
        answer = refused.answer
    else:
        check_storable(submission)
        return answered(submission)[0]
    status, body = shown(answer)
    assert 400 <= status < 500
    assert list(body) == ["error"]
    assert type(body["error"]) is str
    assert answer.reason
    return status


def row_of(intent: Any, index: int = 0) -> dict[str, Any]:
    """A row of an intent by column name."""
    row = intent.rows[index]
    return dict(zip(TABLES[row.table].names, row.values, strict=False))


def points_of(intent: Intent) -> list[PlainPoint]:
    """The points of an intent one by one, whichever way they came."""
    return list(intent.points.rows() if isinstance(intent.points, PointColumns) else intent.points)
