"""StatHat's forms, batches and answers without a server (contract 1.2-1.7)."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote_plus

import pytest
from bodies import bodies, document, finite, text, values
from hypothesis import given
from hypothesis import strategies as st
from inbound import NOW_US, FakeInbound, route_of
from msgspec.structs import replace
from outcomes import check_storable

from headrace.dialects.base import Fault, FaultDetail, LimitState, Refusal
from headrace.dialects.jsontext import NotJson
from headrace.dialects.stathat import BODY_CAP, DIALECT, MAX_POINTS
from headrace.dialects.stathat_answers import finish
from headrace.dialects.stathat_forms import amount, measure, moment, names_of, plain_count, read_form
from headrace.dialects.stathat_reading import MAX_ITEMS, exact_batch, fast_batch, item_of
from headrace.records.intents import NEW, Answer, Decision, PointIn, Verdict
from headrace.records.tables import PointFlag
from headrace.records.times import FUTURE_US
from headrace.settings.table import DIALECT_OPTIONS, SETTINGS_BY_NAME

NOW_MS = NOW_US // 1000
JSON = {b"content-type": b"application/json"}
KEY = "c0ffee" + "0" * 26
COUNTER_IS, VALUE_IS = (Decision(Verdict.CONFLICT, stat="x", stat_type=kind) for kind in ("counter", "value"))


@dataclass
class Request(FakeInbound):
    """A request as the dialect sees it. ``stats``: name to type; the classic key ``KEY`` is that of ``named``."""

    sent: bytes = b""
    verb: str = ""
    key_kind: str = "key"
    reading: Any = None
    features: frozenset[str] = frozenset({"ez"})
    named: str = "hits"
    stats: dict[str, str] = field(default_factory=lambda: {"hits": "counter", "load": "value"})
    options: dict[str, str] = field(default_factory=dict)

    @property
    def method(self) -> str:
        return self.verb or self.route.method

    def query_bytes(self) -> bytes:
        return self.sent

    def stat_type(self, name: str) -> str | None:
        return self.stats.get(name)

    def stat_of_classic_key(self, classic_key: str) -> tuple[str, str] | None:
        return (self.named, self.stats[self.named]) if classic_key == KEY else None

    def option(self, name: str) -> str:
        assert name in DIALECT_OPTIONS
        return self.options.get(name, SETTINGS_BY_NAME[name].default)

    def project_allows(self, feature: str) -> bool:
        return feature in self.features


def ask(body: bytes | str = b"", path: str = "/ez", method: str = "POST", **more: Any) -> Request:
    raw = body.encode() if isinstance(body, str) else body
    return Request(route_of(DIALECT, path, method), raw, **{"headers": {b"user-agent": b"test/1"}} | more)


def batch(data: Any, **more: Any) -> Request:
    return ask(json.dumps({"ezkey": "k", "data": data}), headers=JSON, **more)


def points(request: Request) -> list[tuple[Any, ...]]:
    """(name, type, value) of what is stored."""
    submission = request.route.parse(request)
    check_storable(submission)
    assert submission.atomic is False
    assert submission.cost == len(submission.intents)
    return [(point[0], point[1], point[3]) for intent in submission.intents for point in intent.points]


def said(answer: Answer) -> Any:
    headers = dict(answer.headers)
    assert headers[b"cache-control"] == b"no-store"
    if answer.status == 204:
        assert answer.body == b""
        return None
    assert headers[b"content-type"] == b"application/json"
    return json.loads(answer.body)


def error_of(request: Request) -> str:
    """The text with which the request is refused."""

    def take() -> None:
        request.route.secret_of(request)
        request.route.parse(request)

    with pytest.raises(Refusal) as refused:
        take()
    answer = refused.value.answer
    assert answer.status == 200
    assert answer.reason
    body = said(answer)
    assert list(body) == ["status", "msg"]
    assert body["status"] == 500
    return body["msg"]


def answered(request: Request, *decisions: Decision) -> Any:
    submission = request.route.parse(request)
    return said(submission.render(decisions or [NEW] * len(submission.intents)))


# --- forms and numbers

FORMS = {
    b"": {},
    b"a=1&b=2": {"a": "1", "b": "2"},
    b"a=1;b=2": {"a": "1;b=2"},
    b"stat=100% a=b#c": {"stat": "100% a=b#c"},
    b"a=%41%zz%4&b=%": {"a": "A%zz%4", "b": "%"},
    b"a=x+y%2Bz": {"a": "x y+z"},
    b"a=1&a=2": {"a": "2"},
    b"a&=&b=1&": {"": "", "b": "1"},
    "a=é".encode(): {"a": "é"},
    b"a=\xe9%e9": {"a": "éé"},
    b"a=%c3%a9": {"a": "é"},
    b"%73tat=x": {"stat": "x"},
}


@pytest.mark.parametrize(("raw", "found"), FORMS.items(), ids=repr)
def test_forms_are_read_as_they_come(raw: bytes, found: dict[str, str]) -> None:
    assert read_form(raw) == found


NUMBERS: dict[Any, float | None] = {
    "1": 1.0,
    " -2.5 ": -2.5,
    "+.5": 0.5,
    "5.": 5.0,
    "1e+06": 1e6,
    "1e 06": 1e6,
    "1.234567e+06": 1_234_567.0,
    "1e-7": 1e-7,
    "1E6": 1e6,
    "0": 0.0,
    "1" * 400: None,  # beyond a double
    "0" * 400: 0.0,
    "0" * 401: None,
    **dict.fromkeys(
        ("", " ", "1,5", "NaN", "inf", "-Infinity", "1e999", "1e", "e5", ".", "1_000", "0x10", "1 2", "٣", "1e + 6")
    ),
    3: 3.0,
    2.5: 2.5,
    True: None,
    float("nan"): None,
    10**400: None,
    None: None,
}


@pytest.mark.parametrize(("sent", "value"), NUMBERS.items(), ids=lambda item: repr(item)[:20])
def test_numbers(sent: Any, value: float | None) -> None:
    assert amount(sent) == value


@given(finite)
def test_every_finite_number_survives_its_text(value: float) -> None:
    assert amount(repr(value)) == amount(f" {value!r}\n") == float(value)


TIMES = {
    "missing": (None, (NOW_MS, 0)),
    "empty": ("", (NOW_MS, 0)),
    "zero": ("0", (NOW_MS, 0)),
    "negative": (-5, (NOW_MS, 0)),
    "seconds": ("1363118126", (1_363_118_126_000, PointFlag.BACKDATED)),
    "a fraction": (1_363_118_126.5, (1_363_118_126_500, PointFlag.BACKDATED)),
    "in Go's form": ("1.363118126e+09", (1_363_118_126_000, PointFlag.BACKDATED)),
    "milliseconds": ("1363118126123", (1_363_118_126_123, PointFlag.BACKDATED)),
    "before 2000": ("946684799", (NOW_MS, PointFlag.CLAMPED)),
    "2000": ("946684800", (946_684_800_000, PointFlag.BACKDATED)),
    "five minutes ahead": (NOW_MS // 1000 + 300, (NOW_MS + FUTURE_US // 1000, PointFlag.BACKDATED)),
    "more": (NOW_MS // 1000 + 301, (NOW_MS, PointFlag.CLAMPED)),
    "absurd": (1e308, (NOW_MS, PointFlag.CLAMPED)),
}


@pytest.mark.parametrize(("sent", "found"), TIMES.values(), ids=TIMES)
def test_times(sent: Any, found: tuple[int, int]) -> None:
    assert moment(sent, NOW_US) == found


NAMES = {
    "plain": ("page views", ["page views"]),
    "trimmed": ("  x ", ["x"]),
    "documented": (
        "messages sent~total,female,europe",
        [f"messages sent {part}" for part in ("total", "female", "europe")],
    ),
    "no prefix": ("~a,b", ["a", "b"]),
    "blanks and empty parts": (" p ~ a ,, b,", ["p a", "p b"]),
    "twice": ("p~a,a", ["p a"]),
    "a second tilde": ("p~a~b,c", ["p a b", "p c"]),
    "no part": ("p~", []),
    "only commas": ("p~,,", []),
    "blank": ("  ", []),
    "no text": (5, []),
    "NUL and half a pair": ("a\x00b\ud800", ["a\ufffdb\ufffd"]),
}


@pytest.mark.parametrize(("stat", "found"), NAMES.values(), ids=NAMES)
def test_names(stat: Any, found: list[str]) -> None:
    assert names_of(stat) == found


@pytest.mark.parametrize(("parts", "fits"), [(99, True), (100, True), (101, False)])
def test_so_many_parts(parts: int, fits: bool) -> None:
    request = ask(f"stat=p~{','.join(map(str, range(parts)))}&count=1")
    assert len(points(request)) == parts if fits else error_of(request) == "stat name too long"


@pytest.mark.parametrize("character", ["n", "\N{PILE OF POO}"])
@pytest.mark.parametrize(("length", "fits"), [(254, True), (255, True), (256, False)])
def test_the_length_of_a_name(character: str, length: int, fits: bool) -> None:
    for stat in (character * length, "~" + character * length):
        request = ask(f"stat={quote_plus(stat)}&count=1")
        assert len(points(request)) == 1 if fits else error_of(request) == "stat name too long"


# --- EZ posts

POSTS = {
    "stat=x&count=2": [("x", "counter", 2.0)],
    "stat=x&value=-0.5": [("x", "value", -0.5)],
    "stat=x&count=0": [("x", "counter", 0.0)],
    "stat=m~a,b&value=3": [("m a", "value", 3.0), ("m b", "value", 3.0)],
    "stat=x&count=1&vb=1&nonsense=2&": [("x", "counter", 1.0)],
}


@pytest.mark.parametrize(("form", "found"), POSTS.items(), ids=POSTS)
def test_form_query_and_both(form: str, found: list[Any]) -> None:
    assert points(ask(form)) == found
    assert points(ask(sent=form.encode())) == found
    assert points(ask(sent=form.encode(), method="GET")) == found
    assert points(ask(form, sent=b"stat=other&count=7"))[0][0] == found[0][0]


REFUSED = {
    "stat=x": "no count or value",
    "count=1": "no stat",
    "stat=~&count=1": "no stat",
    "stat=x&count=": "invalid count",
    "stat=x&count=1,5": "invalid count",
    "stat=x&value=NaN": "invalid value",
    "stat=x&count=&value=1": "invalid count",
    "stat=x&count=1&t=noon": "invalid t",
    f"stat={'x' * 256}&count=1": "stat name too long",
    # Of two things wrong the earlier in 1.12.
    "stat=&count=x": "no stat",
    "stat=x&count=x&t=x": "invalid count",
    f"stat={'x' * 256}&count=1&t=x": "invalid t",
}


@pytest.mark.parametrize(("form", "problem"), REFUSED.items(), ids=lambda item: item[:30])
def test_what_is_wrong_with_a_form(form: str, problem: str) -> None:
    assert error_of(ask(form)) == problem
    if problem != "no count or value":  # which an item of a batch need not have
        assert error_of(batch([dict(pair.split("=", 1) for pair in form.split("&"))])) == problem


def test_both_numbers_go_where_the_stat_is() -> None:
    for request in (ask("stat=x&count=1&value=2"), batch([{"stat": "x", "count": 1, "value": 2}])):
        (intent,) = request.route.parse(request).intents
        assert [(PointIn(*point).type, PointIn(*point).value) for point in (*intent.points, *intent.otherwise)] == [
            ("counter", 1.0),
            ("value", 2.0),
        ]


def test_a_zero_may_count_one() -> None:
    one = {"options": {"stathat_zero_count": "one"}}
    assert points(ask("stat=x&count=0", **one)) == [("x", "counter", 1.0)]
    assert points(ask("stat=x&value=0", **one)) == [("x", "value", 0.0)]
    assert points(batch([{"stat": "x", "count": 0}], **one)) == [("x", "counter", 1.0)]
    assert points(ask(f"ukey=k&key={KEY}&count=0", "/c", **one)) == [("hits", "counter", 1.0)]


SECRETS = {
    "ezkey=a&email=b": "a",
    "email=b": "b",
    "ezkey=&email=b": "b",
    "ezkey=": "",
    "stat=x": None,
    "ezkey=me%40example.test": "me@example.test",
}


@pytest.mark.parametrize(("form", "secret"), SECRETS.items(), ids=SECRETS)
def test_where_the_key_is(form: str, secret: str | None) -> None:
    for request in (ask(form), ask(sent=form.encode()), ask(sent=form.encode(), method="GET")):
        assert request.route.secret_of(request) == secret
    fields = json.dumps({"data": [], **dict(pair.split("=") for pair in form.replace("%40", "@").split("&"))})
    request = ask(fields, headers=JSON)
    assert request.route.secret_of(request) == secret
    request = ask('{"data":[]}', headers=JSON, sent=form.encode())
    assert request.route.secret_of(request) == secret


def test_the_body_wins_over_the_query() -> None:
    request = ask("ezkey=body", sent=b"ezkey=query")
    assert request.route.secret_of(request) == "body"


def test_a_body_without_a_type_is_a_form_and_json_may_have_parameters() -> None:
    for kind in (b"", b"text/plain", b"application/x-www-form-urlencoded; charset=utf-8"):
        assert points(ask("stat=x&count=1", headers={b"content-type": kind})) == [("x", "counter", 1.0)]
    for kind in (b"application/json; charset=utf-8", b"Application/JSON"):
        request = ask('{"data":[{"stat":"x","count":1}]}', headers={b"content-type": kind})
        assert points(request) == [("x", "counter", 1.0)]


def test_a_project_that_switched_ez_off() -> None:
    off = {"features": frozenset()}
    for request in (ask("stat=x&count=1", **off), ask("", **off), batch([], **off)):
        assert error_of(request) == "ez api is switched off"
    assert points(ask(f"ukey=k&key={KEY}", "/c", **off)) == [("hits", "counter", 1.0)]


def test_head_stores_nothing() -> None:
    for path in ("/ez", "/c", "/v"):
        request = ask(path=path, method="GET", verb="HEAD", sent=b"stat=x&count=1&ukey=k&key=" + KEY.encode())
        with pytest.raises(Refusal) as refused:
            request.route.secret_of(request)
        assert refused.value.answer.status == 405
        assert dict(refused.value.answer.headers)[b"allow"] == b"GET, POST"


# --- batches

BATCHES = {
    "the manual's own": ('{"ezkey":"k","data":[{"stat":"a","count":2},{"stat":"b","value":0.7,"t":1363118126},]}', 2),
    "commas everywhere": ('{"data" : [ {"stat":"a,]","count":1 , } , \n],}', 1),
    "null time": ('{"data":[{"stat":"a","count":1,"t":null}]}', 1),
    "no number": ('{"data":[{"stat":"a"}]}', 1),
    "null numbers": ('{"data":[{"stat":"a","count":null,"value":null}]}', 1),
    "numbers as text": ('{"data":[{"stat":"a","count":"1e+06"}]}', 1),
    "expanded": ('{"data":[{"stat":"a~b,c","count":1}]}', 2),
    "unknown fields": ('{"data":[{"stat":"a","count":1,"x":{}}],"y":[]}', 1),
    "one item as it is": ('{"stat":"a","count":1}', 1),
    "byte-order mark": ('\ufeff{"data":[{"stat":"a","count":1}]}', 1),
    "nothing": ('{"data":[]}', 0),
}


@pytest.mark.parametrize(("body", "count"), BATCHES.values(), ids=BATCHES)
def test_batches(body: str, count: int) -> None:
    assert answered(ask(body, headers=JSON)) == {"status": 200, "msg": "ok", "multiple": count}


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b"5", b'{"data":[}', b"\xff", b'{"a":1}}', b'{"data":[,]', b'"' + b'\\"' * 50_000]
)
def test_what_is_no_batch(body: bytes) -> None:
    assert error_of(ask(body, headers=JSON)) == "invalid json"


def test_an_item_without_a_number_counts_one() -> None:
    assert points(batch([{"stat": "a"}])) == [("a", "counter", 1.0)]


def test_valid_items_are_stored_whatever_the_others_are() -> None:
    data = [{"stat": "a~b,c", "count": 1}, {"count": 1}, 5, {"stat": "v", "value": 2}, {"stat": "t", "t": "x"}]
    request = batch(data)
    submission = request.route.parse(request)
    assert [intent.points[0][0] for intent in submission.intents] == ["a b", "a c", "v"]
    answer = submission.render([NEW, COUNTER_IS, NEW])
    assert said(answer) == {"status": 200, "msg": "ok", "multiple": 2}
    assert answer.skipped == "4 left out of 6, no stat"
    assert not answer.reason


def test_only_if_none_is_valid_the_first_error_is_told() -> None:
    assert error_of(batch([{"stat": "x", "count": "x"}, {"count": 1}])) == "invalid count"
    assert error_of(batch([5])) == "no stat"
    conflicts = batch([{"stat": "x", "value": 1}, {"count": 1}])
    assert answered(conflicts, COUNTER_IS) == {"status": 500, "msg": "stat is a counter"}
    late = batch([{"count": 1}, {"stat": "x", "count": 1}])
    assert answered(late, VALUE_IS) == {"status": 500, "msg": "no stat"}
    assert answered(ask("stat=x&count=1"), VALUE_IS) == {"status": 500, "msg": "stat is a value"}


@pytest.mark.parametrize(("items", "fits"), [(MAX_ITEMS - 1, True), (MAX_ITEMS, True), (MAX_ITEMS + 1, False)])
def test_so_many_items(items: int, fits: bool) -> None:
    request = batch([{"stat": "x", "count": 1}] * items)
    assert len(points(request)) == items if fits else error_of(request) == "json too long"
    slow = batch([{"stat": "x", "count": 1, "more": 1}] * items)
    assert len(points(slow)) == items if fits else error_of(slow) == "json too long"


@pytest.mark.parametrize(("more", "fits"), [(0, True), (1, False)])
def test_so_many_points(more: int, fits: bool) -> None:
    full = {"stat": "p~" + ",".join(map(str, range(100))), "count": 1}
    request = batch([full] * (MAX_POINTS // 100) + [{"stat": "x"}] * more)
    assert len(points(request)) == MAX_POINTS if fits else error_of(request) == "json too long"


item = document({"stat": text}, {"count": finite | text, "value": finite, "t": finite | st.none()})
request_bodies = bodies(document({"data": st.lists(item, max_size=4) | values}, {"ezkey": text, "email": text}))


@given(request_bodies)
def test_what_the_fast_reader_accepts_the_exact_one_reads_alike(body: bytes) -> None:
    fast = fast_batch(body)
    if fast is None:
        return
    key, items = exact_batch(body)
    request = ask(headers=JSON)

    def measured(found: Any) -> Any:
        request.reading = type("Reading", (), {"items": found, "params": {}})
        try:
            return [(intent.points, intent.otherwise) for intent in request.route.parse(request).intents]
        except Refusal as refused:
            return refused.answer

    assert measured(fast[1]) == measured(items)
    assert (fast[0] or "").replace("\x00", "\ufffd") == (key or "")


@given(
    st.dictionaries(
        st.sampled_from(["stat", "count", "value", "t", "ezkey"]),
        st.sampled_from(["1", "007", "0", "", " 5", "1e3", "²", "1" * 15, "1" * 16, "a~b", "n" * 255, "n" * 256])
        | text,
    )
)
def test_a_plain_count_is_what_measuring_finds(params: dict[str, str]) -> None:
    plain = plain_count(params, NOW_US)
    if plain is not None:
        assert [(plain, None)] == measure(item_of(params), NOW_US, implied=False, zero=1.0)


def test_most_counts_are_plain() -> None:
    assert plain_count({"stat": " page views ", "count": "12", "ezkey": "k"}, NOW_US) is not None
    for unsure in ({"count": "0"}, {"count": "1", "value": "1"}, {"count": "1", "t": "1"}, {"count": "1.5"}, {}):
        assert plain_count({"stat": "s", **unsure}, NOW_US) is None


@given(request_bodies | st.binary(max_size=80), st.sampled_from(["/ez", "/c", "/v"]), st.booleans())
def test_any_bytes_are_answered(body: bytes, path: str, as_json: bool) -> None:
    for request in (ask(body, path, headers=JSON if as_json else {}), ask(path=path, method="GET", sent=body)):
        try:
            request.route.secret_of(request)
            submission = request.route.parse(request)
        except Refusal as refused:
            answer = refused.answer
        else:
            check_storable(submission)
            answer = submission.render([NEW] * len(submission.intents))
        assert said(finish(request, answer))["status"] in (200, 500)


def test_not_json_says_nothing_of_the_body() -> None:
    with pytest.raises(NotJson) as refused:
        exact_batch(b'{"secret')
    assert "secret" not in str(refused.value)


# --- classic

CLASSIC = {
    ("/c", f"ukey=k&key={KEY}"): [("hits", "counter", 1.0)],
    ("/c", f"ukey=k&key={KEY.upper()}&count=2.5"): [("hits", "counter", 2.5)],
    ("/c", "ukey=k&key=hits&count=3"): [("hits", "counter", 3.0)],
    ("/v", "ukey=k&key=load&value=3"): [("load", "value", 3.0)],
    ("/c", f"ukey=k&key={KEY}&count=x"): "invalid count",
    ("/c", f"ukey=k&key={KEY}&count="): "invalid count",
    ("/c", f"ukey=k&key={KEY}&t=x"): "invalid t",
    ("/v", "ukey=k&key=load"): "no count or value",
    ("/v", "ukey=k&key=load&value=x"): "invalid value",
    ("/c", "ukey=k"): "no key specified",
    ("/c", "ukey=k&key="): "no key specified",
    ("/c", "ukey=k&key=unknown&count=x"): "invalid key",
    ("/c", f"ukey=k&key={'0' * 32}"): "invalid key",
    ("/c", "ukey=k&key=load"): "invalid key",
    ("/c", "ukey=k&key=load&count=x"): "invalid count",
    ("/v", f"ukey=k&key={KEY}&value=1"): "invalid key",
}


@pytest.mark.parametrize(
    ("sent", "found"), CLASSIC.items(), ids=lambda item: " ".join(item) if type(item) is tuple else None
)
def test_classic_posts(sent: tuple[str, str], found: Any) -> None:
    path, form = sent
    for request in (ask(form, path), ask(path=path, method="GET", sent=form.encode())):
        if isinstance(found, str):
            assert error_of(request) == found
        else:
            assert points(request) == found
            assert answered(request) == {"status": 200, "msg": "ok"}


def test_a_user_key_never_names_a_stat() -> None:
    for form in ("ukey=k&key=hits", f"ukey=k&key={'0' * 32}"):
        assert (
            error_of(ask(form, "/c", key_kind="classic", stats={"hits": "counter", "0" * 32: "counter"}))
            == "invalid key"
        )
    assert points(ask(f"ukey=k&key={KEY}", "/c", key_kind="classic")) == [("hits", "counter", 1.0)]
    # With another key even a name that looks like a classic key is found.
    assert points(ask(f"ukey=k&key={'0' * 32}", "/c", stats={"0" * 32: "counter", "hits": "value"})) == [
        ("0" * 32, "counter", 1.0)
    ]


# --- answers

STYLES = {
    # style: (of a plain form, with vb=1, to Go's client, of a batch)
    "verbose": (200, 200, 200, 200),
    "modern": (204, 200, 204, 200),
    "auto": (200, 200, 204, 200),
}


@pytest.mark.parametrize(("style", "statuses"), STYLES.items(), ids=STYLES)
def test_styles_of_success(style: str, statuses: tuple[int, ...]) -> None:
    options = {"options": {"stathat_success": style}}
    go = {b"user-agent": b"Go-http-client/1.1"}
    requests = (
        ask("stat=x&count=1", **options),
        ask("stat=x&count=1&vb=1", **options, headers=go),
        ask("stat=x&count=1", **options, headers=go),
        batch([{"stat": "x"}], **options),
    )
    for request, status in zip(requests, statuses, strict=True):
        request.route.secret_of(request)
        answer = request.route.parse(request).render([NEW])
        assert answer.status == status
        if status == 200 and request.headers != JSON:
            assert answer.body == b'{"status":200,"msg":"ok"}'
            assert len(answer.body) == 25
        said(answer)


STATUSES = {
    "no ezkey specified": 400,
    "no count or value": 400,
    "invalid json": 400,
    "invalid ezkey": 403,
    "ez api is switched off": 403,
    "json too long": 413,
    "unsupported encoding": 415,
    "rate limit exceeded": 429,
}


@pytest.mark.parametrize(("problem", "status"), STATUSES.items(), ids=STATUSES)
def test_errors_have_a_status_where_that_is_asked_for(problem: str, status: int) -> None:
    answer = Answer(200, json.dumps({"status": 500, "msg": problem}).encode(), (), problem)
    assert finish(ask(), answer) == answer
    assert finish(ask(options={"stathat_errors": "http"}), answer) == replace(answer, status=status)


FAULTS = {
    Fault.NOT_FOUND: (404, "not found"),
    Fault.METHOD: (405, "method not allowed"),
    Fault.NO_KEY: (200, "no ezkey specified"),
    Fault.BAD_KEY: (200, "invalid ezkey"),
    Fault.NO_SCOPE: (200, "invalid ezkey"),
    Fault.TOO_LARGE: (200, "json too long"),
    Fault.ENCODING: (200, "unsupported encoding"),
    Fault.UNREADABLE: (200, "body does not match its content encoding"),
    Fault.QUOTA: (200, "quota exceeded"),
    Fault.RATE: (200, "rate limit exceeded"),
    Fault.AUTH_RATE: (200, "rate limit exceeded"),
    Fault.IDEMPOTENCY_KEY: (400, "Idempotency-Key must be 1 to 255 visible ASCII characters"),
    Fault.UNAVAILABLE: (503, "service unavailable"),
    Fault.INTERNAL: (500, "internal error"),
}


@pytest.mark.parametrize("kind", Fault)
def test_faults(kind: Fault) -> None:
    detail = FaultDetail(allow="GET, POST", retry_after=7, limit=BODY_CAP, state=LimitState(False, 1, 0, 1, 60, 7))
    for answer in (DIALECT.fault(kind, detail), DIALECT.fault(kind, detail._replace(inbound=ask()))):
        assert (answer.status, said(answer)) == (FAULTS[kind][0], {"status": 500, "msg": FAULTS[kind][1]})
        assert answer.reason
        headers = dict(answer.headers)
        assert headers.get(b"allow") == (b"GET, POST" if kind is Fault.METHOD else None)
        assert headers.get(b"retry-after") == (b"7" if kind is Fault.UNAVAILABLE else None)


def test_a_missing_key_by_path() -> None:
    for path, problem in (("/ez", "no ezkey specified"), ("/c", "no ukey specified"), ("/v", "no ukey specified")):
        answer = DIALECT.fault(Fault.NO_KEY, FaultDetail(inbound=ask(path=path)))
        assert said(answer)["msg"] == problem


def test_silence_about_a_bad_key_counts_as_a_refusal() -> None:
    silent = {"stathat_silent_bad_key": "yes", "stathat_errors": "http"}
    for request, status, body in (
        (ask("ezkey=x&stat=x&count=1", options=silent), 200, {"status": 200, "msg": "ok"}),
        (ask("ezkey=x&stat=x&count=1", options=silent | {"stathat_success": "modern"}), 204, None),
        (batch([{"stat": "x"}], options=silent), 200, {"status": 200, "msg": "ok", "multiple": 1}),
    ):
        request.route.secret_of(request)
        answer = finish(request, DIALECT.fault(Fault.BAD_KEY, FaultDetail(inbound=request)))
        assert (answer.status, said(answer)) == (status, body)
        assert answer.reason == "unknown key"
        # A key that may not do this is told so all the same.
        assert DIALECT.fault(Fault.NO_SCOPE, FaultDetail(inbound=request)).reason == "invalid ezkey"


# --- the Content-Length that npm's client gets wrong

BARE = "stat=é&count=37".encode()


@pytest.mark.parametrize(("agent", "taken"), [(None, False), (b"", False), (b"curl/8.5", True)])
def test_bare_bytes_close_the_connection(agent: bytes | None, taken: bool) -> None:
    headers = {} if agent is None else {b"user-agent": agent}
    for path, body in (("/ez", BARE), ("/c", f"ukey=k&key={KEY}&count=1&x=é".encode())):
        request = ask(body, path, headers=headers)
        if taken:
            answer = request.route.parse(request).render([NEW])
        else:
            with pytest.raises(Refusal) as refused:
                request.route.parse(request)
            answer = refused.value.answer
            assert said(answer) == {"status": 500, "msg": "invalid count"}
            assert "Content-Length" in answer.reason
        assert dict(finish(request, answer).headers)[b"connection"] == b"close"


def test_escaped_bytes_queries_and_json_keep_it() -> None:
    for request in (
        ask("stat=%C3%A9&count=1", headers={}),
        ask(method="GET", sent=BARE, headers={}),
        ask('{"data":[{"stat":"é"}]}', headers=JSON),
    ):
        answer = finish(request, request.route.parse(request).render([NEW]))
        assert answer.status == 200
        assert b"connection" not in dict(answer.headers)
        assert json.loads(answer.body)["status"] == 200
