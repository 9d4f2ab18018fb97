"""SeeStack's record endpoints as their tests use them, without a server."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID

import pytest
from inbound import FakeInbound, route_of

from headrace.dialects.base import Refusal
from headrace.dialects.seestack import DIALECT
from headrace.records.encode import encode_row
from headrace.records.intents import NEW, Answer, Submission
from headrace.records.tables import TABLES

JSON = {b"content-type": b"application/json"}


def inbound(name: str, body: Any, **more: Any) -> FakeInbound:
    """A request to ``/ingest/v1/<name>``; a field of the body given as ``...`` is left out."""
    if isinstance(body, dict):
        body = {key: value for key, value in body.items() if value is not ...}
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return FakeInbound(route_of(DIALECT, f"/ingest/v1/{name}"), raw, **{"headers": JSON} | more)


def submit(name: str, body: Any, **more: Any) -> Submission:
    request = inbound(name, body, **more)
    request.route.check_headers(request)
    return request.route.parse(request)


def told(submission: Submission) -> tuple[int, Any]:
    """Status and body of the answer."""
    answer = submission.render([NEW] * len(submission.intents))
    return answer.status, json.loads(answer.body)


def rows(submission: Submission) -> list[dict[str, Any]]:
    """All rows by column, each of which its table can hold."""
    found = []
    for intent in submission.intents:
        for row in intent.rows:
            assert encode_row(TABLES[row.table], row.values)
            found.append(dict(zip(TABLES[row.table].names, row.values, strict=False)))
    return found


def row(name: str, body: Any, **more: Any) -> dict[str, Any]:
    (found,) = rows(submit(name, body, **more))
    return found


def refused(name: str, body: Any, **more: Any) -> Answer:
    with pytest.raises(Refusal) as caught:
        submit(name, body, **more)
    return caught.value.answer


def problem(name: str, body: Any, **more: Any) -> tuple[int, str, Any]:
    """Status, code and what is wrong: the details of a validation error, else the message."""
    answer = refused(name, body, **more)
    sent = json.loads(answer.body)
    assert sent.keys() == {"success", "error", "meta"}
    assert UUID(sent["meta"]["requestId"]).version == 4
    assert answer.reason
    error = sent["error"]
    return answer.status, error["code"], error.get("details", error["message"])


def invalid(**details: str) -> tuple[int, str, Any]:
    return 422, "VALIDATION_ERROR", details


def wrong(path: str) -> tuple[int, str, str]:
    return 400, "BAD_REQUEST", f"Malformed request body: {path} has the wrong type"


def check_any(name: str, body: bytes, **more: Any) -> None:
    """A body is stored whole in rows that the store can hold, or refused in a JSON form; nothing else may come out."""
    request = inbound(name, body, **more)
    try:
        submission = request.route.parse(request)
    except Refusal as refusal:
        answer = refusal.answer
    else:
        rows(submission)
        assert told(submission)[0] == 202
        return
    assert answer.status in (400, 404, 422)
    assert answer.reason
    json.loads(answer.body)
