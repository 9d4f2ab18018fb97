"""A server that is killed at named steps and at random, under load: what it acknowledged is found afterwards, exactly once, in raw rows
and in both rollups (design 5, rulings 4, datapath 2).
"""

from __future__ import annotations

import errno
import json
import os
import random
import time

import pytest
import requests
from crash_load import BASE, SPREAD_S
from crash_rig import Rig, compare

#: Kills at random moments. More with ``CRASH_KILLS``: a loss that needs luck needs many.
KILLS = int(os.environ.get("CRASH_KILLS", "6"))
IN_A_ROW = 6

#: Rows of one insert, and the value that ``launch.py`` turns into one that the engine refuses.
ROWS, PLANTED = 10_000, 424_242.5

#: Where the process ends, by ``launch.py``'s name of the step, and at which time of reaching it.
STEPS = {
    "during a commit": ("commit.open", 40),
    "after a commit, before its answers": ("commit.done", 40),
    "between two inserts of a segment": ("insert.done", 4),
    "between insert and projection": ("project.before", 2),
    "after the sync, rollups of many segments merged": ("merged", 2),
    "during a trim, in the transaction": ("trim.open", 3),
    "during a trim, between two commits": ("trim.some", 3),
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
    ("call", "action", "nth"), [("write", "torn", 300), ("sync", "kill", 40)], ids=["torn", "unsynced"]
)
def test_a_kill_within_the_journal_s_write(rig: Rig, call: str, action: str, nth: int) -> None:
    rig.arm_shim(call, "/journal.db-wal", action, nth)
    rig.die_under_load()
    rig.recover()
    rig.verify_retries()
    rig.verify()


@pytest.mark.parametrize(
    ("call", "error"), [("write", errno.ENOSPC), ("sync", errno.EIO)], ids=["not written", "not synced"]
)
def test_a_commit_that_fails_in_a_living_process(rig: Rig, call: str, error: int) -> None:
    """Nobody is acknowledged; what is retried is there once, whether its first commit left something behind or not."""
    rig.run()
    while not rig.load.refused():  # a commit that only trims has nobody to refuse
        rig.arm_shim(call, "/journal.db-wal", str(error), nth=20, times=3)
        rig.until_done("shim")
    rig.load.pause()
    rig.finish()
    rig.verify_retries()
    rig.verify()


@pytest.mark.parametrize("table", ["points", "points_1m", "points_15m", "events"])
def test_a_kill_between_the_engine_s_log_and_its_rename(rig: Rig, table: str) -> None:
    """The token is logged and the part is not there: a repeat under that token would be dropped. For points the recovery from that is
    killed at the same place once more.
    """
    rig.arm_shim("rename", rig.parts_of(table), "kill", nth=2)
    rig.die_under_load()
    if table.startswith("points"):
        rig.arm_shim("rename", rig.parts_of(table), "kill")
        rig.start(wait=False)
        rig.wait_death()
    rig.recover()
    rig.verify()


@pytest.mark.parametrize(
    ("table", "error"),
    [
        ("points", errno.EIO),
        ("points_1m", errno.ENOSPC),
        ("points_15m", errno.EIO),
        ("requests", errno.ENOSPC),
    ],
)
def test_a_rename_that_fails_in_a_living_process(rig: Rig, table: str, error: int) -> None:
    rig.arm_shim("rename", rig.parts_of(table), str(error), times=2)
    rig.run()
    rig.until_done("shim")
    rig.load.pause()
    rig.finish()
    rig.verify()


def test_kills_at_random_moments(rig: Rig) -> None:
    """Six in a row under one load, so that some come during the recovery from the one before. Half of them meet a wide gap between the
    engine's log and its rename: by its own timing that is 0.1 to 0.3 ms.
    """
    chance = random.Random()
    for first in range(0, KILLS, IN_A_ROW):
        rig.run()
        for number in range(first, min(first + IN_A_ROW, KILLS)):
            rig.disarm()
            if number % 2:
                rig.arm_shim("rename", "tmp_insert_", "delay:30", times=0)
            time.sleep(chance.uniform(0.1, 1.2))
            rig.kill()
            rig.start()
            rig.load.go_on()
        rig.disarm()
        rig.finish()
        rig.verify_retries()
        rig.verify()


@pytest.mark.parametrize(
    ("step", "nth", "nameless"),
    [("bisect.recorded", 1, False), ("bisect.probe", 6, True)],
    ids=["named by the engine, killed once recorded and once replayed", "found by halving, killed in the middle"],
)
def test_a_row_that_the_engine_refuses_in_the_middle_of_10_000(rig: Rig, step: str, nth: int, nameless: bool) -> None:
    """It is set aside, its neighbours are stored, it is reported, fixed and replayed; and it is there once whatever is killed meanwhile."""
    stat = f"refused.{step}"
    rig.verified = False
    rig.put("hold")
    for start in range(0, ROWS, 1_000):
        values = [PLANTED if n == ROWS // 2 else n for n in range(start, start + 1_000)]
        points = [{"stat": stat, "value": n, "type": "counter", "timestamp": BASE + int(n) % SPREAD_S} for n in values]
        assert rig.call("POST", "/v1/ingest/batch", json={"items": points}) == {"accepted": 1_000}
    if nameless:
        rig.put("nameless")
    rig.arm(step, nth)
    rig.lift("hold")
    rig.wait_death()
    rig.lift("trigger")
    rig.start()
    rig.finish()

    good = [n for n in range(ROWS) if n != ROWS // 2]
    check_points(rig, stat, good)
    (letter,) = rig.call("GET", "/api/headrace/dead-letters")["dead_letters"]
    assert rig.gauge("dead_letters") == 1
    assert (letter["table"], letter["state"]) == ("points", "open")
    assert letter["reason"] == "a value is out of its column's range"
    row = json.loads(letter["row"])
    place = letter["columns"].index("value")
    assert row[place] is None

    path = f"/api/headrace/dead-letters/{letter['id']}"
    row[place] = ROWS // 2
    assert rig.call("PUT", f"{path}/row", json={"row": row})["state"] == "open"
    if not nameless:
        rig.arm("replay.stored")
        with pytest.raises(requests.ConnectionError):
            rig.call("POST", f"{path}/replay")
        rig.wait_death()
        rig.lift("trigger")
        rig.start()
    assert rig.call("POST", f"{path}/replay")["state"] == "replayed"
    rig.finish()
    check_points(rig, stat, list(range(ROWS)))
    assert rig.gauge("dead_letters") == 0
    rig.stored.update(points=ROWS, total=sum(range(ROWS)))
    rig.verified = True


def check_points(rig: Rig, stat: str, values: list[int]) -> None:
    compare(stat, [point["value"] for point in rig.points(stat, "raw")], values, [])
    for resolution in ("1m", "15m"):
        buckets = rig.points(stat, resolution)
        found = (sum(bucket["count"] for bucket in buckets), sum(bucket["value"] for bucket in buckets))
        assert found == (len(values), sum(values)), resolution
