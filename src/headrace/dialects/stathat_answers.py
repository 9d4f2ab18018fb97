"""StatHat's yes and no (contract 1.5): ``{"status": 500, "msg": text}`` inside a 200, three styles of success, and when to hang up."""

from __future__ import annotations

from msgspec.structs import replace

from headrace.dialects.answers import retry_after
from headrace.dialects.base import Fault, FaultDetail, Inbound, Refusal, Route
from headrace.dialects.jsontext import compact
from headrace.records.intents import Answer

NO_KEY, NO_USER_KEY, NO_STAT_KEY = "no ezkey specified", "no ukey specified", "no key specified"
BAD_KEY, BAD_STAT_KEY = "invalid ezkey", "invalid key"
EZ_OFF = "ez api is switched off"
TOO_MUCH, BAD_JSON = "json too long", "invalid json"
QUOTA_EXCEEDED = "quota exceeded"
TOO_FAST, ENCODING = "rate limit exceeded", "unsupported encoding"
#: What readers of ``/x/`` and ``/a1/`` are told: of a token that opens nothing, and of too many requests (1.8).
BAD_TOKEN = "invalid access token"  # noqa: S105 - words
READ_RATE = '{"Error":"Rate limit exceeded."}'
#: What the owner of the key reads about a body that may have been cut short on its way (1.7).
TRUNCATED = "bytes beyond ASCII from a sender whose Content-Length may be wrong"

_UNTOLD = "unknown key"

#: Status of an error where the setting ``stathat_errors`` asks for one; 400 for those that are not here.
_STATUS = {TOO_MUCH: 413, BAD_KEY: 403, EZ_OFF: 403, QUOTA_EXCEEDED: 403, TOO_FAST: 429, ENCODING: 415}
#: Beginnings of the ``User-Agent`` of clients that take a 204 (contract 3).
_TAKES_204 = (b"Go-http-client/", b"curl/")

_NO_STORE = (b"cache-control", b"no-store")
_HEADERS = ((b"content-type", b"application/json"), _NO_STORE)
_CLOSE = (b"connection", b"close")
_OK = Answer(200, b'{"status":200,"msg":"ok"}', _HEADERS)
_NO_CONTENT = Answer(204, b"", (_NO_STORE,))


def error(text: str, *, reason: str = "") -> Answer:
    """An error as StatHat tells it; ``reason`` is the note for the key's owner where it says more than ``text``."""
    return Answer(200, _body(text), _HEADERS, reason or text)


def refuse(text: str, *, reason: str = "") -> Refusal:
    """:func:`error` as an exception to raise."""
    return Refusal(error(text, reason=reason))


def _body(text: str) -> bytes:
    return compact({"status": 500, "msg": text})


def success_of_batch(points: int) -> Answer:
    """The answer to a JSON batch of which ``points`` were stored."""
    return Answer(200, compact({"status": 200, "msg": "ok", "multiple": points}), _HEADERS)


def success(inbound: Inbound, *, verbose: bool) -> Answer:
    """The answer to a point that was stored. ``verbose``: the client asked for a body."""
    style = inbound.option("stathat_success")
    if style == "verbose" or verbose:
        return _OK
    agent = inbound.header(b"user-agent") or b""
    return _NO_CONTENT if style == "modern" or agent.startswith(_TAKES_204) else _OK


def is_json(inbound: Inbound) -> bool:
    """Whether the body is a JSON batch: only ``/ez`` takes one. Anything else is a form, a body without a type as well."""
    if inbound.route.path != "/ez" or inbound.method != "POST":
        return False
    kind = inbound.header(b"content-type") or b""
    return kind.partition(b";")[0].strip().lower() == b"application/json"


def _is_bare(inbound: Inbound) -> bool:
    """Whether a form has bytes beyond ASCII that nobody escaped. npm ``stathat`` then counts its Content-Length wrong: the rest of the
    body stays in the connection and spoils the next request (1.7).
    """
    return not inbound.body.isascii() and not is_json(inbound)


def may_be_truncated(inbound: Inbound) -> bool:
    """Whether that client sent this: it has no User-Agent, and its number may have lost digits."""
    return not inbound.body.isascii() and not inbound.header(b"user-agent") and not is_json(inbound)


def finish(inbound: Inbound, answer: Answer) -> Answer:
    """Gives errors a status of their own where the operator wants that, and hangs up on whoever may have left bytes behind."""
    if _reads(inbound.route):
        return answer
    if (
        answer.reason
        and answer.status == 200
        and answer.reason != _UNTOLD
        and inbound.option("stathat_errors") == "http"
    ):
        answer = replace(answer, status=_STATUS.get(answer.reason, 400))
    return answer.adding(_CLOSE) if _is_bare(inbound) else answer


