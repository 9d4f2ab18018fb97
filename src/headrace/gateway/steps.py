"""The steps that routes order as their contracts do. A step looks at the exchange and either lets it pass, refuses it
(:class:`Refused`, or the parser's own ``Refusal``) or answers it (``exchange.answer``).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress

from headrace.admission.keys import KeyRow, LookUpFailed, digest_of
from headrace.admission.limits import Charge, Spec
from headrace.admission.retries import left
from headrace.dialects.base import Fault, FaultDetail, Inbound, LimitState, Route, Step
from headrace.gateway import bodies
from headrace.gateway.credentials import find_secret
from headrace.gateway.exchange import Exchange, Plan, Refused, StepFunction, Waiting
from headrace.gateway.routes import Match

#: Length of an Idempotency-Key, visible ASCII characters (rulings 4).
RETRY_KEY_MAX = 255

#: Bodies above this size are parsed in a worker thread, bytes.
PARSE_ASIDE = 256 * 1024

#: What a 503 for want of memory asks the client to wait, seconds.
BUSY_RETRY_S = 1

#: What a used-up quota asks the client to wait at most, seconds (rulings 2): some sleep as long as they are told.
QUOTA_RETRY_S = 3_600

#: The steps whose refusals cost one where the cost of a request is known only after them (``Route.decode``).
READING: tuple[Step, ...] = ("headers", "body", "decode")


def ip_guard(exchange: Exchange) -> None:
    """Flood guard by client address; loopback and the operator's own networks are not counted."""
    per_minute = exchange.dialect.ip_limits[0]
    address = exchange.gateway.peers.counted(exchange.line.client, exchange.headers)
    if per_minute and address:
        charge = exchange.gateway.limiter.charge(
            ("ip", exchange.dialect.name, address), Spec("aligned", per_minute, 0), 1
        )
        if not charge.allowed:
            raise Refused(Fault.AUTH_RATE, _rate_detail(charge))


def declared_size(exchange: Exchange) -> None:
    """A Content-Length over the cap, before anything is looked up or read."""
    if exchange.head.length > exchange.route.cap:
        raise Refused(Fault.TOO_LARGE, FaultDetail(limit=exchange.route.cap))


def auth(exchange: Exchange) -> Waiting:
    """The key. A look-up that cannot be made is 503, never 401: real SDKs switch themselves off on 401 (rulings 1)."""
    secret_of = exchange.route.secret_of
    if secret_of is None:
        secret, digest = _shown(exchange)
        if secret is None and exchange.route.sessions and exchange.header(b"cookie") is not None:
            return _auth_person(exchange)
        _authenticate(exchange, secret, digest)
        return None
    if len(exchange.body) > PARSE_ASIDE:
        return _auth_aside(exchange, secret_of)
    _authenticate_read(exchange, secret_of(exchange))
    return None


async def _auth_person(exchange: Exchange) -> None:
    key = await asyncio.to_thread(exchange.gateway.session_key, exchange)
    if key is None:
        _refuse_unknown(exchange, Fault.NO_KEY)
        return
    exchange.key = key


async def _auth_aside(exchange: Exchange, secret_of: Callable[[Inbound], str | None]) -> None:
    _authenticate_read(exchange, await asyncio.to_thread(secret_of, exchange))


def _authenticate_read(exchange: Exchange, secret: str | None) -> None:
    """With the key that query or body hold, or, if neither has a place for it, the headers."""
    if secret is None:
        _authenticate(exchange, *_shown(exchange))
    else:
        _authenticate(exchange, secret or None, digest_of(secret))


def _shown(exchange: Exchange) -> tuple[str | None, bytes]:
    """The secret that the headers show, and its digest; worked out once for each head that the front keeps."""
    notes = exchange.head.notes
    if "secret" not in notes:
        secret = find_secret(exchange.headers, exchange.dialect.key_places)
        notes["secret"] = secret, b"" if secret is None else digest_of(secret)
    shown: tuple[str | None, bytes] = notes["secret"]
    return shown


def _authenticate(exchange: Exchange, secret: str | None, digest: bytes) -> None:
    key: KeyRow | None = None
    if secret is not None:
        try:
            key = exchange.gateway.keys.find(secret, digest)
        except LookUpFailed:
            raise Refused(Fault.UNAVAILABLE, FaultDetail(retry_after=BUSY_RETRY_S)) from None
    if key is None or not (exchange.route.names_project or exchange.gateway.keys.has_project(key)):
        _refuse_unknown(exchange, Fault.NO_KEY if secret is None else Fault.BAD_KEY)
        return
    exchange.key = key


