"""Where a request's key is read (rulings 2): the dialect's own headers in its contract's order decide alone when present; only
if none is there are the other documented headers tried.
"""

from __future__ import annotations

from collections.abc import Mapping

from headrace.dialects.base import KeyPlace

_EVERYWHERE: tuple[KeyPlace, ...] = ("bearer", "x-api-key", "x-seestack-key", "x-allstak-key")


def find_secret(headers: Mapping[bytes, bytes], places: tuple[KeyPlace, ...]) -> str | None:
    """The secret that the request shows, None when it shows none. An ``Authorization`` of another scheme counts as absent."""
    for place in places:
        secret = _read(headers, place)
        if secret is not None:
            return secret or None
    for place in _EVERYWHERE:
        if place not in places and not (place == "bearer" and "Bearer" in places):
            secret = _read(headers, place)
            if secret is not None:
                return secret or None
    return None


def _read(headers: Mapping[bytes, bytes], place: KeyPlace) -> str | None:
    """The trimmed secret at ``place``, "" when the header is there but empty, None when it is not there."""
    if place not in ("bearer", "Bearer"):
        value = headers.get(place.encode())
        return None if value is None else value.decode("latin-1").strip()
    value = headers.get(b"authorization")
    if value is None:
        return None
    scheme, _, rest = value.decode("latin-1").strip().partition(" ")
    if scheme != "Bearer" if place == "Bearer" else scheme.lower() != "bearer":
        return None
    return rest.strip()
