"""Runs ``headrace`` so that reads of the store take a minute while the file ``SLOW_READS`` exists: ``ops_slow_reads.py … serve …``."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

from headrace.cli.main import run
from headrace.store.reader import Budget, Reader, Sql

_flag = Path(os.environ["SLOW_READS"])
_plain = Reader._with_budget


def _slow(self: Reader, sql: Sql, budget: Budget) -> Any:
    if not _flag.exists():
        return _plain(self, sql, budget)
    print("slow read", flush=True)
    return (
        "SELECT sleepEachRow(0.3) FROM numbers(200) SETTINGS max_block_size = 1, max_execution_time = 60,"
        f" log_comment = '{self._tag}'"
    )


Reader._with_budget = _slow  # type: ignore[method-assign]
# After the interpreter come `-m headrace` and its arguments.
sys.exit(run(sys.argv[sys.argv.index("headrace") + 1 :]))