def method_refused(inbound: Inbound) -> Refusal:
    """405 for HEAD, which would otherwise be answered as GET is."""
    return Refusal(fault(Fault.METHOD, FaultDetail(allow="GET, POST", inbound=inbound)))


def fault(kind: Fault, detail: FaultDetail) -> Answer:
    """What the gateway refuses, in StatHat's words (1.5, 1.12; the rulings' table of keys)."""
    if detail.inbound is not None and _reads(detail.inbound.route):
        return _read_fault(kind, detail, detail.inbound.route)
    match kind:
        case Fault.NOT_FOUND:
            return _plain(404, "not found")
        case Fault.METHOD:
            return _plain(405, "method not allowed", (b"allow", detail.allow.encode()))
        case Fault.NO_KEY:
            classic = detail.inbound is not None and detail.inbound.route.path != "/ez"
            return error(NO_USER_KEY if classic else NO_KEY)
        case Fault.BAD_KEY:
            return _silence(detail.inbound) or error(BAD_KEY)
        case Fault.NO_SCOPE:
            return error(BAD_KEY)
        case Fault.TOO_LARGE:
            return error(TOO_MUCH)
        case Fault.ENCODING:
            return error(ENCODING)
        case Fault.UNREADABLE:
            return error("body does not match its content encoding")
        case Fault.QUOTA:
            return error(QUOTA_EXCEEDED)
        case Fault.RATE | Fault.AUTH_RATE:
            return error(TOO_FAST)
        case Fault.IDEMPOTENCY_KEY:
            return _plain(400, "Idempotency-Key must be 1 to 255 visible ASCII characters")
        case Fault.UNAVAILABLE:
            return _plain(503, "service unavailable", retry_after(detail.retry_after))
        case Fault.INTERNAL:
            return _plain(500, "internal error")


def _reads(route: Route) -> bool:
    return route.path.startswith(("/x/", "/a1/"))


def told(status: int, text: str, *headers: tuple[bytes, bytes]) -> Answer:
    """An error of a read, which has a status of its own: ``{"msg": text}`` (1.8)."""
    return Answer(status, compact({"msg": text}), (*_HEADERS, *headers), text)


def _read_fault(kind: Fault, detail: FaultDetail, route: Route) -> Answer:
    """What the gateway refuses at ``/x/`` and ``/a1/``. A rate is told inside a 200, as one reader knows it (1.8)."""
    match kind:
        case Fault.NO_KEY | Fault.BAD_KEY:
            challenge = () if route.path.startswith("/x/") else ((b"www-authenticate", b'Basic realm="Headrace"'),)
            return told(401, BAD_TOKEN, *challenge)
        case Fault.NO_SCOPE:
            return told(403, f"this token lacks the {detail.scope} scope")
        case Fault.RATE | Fault.AUTH_RATE:
            headers = (*_HEADERS, retry_after(detail.retry_after))
            return Answer(200, READ_RATE.encode(), headers, TOO_FAST)
        case Fault.TOO_LARGE:
            return told(413, "body too large")
        case Fault.ENCODING:
            return told(415, ENCODING)
        case Fault.UNREADABLE:
            return told(400, "body does not match its content encoding")
        case Fault.UNAVAILABLE:
            return told(503, "service unavailable", retry_after(detail.retry_after))
        case _:
            return told(500, "internal error")


def _plain(status: int, text: str, *headers: tuple[bytes, bytes]) -> Answer:
    """An error that is no success on the wire either."""
    return Answer(status, _body(text), (*_HEADERS, *headers), text)


def _silence(inbound: Inbound | None) -> Answer | None:
    """The answer of a success, for an operator who wants StatHat's silence about unknown keys; it counts as a refusal."""
    if inbound is None or inbound.option("stathat_silent_bad_key") != "yes":
        return None
    reading = inbound.reading
    items = None if reading is None else reading.items
    asked = reading is not None and reading.params.get("vb", "").strip() == "1"
    told = success(inbound, verbose=asked) if items is None else success_of_batch(len(items))
    return replace(told, reason=_UNTOLD)


#: Statuses that any of the routes may answer with, for the documentation.
REFUSALS = (
    (400, '{"status":500,"msg":"Idempotency-Key must be 1 to 255 visible ASCII characters"}'),
    (405, '{"status":500,"msg":"method not allowed"}'),
    (500, '{"status":500,"msg":"internal error"}'),
    (503, '{"status":500,"msg":"service unavailable"}'),
)