def _refuse_unknown(exchange: Exchange, fault: Fault) -> None:
    """401, or 429 when this address has failed too often (Logister 1.10)."""
    per_minute = exchange.dialect.ip_limits[1]
    if not per_minute:
        raise Refused(fault)
    address = exchange.gateway.peers.counted(exchange.line.client, exchange.headers)
    scope = ("auth", exchange.dialect.name, address)
    spec = Spec("aligned", per_minute, 0)
    limiter = exchange.gateway.limiter
    charge = limiter.charge(scope, spec, 1) if address else limiter.peek(scope, spec)
    if not charge.allowed:
        raise Refused(Fault.AUTH_RATE, _rate_detail(charge))
    exchange.limit_state = LimitState(*charge)
    raise Refused(fault)


def scope(exchange: Exchange) -> None:
    """The key's kind and scopes against the route's (rulings 2)."""
    key = exchange.key
    needed = exchange.route.scope
    missing = needed if isinstance(needed, str) else next((one for one in needed if one not in key.scopes), "")
    if key.kind not in exchange.route.kinds or (missing and missing not in key.scopes):
        raise Refused(Fault.NO_SCOPE, FaultDetail(scope=missing or "write"))


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


def charge_request(exchange: Exchange) -> None:
    """The rate limit, one unit, before the body is read."""
    _charge(exchange, 1)


def charge_cost(exchange: Exchange) -> None:
    """The rate limit, what the submission costs."""
    _charge(exchange, exchange.submission.cost if exchange.cost is None else exchange.cost)


def _charge(exchange: Exchange, cost: int) -> None:
    spec = limit_of(exchange.key, exchange.route)
    if spec is None:
        return
    charge = exchange.gateway.limiter.charge(
        (exchange.key.id, exchange.route.dialect, exchange.route.group), spec, cost
    )
    exchange.limit_state = LimitState(*charge)
    if not charge.allowed:
        raise Refused(Fault.RATE, _rate_detail(charge))


def limit_of(key: KeyRow, route: Route) -> Spec | None:
    """The limit in force: the key's own figures in the dialect's algorithm, else the dialect's."""
    if key.unlimited:
        return None
    limit = route.limit
    if key.rate is None:
        return None if limit is None else Spec(limit.kind, limit.per_minute, limit.burst)
    return Spec("bucket" if limit is None else limit.kind, key.rate, key.burst or key.rate)


def _rate_detail(charge: Charge) -> FaultDetail:
    return FaultDetail(retry_after=charge.retry_after, state=LimitState(*charge))


def body(exchange: Exchange) -> Waiting:
    """Reads and decodes the body within the route's caps."""
    route = exchange.route
    encoding = (exchange.header(b"content-encoding") or b"").decode("latin-1").strip().lower()
    if encoding == "identity":
        encoding = ""
    if encoding and encoding not in route.encodings:
        raise Refused(Fault.ENCODING, FaultDetail(encoding=encoding[:64]))
    declared_size(exchange)
    if exchange.sent is None or encoding:
        return _read(exchange, encoding)
    if len(exchange.sent) > route.cap:
        raise Refused(Fault.TOO_LARGE, FaultDetail(limit=route.cap))
    try:
        _hold(exchange, len(exchange.sent))
    except bodies.TooMuchInFlight:
        raise Refused(Fault.UNAVAILABLE, FaultDetail(retry_after=BUSY_RETRY_S)) from None
    exchange.body = exchange.sent
    return None


async def _read(exchange: Exchange, encoding: str) -> None:
    """The body that is still coming in, or has to be decoded."""
    route = exchange.route
    try:
        wire = await _receive(exchange)
        if encoding:
            wire = await bodies.decode(wire, encoding, route.decoded_cap or route.cap)
            _hold(exchange, len(wire))
    except bodies.BodyTooLarge as error:
        limit = (route.decoded_cap or route.cap) if error.decoded else route.cap
        raise Refused(Fault.TOO_LARGE, FaultDetail(limit=limit, decoded=error.decoded)) from None
    except bodies.BodyUnreadable:
        raise Refused(Fault.UNREADABLE, FaultDetail(encoding=encoding)) from None
    except bodies.TooMuchInFlight:
        raise Refused(Fault.UNAVAILABLE, FaultDetail(retry_after=BUSY_RETRY_S)) from None
    exchange.body = wire


