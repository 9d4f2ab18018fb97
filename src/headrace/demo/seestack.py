"""The shop's HTTP traffic and traces over SeeStack, and what its browsers and jobs tell."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

import msgspec

from headrace.demo.failures import AFTER_DEPLOY, DAILY
from headrace.demo.week import (
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

#: Requests in one batch (SeeStack's limit), and spans in one of ours.
BATCH, SPAN_BATCH = 100, 1_000
#: Records on a day of full scale. A trace has four spans.
REQUESTS_A_DAY, TRACES_A_DAY = 660.0, 60.0
#: Records that carry no time and happen while they are sent, at full scale.
ERRORS, LOGS, SESSIONS = 10, 30, 20
#: Of so many requests one goes out to somebody else's server.
OUTBOUND_EVERY = 4

_OTHERS = (("POST", "api.examplepay.test", "/v2/charges", 480.0), ("POST", "mail.example.org", "/send", 160.0))
_MONITORS = (("sitemap", "1h", "success"), ("invoice-run", "1d", "failed"))

_encode = msgspec.json.encode


def requests(week: Week, _: Address) -> Iterator[Shipment]:
    """What the shop served, and what it asked of others."""
    dice = week.dice("requests")
    items = []
    for at in week.moments(dice, REQUESTS_A_DAY):
        outbound = dice.randrange(OUTBOUND_EVERY) == 0
        item = _outbound(week, dice, at) if outbound else _inbound(week, dice, at)
        items.append(_encode(_shared(week, dice, at) | item))
    for batch in split(items, BATCH):
        body = b'{"requests":[' + b",".join(batch) + b"]}"
        yield Shipment("seestack", "/ingest/v1/http-requests", body, rows=len(batch))


def _shared(week: Week, dice: random.Random, at: float) -> dict[str, Any]:
    return {
        "traceId": hexadecimal(dice, 32),
        "requestId": hexadecimal(dice, 20),
        "timestamp": iso_text(int(at * 1_000_000), 3),
        "environment": environment(dice),
        "release": week.release(at),
    }


def _inbound(week: Week, dice: random.Random, at: float) -> dict[str, Any]:
    asked = page(dice)
    failed = fails(week, dice, asked, at)
    status = 500 if failed else dice.choices((200, 302, 404, 401), (90, 5, 4, 1))[0]
    item: dict[str, Any] = {
        "direction": "inbound",
        "method": asked.method,
        "host": "shop.example.org",
        "path": asked.path.replace("{id}", str(dice.randint(100, 160))),
        "statusCode": status,
        "durationMs": page_took(week, dice, asked, at),
        "requestSize": dice.randint(300, 1_400),
        "responseSize": 312 if failed else took(dice, 18_000),
        "userId": visitor(dice),
        "metadata": {"service": asked.service, "country": dice.choice(("DE", "AT", "CH", "FR"))},
    }
    if failed:
        item["errorFingerprint"] = AFTER_DEPLOY[0].name if week.trouble(at) else DAILY[0].name
    return item


def _outbound(week: Week, dice: random.Random, at: float) -> dict[str, Any]:
    method, host, path, typical = dice.choice(_OTHERS)
    answered = dice.random() > 0.01 + 0.1 * week.trouble(at)
    return {
        "direction": "outbound",
        "method": method,
        "host": host,
        "path": path,
        "statusCode": 201 if answered else 0,
        "durationMs": took(dice, typical) if answered else 10_000,
        "requestSize": dice.randint(500, 900),
        "responseSize": 240 if answered else 0,
    }


def spans(week: Week, _: Address) -> Iterator[Shipment]:
    """Traces of checkouts: the request, its queries, the payment."""
    dice = week.dice("spans")
    items = [_encode(span) for at in week.moments(dice, TRACES_A_DAY) for span in _trace(week, dice, at)]
    for batch in split(items, SPAN_BATCH):
        body = b'{"spans":[' + b",".join(batch) + b"]}"
        yield Shipment("seestack", "/ingest/v1/spans", body, rows=len(batch))


def _trace(week: Week, dice: random.Random, at: float) -> Iterator[dict[str, Any]]:
    trace, root, start = hexadecimal(dice, 32), hexadecimal(dice, 16), int(at * 1000)
    slowed = 1 + 2.5 * week.trouble(at)
    query, pay, render = took(dice, 35 * slowed), took(dice, 420), took(dice, 24)
    broken = dice.random() < week.failing(at) * 3
    parts = (
        (root, "", "http.request", "POST /checkout", 0, query + pay + render + 6, "error" if broken else "ok"),
        (hexadecimal(dice, 16), root, "db.query", "SELECT cart_items WHERE cart = ?", 2, query, "ok"),
        (hexadecimal(dice, 16), root, "http.client", "POST api.examplepay.test/v2/charges", 3 + query, pay, "ok"),
        (hexadecimal(dice, 16), root, "template.render", "checkout/done", 4 + query + pay, render, "ok"),
    )
    shared = {"traceId": trace, "service": "checkout", "environment": environment(dice)}
    for span_id, parent, operation, description, after, duration, status in parts:
        yield shared | {
            "spanId": span_id,
            "parentSpanId": parent,
            "operation": operation,
            "description": description,
            "status": status,
            "durationMs": duration,
            "startTimeMillis": start + after,
            "endTimeMillis": start + after + duration,
        }


def live(week: Week, _: Address) -> Iterator[Shipment]:
    """What carries no time: the browsers' errors, logs, sessions, and the heartbeats of two jobs, whose monitors are made first."""
    dice = week.dice("seestack live")
    for slug, schedule, status in _MONITORS:
        monitor = {"name": slug, "slug": slug, "schedule": schedule, "gracePeriodMin": 10}
        yield Shipment("seestack", "/api/v1/cron-monitors", _encode(monitor), refusable=True)
        beat = {"slug": slug, "status": status, "durationMs": took(dice, 4_000)}
        yield Shipment("seestack", "/ingest/v1/heartbeat", _encode(beat), rows=1)
    release = week.releases[-1]
    for _number in range(_amount(week, SESSIONS)):
        session = {
            "sessionId": uuid(dice),
            "release": release.version,
            "environment": "production",
            "userId": visitor(dice),
        }
        yield Shipment("seestack", "/ingest/v1/sessions/start", _encode(session))
        how = dice.choices(("ok", "errored", "crashed"), (88, 9, 3))[0]
        ended = {"sessionId": session["sessionId"], "status": how, "durationMs": took(dice, 90_000)}
        yield Shipment("seestack", "/ingest/v1/sessions/end", _encode(ended))
    yield from _told_now(dice, release.version, _amount(week, LOGS), _amount(week, ERRORS))


def _amount(week: Week, full: int) -> int:
    return max(2, round(full * week.amount))


def _told_now(dice: random.Random, release: str, logs: int, errors: int) -> Iterator[Shipment]:
    shared = {"service": "storefront", "release": release, "environment": "production"}
    for _ in range(logs):
        level, message = dice.choice(
            (("info", "cart opened"), ("info", "address completed"), ("warn", "image took long to load"))
        )
        entry = shared | {"level": level, "message": message, "userId": visitor(dice), "sessionId": uuid(dice)}
        yield Shipment("seestack", "/ingest/v1/logs", _encode(entry), rows=1)
    for _ in range(errors):
        error = shared | {
            "exceptionClass": "TypeError",
            "message": "cannot read properties of undefined (reading 'price')",
            "stackTrace": ["at total (cart.js:88:14)", "at render (cart.js:31:9)", "at update (app.js:12:5)"],
            "user": {"id": visitor(dice)},
        }
        yield Shipment("seestack", "/ingest/v1/errors", _encode(error), rows=1)
