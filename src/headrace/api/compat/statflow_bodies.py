"""Bodies of StatFlow's synchronous writes, field by field. Everything raises :class:`BadParameter`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from headrace.api.compat.base import ReadRequest
from headrace.api.compat.windows import BadParameter, moment
from headrace.records.text import clean_json


def read_object(request: ReadRequest) -> dict[str, Any]:
    """The body, which must be a JSON object; its texts are clean."""
    try:
        value = clean_json(msgspec.json.decode(request.body))
    except (ValueError, RecursionError):
        raise BadParameter("body is not valid JSON") from None
    if type(value) is not dict:
        raise BadParameter("body must be an object")
    return value


def text_in(body: Mapping[str, Any], name: str) -> str | None:
    """The string ``name``, None when it is not there."""
    value = body.get(name)
    if value is not None and type(value) is not str:
        raise BadParameter(f"{name} must be a string")
    return value


def moment_in(value: Any, name: str, request: ReadRequest) -> int | None:
    """Ms of a field in any form that ``from`` takes, or a JSON number of Unix seconds; None when it is not there."""
    if value is None:
        return None
    if type(value) not in (str, int, float):
        raise BadParameter(f"{name} must be ISO 8601 with an offset, or Unix seconds")
    text = value if type(value) is str else f"{value:f}" if type(value) is float else str(value)
    return moment(text, name, request.received_us // 1000)
