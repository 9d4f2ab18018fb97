"""SeeStack's reads of errors as rows of the route table (contract 2.2, 4); the API rooms bring the handlers."""

from __future__ import annotations

from typing import Literal

import msgspec

from headrace.dialects.base import Route
from headrace.dialects.seestack_answers import Answers, error, invalid, success
from headrace.dialects.seestack_management import BAD_PAGE, NO_PROJECT, PROJECT, managed

#: A key, or the token of a login (rulings 2).

_FINGERPRINT = "22c42f4040e4ba5204a93135c5d1377ce56d610c807a812fd82044dfea94e28c"
_GROUP = (
    f'"id":"8fc167f3-295e-5794-844d-771ff42d5117","fingerprint":"{_FINGERPRINT}",'
    '"exceptionClass":"java.lang.NullPointerException","title":"cart is null","level":"error","environment":"production",'
    '"status":"unresolved","occurrences":12,"firstSeen":"2026-04-01T08:12:44.020Z","lastSeen":"2026-04-02T09:58:00.123Z",'
    '"traceId":"4bf92f3577b34da6a3ce929d0e0e4736"'
)
_INSIGHTS = (
    '{"impactLevel":"HIGH","recentActivity":"Active recently","activeRecently":true,"totalOccurrences":12,'
    '"firstSeen":"2026-04-01T08:12:44.020Z","lastSeen":"2026-04-02T09:58:00.123Z",'
    '"patterns":["9 of the last 12 errors happened at /checkout"],'
    '"fingerprint":{"exceptionClass":"java.lang.NullPointerException","normalizedMessage":"cart is null",'
    '"topFrame":"com.example.Service.doWork(Service.java:42)","formula":"the client\'s own fingerprint, else …"},'
    '"timeline":[{"bucket":"2026-04-02T09:00:00.000Z","count":3}]}'
)
_DETAIL = (
    f'{{{_GROUP},"message":"cart is null","stackTrace":["com.example.Service.doWork(Service.java:42)"],"release":"1.4.2",'
    '"userContext":{"id":"42","email":null,"ip":null},"metadata":{"path":"/checkout"},'
    '"recentOccurrences":[{"id":"0190b6c5-6a5c-7c1e-9a55-8d3c5b1f2a10","timestamp":"2026-04-02T09:58:00.123Z",'
    f'"environment":"production","level":"error"}}],"insights":{_INSIGHTS}}}'
)
_UNKNOWN = (404, error("NOT_FOUND", "Error not found: 0580e683…"))
_BAD_STATUS = invalid("status", 'must match \\"unresolved|resolved|ignored\\"')

_NAMED = (
    "fingerprint",
    "64 hex characters as the list shows them, or the fingerprint that clients sent with the errors.",
)


class StatusChange(msgspec.Struct, rename="camel", omit_defaults=True):
    """What becomes of the errors of one fingerprint. ``resolved`` ends when a newer error comes, ``ignored`` does not."""

    status: Literal["unresolved", "resolved", "ignored"]
    project_id: str | None = None


def _route(
    method: str,
    path: str,
    name: str,
    summary: str,
    answers: Answers,
    *parameters: tuple[str, str],
) -> Route:
    body = StatusChange if method == "PATCH" else None
    return managed(
        method, f"/api/v1/errors{path}", name, summary, answers, body=body, parameters=(PROJECT, *parameters)
    )


ROUTES: tuple[Route, ...] = (
    _route(
        "GET",
        "",
        "error_list",
        "Errors by what they have in common, the last seen first.",
        (
            (200, success(f'{{"items":[{{{_GROUP}}}],"pagination":{{"page":1,"perPage":20,"total":1}}}}')),
            NO_PROJECT,
            BAD_PAGE,
        ),
        ("status", "Only those that are unresolved, resolved or ignored."),
        ("level", "Only those whose first error had this level."),
        ("environment", "Only those whose first error came from this environment."),
        ("page", "Which page, from 1."),
        ("perPage", "How many on a page: 20 by default, at most 200."),
    ),
    _route(
        "GET",
        "/{fingerprint}",
        "error_get",
        "The errors of one fingerprint: the latest with its stack, the last 25, and what they tell.",
        ((200, success(_DETAIL)), _UNKNOWN),
        _NAMED,
    ),
    _route(
        "PATCH",
        "/{fingerprint}/status",
        "error_status",
        "Resolve, ignore or reopen the errors of one fingerprint.",
        ((200, success(f"{{{_GROUP}}}")), _UNKNOWN, _BAD_STATUS),
        _NAMED,
    ),
)
