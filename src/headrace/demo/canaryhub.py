"""The shop's business events and problems over CanaryHub."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

import msgspec

from headrace.demo.week import MENDED_MINUTES, Address, Shipment, Week, split, visitor
from headrace.records.times import iso_text

#: Events of one batch: CanaryHub's limit.
BATCH = 100
#: Events on a day of full scale, and refused payments in a minute of the trouble.
A_DAY = 520.0
REFUSED_A_MINUTE = 3.5

#: What happens, with its share.
_SHARES = {
    "payment": 52,
    "signup": 16,
    "trial.started": 12,
    "newsletter.joined": 9,
    "refund": 3,
    "mail.bounced": 5,
    "payment.failed": 3,
}
_PLANS = ("starter", "starter", "starter", "pro", "pro", "business")
_PRICES = {"starter": 9, "pro": 29, "business": 99}
_REASONS = ("card declined", "insufficient funds", "card expired", "bank does not answer")
_COUNTRIES = ("DE", "DE", "AT", "CH", "FR", "NL", "PL", "GB")


def events(week: Week, _: Address) -> Iterator[Shipment]:
    """A week of trade; while the bad release runs payments fail by the dozen."""
    dice = week.dice("canaryhub")
    happened = [(at, _event(dice)) for at in week.moments(dice, A_DAY)]
    for _number in range(max(3, round(REFUSED_A_MINUTE * MENDED_MINUTES * week.amount))):
        at = dice.uniform(week.deployed, week.mended)
        happened.append((at, _failed(dice, "checkout did not answer in time")))
    happened.sort(key=lambda one: one[0])
    encoded = [msgspec.json.encode({**event, "ts": iso_text(int(at * 1_000_000), 3)}) for at, event in happened]
    for batch in split(encoded, BATCH):
        body = b'{"events":[' + b",".join(batch) + b"]}"
        yield Shipment("canaryhub", "/api/v1/events", body, points=len(batch), rows=len(batch))


def _event(dice: random.Random) -> dict[str, Any]:
    name = dice.choices(list(_SHARES), list(_SHARES.values()))[0]
    meta = {"customer": visitor(dice), "country": dice.choice(_COUNTRIES)}
    if name == "payment.failed":
        return _failed(dice, dice.choice(_REASONS))
    if name == "mail.bounced":
        return {"type": "error", "name": name, "message": "mailbox does not exist", "meta": meta}
    plan = dice.choice(_PLANS)
    event: dict[str, Any] = {"type": "event", "name": name, "meta": meta | {"plan": plan}}
    if name in ("payment", "refund"):
        event["value"] = _PRICES[plan]
    return event


def _failed(dice: random.Random, reason: str) -> dict[str, Any]:
    meta = {"customer": visitor(dice), "country": dice.choice(_COUNTRIES), "provider": "examplepay"}
    return {"type": "error", "name": "payment.failed", "message": reason, "meta": meta}
