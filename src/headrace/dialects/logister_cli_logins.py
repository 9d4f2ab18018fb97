"""How a command line of Logister gets its key (contract 1.11): routes that ask for none, and their documentation."""

from __future__ import annotations

import msgspec

from headrace.dialects.base import Encoding, Route
from headrace.dialects.logister_cli_reads import ERRORS, FLOOD, PREFIX

#: Requests a minute from one client address that begin a login, and that ask what became of one.
FLOOD_BEGIN, FLOOD_POLL = 30, 120
#: Bytes of a body.
BODY_CAP = 2 * 1024 * 1024
_ENCODINGS: tuple[Encoding, ...] = ("gzip", "deflate", "zstd")
_TOO_LARGE = (413, '{"error":"Request too large","code":"request_bytes","message":"The body exceeds 2097152 bytes."}')


class CliDeviceAuthorizationBody(msgspec.Struct):
    """What a command line asks to be let in for: ``scopes`` as a list, or ``scope`` with blanks between them; all by default."""

    client_name: str = "Logister CLI"
    scopes: list[str] = []
    scope: str = ""


class CliDeviceTokenBody(msgspec.Struct):
    """What a command line asks with whether it has been let in."""

    device_code: str


def _open(method: str, path: str, name: str, summary: str, *answers: tuple[int, str]) -> Route:
    return Route(
        path=PREFIX + path,
        method=method,
        dialect="logister",
        steps=("ip_guard", "handle"),
        summary=summary,
        handler=f"logister_cli.{name}",
        group="cli",
        flood=FLOOD,
        answers=(*answers, *ERRORS[2:]),
    )


_DEVICE = _open(
    "POST",
    "/device_authorizations",
    "device_authorizations",
    "Begin a login that a person approves in the browser.",
    (
        201,
        (
            '{"device_code":"5d0c…","user_code":"BCDF-GHJK","verification_uri":"https://tele.example.com/app/device",'
            '"verification_uri_complete":"https://tele.example.com/app/device?code=BCDF-GHJK","expires_in":600,"interval":3,'
            '"scope":"projects:read events:read","scopes":["projects:read","events:read"]}'
        ),
    ),
    _TOO_LARGE,
    (422, '{"error":"Invalid parameter","code":"invalid_parameter","message":"unknown scope","parameter":"scopes"}'),
)._replace(
    steps=("ip_guard", "wire_size", "body", "handle"),
    cap=BODY_CAP,
    decoded_cap=BODY_CAP,
    encodings=_ENCODINGS,
    group="cli_device",
    flood=FLOOD_BEGIN,
    body_type=CliDeviceAuthorizationBody,
    sample='{"client_name":"Logister CLI","scopes":["projects:read","events:read"]}',
)
_TOKEN = _open(
    "POST",
    "/device_authorizations/token",
    "device_token",
    "Ask whether a login was approved; the answer that says so holds the key.",
    (
        200,
        (
            '{"access_token":"logister_cli_7d1f…","token_type":"Bearer","expires_at":"2026-05-02T10:15:00.000000Z",'
            '"scope":"projects:read events:read","scopes":["projects:read","events:read"]}'
        ),
    ),
    (
        400,
        '{"error":"authorization_pending","error_description":"Nobody has approved this login yet.","interval":3}',
    ),
    _TOO_LARGE,
)._replace(
    steps=("ip_guard", "wire_size", "body", "handle"),
    cap=BODY_CAP,
    decoded_cap=BODY_CAP,
    encodings=_ENCODINGS,
    group="cli_token",
    flood=FLOOD_POLL,
    body_type=CliDeviceTokenBody,
    sample='{"device_code":"0000000000000000000000000000000000000000000000000000000000000000"}',
)

ROUTES = (
    _open(
        "GET",
        "/capabilities",
        "capabilities",
        "What this server offers to a command line.",
        (200, '{"server":"logister","server_version":"1.0.0","features":{"events":true}}'),
    ),
    _DEVICE,
    _TOKEN,
)
