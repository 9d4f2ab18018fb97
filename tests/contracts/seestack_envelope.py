"""What SeeStack's reads and management endpoints answer over HTTP."""

from __future__ import annotations

from typing import Any

import requests
from wire import assert_form


def data(answer: requests.Response, status: int = 200) -> Any:
    """The data of a success, whose form is checked."""
    assert answer.status_code == status, answer.text
    assert answer.headers["cache-control"] == "no-store"
    body = answer.json()
    assert list(body) == ["success", "data", "meta"]
    return body["data"]


def refused(answer: requests.Response) -> tuple[int, str, Any]:
    """Status and code of a refusal, whose form is checked, and its details, or else its message."""
    assert_form("seestack", answer)
    error = answer.json()["error"]
    return answer.status_code, error["code"], error.get("details", error["message"])
