"""Moves claims from the journal to `claims.db` in bulk, beside the event loop."""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Callable
from pathlib import Path

from headrace.admission.folded import FoldedClaims
from headrace.journal import JournalReader

#: Claims that are folded at once at most: bounds memory and the work lost to a stop.
FOLD_MAX = 500_000

_log = logging.getLogger("headrace.admission")


def fold(
    journal_path: Path, folded: FoldedClaims, now: int, forget: Callable[[int, list[tuple[bytes, int]]], None]
) -> int:
    """Folds what the journal holds; gives the number of claims. ``forget`` is told the last id and each (digest, at µs) once they
    are synced. ``now`` in µs. Blocking.
    """
    reader = JournalReader(journal_path)
    try:
        claims = _some(reader.claims())
    finally:
        reader.close()
    if not claims:
        return 0
    try:
        folded.fold([(digest, value, at) for _, digest, value, at in claims])
        early = folded.dropped_early
        folded.expire(now)
        if early != folded.dropped_early:
            _log.warning("too many claims: %s were forgotten before their time", f"{folded.dropped_early - early:,}")
    except sqlite3.Error as error:
        _log.warning("claims stay in the journal for now: %s", error)
        return 0
    forget(claims[-1][0], [(digest, at) for _, digest, _, at in claims])
    return len(claims)


def _some(claims: list[tuple[int, bytes, bytes, int]]) -> list[tuple[int, bytes, bytes, int]]:
    """The first ``FOLD_MAX`` claims, and those that share the id of the last: the journal forgets them together."""
    end = FOLD_MAX
    while 0 < end < len(claims) and claims[end][0] == claims[end - 1][0]:
        end += 1
    return claims[:end]
