"""The shop's jobs: when they ran, when one failed, and the night on which one did not run at all."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from headrace.demo.week import DAY_S, HOUR_S, Week, took

#: The night, counted from the first, on which the backup does not run (a single day has none), and the share of reports that fail.
MISSED_NIGHT = 3
FAILING_REPORTS = 0.02


class Job(NamedTuple):
    """``every`` and ``offset`` in seconds; ``single``: its check-ins come one by one."""

    slug: str
    every: int
    offset: int
    typical_ms: float
    single: bool = False


BACKUP = Job("nightly-backup", DAY_S, 2 * HOUR_S + 1_800, 1_100_000, single=True)
CLEANING = Job("session-cleaning", DAY_S, 4 * HOUR_S, 38_000, single=True)
REPORT = Job("hourly-report", HOUR_S, 300, 9_000)
STOCK = Job("stock-sync", 900, 40, 4_200)
JOBS = (BACKUP, CLEANING, REPORT, STOCK)


class Run(NamedTuple):
    """One run that told how it ended: ``at`` in Unix seconds, ``status`` ok or error."""

    job: Job
    at: int
    status: str
    took_ms: int


def runs(week: Week) -> Iterator[Run]:
    """Every run of every job. The backup of one night is missing, some reports fail."""
    dice = week.dice("jobs")
    for job in JOBS:
        for number, at in enumerate(week.times(job.every, job.offset)):
            if job is BACKUP and week.days > 1 and number == min(MISSED_NIGHT, week.days - 1):
                continue
            failed = job is REPORT and dice.random() < FAILING_REPORTS + 0.5 * week.trouble(at)
            yield Run(job, at, "error" if failed else "ok", took(dice, job.typical_ms, 0.15))
