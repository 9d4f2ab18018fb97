"""The steps that routes order as their contracts do. A step looks at the exchange and either lets it pass, refuses it
(:class:`Refused`, or the parser's own ``Refusal``) or answers it (``exchange.answer``).
"""

from __future__ import annotations

import asyncio

from headrace.admission.retries import left
from headrace.dialects.base import Fault, FaultDetail, Route, Step
from headrace.gateway.callers import auth, ip_guard, place, scope
from headrace.gateway.charges import charge_cost, charge_request
from headrace.gateway.exchange import Exchange, Plan, Refused, StepFunction, Waiting
from headrace.gateway.front.heads import Head
from headrace.gateway.reading import body, check, check_headers, declared_size, decode, parse, plain_body, wire_size
from headrace.gateway.routes import Match

#: Length of an Idempotency-Key, visible ASCII characters (rulings 4).
RETRY_KEY_MAX = 255

#: What a used-up quota asks the client to wait at most, seconds (rulings 2): some sleep as long as they are told.
QUOTA_RETRY_S = 3_600


def idempotency(exchange: Exchange) -> Waiting:
    """A known Idempotency-Key is answered at once with its first answer, and charged nothing (rulings 4)."""
    sent = exchange.header(b"idempotency-key")
    if sent is None:
        return None
    if not 1 <= len(sent) <= RETRY_KEY_MAX or not all(0x21 <= byte <= 0x7E for byte in sent):
        raise Refused(Fault.IDEMPOTENCY_KEY)
    admission = exchange.gateway.admission
    exchange.retry_key = admission.retry_key(exchange.key.project, exchange.route.method, exchange.route.path, sent)
    first = admission.kept_answer(exchange.retry_key)
    if first is not None:
        exchange.answer = first.answer
        return first.durable
    ahead = admission.under_way.enter(exchange.retry_key)
    if ahead is None:
        exchange.is_first = True
        return None
    return _after_first(exchange, exchange.retry_key, ahead)


async def _after_first(exchange: Exchange, digest: bytes, ahead: asyncio.Event | None) -> None:
    """Waits for the request under the same key that came first and gives its answer; if it has none to give, the next one is first."""
    admission = exchange.gateway.admission
    with exchange.gateway.waiting.patiently():
        while ahead is not None:
            if not await left(ahead):
                return
            first = admission.kept_answer(digest)
            if first is not None:
                exchange.answer = first.answer
                if first.durable is not None:
                    await asyncio.shield(first.durable)
                return
            ahead = admission.under_way.enter(digest)
    exchange.is_first = True


def decide(exchange: Exchange) -> None:
    """Stats and claims; a conflict is answered here, before any charge, and nothing is stored."""
    draft = exchange.gateway.admission.decide(exchange.submission, exchange.key.project)
    if draft.conflict:
        exchange.answer = draft.submission.render(draft.decisions)
    exchange.draft = draft


def quota(exchange: Exchange) -> None:
    """The project's stats, and its records of this month, where it has a limit (statflow.md 1.3, rulings 2)."""
    gateway = exchange.gateway
    named = exchange.submission.project
    project = exchange.key.project if named is None else named
    most = gateway.keys.quotas.get(project)
    stats_max = gateway.keys.stats_max.get(project)
    if most is None and stats_max is None:
        return
    admission = gateway.admission
    if exchange.draft is None:
        exchange.draft = admission.decide(exchange.submission, exchange.key.project)
    new = sum(stat.source == "stat" for stat in exchange.draft.new_stats)
    if stats_max is not None and new and admission.stats.count(project, "stat") + new > stats_max:
        raise Refused(Fault.QUOTA, FaultDetail(limit=stats_max))
    if most is not None and admission.over_quota(exchange.draft, most):
        raise Refused(Fault.QUOTA, FaultDetail(retry_after=min(QUOTA_RETRY_S, admission.usage.left_s())))


def append(exchange: Exchange) -> Waiting:
    """Journal, sync, answer. A draft of an earlier step still holds: no step after it waits."""
    admission = exchange.gateway.admission
    draft = exchange.draft or admission.decide(exchange.submission, exchange.key.project)
    outcome = admission.put(draft, exchange.retry_key)
    exchange.answer = outcome.answer
    return outcome.durable


async def handle(exchange: Exchange) -> None:
    """A read or a synchronous write of the API rooms."""
    with exchange.gateway.waiting.patiently():
        exchange.answer = await exchange.gateway.handlers[exchange.route.handler](exchange)


STEPS: dict[Step, StepFunction] = {
    "ip_guard": ip_guard,
    "declared_size": declared_size,
    "wire_size": wire_size,
    "auth": auth,
    "scope": scope,
    "idempotency": idempotency,
    "charge_request": charge_request,
    "headers": check_headers,
    "body": body,
    "decode": decode,
    "parse": parse,
    "check": check,
    "decide": decide,
    "quota": quota,
    "place": place,
    "charge_cost": charge_cost,
    "append": append,
    "handle": handle,
}


def make_plan(match: Match, route: Route, head: Head) -> Plan:
    """How ``route`` is gone through; steps that ``head`` alone lets pass are left out, for it comes again and again."""
    names = tuple(step for step in route.steps if not _passes(step, route, head))
    plain = b"content-encoding" not in head.headers and 0 <= head.length <= route.cap
    steps = tuple(plain_body if plain and step == "body" else STEPS[step] for step in names)
    return Plan(match, match.dialect, route, names, steps)


def _passes(step: Step, route: Route, head: Head) -> bool:
    if step == "declared_size":
        return head.length <= route.cap
    if step == "wire_size":
        return 0 <= head.length <= route.cap
    return step == "idempotency" and b"idempotency-key" not in head.headers
