"""Heads of requests: their fields, and how large all that may be."""

from __future__ import annotations

import json

import pytest
from wire import Client
from wires import ALIVE, INGEST, POINT, TARGETS, Target, Wire, ask_once, assert_usable, raw

EVERY = pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.name)
EACH = pytest.mark.parametrize("target", INGEST, ids=lambda target: target.name)
#: A head that must be taken, and one that must not, bytes.
FINE, TOO_LARGE = 60 * 1024, 256 * 1024
REFUSED_HEAD = (400, 414, 431)


@pytest.fixture(scope="module")
def client(server) -> Client:
    return Client(server, "heads")


def lines(target: Target, client: Client) -> dict[str, str]:
    return dict(line.split(": ", 1) for line in target.lines(client))


# --- fields


@EACH
def test_names_of_any_case_and_blanks_around_values(client: Client, target: Target) -> None:
    fields = lines(target, client)
    body = target.body(client)
    for name_form in (str.lower, str.upper, str.title):
        for value_form in ("{}:{}", "{}:   {}", "{}: {}   ", "{}:\t{} \t"):
            written = [value_form.format(name_form(name), value) for name, value in fields.items()]
            with Wire(client.server) as wire:
                target.check(wire.ask(raw("POST", target.path, "HOST: x", *written, body=body)))
                assert_usable(wire, client)


@EACH
def test_the_first_of_repeated_fields_decides(client: Client, target: Target) -> None:
    fields = lines(target, client)
    key_name = next(name for name in fields if name != "Content-Type")
    wrong = f"{key_name}: " + fields[key_name].replace(client.key, "nobody")
    good = [f"{name}: {value}" for name, value in fields.items()]
    body = target.body(client)
    assert ask_once(client, raw("POST", target.path, *good, wrong, wrong.lower(), body=body)).status == target.status
    assert ask_once(client, raw("POST", target.path, wrong, *good, body=body)).status == 401


@EVERY
def test_fields_that_nobody_asked_for(client: Client, target: Target) -> None:
    """Bytes beyond ASCII, empty values, the odd names that the grammar allows, a hundred of them."""
    odd = (
        b"X-Latin: \xe4\xf6\xfc\xdf\xff",
        "X-UTF8: äöü€".encode(),
        b"X-Empty:",
        b"X-Tab: a\tb",
        b"!#$%&'*+.^_`|~9z: 1",
    )
    target.check(ask_once(client, target.raw(client, *odd), target.method))
    present = len(target.lines(client)) + 3
    many = [f"X-{number}: {number}" for number in range(100 - present)]
    target.check(ask_once(client, target.raw(client, *many), target.method))


@EVERY
def test_clients_that_say_almost_nothing(client: Client, target: Target) -> None:
    """No Host, no User-Agent, no Accept; or a Host that is nobody's."""
    for host in ("", "Host:", "Host: other.example:99"):
        target.check(ask_once(client, target.raw(client, host=host), target.method))


BAD_FIELDS = {
    "no colon": b"X-Y",
    "no name": b": 1",
    "a blank before the colon": b"Authorization : Bearer x",
    "a blank in the name": b"X Y: 1",
    "a NUL in the value": b"X-Y: a\0b",
    "a NUL in the name": b"X\0Y: 1",
    "a control character": b"X-Y: \x01",
    "a lone carriage return": b"X-Y: a\rContent-Length: 0",
    "a name beyond ASCII": b"X-\xe4: 1",
    "a quoted name": b'"X": 1',
}


@EVERY
@pytest.mark.parametrize("line", BAD_FIELDS.values(), ids=list(BAD_FIELDS))
def test_fields_that_are_none(client: Client, target: Target, line: bytes) -> None:
    """An empty 400 and the end: what follows cannot be trusted."""
    with Wire(client.server) as wire:
        answer = wire.ask(target.raw(client, line) + ALIVE.raw(client), method=target.method)
        assert (answer.status, answer.body) == (400, b"")
        wire.assert_ended()


def test_a_folded_line_is_no_field_of_its_own(client: Client) -> None:
    """Refused, or read as one line with the one before it (RFC 9112 5.2)."""
    body = POINT.body(client)
    for fold in (" ", "\t"):
        folded = raw("POST", POINT.path, f"X-Y: 1\r\n{fold}Authorization: Bearer {client.key}", body=body)
        assert ask_once(client, folded).status in (400, 401)
        first = raw("POST", POINT.path, body=body).replace(b"\r\n", b"\r\n" + fold.encode() + b"X-Y: 1\r\n", 1)
        assert ask_once(client, first).status == 400


# --- sizes


def _padded(target: Target, client: Client, size: int, count: int) -> bytes:
    """``target`` with a head of about ``size`` bytes in ``count`` fields."""
    each = size // count
    return target.raw(client, *(f"X-{number}: ".ljust(each - 2, "x") for number in range(count)))


@EVERY
def test_a_large_head(client: Client, target: Target) -> None:
    for count in (1, 50):
        with Wire(client.server) as wire:
            for _ in range(2):
                target.check(wire.ask(_padded(target, client, FINE, count)))
            assert_usable(wire, client)


@EVERY
@pytest.mark.parametrize("count", [1, 50, 20_000])
def test_a_head_that_is_too_large(client: Client, target: Target, count: int) -> None:
    with Wire(client.server) as wire:
        wire.send_as_far_as_it_goes(_padded(target, client, TOO_LARGE * 2, count))
        answer = wire.answer(method=target.method)
        assert answer.status in REFUSED_HEAD
        wire.assert_ended(after_all=False)


def test_a_head_that_never_ends(client: Client) -> None:
    """It is refused while it comes, in one line, in many, in the target, before the first line."""
    for begin, more in (
        (b"GET / HTTP/1.1\r\nX-Y: ", b"x" * 4096),
        (b"GET / HTTP/1.1\r\n", b"X-Y: 1\r\n" * 512),
        (b"GET /", b"x" * 4096),
        (b"", b"X" * 4096),
    ):
        with Wire(client.server) as wire:
            wire.send(begin)
            for _ in range(2 * TOO_LARGE // 4096):
                wire.send_as_far_as_it_goes(more)
            assert wire.answer().status in REFUSED_HEAD
            wire.assert_ended(after_all=False)


@EVERY
def test_long_targets(client: Client, target: Target) -> None:
    for size in (8_192, 32_768):
        target.check(ask_once(client, target.raw(client, path=f"{target.path}?{'x' * size}"), target.method))
    with Wire(client.server) as wire:
        wire.send_as_far_as_it_goes(target.raw(client, path=f"{target.path}?{'x' * TOO_LARGE}"))
        assert wire.answer(method=target.method).status in REFUSED_HEAD
        wire.assert_ended(after_all=False)


def test_two_keys_of_one_head_are_not_confused(client: Client) -> None:
    """A key that the first request showed is not the second one's."""
    keyless = raw("POST", POINT.path, "Host: headrace.test", body=POINT.body(client))
    with Wire(client.server) as wire:
        for _ in range(3):
            assert wire.ask(POINT.raw(client)).status == 202
            answer = wire.ask(keyless)
            assert answer.status == 401
            assert list(json.loads(answer.body)) == ["error"]