async def _receive(exchange: Exchange) -> bytes:
    if exchange.sent is not None:
        if len(exchange.sent) > exchange.route.cap:
            raise bodies.BodyTooLarge(decoded=False)
        _hold(exchange, len(exchange.sent))
        return exchange.sent
    waiting = exchange.gateway.waiting
    task = waiting.begin()

    def arrived(size: int) -> None:
        _hold(exchange, size)
        waiting.heard(task)

    try:
        return await bodies.read_wire(exchange.line.receive, exchange.route.cap, arrived)
    except asyncio.CancelledError:
        raise bodies.HungUp("the rest of the body did not come in time") from None
    finally:
        waiting.end(task)


def _hold(exchange: Exchange, size: int) -> None:
    exchange.gateway.in_flight.take(size)
    exchange.held_bytes += size


def check_headers(exchange: Exchange) -> None:
    """What the dialect asks of the headers before the body is read."""
    assert exchange.route.check_headers is not None
    exchange.route.check_headers(exchange)


def decode(exchange: Exchange) -> Waiting:
    """What must be read of the body to know its cost; a large one beside the event loop."""
    read = exchange.route.decode
    assert read is not None
    if len(exchange.body) > PARSE_ASIDE:
        return _decode_aside(exchange, read)
    exchange.cost = read(exchange)
    return None


async def _decode_aside(exchange: Exchange, read: Callable[[Inbound], int]) -> None:
    exchange.cost = await asyncio.to_thread(read, exchange)


def parse(exchange: Exchange) -> Waiting:
    """The dialect's own checks of the body; a large one beside the event loop, which a hostile one could hold for seconds."""
    if len(exchange.body) > PARSE_ASIDE:
        return _parse_aside(exchange)
    assert exchange.route.parse is not None
    exchange.submission = exchange.route.parse(exchange)
    return None


async def _parse_aside(exchange: Exchange) -> None:
    assert exchange.route.parse is not None
    exchange.submission = await asyncio.to_thread(exchange.route.parse, exchange)


def check(exchange: Exchange) -> Waiting:
    """The handler's own checks of the body; a large one beside the event loop."""
    look = exchange.gateway.checks[exchange.route.handler]
    if len(exchange.body) > PARSE_ASIDE:
        return _check_aside(exchange, look)
    look(exchange)
    return None


async def _check_aside(exchange: Exchange, look: Callable[[Exchange], None]) -> None:
    await asyncio.to_thread(look, exchange)


def decide(exchange: Exchange) -> None:
    """Stats and claims; a conflict is answered here, before any charge, and nothing is stored."""
    draft = exchange.gateway.admission.decide(exchange.submission, exchange.key.project)
    if draft.conflict:
        exchange.answer = draft.submission.render(draft.decisions)
    exchange.draft = draft


def quota(exchange: Exchange) -> None:
    """The project's records of this month, where it has a quota (rulings 2)."""
    gateway = exchange.gateway
    named = exchange.submission.project
    most = gateway.keys.quotas.get(exchange.key.project if named is None else named)
    if most is None:
        return
    admission = gateway.admission
    if exchange.draft is None:
        exchange.draft = admission.decide(exchange.submission, exchange.key.project)
    if admission.over_quota(exchange.draft, most):
        raise Refused(Fault.QUOTA, FaultDetail(retry_after=min(QUOTA_RETRY_S, admission.usage.left_s())))


def append(exchange: Exchange) -> Waiting:
    """Journal, sync, answer. A draft of an earlier step still holds: no step after it waits."""
    admission = exchange.gateway.admission
    draft = exchange.draft or admission.decide(exchange.submission, exchange.key.project)
    exchange.answer, durable = admission.put(draft, exchange.retry_key)
    return durable


async def handle(exchange: Exchange) -> None:
    """A read or a synchronous write of the API rooms."""
    with exchange.gateway.waiting.patiently():
        exchange.answer = await exchange.gateway.handlers[exchange.route.handler](exchange)


STEPS: dict[Step, StepFunction] = {
    "ip_guard": ip_guard,
    "declared_size": declared_size,
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
    "charge_cost": charge_cost,
    "append": append,
    "handle": handle,
}


def make_plan(match: Match, route: Route) -> Plan:
    """How ``route`` is gone through."""
    return Plan(match, match.dialect, route, tuple(STEPS[step] for step in route.steps))


def charge_reading(exchange: Exchange) -> None:
    """A body that is refused while its cost is still unknown costs one (``Route.decode``)."""
    if exchange.route.decode is not None and exchange.at and exchange.route.steps[exchange.at - 1] in READING:
        with suppress(Refused):
            _charge(exchange, 1)
