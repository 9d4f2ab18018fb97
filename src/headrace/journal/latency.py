"""How long commits take, as a histogram."""

from __future__ import annotations

from bisect import bisect_left


class CommitTimes:
    """``counts`` by the upper bounds ``BOUNDS``, seconds, and one more for what took longer; ``total`` seconds."""

    BOUNDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0)

    def __init__(self) -> None:
        self.counts = [0] * (len(self.BOUNDS) + 1)
        self.total = 0.0

    def observe(self, seconds: float) -> None:
        self.counts[bisect_left(self.BOUNDS, seconds)] += 1
        self.total += seconds
