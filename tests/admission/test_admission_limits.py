"""Rate limits under a clock that jumps, and their memory."""

from __future__ import annotations

import pytest
from admission_room import Clock

from headrace.admission import limits
from headrace.admission.limits import Charge, Limiter, Spec

SCOPE = ("key", "dialect", "group")
BUCKET = Spec("bucket", 60, 5)
WINDOW = Spec("window", 3, 0)
ALIGNED = Spec("aligned", 3, 0)
#: NOW_US lies 20 s into a minute of the epoch.
INTO_MINUTE_S = 20


@pytest.fixture
def limiter(clock: Clock) -> Limiter:
    return Limiter(clock)


def charge(limiter: Limiter, spec: Spec, cost: int = 1) -> Charge:
    return limiter.charge(SCOPE, spec, cost)


def allowed(limiter: Limiter, spec: Spec, times: int) -> list[bool]:
    return [charge(limiter, spec).allowed for _ in range(times)]


def test_a_bucket_at_its_edges(limiter: Limiter, clock: Clock) -> None:
    assert [charge(limiter, BUCKET, cost).allowed for cost in (6, 4, 2, 1, 1)] == [False, True, False, True, False]
    refused = charge(limiter, BUCKET, 3)
    assert (refused.retry_after, refused.remaining, refused.limit) == (3, 0, 5)
    clock.move(2.999)
    assert not charge(limiter, BUCKET, 3).allowed
    clock.move(0.001)
    assert charge(limiter, BUCKET, 3).allowed


def test_a_refused_charge_costs_nothing_but_in_aligned_windows(limiter: Limiter, clock: Clock) -> None:
    assert charge(limiter, WINDOW, 4).allowed is False
    assert charge(limiter, WINDOW, 3).allowed is True
    other = Limiter(clock)
    assert charge(other, ALIGNED, 4).allowed is False
    assert charge(other, ALIGNED, 1).allowed is False


@pytest.mark.parametrize(
    ("spec", "reset", "retry"),
    [(WINDOW, 60, 60), (ALIGNED, 60 - INTO_MINUTE_S, 60 - INTO_MINUTE_S)],
    ids=["from the first request", "of the epoch's minute"],
)
def test_a_window_at_its_edges(limiter: Limiter, clock: Clock, spec: Spec, reset: int, retry: int) -> None:
    began = clock() // 1_000_000
    assert allowed(limiter, spec, 4) == [True, True, True, False]
    refused = charge(limiter, spec)
    assert (refused.reset - began, refused.retry_after, refused.remaining) == (reset, retry, 0)
    clock.move(reset - 0.001)
    assert not charge(limiter, spec).allowed
    clock.move(0.001)
    assert allowed(limiter, spec, 4) == [True, True, True, False]


@pytest.mark.parametrize(("into_second", "reset"), [(0, 60), (0.25, 61), (0.999, 61)])
def test_a_window_that_ends_within_a_second_is_told_to_end_with_it(
    limiter: Limiter, clock: Clock, into_second: float, reset: int
) -> None:
    """Whoever waits until the whole second that was told comes after the end (slowstats.md 1.10)."""
    whole = clock() // 1_000_000
    clock.move(into_second)
    assert charge(limiter, WINDOW).reset == whole + reset


@pytest.mark.parametrize("jump", [-1.5, -59, -3_600, -400 * 86_400, 61, 3_600, 400 * 86_400])
@pytest.mark.parametrize("spec", [BUCKET, WINDOW, ALIGNED], ids=lambda spec: spec.kind)
def test_a_clock_that_jumps_locks_nobody_out(limiter: Limiter, clock: Clock, spec: Spec, jump: float) -> None:
    """A used-up limit lasts a minute at most after a jump, in either direction; and what is told never asks for more."""
    while charge(limiter, spec).allowed:
        pass
    clock.move(jump)
    now = clock() / 1_000_000
    for _ in range(10):
        state = charge(limiter, spec)
        assert state.retry_after <= 62
        assert state.reset <= now + 62
    clock.move(62)
    assert charge(limiter, spec).allowed


def test_a_clock_set_back_does_not_refill_a_bucket(limiter: Limiter, clock: Clock) -> None:
    assert allowed(limiter, BUCKET, 6) == [True] * 5 + [False]
    clock.move(-3_600)
    assert not charge(limiter, BUCKET).allowed
    clock.move(1)
    assert allowed(limiter, BUCKET, 2) == [True, False]


def test_peeking_changes_nothing(limiter: Limiter) -> None:
    assert limiter.peek(SCOPE, ALIGNED).remaining == 3
    assert allowed(limiter, ALIGNED, 2) == [True, True]
    assert [limiter.peek(SCOPE, ALIGNED).remaining for _ in range(3)] == [1, 1, 1]
    assert allowed(limiter, ALIGNED, 2) == [True, False]
    assert not limiter.peek(SCOPE, ALIGNED).allowed


def test_scopes_do_not_share(limiter: Limiter) -> None:
    assert allowed(limiter, WINDOW, 4) == [True, True, True, False]
    assert limiter.charge(("other", *SCOPE[1:]), WINDOW, 1).allowed


def test_only_states_that_matter_are_kept(limiter: Limiter, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "PRUNE_AT", 100)
    limiter._prune_at = 100
    slow = Spec("bucket", 1, 100)
    limiter.charge(SCOPE, slow, 100)  # takes 100 minutes to fill again
    for number in range(90):
        limiter.charge(("ip", "d", str(number)), ALIGNED, 1)
    clock.move(61)
    # A flood from ever new addresses within one minute: all of them matter still.
    for number in range(1_000):
        limiter.charge(("ip", "d", f"new {number}"), ALIGNED, 1)
    assert 1_001 <= len(limiter._states) <= 1_100
    assert not limiter.charge(SCOPE, slow, 2).allowed
    clock.move(61)
    for number in range(2_100):
        limiter.charge(("ip", "d", f"newer {number}"), ALIGNED, 1)
    assert len(limiter._states) <= 2_200
    clock.move(6_000)
    for number in range(4_300):
        limiter.charge(("ip", "d", f"newest {number}"), ALIGNED, 1)
    assert limiter._states.get(SCOPE) is None
