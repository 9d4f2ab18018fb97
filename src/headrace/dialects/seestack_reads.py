"""SeeStack's management endpoints as rows of the route table (contract 4); the API rooms bring the handlers."""

from __future__ import annotations

from typing import Annotated

import msgspec

from headrace.dialects import seestack_errors_reads, seestack_monitors_reads, seestack_rows_reads
from headrace.dialects.base import Route
from headrace.dialects.seestack_answers import Answers, error, invalid, success
from headrace.dialects.seestack_management import NO_PROJECT, PROJECT, managed

_MONITOR = (
    '{"id":"0190b6c5-6a5c-7c1e-9a55-8d3c5b1f2a10","name":"Nightly backup","slug":"nightly-backup","schedule":"1d",'
    '"gracePeriodMin":5,"isActive":true,"currentStatus":"healthy","lastPingAt":"2026-04-02T03:00:04.112Z",'
    '"nextExpectedAt":"2026-04-03T03:00:04.112Z","lastDurationMs":4112,"lastMessage":"",'
    '"createdAt":"2026-04-01T12:00:00.000Z","environment":"production"}'
)
_ONE = success(_MONITOR)
_LIST = success(f'{{"items":[{_MONITOR}]}}')
_UNKNOWN = (404, error("NOT_FOUND", "Cron monitor not found: 7"))
_TAKEN = (409, error("CONFLICT", "A cron monitor with this slug exists already"))
_INVALID = invalid("name", "must not be blank")
_SEEN = (
    '"totalEvents":1,"events":[{"eventType":"click","eventData":"{\\"x\\":12,\\"y\\":40}","url":"https://shop.example/basket",'
    '"timestamp":"2026-04-02T09:58:00.123Z"}]'
)


class NewCronMonitor(msgspec.Struct, rename="camel", omit_defaults=True):
    """A monitor to make. ``schedule`` is ``15m``, ``2h`` or ``1d``, or a cron line of five fields (six with seconds), in UTC;
    ``gracePeriodMin`` is how many minutes late a job may be, 1 to 1,440.
    """

    name: Annotated[str, msgspec.Meta(min_length=1, max_length=100, examples=["Nightly backup"])]
    slug: Annotated[str, msgspec.Meta(min_length=1, pattern=r"^[a-z0-9\-]+$", examples=["nightly-backup"])]
    schedule: Annotated[str, msgspec.Meta(min_length=1, examples=["1d"])]
    grace_period_min: Annotated[int, msgspec.Meta(ge=1, le=1440)] = 5
    project_id: str | None = None


class CronMonitorChange(msgspec.Struct, rename="camel", omit_defaults=True):
    """What becomes of a monitor; what is left out stays. ``slug`` cannot be changed."""

    name: Annotated[str, msgspec.Meta(min_length=1, max_length=100, examples=["Nightly backup"])] | None = None
    slug: str | None = None
    schedule: Annotated[str, msgspec.Meta(min_length=1, examples=["0 3 * * *"])] | None = None
    grace_period_min: Annotated[int, msgspec.Meta(ge=1, le=1440)] | None = None
    is_active: bool | None = None
    project_id: str | None = None


_BODIES = {"POST": NewCronMonitor, "PUT": CronMonitorChange}


def _monitors(method: str, path: str, name: str, summary: str, answers: Answers) -> Route:
    one = (PROJECT, ("id", "The monitor's id."))
    many = () if method == "POST" else (PROJECT,)
    return managed(
        method,
        f"/api/v1/cron-monitors{path}",
        name,
        summary,
        answers,
        body=_BODIES.get(method),
        parameters=one if path else many,
    )


def _replay(path: str, name: str, summary: str, of: tuple[str, str], *answers: tuple[int, str]) -> Route:
    return managed("GET", path, name, summary, answers, parameters=(PROJECT, of))


ROUTES: tuple[Route, ...] = (
    *seestack_errors_reads.ROUTES,
    *seestack_rows_reads.ROUTES,
    *seestack_monitors_reads.ROUTES,
    _replay(
        "/api/v1/errors/{fingerprint}/replay",
        "error_replay",
        "What happened in the session in which an error came: its first 5,000 events, inputs masked.",
        ("fingerprint", "The error's fingerprint, or the one that the events were sent with."),
        (200, success(f'{{"fingerprint":"0580e6836107…",{_SEEN}}}')),
        (404, error("NOT_FOUND", "Error not found: 0580e683…")),
    ),
    _replay(
        "/api/v1/replay/{session_id}",
        "session_replay",
        "What happened in a session: its first 5,000 events, inputs masked.",
        ("session_id", "The session's id."),
        (200, success(f'{{"sessionId":"5f1c",{_SEEN}}}')),
        (404, error("NOT_FOUND", "Replay not found: 5f1c")),
    ),
    _monitors("POST", "", "monitors_create", "Make a cron monitor.", ((201, _ONE), _UNKNOWN, _TAKEN, _INVALID)),
    _monitors("GET", "", "monitors_list", "The project's cron monitors.", ((200, _LIST), NO_PROJECT)),
    _monitors("GET", "/{id}", "monitors_get", "One cron monitor.", ((200, _ONE), _UNKNOWN)),
    _monitors("PUT", "/{id}", "monitors_change", "Change a cron monitor.", ((200, _ONE), _UNKNOWN, _INVALID)),
    _monitors("DELETE", "/{id}", "monitors_delete", "Delete a cron monitor.", ((204, ""), _UNKNOWN)),
    Route(
        path="/actuator/health",
        method="GET",
        dialect="seestack",
        steps=("handle",),
        summary="The server answers.",
        handler="seestack.health",
        answers=((200, '{"status":"UP"}'),),
    ),
)
