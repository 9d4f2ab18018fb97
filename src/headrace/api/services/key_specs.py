"""What a key is asked to be, and whether whoever asks may make it so (rulings 2)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import msgspec

from headrace.api.services.base import SCOPES, Actor, ServiceError, between, line

#: Scopes of a key when none are asked for.
DEFAULT_SCOPES = frozenset(("write", "read"))
#: Highest rate (units per minute) and burst (units) that can be set.
RATE_MAX = 1_000_000_000
#: The latest expiry: the year 2200, in µs.
EXPIRY_MAX = 7_258_118_400_000_000


class KeySpec(msgspec.Struct, frozen=True, kw_only=True):
    """What a key should be. ``name`` None or empty: named after its style. ``scopes`` None: write and read (a legacy key: write). ``secret``
    brings a key instead of minting one in ``style``; ``test``: one that looks as SeeStack's for its environment ``test`` do. ``rate`` units
    per minute and ``burst`` units override every dialect's limit, ``unlimited`` lifts it. ``expires_at`` in µs.
    """

    name: str | None = None
    style: str = "headrace"
    scopes: Iterable[str] | None = None
    account_wide: bool = False
    expires_at: int | None = None
    secret: str | None = None
    test: bool = False
    rate: int | None = None
    burst: int | None = None
    unlimited: bool = False


class Grant(NamedTuple):
    """What a key becomes of what was asked for. ``expires_at`` in µs."""

    scopes: frozenset[str]
    name: str
    expires_at: int | None


def grant(actor: Actor, spec: KeySpec, kind: str, now: int) -> Grant:
    """A key as actor grants no more than it holds: neither scopes, nor reach, nor life. Raises ``invalid`` and ``forbidden``."""
    scopes = _scopes(actor, kind, spec)
    _check_limits(spec)
    if spec.account_wide and actor.project is not None:
        raise ServiceError("forbidden", "a key of one project cannot make an account-wide key")
    name = line(spec.name, "name") if spec.name and spec.name.strip() else f"{spec.style} key"
    return Grant(scopes, name, _expiry(actor, spec.expires_at, now))


def kind_of_style(style: str) -> str:
    """The kind of the keys that are minted in ``style``."""
    return "legacy" if style == "stathat" else "key"


def _scopes(actor: Actor, kind: str, spec: KeySpec) -> frozenset[str]:
    if spec.scopes is None:
        wanted = frozenset(("write",)) if kind == "legacy" else DEFAULT_SCOPES
    else:
        wanted = frozenset(spec.scopes)
    if not wanted or not wanted <= SCOPES:
        raise ServiceError("invalid", "scopes must be some of write, read and manage")
    if kind == "legacy" and wanted != {"write"}:
        raise ServiceError("invalid", "this key can only hold the write scope: it works at /ez, /c and /v alone")
    missing = sorted(wanted - actor.scopes)
    if missing:
        raise ServiceError("forbidden", f"this key cannot grant the {missing[0]} scope: it does not hold it")
    return wanted


def _check_limits(spec: KeySpec) -> None:
    if spec.unlimited and (spec.rate is not None or spec.burst is not None):
        raise ServiceError("invalid", "a key has either a rate or no rate limit")
    if spec.rate is not None:
        between(spec.rate, "rate", 1, RATE_MAX)
    if spec.burst is not None:
        between(spec.burst, "burst", 1, RATE_MAX)
    if spec.burst is not None and spec.rate is None:
        raise ServiceError("invalid", "a burst needs a rate")


def _expiry(actor: Actor, wanted: int | None, now: int) -> int | None:
    if wanted is None:
        return actor.expires_at
    if not now < wanted <= EXPIRY_MAX:
        raise ServiceError("invalid", "expires_at must lie in the future, before the year 2200")
    if actor.expires_at is not None and wanted > actor.expires_at:
        raise ServiceError("forbidden", "a key cannot make one that outlives it")
    return wanted
