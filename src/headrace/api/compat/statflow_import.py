"""StatFlow's import from a StatHat export (contract 1.9)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from headrace.api.compat.base import CompatServices, ReadRequest
from headrace.api.compat.rendering import timestamp
from headrace.api.compat.windows import BadParameter, moment
from headrace.api.imports.source import BadAddress, read_address
from headrace.api.services import imports, key_actor
from headrace.api.services.imports import STATS_MAX, TOKEN_MAX, ImportInfo

#: Where StatHat's own export was.
STATHAT = "https://www.stathat.com"
#: What StatFlow's status does not have.
_OURS = ("file", "dry_run")
_TOKEN_NAMES = ("access_token", "token", "accessToken")


class Asked(NamedTuple):
    """What a request asks to import."""

    token: str
    base_url: str
    options: dict[str, Any]


def read_import(body: Mapping[str, Any], now_ms: int, *, private: bool) -> Asked:
    """Raises :class:`BadParameter`."""
    token = next((body[name] for name in _TOKEN_NAMES if body.get(name) is not None), None)
    if type(token) is not str or not token.strip():
        raise BadParameter("access_token is required")
    if len(token) > TOKEN_MAX or not token.isprintable():
        raise BadParameter(f"access_token must be at most {TOKEN_MAX} printable characters")
    base_url = body.get("base_url") or STATHAT
    if type(base_url) is not str:
        raise BadParameter("base_url must be a string")
    try:
        read_address(base_url, private=private)
    except BadAddress as error:
        raise BadParameter(str(error)) from None
    return Asked(token.strip(), base_url.strip(), _options(body, now_ms))


def _options(body: Mapping[str, Any], now_ms: int) -> dict[str, Any]:
    options: dict[str, Any] = {}
    for name in ("since", "until"):
        if (sent := body.get(name)) is not None:
            if type(sent) not in (str, int):
                raise BadParameter(f"{name} must be ISO 8601 with an offset, a date, or Unix seconds")
            options[name] = moment(str(sent), name, now_ms) // 1000
    if "until" in options and options["until"] <= options.get("since", 0):
        raise BadParameter("since must be before until")
    if (names := body.get("stats")) is not None:
        if type(names) is not list or not 1 <= len(names) <= STATS_MAX or any(type(name) is not str for name in names):
            raise BadParameter(f"stats must be a list of 1 to {STATS_MAX:,} names")
        options["stats"] = names
    if (dry := body.get("dry_run")) is not None:
        if type(dry) is not bool:
            raise BadParameter("dry_run must be true or false")
        options["dry_run"] = dry
    return options


def begin(services: CompatServices, request: ReadRequest) -> dict[str, Any]:
    """Puts what the check has read into the queue; gives the status."""
    asked: Asked = request.reading
    info = imports.begin(
        services.context,
        key_actor(request.key, request.address),
        project=request.key.project,
        token=asked.token,
        base_url=asked.base_url,
        options=asked.options,
    )
    services.wake_imports()
    return shown(info)


def status(services: CompatServices, request: ReadRequest) -> dict[str, Any]:
    """Where the import stands."""
    actor = key_actor(request.key, request.address)
    return shown(imports.status(services.context, actor, project=request.key.project))


def shown(info: ImportInfo) -> dict[str, Any]:
    """The status object of StatFlow; the token is never in it."""
    moments = {"started_at": info.started_at, "finished_at": info.finished_at}
    return {name: getattr(info, name) for name in info.__struct_fields__ if name not in _OURS} | {
        name: None if us is None else timestamp(us // 1000) for name, us in moments.items()
    }
