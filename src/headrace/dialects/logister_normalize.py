"""Logister's reading of an event's keys and context (contract 1.4): casing, copies into the context, removals.

Upstream stores a snake_case twin beside every other key of the context. Here the context is stored as it was sent, and
:func:`both_spellings` gives the reader the same view.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

from headrace.dialects.jsontext import compact_text

#: What events without an environment get (rulings 3).
DEFAULT_ENVIRONMENT = "production"

#: Where the context takes a value from the event: context key, then the event's fields, the first non-blank one wins.
COPIED: dict[str, tuple[str, ...]] = {
    "environment": ("environment",),
    "release": ("release",),
    "branch": ("branch",),
    "trace_id": ("trace_id",),
    "request_id": ("request_id",),
    "session_id": ("session_id",),
    "user_id": ("user_id",),
    "transaction_name": ("transaction_name",),
    "duration_ms": ("duration_ms",),
    "commit_sha": ("commit_sha", "sha"),
    "repository": ("repository", "repo", "github_repository"),
    "expected_interval_seconds": ("expected_interval_seconds",),
    "check_in_slug": ("check_in_slug", "monitor_slug"),
    "telemetry_schema_version": ("telemetry_schema_version",),
    "error_mechanism": ("error_mechanism", "mechanism"),
    "handled": ("handled",),
    "in_foreground": ("in_foreground",),
    "installation_id_hash": ("installation_id_hash",),
}
#: The same for ``status``, which means something only for these types.
COPIED_STATUS: dict[str, dict[str, tuple[str, ...]]] = {
    "transaction": {"transaction_status": ("transaction_status", "status")},
    "check_in": {"check_in_status": ("check_in_status", "status")},
}
#: All of these fields; events that keep everything in their context have none.
_SOURCES = frozenset(
    source for table in (COPIED, *COPIED_STATUS.values()) for sources in table.values() for source in sources
)
#: What an ``evidence`` object may bring along, and inside its two objects.
EVIDENCE_FIELDS = (
    "source",
    "kind",
    "capture_mode",
    "evidence_kind",
    "identity_scope",
    "occurred_at",
    "reporting_start",
    "reporting_end",
)
EVIDENCE_OBJECTS = {
    "reporting_period": ("start", "end"),
    "producer": ("sdk_name", "sdk_version", "decoder_version"),
}
#: Keys that name a device, by their letters and digits in lower case; removed from the context at any depth.
HARDWARE_IDS = frozenset(
    [
        "advertisingid",
        "advertisingidentifier",
        "androidid",
        "deviceserial",
        "hardwareid",
        "hardwareserial",
        "imei",
        "meid",
        "serial",
        "serialnumber",
        "subscriberid",
        "idfa",
        "idfv",
        "identifierforvendor",
    ]
)

_WORD_START = re.compile(r"(?<=[A-Z])(?=[A-Z][a-z])|(?<=[a-z\d])(?=[A-Z])", re.ASCII)
_PUNCTUATION = re.compile(r"[^a-z0-9]+")
#: Keys up to this length (characters) are remembered, and so many of them; telemetry repeats the same few hundred.
_REMEMBERED_KEY = 64
_REMEMBERED_KEYS = 8192

# Keys that were looked at and name no device, and those that are their own snake_case name: an object all of whose keys are among them
# needs no look at each.
_harmless_keys: set[str] = set()
_snake_keys: set[str] = set()


def snake_key(key: str) -> str:
    """``key`` in lower snake_case: ``eventType``, ``EVENT_TYPE`` and ``event-type`` become ``event_type``."""
    return _known_snake_key(key) if len(key) <= _REMEMBERED_KEY else _snake_key(key)


def _snake_key(key: str) -> str:
    return _WORD_START.sub("_", key.replace("::", "/")).replace("-", "_").lower()


_known_snake_key = lru_cache(maxsize=_REMEMBERED_KEYS)(_snake_key)


def _is_snake(value: dict[str, Any]) -> bool:
    """Whether every key of an object is its own snake_case name."""
    return value.keys() <= _snake_keys or all(map(_is_snake_key, value))


def _is_snake_key(key: str) -> bool:
    if snake_key(key) != key:
        return False
    if len(key) <= _REMEMBERED_KEY and len(_snake_keys) < _REMEMBERED_KEYS:
        _snake_keys.add(key)
    return True


def names_device(key: str) -> bool:
    """Whether the value under ``key`` identifies a piece of hardware."""
    return _PUNCTUATION.sub("", key.lower()) in HARDWARE_IDS


def snake_fields(envelope: dict[str, Any]) -> dict[str, Any]:
    """The fields of an event under their snake_case names; of two spellings the later one."""
    return dict(envelope) if _is_snake(envelope) else {snake_key(key): value for key, value in envelope.items()}


def both_spellings(value: Any) -> dict[str, Any]:
    """An object of the context with a snake_case name beside every other key; a key that was sent in snake_case keeps
    its value, and of two others the first one counts. ``{}`` for anything but an object.
    """
    if type(value) is not dict:
        return {}
    view = dict(value)
    if _is_snake(value):
        return view
    for key in value:
        name = snake_key(key)
        if name != key and name not in view:
            view[name] = value[key]
    return view


def is_blank(value: Any) -> bool:
    """Null, false, an empty object or array, or a string of white space."""
    if type(value) is str:
        return not value or value.isspace()
    return value is None or value is False or (not value and type(value) in (dict, list))


def is_scalar(value: Any) -> bool:
    return type(value) is not dict and type(value) is not list


def text_of(value: Any) -> str:
    """A JSON value as text: strings as they are, null as nothing, the rest as JSON."""
    if type(value) is str:
        return value
    return "" if value is None else compact_text(value)


def first_filled(source: dict[str, Any], *names: str) -> Any:
    """The first non-blank value of ``source`` under ``names``, None when there is none."""
    for name in names:
        value = source.get(name)
        if value is not None and not is_blank(value):
            return value
    return None


def copy_into(context: dict[str, Any], view: dict[str, Any], name: str, value: Any) -> None:
    """The copy rule: only a non-blank scalar, and only when the context holds nothing under ``name`` yet."""
    if is_scalar(value) and not is_blank(value) and is_blank(view.get(name)):
        context[name] = view[name] = value


def stored_context(fields: dict[str, Any], event_type: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """The context to store for an event of these snake_case ``fields``, and its view through both spellings.

    Hardware ids and a client's own ``telemetry_evidence`` are gone; the event's fields are copied in; the environment
    is there.
    """
    sent = fields.get("context")
    context: dict[str, Any] = without_hardware_ids(sent) if type(sent) is dict else {}
    for key in ["telemetry_evidence"] if _is_snake(context) else [*context]:
        if snake_key(key) == "telemetry_evidence":
            context.pop(key, None)
    view = both_spellings(context)
    if not _SOURCES.isdisjoint(fields):
        for table in (COPIED, COPIED_STATUS.get(event_type, {})):
            for name, sources in table.items():
                for source in sources:
                    if source in fields:
                        copy_into(context, view, name, fields[source])
    if "evidence" in fields and type(view.get("evidence")) is not dict:
        evidence = allowed_evidence(fields["evidence"])
        if evidence:
            context["evidence"] = view["evidence"] = evidence
    copy_into(context, view, "environment", DEFAULT_ENVIRONMENT)
    return context, view


def allowed_evidence(value: Any) -> dict[str, Any]:
    """The part of an event's ``evidence`` that is kept."""
    view = both_spellings(value)
    kept = _filled_scalars(view, EVIDENCE_FIELDS)
    for name, fields in EVIDENCE_OBJECTS.items():
        inner = _filled_scalars(both_spellings(view.get(name)), fields)
        if inner:
            kept[name] = inner
    return kept


