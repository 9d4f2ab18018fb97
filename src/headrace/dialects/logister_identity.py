"""Who a Logister record is: its UUID, the claims that make a retry a no-op (contract 1.7), and its number of old."""

from __future__ import annotations

import re
from functools import lru_cache
from hashlib import sha256
from typing import Any
from uuid import UUID

from headrace.dialects.logister_normalize import first_filled, text_of
from headrace.records.intents import Claim, claim_key

#: Where a record is claimed by its UUID: an event without a value, a span with its id. A UUID belongs to one of the two. The name is the one
#: under which 0.1.0 claimed events: those that it took stay known.
UUID_FAMILY = "logister.event"
#: Where a span is claimed by its trace and span id.
TRACE_FAMILY = "logister.trace_span"

_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\Z", re.ASCII)
_LEGACY_BITS = 52


class InvalidUuid(ValueError):
    """A client's ``uuid`` or ``event_id`` that is no UUID."""


def client_uuid(fields: dict[str, Any]) -> str:
    """The UUID that the client gave, in lower case, "" when it gave none. Raises :class:`InvalidUuid`."""
    given = first_filled(fields, "uuid", "event_id")
    if given is None:
        return ""
    text = as_uuid(given)
    if text is None:
        raise InvalidUuid
    return text


def as_uuid(value: Any) -> str | None:
    """A JSON value as the text of a UUID in lower case, None when it is none."""
    if type(value) is str and _UUID.match(value):
        return value
    text = text_of(value).lower()
    return text if _UUID.match(text) else None


def legacy_id(project: int, record_id: str) -> int:
    """The number that older clients know a record by: the same on every replay, another in each project, and exact in a double (rulings 3)."""
    digest = _numbers_of(project).copy()
    digest.update(record_id.encode())
    return int.from_bytes(digest.digest()[:8], "big") >> (64 - _LEGACY_BITS)


@lru_cache(maxsize=1024)
def _numbers_of(project: int) -> Any:
    """A digest that has read what a project's records have in common; each goes on from a copy."""
    return sha256(f"{project}:".encode())


def event_claims(project: int, uuid: str) -> tuple[Claim, ...]:
    """What an event with a client's UUID claims; nothing without one."""
    if not uuid:
        return ()
    return (Claim(claim_key(UUID_FAMILY, project, uuid), b"", True),)


def span_uuid(project: int, trace_id: str, span_id: str) -> str:
    """The UUID of a span that came without one: from its ids alone, in the form of a version 5."""
    digest = bytearray(sha256(f"{project}:{_pair(trace_id, span_id)}".encode()).digest()[:16])
    digest[6] = digest[6] & 0x0F | 0x50
    digest[8] = digest[8] & 0x3F | 0x80
    return str(UUID(bytes=bytes(digest)))


def span_claims(
    project: int, uuid: str, record_id: str, trace_id: str, span_id: str, *, place_is_unique: bool = False
) -> tuple[Claim, ...]:
    """What a span claims: its client's UUID, if any, and its place in its trace. Each gives back ``record_id``, so that
    a retry under another UUID is answered with the first one's; with ``place_is_unique`` (batches) it is a conflict.
    """
    value = UUID(record_id).bytes
    place = Claim(claim_key(TRACE_FAMILY, project, _pair(trace_id, span_id)), value, place_is_unique)
    if not uuid:
        return (place,)
    return (Claim(claim_key(UUID_FAMILY, project, uuid), value, True), place)


def _pair(trace_id: str, span_id: str) -> str:
    """Both ids as one text that no other pair has."""
    return f"{len(trace_id)}:{trace_id}{span_id}"
