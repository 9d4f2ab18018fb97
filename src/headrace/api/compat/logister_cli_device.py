"""How a command line gets its key, and what it learns of the server before it has one (logister.md 1.11)."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from headrace import __version__
from headrace.api.compat.base import CompatServices, ReadRequest
from headrace.api.compat.logister_cli_asked import wrong
from headrace.api.compat.logister_cli_shown import Json, time
from headrace.api.services import ServiceError, device_logins
from headrace.api.services.device_logins import CODE_LIFE_S, INTERVAL_S, Granted
from headrace.dialects.answers import json_answer
from headrace.dialects.base import Refusal
from headrace.dialects.jsontext import NotJson, read_json
from headrace.dialects.logister_cli import SCOPES, invalid, refusal
from headrace.dialects.logister_cli_reads import PREFIX
from headrace.records.intents import Answer

#: What a command line calls itself when it does not say.
CLIENT_NAME = "Logister CLI"
#: The oldest command line that fits these answers, and the one whose reads they were made after.
MINIMUM_CLI, RECOMMENDED_CLI = "0.1.0", "1.0.0"
#: The version of Logister's API that this one follows.
CONTRACT = "3.6.3"
_FEATURES = (
    *("capabilities", "cli_access_tokens", "device_authorization", "projects", "project_summary", "events", "logs"),
    *("error_groups", "ai_context_bundles", "traces", "monitors", "deployments", "insights", "metrics"),
)  # fmt: skip
#: Of Logister's own, what this server does not have.
_LACKING = ("correlations", "error_group_mutations", "mobile_artifacts")
_WORDS = {
    "authorization_pending": "Nobody has approved this login yet.",
    "slow_down": f"Ask at most every {INTERVAL_S} seconds.",
    "access_denied": "The login was denied in the browser.",
    "expired_token": "The login was not approved in time: begin again.",
    "invalid_grant": "There is no such login, or its key was fetched already.",
}


def _capabilities(services: CompatServices, _request: ReadRequest) -> Answer:
    return json_answer(
        200,
        {
            "server": "logister",
            "server_version": __version__,
            "api_contract_version": CONTRACT,
            "minimum_cli_version": MINIMUM_CLI,
            "recommended_cli_version": RECOMMENDED_CLI,
            "generated_at": time(services.context.now()),
            "endpoints": {
                "capabilities": f"{PREFIX}/capabilities",
                "session": f"{PREFIX}/session",
                "device_authorizations": f"{PREFIX}/device_authorizations",
                "device_token": f"{PREFIX}/device_authorizations/token",
            },
            "auth": {
                "cli_access_tokens": True,
                "device_authorization": True,
                "project_ingest_keys_for_read": False,
                "recommended_scopes": list(SCOPES),
            },
            "features": {**dict.fromkeys(_FEATURES, True), **dict.fromkeys(_LACKING, False)},
        },
    )


def _begin(services: CompatServices, request: ReadRequest) -> Answer:
    sent = _body(request)
    name = sent.get("client_name")
    try:
        made = device_logins.begin(
            services.context,
            client_name=name if isinstance(name, str) and name.strip() else CLIENT_NAME,
            scopes=_scopes(sent),
        )
    except ServiceError as error:
        if error.code != "conflict":
            return invalid("client_name", error.message)
        return refusal(429, "Rate limited", "rate_limited", "Too many logins wait: try again later.", retry_after=60)
    code = device_logins.shown_code(made.user_code)
    page = f"{request.scheme}://{_host(request)}{services.path_prefix}/app/device"
    return json_answer(
        201,
        {
            "device_code": made.device_code,
            "user_code": code,
            "verification_uri": page,
            "verification_uri_complete": f"{page}?code={quote(code)}",
            "expires_in": CODE_LIFE_S,
            "interval": INTERVAL_S,
            **_told(made.scopes),
        },
    )


def _token(services: CompatServices, request: ReadRequest) -> Answer:
    code = _body(request).get("device_code")
    found = device_logins.exchange(services.context, code if isinstance(code, str) else "", request.address)
    if isinstance(found, Granted):
        expires_at = time(found.expires_at)
        told = {"access_token": found.key, "token_type": "Bearer", "expires_at": expires_at, **_told(found.scopes)}
        return json_answer(200, told)
    told = {"error": found, "error_description": _WORDS[found], "interval": INTERVAL_S}
    return json_answer(400, told, reason=_WORDS[found])


def _body(request: ReadRequest) -> Json:
    """The fields of a body; without one, none."""
    if not request.body.strip():
        return {}
    try:
        sent = read_json(request.body)
    except NotJson:
        raise Refusal(refusal(400, "Bad request", "bad_request", "The body is not valid JSON.")) from None
    if not isinstance(sent, dict):
        raise Refusal(refusal(400, "Bad request", "bad_request", "The body must be a JSON object."))
    inner = sent.get("device_authorization")
    return inner if isinstance(inner, dict) else sent


def _scopes(sent: Json) -> tuple[str, ...]:
    """What is asked for, in our order; everything when nothing is."""
    asked: Any = sent.get("scopes") or sent.get("scope") or list(SCOPES)
    wanted = asked.split() if isinstance(asked, str) else asked
    if not isinstance(wanted, list) or any(scope not in SCOPES for scope in wanted):
        raise wrong("scopes", f"scopes must be some of {', '.join(SCOPES)}")
    return tuple(scope for scope in SCOPES if scope in wanted) or SCOPES


def _told(scopes: tuple[str, ...]) -> Json:
    return {"scope": " ".join(scopes), "scopes": list(scopes)}


def _host(request: ReadRequest) -> str:
    return (request.header(b"host") or b"").decode("latin-1")


ASKS = {"capabilities": _capabilities, "device_authorizations": _begin, "device_token": _token}
