"""StatHat's export and alerts (``/x/TOKEN/…``) and the private API of its command line (``/a1/``) as rows of the route table (contract
1.8 to 1.10); the API rooms bring the handlers.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from typing import Any

from headrace.dialects.base import Inbound, Route, Step
from headrace.dialects.stathat_alerts import BODY_CAP, NewAlert
from headrace.dialects.stathat_answers import BAD_TOKEN, READ_RATE
from headrace.dialects.stathat_comments import NewComment

#: Stats whose data one request gives; further ones are passed over (1.8).
DATA_STATS = 5

#: There is no limit of the dialect's own: a key may have one.
READ: tuple[Step, ...] = ("auth", "scope", "charge_request", "handle")
WRITE: tuple[Step, ...] = ("declared_size", "body", "auth", "scope", "check", "charge_request", "handle")


def token_of_path(inbound: Inbound) -> str:
    """The access token of ``/x/TOKEN/…``; no header stands in for it."""
    return inbound.params["token"].strip()


def token_of_basic(inbound: Inbound) -> str | None:
    """The user of HTTP Basic; None when that is not there, so that the other headers are asked."""
    scheme, _, rest = (inbound.header(b"authorization") or b"").strip().partition(b" ")
    if scheme.lower() != b"basic":
        return None
    try:
        pair = base64.b64decode(rest.strip(), validate=True)
    except binascii.Error:
        return ""
    return pair.decode("utf-8", "replace").partition(":")[0].strip()


_REFUSALS = (
    (200, READ_RATE),
    (401, f'{{"msg":"{BAD_TOKEN}"}}'),
    (403, '{"msg":"this token lacks the read scope"}'),
    (500, '{"msg":"internal error"}'),
    (503, '{"msg":"service unavailable"}'),
)
_NO_STAT = (404, '{"msg":"stat not found"}')
_STAT = (
    '{"id":"0GhkR2mWxZ7","name":"page views","public":false,"counter":true,"unit":"",'
    '"classic_key":"9e107d9d372bb6826bd81d3542a419d6","embed_key":"3kQ9x0aB2cD0GhkR2mWxZ7","data_received_at":1775123880,"created_at":1772359200}'
)
_SET = '{"name":"page views","timeframe":"1 week @ 3 hours","points":[{"time":1775088000,"value":42}]}'
_ONE_SET = (
    '{"Name":"page views","Timeframe":"1 week @ 3 hours","Kind":"count",'
    '"Points":[{"Time":1775088000,"Value":42,"Rcount":40}]}'
)
_TOKEN = ("token", "an access token: a key with the scope read")
_WINDOW = (
    ("t", "duration and interval, as in 1w3h: numbers with m h d w M y"),
    ("start", "Unix seconds; by default the window ends now"),
    ("summary", "a duration: one point for each midnight, UTC"),
)


def _export(method: str, path: str, handler: str, summary: str, **more: Any) -> Route:
    base: dict[str, Any] = {"scope": "read", "steps": READ, "secret_of": token_of_path, "parameters": (_TOKEN,)}
    return Route(
        path=f"/x/{{token}}{path}",
        method=method,
        dialect="stathat",
        summary=summary,
        handler=f"stathat.{handler}",
        group="read",
        **(base | more),
    )


def _private(path: str, handler: str, summary: str, **more: Any) -> Route:
    base: dict[str, Any] = {"method": "GET", "scope": "read", "steps": READ, "secret_of": token_of_basic}
    return Route(
        path=f"/a1{path}",
        dialect="stathat",
        summary=summary,
        handler=f"stathat.{handler}",
        group="read",
        **(base | more),
    )


_ALERT = (
    '{"id":"3kQ9x0aB2cD","stat_id":"0GhkR2mWxZ7","stat_name":"page views","kind":"value","time_window":"1h",'
    '"operator":"greater than","threshold":100}'
)
_NO_ALERT = (404, '{"msg":"alert not found"}')
_BOTH = ("read", "write")
_OFFSET = ("offset", "how many stats to pass over; a page has at most 10,000")

_BODY: dict[str, Any] = {
    "scope": _BOTH,
    "steps": WRITE,
    "cap": BODY_CAP,
    "decoded_cap": BODY_CAP,
    "encodings": ("gzip", "deflate", "zstd"),
    "content_types": ("application/x-www-form-urlencoded", "application/json"),
}
_BODY_REFUSALS = ((413, '{"msg":"body too large"}'), (415, '{"msg":"unsupported encoding"}'), *_REFUSALS)
_NEW_ALERT: dict[str, Any] = _BODY | {
    "body_type": NewAlert,
    "sample": "stat_id=0GhkR2mWxZ7&kind=value&time_window=1h&operator=greater+than&threshold=100",
    "answers": ((200, _ALERT), (400, '{"msg":"kind must be value, delta or data"}'), _NO_STAT, *_BODY_REFUSALS),
}

ROUTES: tuple[Route, ...] = (
    _export(
        "GET",
        "/statlist",
        "statlist",
        "List the project's stats by name.",
        parameters=(_TOKEN, _OFFSET),
        answers=((200, f"[{_STAT}]"), (400, '{"msg":"invalid offset"}'), *_REFUSALS),
    ),
    _export(
        "GET",
        "/stat",
        "stat",
        "Find one stat by its name.",
        parameters=(_TOKEN, ("name", "the whole name")),
        answers=((200, _STAT), _NO_STAT, *_REFUSALS),
    ),
    _export(
        "DELETE",
        "/stats/{id}",
        "delete",
        "Move a stat to the trash, where it stays for 48 hours.",
        scope=_BOTH,
        answers=((200, '{"msg":"stat deleted."}'), _NO_STAT, *_REFUSALS),
    ),
    _export(
        "GET",
        "/data/{id}",
        "data",
        "Read up to five stats as evenly spaced points; further ids follow the first, each after a slash.",
        rest="more_ids",
        parameters=(_TOKEN, *_WINDOW),
        answers=((200, f"[{_SET}]"), (400, '{"msg":"too many points"}'), _NO_STAT, *_REFUSALS),
    ),
    _export(
        "GET",
        "/alerts",
        "alerts",
        "List the project's alerts; they are kept, nothing evaluates them yet.",
        scope=_BOTH,
        answers=((200, f"[{_ALERT}]"), *_REFUSALS),
    ),
    _export(
        "POST",
        "/alerts",
        "alert_create",
        "Keep an alert; nothing evaluates it yet.",
        **_NEW_ALERT,
    ),
    _export(
        "GET",
        "/alerts/{id}",
        "alert",
        "Show one alert.",
        scope=_BOTH,
        answers=((200, _ALERT), _NO_ALERT, *_REFUSALS),
    ),
    _export(
        "DELETE",
        "/alerts/{id}",
        "alert_delete",
        "Delete an alert.",
        scope=_BOTH,
        answers=((200, '{"msg":"alert deleted."}'), _NO_ALERT, *_REFUSALS),
    ),
    _private(
        "/stats",
        "statlist",
        "List the project's stats by name.",
        parameters=(_OFFSET,),
        answers=((200, f"[{_STAT}]"), (400, '{"msg":"invalid offset"}'), *_REFUSALS),
    ),
    _private(
        "/stats/{id}/dataset",
        "dataset",
        "Read one stat as evenly spaced points, each with the number of points it is made of.",
        parameters=_WINDOW,
        answers=(
            (200, _ONE_SET),
            (400, '{"msg":"too many points"}'),
            _NO_STAT,
            *_REFUSALS,
        ),
    ),
    _private(
        "/stats/{id}/dataset_full",
        "dataset_full",
        "Read the whole history of one stat in the same form, as finely as 10,000 points allow.",
        answers=((200, _ONE_SET), _NO_STAT, *_REFUSALS),
    ),
    _private(
        "/alerts",
        "alerts",
        "List the project's alerts; they are kept, nothing evaluates them yet.",
        scope=_BOTH,
        answers=((200, f"[{_ALERT}]"), *_REFUSALS),
    ),
    _private("/alerts", "alert_create", "Keep an alert; nothing evaluates it yet.", method="POST", **_NEW_ALERT),
    _private(
        "/comments",
        "comment_create",
        "Note something on a stat, as of now.",
        method="POST",
        body_type=NewComment,
        sample="id=0GhkR2mWxZ7&text=New+release",
        answers=((200, '{"message":"comment added."}'), (400, '{"msg":"text is required"}'), _NO_STAT, *_BODY_REFUSALS),
        **_BODY,
    ),
)


def data_ids(params: Mapping[str, str]) -> list[str]:
    """The ids of a request for data, those that are passed over left out."""
    more = params["more_ids"]
    return [params["id"], *(more.split("/", DATA_STATS)[: DATA_STATS - 1] if more else ())]
