"""``POST /api/v1/mobile_ingest_tokens``: what a token is asked to be (contract 1.9). ``logister_mobile`` says what it may do."""

from __future__ import annotations

from typing import Any, NamedTuple

from headrace.dialects.logister_answers import InvalidRecord, missing_envelope
from headrace.dialects.logister_body import envelope_of, read_body
from headrace.dialects.logister_columns import LABEL_CHARS, number_of, scalar_text
from headrace.dialects.logister_mobile import ALLOWED_TYPES, BOUND, MOBILE_PLATFORMS
from headrace.dialects.logister_normalize import is_blank, snake_fields
from headrace.records.times import iso_text

#: Seconds that a token lives: when none are asked for, and the bounds.
LIFE_S = 900
LIFE_MIN_S, LIFE_MAX_S = 60, 3_600
#: The types that a token may send when it is not narrowed, in the contract's order.
EVENT_TYPES = ("error", "log", "metric", "transaction", "span", "check_in")
#: What every token must be bound to.
_REQUIRED = ("platform", "service", "environment")
#: Characters of an event type that an answer repeats.
_TYPE_CHARS = 64


class Asked(NamedTuple):
    """A token as it is asked for: its bindings (``logister_mobile``) and its life in seconds."""

    bindings: dict[str, Any]
    life_s: int


def read_token(body: bytes, platform: str) -> Asked:
    """The token that a request asks for; ``platform`` is the project's. Raises :class:`Refusal`: 400 without an envelope, 422 for what
    is wrong with its fields.
    """
    envelope = envelope_of(read_body(body), "mobile_ingest_token", "MOBILE_INGEST_TOKEN")
    if envelope is None:
        raise missing_envelope("mobile_ingest_token")
    fields = snake_fields(envelope)
    given = {name: scalar_text(fields.get(name)).strip() for name in BOUND}
    errors = [f"{name.capitalize()} can't be blank" for name in _REQUIRED if not given[name]]
    if given["platform"] and (given["platform"] != platform or platform not in MOBILE_PLATFORMS):
        errors.append(f"Platform must match the project, which is for {platform}")
    errors += [
        f"{name.replace('_', ' ').capitalize()} is too long (maximum is {LABEL_CHARS} characters)"
        for name, text in given.items()
        if len(text) > LABEL_CHARS
    ]
    life_s = _life(fields.get("expires_in_seconds"))
    if life_s is None:
        errors.append(f"Expires at must be within {LIFE_MIN_S} to {LIFE_MAX_S} seconds from now")
    allowed, unknown = _types(fields.get(ALLOWED_TYPES))
    errors += [f"Allowed event types includes an unsupported type: {name}" for name in unknown]
    if errors or life_s is None:
        # One of the sentences repeats what was sent.
        raise InvalidRecord(errors, reason="mobile token refused")
    bindings: dict[str, Any] = {name: text for name, text in given.items() if text}
    return Asked({**bindings, ALLOWED_TYPES: allowed}, life_s)


def shown_token(asked: Asked, text: str, expires_at: int) -> dict[str, Any]:
    """What the app's server is told of a token: the only time that its text is seen. ``expires_at`` µs."""
    return {"token": text, "expires_at": iso_text(expires_at, 6), **asked.bindings}


def _life(value: Any) -> int | None:
    """Whole seconds within the bounds; None for anything else."""
    if is_blank(value):
        return LIFE_S
    seconds = number_of(value)
    return int(seconds) if seconds is not None and LIFE_MIN_S <= seconds <= LIFE_MAX_S else None


def _types(value: Any) -> tuple[list[str], list[str]]:
    """The types that are allowed, in the contract's order, and what else was named."""
    if is_blank(value):
        return list(EVENT_TYPES), []
    named = [scalar_text(one) for one in (value if type(value) is list else [value])]
    unknown = [name[:_TYPE_CHARS] or "(blank)" for name in named if name not in EVENT_TYPES]
    return [name for name in EVENT_TYPES if name in named], unknown[:1]
