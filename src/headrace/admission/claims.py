"""Claims: ids that are accepted once (Logister's UUIDs, for 120 days).

New claims are appended to the journal with the rows they belong to and held in memory; in bulk they are folded into ``claims.db``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from headrace.admission.claims_file import US_PER_S, whole_seconds
from headrace.admission.folded import FoldedClaims, is_past


class Claims:
    """All claims: those of this moment in memory, the rest folded. Used on the event loop's thread. ``clock``: µs since the epoch."""

    def __init__(
        self, folded: FoldedClaims, saved: list[tuple[int, bytes, bytes, int]], clock: Callable[[], int]
    ) -> None:
        """``saved``: (id, digest, value, at µs) that the journal holds unfolded, oldest first."""
        self._folded = folded
        self._clock = clock
        #: Digest to (value, second of the claim).
        self._recent = {digest: (value, whole_seconds(at)) for _, digest, value, at in saved}
        #: The entry of all claims of this second that have no value.
        self._bare = (b"", 0)

    def holds(self, digest: bytes) -> bytes | None:
        """The value held under ``digest``, None when it is not claimed (any more)."""
        now = self._clock()
        held = self._recent.get(digest)
        if held is not None and not is_past(held[1], now):
            return held[0]
        return self._folded.holds(digest, now)

    def add(self, claims: Sequence[tuple[bytes, bytes]], now: int) -> None:
        """Claims each digest with its value, at ``now`` (µs)."""
        at = whole_seconds(now)
        if at != self._bare[1]:
            self._bare = (b"", at)
        for digest, value in claims:
            self._recent[digest] = (value, at) if value else self._bare

    def take_back(self, claims: Sequence[tuple[bytes, bytes]]) -> None:
        """These have not been stored after all."""
        for digest, _ in claims:
            self._recent.pop(digest, None)

    @property
    def unfolded(self) -> int:
        return len(self._recent)

    def __len__(self) -> int:
        return len(self._recent) + len(self._folded)

    def forget(self, folded: Sequence[tuple[bytes, int]]) -> None:
        """These, (digest, at µs), have been folded. One that was claimed anew since then stays."""
        recent = self._recent
        for digest, at in folded:
            held = recent.get(digest)
            if held is not None and (held[1] - 1) * US_PER_S < at:  # its second is no later than that of ``at``
                del recent[digest]
