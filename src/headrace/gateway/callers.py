"""Who asks: the steps that look at the client's address and at its key."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from headrace.admission.keys import LOGIN, LOGIN_PREFIXES, KeyRow, LookUpFailed, digest_of
from headrace.admission.limits import Spec
from headrace.dialects.base import Fault, FaultDetail, Inbound, LimitState, Route
from headrace.gateway.bodies import BUSY_RETRY_S, PARSE_ASIDE
from headrace.gateway.charges import rate_detail
from headrace.gateway.credentials import find_secret
from headrace.gateway.exchange import Exchange, Refused, Waiting


def ip_guard(exchange: Exchange) -> None:
    """Flood guard by client address; loopback and the operator's own networks are not counted."""
    dialect, route = exchange.dialect.name, exchange.route
    per_minute = route.flood or exchange.dialect.ip_limits[0]
    address = exchange.gateway.peers.counted(exchange.line.client, exchange.head.headers)
    if per_minute and address:
        charge = exchange.gateway.limiter.charge(
            ("ip", f"{dialect} {route.group}" if route.flood else dialect, address), Spec("aligned", per_minute, 0), 1
        )
        if not charge.allowed:
            raise Refused(Fault.AUTH_RATE, rate_detail(charge))


def auth(exchange: Exchange) -> Waiting:
    """The key. A look-up that cannot be made is 503, never 401: real SDKs switch themselves off on 401 (rulings 1)."""
    secret_of = exchange.route.secret_of
    if secret_of is None:
        secret, digest = _shown(exchange)
        if secret is None and exchange.route.sessions and exchange.header(b"cookie") is not None:
            return _auth_person(exchange)
        return _authenticate(exchange, secret, digest)
    if len(exchange.body) > PARSE_ASIDE:
        return _auth_aside(exchange, secret_of)
    return _authenticate_read(exchange, secret_of(exchange))


async def _auth_person(exchange: Exchange) -> None:
    key = await asyncio.to_thread(exchange.gateway.session_key, exchange)
    if key is None:
        _refuse_unknown(exchange, Fault.NO_KEY)
        return
    exchange.key = key


async def _auth_login(exchange: Exchange, token: str) -> None:
    """The token of a program that signed in as a person. It is none of the keys, and its look-up asks the catalog."""
    key = await asyncio.to_thread(exchange.gateway.login_key, exchange, token)
    if key is None:
        _refuse_unknown(exchange, Fault.BAD_KEY)
        return
    exchange.key = key


async def _auth_aside(exchange: Exchange, secret_of: Callable[[Inbound], str | None]) -> None:
    waiting = _authenticate_read(exchange, await asyncio.to_thread(secret_of, exchange))
    if waiting is not None:
        await waiting


def _authenticate_read(exchange: Exchange, secret: str | None) -> Waiting:
    """With the key that query or body hold, or, if neither has a place for it, the headers."""
    if secret is None:
        return _authenticate(exchange, *_shown(exchange))
    return _authenticate(exchange, secret or None, digest_of(secret))


def _shown(exchange: Exchange) -> tuple[str | None, bytes]:
    """The secret that the headers show, and its digest; worked out once for each head that the front keeps."""
    notes = exchange.head.notes
    if "secret" not in notes:
        secret = find_secret(exchange.headers, exchange.dialect.key_places)
        notes["secret"] = secret, b"" if secret is None else digest_of(secret)
    shown: tuple[str | None, bytes] = notes["secret"]
    return shown


def _authenticate(exchange: Exchange, secret: str | None, digest: bytes) -> Waiting:
    """Waits only for a login's token, which has no place in a path, query or body: where one of these holds the key, a route has to take
    logins by name.
    """
    key: KeyRow | None = None
    if secret is not None:
        try:
            key = exchange.gateway.keys.find(secret, digest)
        except LookUpFailed:
            raise Refused(Fault.UNAVAILABLE, FaultDetail(retry_after=BUSY_RETRY_S)) from None
    if key is None or not (exchange.route.names_project or exchange.gateway.keys.has_project(key)):
        if secret is not None and secret.startswith(LOGIN_PREFIXES) and _takes_logins(exchange.route):
            return _auth_login(exchange, secret)
        _refuse_unknown(exchange, Fault.NO_KEY if secret is None else Fault.BAD_KEY)
        return None
    exchange.key = key
    return None


def _takes_logins(route: Route) -> bool:
    return route.secret_of is None or LOGIN in route.kinds


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
        raise Refused(Fault.AUTH_RATE, rate_detail(charge))
    exchange.limit_state = LimitState(*charge)
    raise Refused(fault)


def scope(exchange: Exchange) -> None:
    """The key's kind and scopes against the route's (rulings 2)."""
    key = exchange.key
    needed = exchange.route.scope
    missing = needed if isinstance(needed, str) else next((one for one in needed if one not in key.scopes), "")
    if key.kind not in exchange.route.kinds or (missing and missing not in key.scopes):
        raise Refused(Fault.NO_SCOPE, FaultDetail(scope=missing or "write"))


def place(exchange: Exchange) -> Waiting:
    """The project that a login acts in, where it has no project of its own as a key has, and its person's role there."""
    return _place(exchange) if exchange.key.kind == LOGIN else None


async def _place(exchange: Exchange) -> None:
    exchange.key = await asyncio.to_thread(exchange.gateway.place_login, exchange)
