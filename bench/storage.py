"""How many bytes a point takes once its parts are merged; measured on the store itself, in a process of its own."""

from __future__ import annotations

import json
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

#: kind of value, codec, goal for the raw table
KINDS = (
    ("counter of 1", "zstd", "≤ 1"),
    ("integers", "zstd", "≤ 1"),
    ("two decimals", "zstd", "≤ 3"),
    ("two decimals", "alp", ""),
)
STATS = 1_000
STEP_MS = 10_000


def measure(kind: str, codec: str, count: int) -> dict[str, float]:
    """table → bytes per raw point."""
    command = [sys.executable, "-m", "bench.storage", kind, codec, str(count)]
    found: dict[str, float] = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    return found


def _values(kind: str) -> Callable[[int, int], float]:
    chance = random.Random(7)
    if kind == "counter of 1":
        return lambda _stat, _turn: 1
    if kind == "integers":
        return lambda stat, turn: 200 + (stat + turn) % 60 + chance.randrange(8)
    return lambda stat, turn: round(40 + 20 * ((stat + turn) % 360) / 360 + chance.uniform(0, 3), 2)


def _main(kind: str, codec: str, count: int) -> None:
    from headrace.records.ids import STAT_NUMBER_END  # noqa: PLC0415 - in the measuring process only
    from headrace.records.points import ResolvedPoints, encode_points  # noqa: PLC0415
    from headrace.store import PointRecords, Store  # noqa: PLC0415

    value = _values(kind)
    numbers = random.Random(11)
    stats = [numbers.randrange(1, STAT_NUMBER_END) for _ in range(STATS)]  # as admission draws them
    with tempfile.TemporaryDirectory(prefix="headrace-bench-") as root:
        store = Store.open("chdb", folder=Path(root), value_codec=codec)
        start = int(time.time() * 1000) - count // STATS * STEP_MS
        batch = 1
        for first in range(0, count // STATS, 150):
            points = ResolvedPoints()
            for turn in range(first, min(first + 150, count // STATS)):
                for place, stat in enumerate(stats):
                    points.add(stat, start + turn * STEP_MS, value(place, turn), 0)
            for body, number in encode_points(1, points).values():
                store.insert("points", PointRecords(body, batch), number, f"bench:{batch}")
                batch += 1
        for table in ("points", *store.rollups_of("points")):
            store._client.command(f"OPTIMIZE TABLE {table} FINAL")
        sizes = {size.table: size.bytes / count for size in store.sizes() if size.bytes}
        store.close()
    print(json.dumps(sizes))


if __name__ == "__main__":
    _main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