def _filled_scalars(view: dict[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    return {name: view[name] for name in names if name in view and is_scalar(view[name]) and not is_blank(view[name])}


def without_hardware_ids(context: dict[str, Any]) -> dict[str, Any]:
    """A copy of ``context`` without keys that name a device, at any depth; parts without any are shared."""
    return _stripped(context) if holds_hardware_id(context) else dict(context)


def holds_hardware_id(context: dict[str, Any]) -> bool:
    """Whether a key anywhere in ``context`` names a device."""
    pending: list[Any] = [context]
    while pending:
        node = pending.pop()
        if type(node) is dict:
            if not node.keys() <= _harmless_keys and any(map(_is_new_and_names_device, node)):
                return True
            node = node.values()
        pending.extend([value for value in node if type(value) is dict or type(value) is list])
    return False


def _is_new_and_names_device(key: str) -> bool:
    if key in _harmless_keys:
        return False
    if names_device(key):
        return True
    if len(key) <= _REMEMBERED_KEY and len(_harmless_keys) < _REMEMBERED_KEYS:
        _harmless_keys.add(key)
    return False


def _stripped(value: Any) -> Any:
    """Recursion is bounded: an event has at most ``CONTEXT_DEPTH`` levels."""
    if type(value) is dict:
        return {key: _stripped(item) for key, item in value.items() if not names_device(key)}
    if type(value) is list:
        return [_stripped(item) for item in value]
    return value
