"""A data folder that holds as many claims as a busy instance would after 120 days."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from headrace.admission.folded import GENERATION_MAX, FoldedClaims


@contextmanager
def folder(count: int) -> Iterator[Path]:
    """An otherwise empty data folder with ``count`` folded claims."""
    with tempfile.TemporaryDirectory(prefix="headrace-bench-") as root:
        data = Path(root) / "data"
        data.mkdir(mode=0o700)
        folded = FoldedClaims(data / "claims.db", maximum=count * 2)
        now = time.time_ns() // 1000
        left = count
        while left > 0:
            some = min(left, GENERATION_MAX)
            folded.fold([(os.urandom(16), b"", now) for _ in range(some)])
            left -= some
        folded.close()
        yield data
