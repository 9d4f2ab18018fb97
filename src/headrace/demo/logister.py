"""What the shop's programs report over Logister: errors, logs, transactions with spans, metrics, check-ins, deployments."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

import msgspec

from headrace.demo.failures import AFTER_DEPLOY, DAILY, Failure
from headrace.demo.jobs import runs
from headrace.demo.week import (
    DAY_S,
    MENDED_MINUTES,
    PAGES,
    Address,
    Shipment,
    Week,
    environment,
    fails,
    hexadecimal,
    page,
    page_took,
    split,
    took,
    uuid,
    visitor,
)
from headrace.records.times import iso_text

#: Events of one batch: Logister's limit.
BATCH = 100
#: Records on a day of full scale; each transaction that is traced has three spans.
LOGS_A_DAY, TRANSACTIONS_A_DAY, ERRORS_A_DAY, METRICS_A_DAY = 760.0, 480.0, 62.0, 70.0
TRACED_EVERY = 6
#: Errors in a minute of the trouble.
ERRORS_A_MINUTE = 13.0

_LINES = (
    ("info", "checkout", "orders", "order {number} placed"),
    ("info", "worker", "mail", "sent confirmation of order {number}"),
    ("info", "web", "access", "signed in {user}"),
    ("info", "search", "index", "indexed {count} products in {ms} ms"),
    ("debug", "worker", "stock", "stock of {count} products is up to date"),
    ("warn", "search", "query", "query took {slow} ms"),
    ("warn", "worker", "mail", "mail server busy, trying again in {count} s"),
    ("error", "checkout", "payment", "payment of order {number} refused"),
)
_LINE_SHARES = (30, 22, 18, 8, 10, 6, 4, 2)

_encode = msgspec.json.encode
Event = dict[str, Any]


def events(week: Week, _: Address) -> Iterator[Shipment]:
    """Everything that goes in batches, in the order of time."""
    found = [*_logs(week), *_transactions(week), *_errors(week), *_metrics(week), *_check_ins(week)]
    found.sort(key=lambda one: one[0])
    dice = week.dice("logister uuids")
    lines = []
    for at, event in found:
        # Spans are identified by their trace and span, and by a UUID as all others in a batch.
        lines.append(_encode({"event": {"uuid": uuid(dice), "occurred_at": iso_text(int(at * 1_000_000), 6), **event}}))
    measured = [event["event_type"] == "metric" for _, event in found]
    for number, batch in enumerate(split(lines, BATCH)):
        yield Shipment(
            "logister",
            "/api/v1/ingest_events/batch",
            b"\n".join(batch),
            points=sum(measured[number * BATCH : (number + 1) * BATCH]),
            rows=len(batch),
            content_type="application/x-ndjson",
        )


def deployments(week: Week, _: Address) -> Iterator[Shipment]:
    """Each release a day earlier in staging, but the one that was urgent."""
    for release in week.releases:
        urgent = release == week.releases[-1]
        for where, at in (("staging", release.at - (600 if urgent else DAY_S)), ("production", release.at)):
            deployment = {
                "release": release.version,
                "environment": where,
                "repository": "example/shop",
                "commit_sha": release.commit,
                "branch": "main",
                "deployed_at": iso_text(at * 1_000_000),
            }
            yield Shipment("logister", "/api/v1/deployments", _encode({"deployment": deployment}))


def nightly(week: Week, _: Address) -> Iterator[Shipment]:
    """The check-ins of the nightly jobs, one request each as their scripts would send them."""
    for run in runs(week):
        if run.job.single:
            check_in = {
                "slug": run.job.slug,
                "status": run.status,
                "expected_interval_seconds": run.job.every,
                "duration_ms": run.took_ms,
                "occurred_at": iso_text(run.at * 1_000_000),
            }
            yield Shipment("logister", "/api/v1/check_ins", _encode({"check_in": check_in}), rows=1)


def _context(week: Week, dice: random.Random, at: float, service: str, **more: Any) -> Event:
    where = environment(dice)
    release = week.release(at + DAY_S) if where == "staging" else week.release(at)
    return {
        "environment": where,
        "release": release,
        "service": service,
        "host": f"{service}-{dice.randint(1, 2)}",
        **more,
    }


def _logs(week: Week) -> Iterator[tuple[float, Event]]:
    dice = week.dice("logs")
    for at in week.moments(dice, LOGS_A_DAY):
        level, service, logger, text = dice.choices(_LINES, _LINE_SHARES)[0]
        if level == "info" and dice.random() < 0.5 * week.trouble(at):
            level, service, logger, text = _LINES[-1]
        message = text.format(
            number=dice.randint(48_000, 52_000),
            user=visitor(dice),
            count=dice.randint(2, 90),
            ms=took(dice, 320),
            slow=took(dice, 2_400, 0.2),
        )
        context = _context(week, dice, at, service, logger_name=logger)
        yield at, {"event_type": "log", "level": level, "message": message, "context": context}


def _transactions(week: Week) -> Iterator[tuple[float, Event]]:
    dice = week.dice("transactions")
    for at in week.moments(dice, TRANSACTIONS_A_DAY):
        asked = page(dice)
        duration = page_took(week, dice, asked, at)
        failed = fails(week, dice, asked, at)
        name = f"{asked.method} {asked.path}"
        trace = {"trace_id": hexadecimal(dice, 32), "span_id": hexadecimal(dice, 16)}
        context = _context(
            week,
            dice,
            at,
            asked.service,
            transaction_name=name,
            duration_ms=duration,
            status=500 if failed else 200,
            user_id=visitor(dice),
            request_id=hexadecimal(dice, 20),
            **trace,
        )
        yield at, {"event_type": "transaction", "message": name, "context": context}
        if dice.randrange(TRACED_EVERY) == 0:
            yield from _spans(dice, at, name, duration, context, "error" if failed else "ok")


def _spans(
    dice: random.Random, at: float, name: str, duration: int, context: Event, status: str
) -> Iterator[tuple[float, Event]]:
    """The request itself, a query in it, and what was left to do."""
    shared = {key: context[key] for key in ("environment", "release", "service")}
    root, queried = context["span_id"], round(duration * dice.uniform(0.4, 0.8))
    parts = (
        (name, "server", root, "", 0.0, duration, status),
        ("SELECT products", "db", hexadecimal(dice, 16), root, 0.1, queried, "ok"),
        ("render", "render", hexadecimal(dice, 16), root, 0.1 + queried, max(1, duration - queried - 1), "ok"),
    )
    for title, kind, span_id, parent, after_ms, took_ms, how in parts:
        started = at + after_ms / 1000
        yield (
            started,
            {
                "event_type": "span",
                "name": title,
                "kind": kind,
                "status": how,
                "trace_id": context["trace_id"],
                "span_id": span_id,
                "parent_span_id": parent,
                "started_at": iso_text(int(started * 1_000_000), 6),
                "duration_ms": took_ms,
                "context": shared,
            },
        )


def _errors(week: Week) -> Iterator[tuple[float, Event]]:
    """A few all the time; many of one kind from the bad release on, until it is mended."""
    dice = week.dice("errors")
    for at in week.moments(dice, ERRORS_A_DAY):
        yield at, _error(week, dice, at, dice.choices(DAILY, [one.share for one in DAILY])[0])
    for _ in range(max(5, round(ERRORS_A_MINUTE * MENDED_MINUTES * week.amount))):
        at = dice.triangular(week.deployed, week.mended, week.mended - 600)
        yield at, _error(week, dice, at, dice.choices(AFTER_DEPLOY, [one.share for one in AFTER_DEPLOY])[0])


def _error(week: Week, dice: random.Random, at: float, failure: Failure) -> Event:
    asked = next((one for one in PAGES if one.service == failure.service), PAGES[0])
    message = failure.message.format(number=dice.randint(48_000, 52_000), user=visitor(dice))
    context = _context(
        week,
        dice,
        at,
        failure.service,
        exception={"class": failure.name, "message": message, "backtrace": list(failure.backtrace)},
        breadcrumbs=[
            {"category": "http", "message": f"{asked.method} {asked.path}", "level": "info"},
            {"category": "query", "message": "SELECT cart WHERE customer = ?", "level": "info"},
        ],
        request={"httpMethod": asked.method, "url": f"https://shop.example.org{asked.path}"},
        user_id=visitor(dice),
        trace_id=hexadecimal(dice, 32),
        request_id=hexadecimal(dice, 20),
    )
    if failure is AFTER_DEPLOY[0]:  # only that release had it
        context |= {"release": week.releases[1].version, "environment": "production"}
    return {"event_type": "error", "level": failure.level, "message": f"{failure.name}: {message}", "context": context}


def _metrics(week: Week) -> Iterator[tuple[float, Event]]:
    dice = week.dice("metrics")
    for at in week.moments(dice, METRICS_A_DAY):
        name, value = dice.choice((("gc.pause_ms", took(dice, 14)), ("jobs.waiting", took(dice, 6, 0.8))))
        context = _context(week, dice, at, "worker", metric={"name": name, "value": value})
        yield at, {"event_type": "metric", "message": name, "context": context}


def _check_ins(week: Week) -> Iterator[tuple[float, Event]]:
    for run in runs(week):
        if not run.job.single:
            context = {
                "check_in_slug": run.job.slug,
                "check_in_status": run.status,
                "expected_interval_seconds": run.job.every,
                "duration_ms": run.took_ms,
                "environment": "production",
                "service": "worker",
            }
            yield float(run.at), {"event_type": "check_in", "message": run.job.slug, "context": context}
