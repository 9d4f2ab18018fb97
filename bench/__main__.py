"""``python -m bench [SECTION …] [--quick]``: runs the measurements, prints a table, writes ``bench/results/*.json``."""

from __future__ import annotations

import argparse
import os
import platform
import sys
from pathlib import Path

from bench.sections import SECTIONS, Options, Row, write
from bench.servers import installed
from headrace import __version__

RESULTS = Path(__file__).parent / "results"
FULL = Options(seconds=6, rounds=5, sustained_s=120, points=10_000_000, claims=50_000_000, events=1_000_000)
QUICK = Options(seconds=2, rounds=1, sustained_s=5, points=200_000, claims=200_000, events=20_000)


def main() -> int:
    parser = argparse.ArgumentParser(prog="bench", description=__doc__)
    parser.add_argument(
        "sections", nargs="*", choices=[[], *SECTIONS], help="what to measure; everything when left out"
    )
    parser.add_argument(
        "--quick", action="store_true", help="small figures: shows that the bench works, not how fast the server is"
    )
    for name, kind in Options.__annotations__.items():
        parser.add_argument(f"--{name.replace('_', '-')}", type=float if "float" in str(kind) else int, metavar="N")
    arguments = parser.parse_args()
    if not installed("wrk"):
        print("bench: wrk is not installed (Debian package wrk)", file=sys.stderr)
        return 1
    for rival in ("victoria-metrics", "influxd"):
        if not installed(rival):
            print(f"bench: {rival} is not installed, figures come without that ratio", file=sys.stderr)
    given = {name: value for name in Options._fields if (value := getattr(arguments, name)) is not None}
    options = (QUICK if arguments.quick else FULL)._replace(**given)
    rows: list[Row] = []
    for name in arguments.sections or SECTIONS:
        found = SECTIONS[name](options)
        rows += found
        for row in found:
            print(_line(row), flush=True)
    about = {
        "headrace": __version__,
        "python": " ".join((platform.python_version(), *platform.python_build())),
        "machine": platform.machine(),
        "cores": os.cpu_count(),
        "options": options._asdict(),
    }
    print(f"\nwritten to {write(RESULTS, rows, about)}")
    return 0


def _line(row: Row) -> str:
    figure = f"{row.value:,.0f}" if row.value >= 1_000 else f"{row.value:.3g}"
    goal = f"   goal {row.goal}" if row.goal else ""
    beside = f" {row.beside}" if row.beside else ""
    return f"{row.section:10} {row.name:58} {figure:>12} {row.unit}{beside}{goal}"


if __name__ == "__main__":
    sys.exit(main())
