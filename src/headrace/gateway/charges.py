"""Rate limits: what a request costs, in the dialect's unit and algorithm, and what is said when it is too much."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress

from headrace.admission.keys import KeyRow
from headrace.admission.limits import Charge, Spec
from headrace.dialects.base import Fault, FaultDetail, LimitState, Route, Step
from headrace.gateway.exchange import Exchange, Refused

#: The steps whose refusals cost one where the cost of a request is known only after them (``Route.decode``).
READING: tuple[Step, ...] = ("headers", "body", "decode")


def charge_request(exchange: Exchange) -> None:
    """The rate limit, one unit, before the body is read."""
    _charge(exchange, 1)


def charge_cost(exchange: Exchange) -> None:
    """The rate limit, what the submission costs."""
    _charge(exchange, exchange.submission.cost if exchange.cost is None else exchange.cost)


def _charge(exchange: Exchange, cost: int) -> None:
    spec = limit_of(exchange.key, exchange.route, exchange.gateway.keys.logister_rates)
    if spec is None:
        return
    charge = exchange.gateway.limiter.charge(
        (exchange.key.id, exchange.route.dialect, exchange.route.group), spec, cost
    )
    exchange.limit_state = LimitState(*charge)
    if not charge.allowed:
        raise Refused(Fault.RATE, rate_detail(charge))


def limit_of(key: KeyRow, route: Route, of_projects: Mapping[int, int]) -> Spec | None:
    """The limit in force: the key's own figures in the dialect's algorithm, else its project's where the route knows one, else the
    dialect's.
    """
    if key.unlimited:
        return None
    limit = route.limit
    if key.rate is None:
        if limit is None:
            return None
        rate = of_projects.get(key.project, limit.per_minute) if route.project_rate else limit.per_minute
        return Spec(limit.kind, rate, limit.burst)
    return Spec("bucket" if limit is None else limit.kind, key.rate, key.burst or key.rate)


def rate_detail(charge: Charge) -> FaultDetail:
    return FaultDetail(retry_after=charge.retry_after, state=LimitState(*charge))


def charge_reading(exchange: Exchange) -> None:
    """A body that is refused while its cost is still unknown costs one (``Route.decode``)."""
    if exchange.route.decode is not None and exchange.at and exchange.names[exchange.at - 1] in READING:
        with suppress(Refused):
            _charge(exchange, 1)
