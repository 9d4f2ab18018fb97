"""The made-up week: the same every time, within its days, and as a shop's would be."""

from __future__ import annotations

import json
from collections import Counter
from functools import cache
from statistics import mean, median
from typing import Any

import pytest

from headrace.demo.jobs import BACKUP, JOBS, runs
from headrace.demo.plan import plan
from headrace.demo.week import DAY_S, HOUR_S, MAX_DAYS, SCALES, Address, Shipment, Week
from headrace.dialects.registry import ROUTES
from headrace.records.times import iso_us

ADDRESS = Address("key", "project")
#: A Saturday afternoon, and each of the six days after it at another hour.
END = 1_795_272_512
ENDS = tuple(END + day * (DAY_S + 3 * HOUR_S) for day in range(7))
WEEK = Week(END)


@cache
def shipments(week: Week = WEEK) -> tuple[Shipment, ...]:
    return tuple(plan(week, ADDRESS))


def bodies(path: str, week: Week = WEEK) -> list[Any]:
    return [json.loads(one.body) for one in shipments(week) if one.path == path]


@cache
def points(name: str) -> dict[int, float]:
    """A stat's values by time."""
    found: Counter[int] = Counter()
    for body in bodies("/v1/ingest/batch"):
        for item in body["items"]:
            if item["stat"] == name:
                found[item["timestamp"]] += item["value"]
    return dict(found)


@cache
def events() -> tuple[dict[str, Any], ...]:
    """Logister's, each with ``at`` in Unix seconds."""
    found = []
    for one in shipments():
        if one.path == "/api/v1/ingest_events/batch":
            for line in one.body.splitlines():
                event = json.loads(line)["event"]
                found.append(event | {"at": seconds(event["occurred_at"])})
    return tuple(found)


def seconds(text: str) -> float:
    us = iso_us(text)
    assert us is not None, text
    return us / 1_000_000


