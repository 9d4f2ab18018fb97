"""StatHat: counters and values by stat name (EZ) or by a stat's own key (classic); contract 1.2 to 1.7, 1.12."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import partial

import msgspec
from msgspec.structs import replace

from headrace.dialects.answers import Problem
from headrace.dialects.base import Dialect, Inbound, Route, Step
from headrace.dialects.stathat_answers import (
    BAD_STAT_KEY,
    EZ_OFF,
    NO_STAT_KEY,
    REFUSALS,
    TOO_MUCH,
    TRUNCATED,
    error,
    fault,
    finish,
    may_be_truncated,
    refuse,
    success,
    success_of_batch,
)
from headrace.dialects.stathat_embeds import ROUTES as EMBEDS
from headrace.dialects.stathat_forms import (
    BAD_COUNT,
    Item,
    Measured,
    classic_point,
    measure,
    names_of,
    plain_count,
)
from headrace.dialects.stathat_reading import item_of, read_classic, read_ez, read_request
from headrace.dialects.stathat_reads import ROUTES as READS
from headrace.records.intents import NEW, Answer, Decision, Intent, StatType, Submission, Verdict
from headrace.records.text import clean_text

#: Bytes of a body, as sent and decoded (rulings 1).
BODY_CAP = 1024 * 1024
#: Points that the items of a request may stand for, after ``~``: the answer to more is the same, and clients then send less at once.
MAX_POINTS = 10_000

_HEX_KEY = re.compile(r"[0-9A-Fa-f]{32}", re.ASCII)
_FORM, _JSON = "application/x-www-form-urlencoded", "application/json"


class Post(msgspec.Struct):
    """One point. ``stat`` is a name of 1 to 255 characters; ``prefix~a,b`` posts to ``prefix a`` and ``prefix b``. ``count`` adds to a
    counter, ``value`` is a measurement. ``t``: Unix seconds, default now. ``vb=1`` asks for an answer with a body. ``email`` is another
    name of ``ezkey``. Many points go in one JSON body, ``{"ezkey": …, "data": [{"stat": …, "count": …}, …]}``, at most 5,000.
    """

    stat: str
    count: float | None = None
    value: float | None = None
    t: int | None = None
    ezkey: str | None = None
    email: str | None = None
    vb: str | None = None


class ClassicCount(msgspec.Struct):
    """``ukey`` is the project's user key, ``key`` the stat's own (or, with a key of the project, its name). ``count`` defaults to 1."""

    ukey: str
    key: str
    count: float = 1
    t: int | None = None


class ClassicValue(msgspec.Struct):
    """``ukey`` is the project's user key, ``key`` the stat's own (or, with a key of the project, its name)."""

    ukey: str
    key: str
    value: float
    t: int | None = None


def parse_ez(inbound: Inbound) -> Submission:
    """``/ez``: one point, or a JSON batch whose items are independent (1.12)."""
    reading = inbound.reading or read_request(inbound)
    if not inbound.project_allows("ez"):
        raise refuse(EZ_OFF)
    plain = plain_count(reading.params, inbound.received_us) if reading.items is None else None
    if plain is not None and inbound.body.isascii():
        render = partial(_render, _success(inbound), batch=False, first_failed=False, problems=[])
        return Submission((Intent((), (plain,)),), render, atomic=False)
    batch = reading.items is not None
    items = reading.items if reading.items is not None else [item_of(reading.params)]
    if not batch and may_be_truncated(inbound) and names_of(items[0].stat):
        raise refuse(BAD_COUNT, reason=TRUNCATED)
    points, problems = _measure_all(items, inbound, implied=batch)
    if not points and problems:
        raise refuse(problems[0][1])
    intents = [
        Intent(points=(point,), otherwise=() if otherwise is None else (otherwise,)) for point, otherwise in points
    ]
    first_failed = bool(problems) and problems[0][0] == 0
    render = partial(_render, _success(inbound), batch=batch, first_failed=first_failed, problems=problems)
    return Submission(intents, render, atomic=False, cost=len(points))


def _measure_all(
    items: Sequence[Item], inbound: Inbound, *, implied: bool
) -> tuple[list[Measured], list[tuple[int, str]]]:
    """The points of all valid items, and (index, what is wrong) of the others."""
    points: list[Measured] = []
    problems: list[tuple[int, str]] = []
    zero = _zero(inbound)
    for index, item in enumerate(items):
        try:
            points += measure(item, inbound.received_us, implied=implied, zero=zero)
        except Problem as problem:
            problems.append((index, str(problem)))
        if len(points) > MAX_POINTS:
            raise refuse(TOO_MUCH)
    return points, problems


def _zero(inbound: Inbound) -> float:
    return 1.0 if inbound.option("stathat_zero_count") == "one" else 0.0


def _render(
    stored_one: Answer,
    decisions: Sequence[Decision],
    *,
    batch: bool,
    first_failed: bool,
    problems: list[tuple[int, str]],
) -> Answer:
    """``stored_one``: the answer to a single point that is stored."""
    if not problems and len(decisions) == 1 and decisions[0] is NEW and not batch:
        return stored_one
    conflicts = [decision for decision in decisions if decision.verdict is not Verdict.NEW]
    stored = len(decisions) - len(conflicts)
    if decisions and not stored:
        return error(problems[0][1] if first_failed else f"stat is a {conflicts[0].stat_type}")
    answer = success_of_batch(stored) if batch else stored_one
    lost = len(problems) + len(conflicts)
    if not lost:
        return answer
    first = problems[0][1] if problems else f"stat is a {conflicts[0].stat_type}"
    return replace(answer, skipped=f"{lost} left out of {lost + stored}, {first}")


def _success(inbound: Inbound) -> Answer:
    """What a stored point is answered with. Asked before it is stored: what renders the answer must not hold the request, which holds it."""
    asked = inbound.reading is not None and inbound.reading.params.get("vb", "").strip() == "1"
    return success(inbound, verbose=asked)


# --- the classic API (1.6)


def _parse_classic(kind: StatType, inbound: Inbound) -> Submission:
    if inbound.reading is None:
        read_classic(inbound)
    params = inbound.reading.params
    key = params.get("key", "").strip()
    if not key:
        raise refuse(NO_STAT_KEY)
    stat = _classic_stat(inbound, key)
    if stat is None:
        raise refuse(BAD_STAT_KEY)
    if may_be_truncated(inbound):
        raise refuse(BAD_COUNT, reason=TRUNCATED)
    number = "count" if kind == "counter" else "value"
    item = Item(stat[0], t=params.get("t"))._replace(**{number: params.get(number)})
    try:
        point = classic_point(stat, kind, item, inbound.received_us, zero=_zero(inbound))
    except Problem as problem:
        raise refuse(str(problem)) from None
    if point is None:
        raise refuse(BAD_STAT_KEY)

    stored_one = _success(inbound)

    def render(decisions: Sequence[Decision]) -> Answer:
        return stored_one if decisions[0] is NEW else error(BAD_STAT_KEY)

    return Submission([Intent(points=(point,))], render, atomic=False)


def _classic_stat(inbound: Inbound, key: str) -> tuple[str, str] | None:
    """The stat behind a classic key, or, unless the user key is one that pages may show, behind a name."""
    stat = inbound.stat_of_classic_key(key.lower()) if _HEX_KEY.fullmatch(key) else None
    if stat is not None or inbound.key_kind == "classic":
        return stat
    name = clean_text(key)
    kind = inbound.stat_type(name)
    return None if kind is None else (name, kind)


parse_count = partial(_parse_classic, "counter")
parse_value = partial(_parse_classic, "value")


# --- routes

#: 1.12; the key is in the body. What conflicts with a stat's type is told before anything is charged.
_GET: tuple[Step, ...] = ("auth", "scope", "idempotency", "parse", "decide", "quota", "charge_cost", "append")
_POST: tuple[Step, ...] = ("declared_size", "body", *_GET)

_PARAMETERS = (
    ("ezkey", "The key; any key of the project with the write scope works here too, also in a header."),
    ("email", "Another name of ezkey."),
    ("stat", "The stat's name, 1 to 255 characters; `prefix~a,b` stands for `prefix a` and `prefix b`."),
    ("count", "Adds to a counter. One of count and value is needed."),
    ("value", "A measurement."),
    ("t", "Unix seconds, default now."),
    ("vb", "1: answer with a body in any case."),
)
_CLASSIC_PARAMETERS = (
    ("ukey", "The project's user key, or any of its keys with the write scope."),
    ("key", "The stat's own key, 32 hex digits; with a key of the project also the stat's name."),
    ("t", "Unix seconds, default now."),
)

_EZ = Route(
    path="/ez",
    method="POST",
    dialect="stathat",
    steps=_POST,
    summary="Store a point by its stat's name, or a JSON batch; a stat is created by its first one.",
    parse=parse_ez,
    cap=BODY_CAP,
    decoded_cap=BODY_CAP,
    encodings=("gzip", "deflate", "zstd"),
    body_type=Post,
    sample="stat=page+views&count=1",
    content_types=(_FORM, _JSON),
    answers=(
        (200, '{"status":200,"msg":"ok"}'),
        (200, '{"status":200,"msg":"ok","multiple":2}'),
        (200, '{"status":500,"msg":"no ezkey specified"}'),
        (200, '{"status":500,"msg":"json too long"}'),
        (204, ""),
        *REFUSALS,
    ),
    kinds=("key", "legacy"),
    secret_of=read_ez,
)
_EZ_GET = _EZ._replace(
    method="GET",
    steps=_GET,
    summary="Store a point by its stat's name, from a query.",
    cap=0,
    decoded_cap=0,
    encodings=(),
    content_types=(),
    parameters=_PARAMETERS,
)
_COUNT = _EZ._replace(
    path="/c",
    summary="Store a count by its stat's own key; the stat must exist.",
    parse=parse_count,
    body_type=ClassicCount,
    sample="ukey=d41d8cd98f00b204e9800998ecf8427e&key=9e107d9d372bb6826bd81d3542a419d6&count=1",
    content_types=(_FORM,),
    answers=(
        (200, '{"status":200,"msg":"ok"}'),
        (200, '{"status":500,"msg":"no ukey specified"}'),
        (200, '{"status":500,"msg":"invalid key"}'),
        (204, ""),
        *REFUSALS,
    ),
    kinds=("key", "legacy", "classic"),
    secret_of=read_classic,
    cors_by_project=True,
)
_VALUE = _COUNT._replace(
    path="/v",
    summary="Store a value by its stat's own key; the stat must exist.",
    parse=parse_value,
    body_type=ClassicValue,
    sample="ukey=d41d8cd98f00b204e9800998ecf8427e&key=9e107d9d372bb6826bd81d3542a419d6&value=0.42",
)


def _by_query(route: Route, number: str) -> Route:
    return route._replace(
        method="GET",
        steps=_GET,
        cap=0,
        decoded_cap=0,
        encodings=(),
        content_types=(),
        parameters=(*_CLASSIC_PARAMETERS, (number, "The number.")),
    )


DIALECT = Dialect(
    name="stathat",
    title="StatHat",
    prefixes=("/ez", "/c", "/v", "/x/", "/a1/", "/embed/", "/javascripts/"),
    routes=(_EZ, _EZ_GET, _COUNT, _by_query(_COUNT, "count"), _VALUE, _by_query(_VALUE, "value"), *READS, *EMBEDS),
    key_places=("bearer",),
    fault=fault,
    finish=finish,
)
