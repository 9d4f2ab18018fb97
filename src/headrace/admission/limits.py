"""Rate limits: exact within a process, per (key, dialect, group) or per client address.

Three kinds, because the contracts need three: a token bucket (StatFlow 1.11, CanaryHub 1.4), a window that starts with its first
request (SlowStats 1.10) and windows aligned to the minutes of the epoch (Logister 1.10).
"""

from __future__ import annotations

from collections.abc import Callable
from math import ceil
from typing import NamedTuple

WINDOW_S = 60

#: States kept before those that no longer matter are dropped.
PRUNE_AT = 50_000


class Spec(NamedTuple):
    """``kind`` bucket | window | aligned; ``rate`` units a minute; ``burst`` the bucket's capacity."""

    kind: str
    rate: int
    burst: int


class Charge(NamedTuple):
    """What a charge did: the fields of ``dialects.base.LimitState``, which is made from it."""

    allowed: bool
    limit: int
    remaining: int
    reset: int
    window_s: int
    retry_after: int


class Limiter:
    """``clock``: µs since the epoch. A refused charge costs nothing, except in an aligned window, which counts it (rulings 1)."""

    def __init__(self, clock: Callable[[], int]) -> None:
        self._clock = clock
        #: Per scope: units (left in a bucket, used in a window), of when, and until when that differs from no state at all.
        self._states: dict[tuple[str, ...], tuple[float, float, float]] = {}
        self._prune_at = PRUNE_AT

    def charge(self, scope: tuple[str, ...], spec: Spec, cost: int) -> Charge:
        """Charges ``cost`` units to ``scope`` if it has them."""
        now = self._clock() / 1_000_000
        if len(self._states) > self._prune_at:
            self._prune(now)
        if spec.kind == "bucket":
            return self._bucket(scope, spec, cost, now)
        start = float(int(now) // WINDOW_S * WINDOW_S) if spec.kind == "aligned" else None
        return self._window(scope, spec, cost, now, start)

    def _bucket(self, scope: tuple[str, ...], spec: Spec, cost: int, now: float) -> Charge:
        per_second = spec.rate / 60
        tokens, at, _ = self._states.get(scope, (float(spec.burst), now, now))
        tokens = min(float(spec.burst), tokens + max(0.0, now - at) * per_second)
        allowed = cost <= tokens + 1e-9
        if allowed:
            tokens -= cost
        full_at = now + (spec.burst - tokens) / per_second
        self._states[scope] = (tokens, now, full_at)
        wait = 0 if allowed else max(1, ceil((cost - tokens) / per_second - 1e-9))
        return Charge(allowed, spec.burst, max(0, int(tokens)), ceil(full_at), WINDOW_S, wait)

    def _window(self, scope: tuple[str, ...], spec: Spec, cost: int, now: float, start: float | None) -> Charge:
        used, began, _ = self._states.get(scope, (0.0, now if start is None else start, now))
        # A clock that jumped back would freeze a window in the future: it starts anew.
        if now >= began + WINDOW_S or now < began - 1 or (start is not None and start != began):
            used, began = 0.0, now if start is None else start
        allowed = used + cost <= spec.rate
        if allowed or start is not None:
            used += cost
        self._states[scope] = (used, began, began + WINDOW_S)
        reset = ceil(began + WINDOW_S)
        wait = 0 if allowed else max(1, ceil(began + WINDOW_S - now))
        return Charge(allowed, spec.rate, max(0, spec.rate - int(used)), reset, WINDOW_S, wait)

    def peek(self, scope: tuple[str, ...], spec: Spec) -> Charge:
        """The state without charging anything: ``allowed`` says whether one more unit would pass."""
        before = self._states.get(scope)
        charge = self.charge(scope, spec, 1)
        if before is None:
            self._states.pop(scope, None)
        else:
            self._states[scope] = before
        return charge._replace(remaining=charge.remaining + 1 if charge.allowed else charge.remaining)

    def _prune(self, now: float) -> None:
        """Forgets windows that are over and buckets that are full again. Not tried again before twice as many are held: else a flood from
        many addresses would make every request walk them all.
        """
        self._states = {scope: state for scope, state in self._states.items() if state[2] > now}
        self._prune_at = max(PRUNE_AT, 2 * len(self._states))