def of_hours(
    values: dict[int, float], first: float, last: float, *, weekdays: tuple[int, ...] = tuple(range(7))
) -> float:
    """The mean of what lies between two hours of those days (0 is Monday)."""
    return mean(
        value
        for at, value in values.items()
        if first <= at % DAY_S / HOUR_S < last and (at // DAY_S + 3) % 7 in weekdays
    )


def test_it_is_the_same_every_time() -> None:
    for week in (Week(END, 1, "small", 5), Week(END, 2, "small", 1)):
        assert plan(week, ADDRESS) == plan(week, ADDRESS)
    one, other = (plan(Week(END, 1, "small", seed), ADDRESS) for seed in (1, 2))
    assert [each.body for each in one] != [each.body for each in other]


def test_how_much_it_is() -> None:
    assert 190_000 < sum(one.points for one in shipments()) < 220_000
    assert 18_000 < sum(one.rows for one in shipments()) < 26_000
    assert {one.dialect for one in shipments()} == {
        "statflow",
        "stathat",
        "canaryhub",
        "logister",
        "seestack",
        "slowstats",
    }
    small = shipments(Week(END, 1, "small"))
    assert 1_000 < sum(one.points for one in small) < 6_000
    assert {one.path for one in small} == {one.path for one in shipments()}


@pytest.mark.parametrize("end", ENDS)
def test_every_request_is_one_that_its_route_takes(end: int) -> None:
    """Whatever the day and the hour, however many days."""
    posts = {path: route for route in ROUTES if route.method == "POST" for path in (route.path, *route.aliases)}
    for days in (1, 2, MAX_DAYS):
        for one in shipments(Week(end, days, "small")):
            route = posts[one.path]
            assert route.dialect == one.dialect
            assert one.content_type in route.content_types
            assert len(one.body) <= (route.cap or len(one.body))


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("days", [1, MAX_DAYS])
def test_everything_lies_within_its_days(end: int, days: int) -> None:
    week = Week(end, days, "small")
    assert week.start < week.deployed < week.mended < week.end
    times = [float(item["timestamp"]) for body in bodies("/v1/ingest/batch", week) for item in body["items"]]
    times += [float(item["t"]) for body in bodies("/ez", week) for item in body["data"]]
    times += [seconds(item["ts"]) for body in bodies("/api/v1/events", week) for item in body["events"]]
    times += [
        seconds(item["timestamp"]) for body in bodies("/ingest/v1/http-requests", week) for item in body["requests"]
    ]
    times += [item["startTimeMillis"] / 1000 for body in bodies("/ingest/v1/spans", week) for item in body["spans"]]
    assert week.start <= min(times)
    assert max(times) <= week.end
    assert max(times) - min(times) > days * DAY_S * 0.9


def test_a_shop_has_days_nights_and_weekends() -> None:
    views = points("shop.page_views")
    assert of_hours(views, 18, 21) > 6 * of_hours(views, 2, 5)
    assert of_hours(views, 18, 21) > 1.2 * of_hours(views, 15, 16)  # a hill at noon and one in the evening
    assert of_hours(views, 11, 13) > 1.2 * of_hours(views, 15, 16)
    assert of_hours(views, 8, 22, weekdays=(5, 6)) < 0.7 * of_hours(views, 8, 22, weekdays=(0, 1, 2, 3, 4))
    disk = points("db-1.disk_free_gb")
    assert disk[max(disk)] < disk[min(disk)] - 30
    assert of_hours(points("db-1.cpu_percent"), 2.5, 2.9) > 2 * of_hours(points("db-1.cpu_percent"), 3, 4)


def test_after_the_release_come_the_errors() -> None:
    errors = [event for event in events() if event["event_type"] == "error"]
    hit = [event for event in errors if WEEK.deployed <= event["at"] < WEEK.mended]
    spread = (len(errors) - len(hit)) / (MAX_DAYS * DAY_S - (WEEK.mended - WEEK.deployed))
    assert len(hit) / (WEEK.mended - WEEK.deployed) > 30 * spread
    broken = [event for event in errors if event["context"]["exception"]["class"] == "KeyError"]
    assert len(broken) > 0.7 * len(hit)
    assert {event["context"]["release"] for event in broken} == {WEEK.releases[1].version}
    counted = points("api.errors")
    assert mean(value for at, value in counted.items() if WEEK.deployed <= at < WEEK.mended) > 10 * mean(
        counted.values()
    )
    orders = points("shop.orders")
    day_before = {at - DAY_S for at in orders if WEEK.deployed + 1_200 <= at < WEEK.mended}
    assert sum(orders[at + DAY_S] for at in day_before if at + DAY_S in orders) < 0.6 * sum(
        orders.get(at, 0) for at in day_before
    )


def test_releases_environments_and_people() -> None:
    production = [event for event in events() if event.get("context", {}).get("environment") == "production"]
    for event in production:
        if "release" in event["context"] and event["event_type"] != "error":
            # A span starts a little after the request that it belongs to.
            assert event["context"]["release"] in {WEEK.release(event["at"]), WEEK.release(event["at"] - 60)}
    environments = Counter(event["context"]["environment"] for event in events() if "context" in event)
    assert set(environments) == {"production", "staging"}
    assert environments["production"] > 5 * environments["staging"]
    told = [body["deployment"] for body in bodies("/api/v1/deployments")]
    assert {(one["environment"], one["release"]) for one in told} == {
        (where, one.version) for where in ("staging", "production") for one in WEEK.releases
    }
    people = Counter(event["context"]["user_id"] for event in events() if event["event_type"] == "transaction")
    assert len(people) > 100
    assert people.most_common(1)[0][1] > 5 * median(people.values())
    assert len({event["uuid"] for event in events()}) == len(events())


def test_one_page_is_slow() -> None:
    took: dict[str, list[int]] = {}
    for body in bodies("/ingest/v1/http-requests"):
        for request in body["requests"]:
            if request["direction"] == "inbound":
                took.setdefault(request["path"].partition("/products")[0] or request["path"], []).append(
                    request["durationMs"]
                )
    slow = median(took.pop("/search"))
    assert all(median(others) * 2.5 < slow for others in took.values())


@pytest.mark.parametrize("days", range(1, MAX_DAYS + 1))
@pytest.mark.parametrize("end", ENDS)
def test_the_backup_is_missed_once(end: int, days: int) -> None:
    week = Week(end, days, "small")
    ran = {job: [run.at for run in runs(week) if run.job == job] for job in JOBS}
    for job, times in ran.items():
        expected = list(week.times(job.every, job.offset))
        if job == BACKUP and days > 1:
            assert len(expected) == len(times) + 1
            assert expected.index(next(iter(set(expected) - set(times)))) == min(3, days - 1)
        else:
            assert times == expected
    statuses = Counter(run.status for run in runs(Week(END)))
    assert statuses["error"] >= 1
    assert statuses["ok"] > 30 * statuses["error"]


def test_what_has_no_time_comes_all_along() -> None:
    """It happens while it is sent: in every part of the sending."""
    sent = shipments()
    quarter = len(sent) // 4
    for first in range(0, 4 * quarter, quarter):
        found = Counter(
            one.dialect for one in sent[first : first + quarter] if one.path.startswith(("/api/slow", "/ingest/v1/l"))
        )
        assert found["slowstats"] > 10
    places = [
        number for number, one in enumerate(sent) if one.path in ("/api/v1/cron-monitors", "/ingest/v1/heartbeat")
    ]
    kinds = [sent[place].path for place in places]
    assert kinds == ["/api/v1/cron-monitors", "/ingest/v1/heartbeat"] * 2  # a heartbeat makes no monitor


def test_scales() -> None:
    amounts = {scale: sum(one.rows for one in shipments(Week(END, 2, scale))) for scale in SCALES}
    assert 5 < amounts["full"] / amounts["small"] < 12
