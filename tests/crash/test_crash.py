"""A server that is killed at named steps and at random, under load: what it acknowledged is found afterwards, exactly once, in raw rows
and in both rollups (design 5, rulings 4, datapath 2).
"""

from __future__ import annotations

import errno
import os
import random
import time

import pytest
from crash_rig import Rig

#: Kills at random moments. More with ``CRASH_KILLS``: a loss that needs luck needs many.
KILLS = int(os.environ.get("CRASH_KILLS", "6"))

#: Where the process ends, by ``launch.py``'s name of the step, and at which time of reaching it.
STEPS = {
    "during a commit": ("commit.open", 40),
    "after a commit, before its answers": ("commit.done", 40),
    "between insert and projection": ("project.before", 2),
    "between two inserts of a segment": ("insert.done", 4),
    "after the projection, before the sync": ("project.after", 2),
    "after the sync, before the trim": ("synced", 1),
    "after the sync, segments merged by the engine": ("merged", 2),
    "during a trim, in the transaction": ("trim.open", 3),
    "during a trim, between two of its commits": ("trim.some", 3),
    "after a trim": ("trim.all", 1),
    "claims folded and not forgotten": ("fold.done", 1),
}


@pytest.mark.parametrize("step", STEPS)
def test_a_kill_at_a_named_step(rig: Rig, step: str) -> None:
    rig.arm(*STEPS[step])
    rig.die_under_load()
    rig.recover()
    rig.verify_retries()
    rig.verify()


@pytest.mark.parametrize(
    ("call", "action"), [("write", "torn"), ("write", "kill"), ("sync", "kill")], ids=["torn", "unwritten", "unsynced"]
)
def test_a_kill_within_the_journal_s_write(rig: Rig, call: str, action: str) -> None:
    rig.arm_shim(call, "/journal.db-wal", action, nth=40)
    rig.die_under_load()
    rig.recover()
    rig.verify_retries()
    rig.verify()


@pytest.mark.parametrize("table", ["points", "points_1m", "points_15m", "events", "requests"])
def test_a_kill_between_the_engine_s_log_and_its_rename(rig: Rig, table: str) -> None:
    """The token is logged and the part is not there: a repeat under that token would be dropped."""
    rig.arm_shim("rename", rig.parts_of(table), "kill", nth=2)
    rig.die_under_load()
    rig.recover()
    rig.verify()


@pytest.mark.parametrize("error", [errno.EIO, errno.ENOSPC], ids=errno.errorcode.get)
@pytest.mark.parametrize("table", ["points", "points_1m", "points_15m", "events"])
def test_a_rename_that_fails_in_a_living_process(rig: Rig, table: str, error: int) -> None:
    rig.arm_shim("rename", rig.parts_of(table), str(error), times=2)
    rig.run()
    rig.until_done("shim")
    rig.load.pause()
    rig.finish()
    rig.verify()


@pytest.mark.parametrize("table", ["points", "points_1m", "points_15m"])
def test_a_kill_during_the_recovery_from_a_kill(rig: Rig, table: str) -> None:
    rig.arm_shim("rename", rig.parts_of(table), "kill")
    rig.die_under_load()
    rig.arm_shim("rename", rig.parts_of(table), "kill")
    rig.server.start(wait=False)
    rig.wait_death()
    rig.recover()
    rig.verify()


def test_kills_at_random_moments(rig: Rig) -> None:
    """Half of them with a wide gap between the engine's log and its rename: by its own timing that is 0.1 to 0.3 ms."""
    chance = random.Random()
    for number in range(KILLS):
        rig.alive()
        if number % 2:
            rig.arm_shim("rename", "tmp_insert_", "delay:30", times=0)
        rig.run()
        time.sleep(chance.uniform(0.1, 1.5))
        rig.kill()
        rig.recover()
        rig.verify_retries()
        rig.verify()
