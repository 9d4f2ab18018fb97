"""What a mobile ingest token may send (contract 1.9): some types of events, from the one app and session it was made for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from headrace.dialects.answers import error_answer
from headrace.dialects.base import Refusal
from headrace.dialects.logister_answers import InvalidRecord
from headrace.dialects.logister_columns import scalar_text
from headrace.dialects.logister_normalize import both_spellings

#: The kind of key that a mobile ingest token is (rulings 2).
MOBILE = "mobile"
#: The platforms of projects that may mint such tokens.
MOBILE_PLATFORMS = ("android", "ios")
#: What a token is bound to; its bindings hold those that are set, and the types under :data:`ALLOWED_TYPES`.
BOUND = ("platform", "service", "environment", "release", "session_id")
ALLOWED_TYPES = "allowed_event_types"

_TYPE_REFUSED = "Mobile ingest token cannot send this event type"


def bind_event(fields: dict[str, Any], bindings: Mapping[str, Any], where: str = "") -> None:
    """Holds an event to its token: what it does not say is filled into its context. Raises :class:`Refusal` 403 for a type that is
    not allowed, then 422 for what contradicts the token. ``where`` stands before each sentence.
    """
    bound = bound_values(fields, fields.get("event_type"), bindings, where)
    context = fields.get("context")
    fields["context"] = {**context, **bound} if type(context) is dict else bound


def bound_values(
    fields: Mapping[str, Any], event_type: Any, bindings: Mapping[str, Any], where: str = ""
) -> dict[str, str]:
    """What the token says, for the record to take over. Raises as :func:`bind_event`."""
    if event_type not in bindings[ALLOWED_TYPES]:
        raise Refusal(error_answer(403, _TYPE_REFUSED))
    bound = {name: bindings[name] for name in BOUND if name in bindings}
    view = both_spellings(fields.get("context"))
    errors = [
        f"{where}{name} must match the mobile ingest token"
        for name, value in bound.items()
        if any(sent and sent != value for sent in (scalar_text(fields.get(name)), scalar_text(view.get(name))))
    ]
    if errors:
        raise InvalidRecord(errors)
    return bound
