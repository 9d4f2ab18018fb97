"""One look at a page: what counts as up, how far a look goes, and where it never goes."""

from __future__ import annotations

import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from ipaddress import ip_address
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from certificates import make_certificate
from watched_pages import Pages, head

from headrace.outward import connecting
from headrace.outward.urls import URL_MAX, BadUrl, check_url
from headrace.watch import visit as module
from headrace.watch.visit import HEAD_MAX, REDIRECTS, Visit, visit

#: Long enough for a busy machine; what is meant to take too long is given less.
LONG_S, SHORT_S = 60.0, 0.2


@pytest.fixture
def pages() -> Iterator[Pages]:
    made = Pages()
    yield made
    made.stop()


def look(url: str, **options: Any) -> tuple[bool, int, str]:
    found = visit(url, **{"private": True, "seconds": LONG_S, **options})
    assert isinstance(found, Visit)
    assert found.duration_ms > 0
    return found.up, found.code, found.reason


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ([head(200)], (True, 200, "")),
        ([head(204)], (True, 204, "")),
        ([head(304)], (True, 304, "")),
        ([head(399)], (True, 399, "")),
        ([head(302)], (True, 302, "")),  # leads nowhere
        ([head(400)], (False, 400, "status 400")),
        ([head(500)], (False, 500, "status 500")),
        ([b"HTTP/1.0 200\r\n\r\n"], (True, 200, "")),
        ([b"HTTP/1.1 200 OK\nA: b\n\n"], (True, 200, "")),
        ([head(100), head(103, Link="</a.css>"), head(200)], (True, 200, "")),
        ([head(100) + head(500)], (False, 500, "status 500")),
        ([b"HTTP/1.1 2", b"00 OK\r", b"\n\r", b"\n"], (True, 200, "")),
        # No more of it is read than its head: the rest never comes.
        ([head(200, Content_Length="1000000"), None], (True, 200, "")),
        ([b"HTTP/1.1 200 OK\r\nContent-Le"], (False, 0, "the connection was closed in the middle of the answer")),
        ([head(103)], (False, 0, "no answer")),
        ([], (False, 0, "no answer")),
        ([b"SSH-2.0-OpenSSH_9.6\r\n\r\n"], (False, 0, "what answers does not speak HTTP")),
        ([b"HTTP/1.1 2000 OK\r\n\r\n"], (False, 0, "what answers does not speak HTTP")),
        ([b"HTTP/1.1 999 OK\r\n\r\n"], (False, 0, "what answers does not speak HTTP")),
        ([b"HTTP/1.1 ok\r\n\r\n"], (False, 0, "what answers does not speak HTTP")),
    ],
    ids=str,
)
def test_what_an_answer_means(pages: Pages, answer: list[bytes | None], expected: tuple[bool, int, str]) -> None:
    pages.answers["/"] = answer
    assert look(pages.url) == expected
    assert len(pages.asked) == 1


def test_what_is_asked(pages: Pages) -> None:
    pages.answers["/a%20b/%C3%A9?c=%2F&d=1"] = [head(200)]
    assert look(f"{pages.url}/a%20b/é?c=%2F&d=1#part") == (True, 200, "")
    (asked,) = pages.asked
    lines = asked.split("\r\n")
    assert lines[0] == "GET /a%20b/%C3%A9?c=%2F&d=1 HTTP/1.1"
    assert sorted(lines[1:-2]) == [
        "Accept-Encoding: identity",
        "Accept: */*",
        "Connection: close",
        f"Host: 127.0.0.1:{pages.port}",
        "User-Agent: Headrace",
    ]


@pytest.mark.parametrize("filler", [0, 1])
def test_the_head_of_an_answer_is_bounded(pages: Pages, filler: int) -> None:
    whole = head(200, X="x" * (HEAD_MAX - len(head(200, X="")) + filler))
    pages.answers["/"] = [whole[:-1], None]
    expected = (False, 0, f"the head of the answer is longer than {HEAD_MAX >> 10} KiB")
    if filler:
        pages.answers["/"] = [b"y" * (HEAD_MAX + filler), None]
        assert look(pages.url) == expected
    else:
        pages.answers["/"] = [whole]
        assert look(pages.url) == (True, 200, "")


def chain(pages: Pages, steps: int, last: bytes) -> None:
    for number in range(steps):
        pages.answers[f"/{number}"] = [head(302, Location=f"/{number + 1}")]
    pages.answers[f"/{steps}"] = [last]


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        (REDIRECTS - 1, (True, 200, "")),
        (REDIRECTS, (True, 200, "")),
        (REDIRECTS + 1, (False, 0, f"more than {REDIRECTS} redirects")),
    ],
)
def test_redirects_are_followed_so_far(pages: Pages, steps: int, expected: tuple[bool, int, str]) -> None:
    chain(pages, steps, head(200))
    assert look(f"{pages.url}/0") == expected
    assert len(pages.asked) == min(steps, REDIRECTS) + 1


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_the_last_answer_counts(pages: Pages, status: int) -> None:
    pages.answers["/"] = [head(status, Location="/broken")]
    pages.answers["/broken"] = [head(503)]
    assert look(pages.url) == (False, 503, "status 503")


def test_a_page_that_sends_to_itself(pages: Pages) -> None:
    pages.answers["/"] = [head(302, Location="/")]
    assert look(pages.url) == (False, 0, f"more than {REDIRECTS} redirects")


@pytest.mark.parametrize(
    ("location", "expected"),
    [
        ("a b", (True, 200, "")),
        ("?x=1", (True, 200, "")),
        ("ftp://127.0.0.1/", (False, 0, "a redirect leads to what is no HTTP address")),
        ("file:///etc/passwd", (False, 0, "a redirect leads to what is no HTTP address")),
        ("http://user:secret@127.0.0.1/", (False, 0, "a redirect leads to what is no HTTP address")),
        ("http://[::1/", (False, 0, "a redirect leads to what is no HTTP address")),
    ],
)
def test_where_a_redirect_may_lead(pages: Pages, location: str, expected: tuple[bool, int, str]) -> None:
    pages.answers |= {"/from": [head(302, Location=location)], "/a%20b": [head(200)], "/from?x=1": [head(200)]}
    assert look(f"{pages.url}/from") == expected


@pytest.mark.parametrize(
    "answer",
    [[None], [b"HTTP/1.1 200 OK\r\n", None], [head(103), None]],
    ids=["nothing", "half a head", "an interim answer"],
)
def test_what_takes_too_long(pages: Pages, answer: list[bytes | None]) -> None:
    pages.answers["/"] = answer
    assert look(pages.url, seconds=SHORT_S) == (False, 0, "no answer within 0.2 s")


def trickle() -> Iterator[bytes]:
    yield b"HTTP/1.1 200 OK\r\n"
    while True:
        time.sleep(0.02)
        yield b"A: %s\r\n" % (b"b" * 1_000)


def test_an_answer_that_trickles_is_not_waited_for(pages: Pages) -> None:
    pages.answers["/"] = trickle()
    assert look(pages.url, seconds=SHORT_S) == (False, 0, "no answer within 0.2 s")


def test_redirects_share_the_time_of_one_look(pages: Pages, monkeypatch: pytest.MonkeyPatch) -> None:
    """A clock that moves on by a second whenever it is asked: no single step takes too long, all of them together do."""
    now = iter(range(1_000))
    monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=lambda: float(next(now))))
    chain(pages, REDIRECTS, head(200))
    assert look(f"{pages.url}/0", seconds=12.0)[:2] == (False, 0)
    assert 1 <= len(pages.asked) <= REDIRECTS


def test_nobody_answers() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # nobody else gets the port, and nobody listens
        port = taken.getsockname()[1]
        assert look(f"http://127.0.0.1:{port}/") == (False, 0, "Connection refused")


@pytest.fixture
def encrypted(tmp_path: Path) -> Iterator[tuple[Pages, Path]]:
    """Pages over TLS, and their certificate."""
    cert, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    make_certificate(cert, key, "page")
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(cert, key)
    made = Pages({"/": [head(200)]}, tls=context)
    yield made, cert
    made.stop()


def test_certificates_count(encrypted: tuple[Pages, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    pages, cert = encrypted
    url = f"https://127.0.0.1:{pages.port}/"
    assert look(url) == (False, 0, "TLS: self-signed certificate")
    assert pages.asked == []
    monkeypatch.setattr(connecting, "_tls", lambda: ssl.create_default_context(cafile=str(cert)))
    assert look(url) == (True, 200, "")
    up, code, reason = look(url.replace("127.0.0.1", "localhost"))
    assert (up, code) == (False, 0)
    assert reason.startswith("TLS: Hostname mismatch")


def test_what_is_no_encryption(pages: Pages) -> None:
    """The page takes what begins a conversation over TLS for half a request, and waits."""
    url = f"https://127.0.0.1:{pages.port}/"
    assert look(url, seconds=SHORT_S) == (False, 0, "no answer within 0.2 s")


PRIVATE = (False, 0, "the host has a private address: uptime_private=yes allows it")


def test_private_addresses_are_not_asked(pages: Pages) -> None:
    for host in ("127.0.0.1", "localhost"):
        assert look(f"http://{host}:{pages.port}/", private=False) == PRIVATE
    assert pages.asked == []


Named = Callable[[dict[str, list[str]]], list[str]]


@pytest.fixture
def named(monkeypatch: pytest.MonkeyPatch) -> Named:
    """Gives names their addresses; returns the list of names that are asked for from then on."""

    def name(known: dict[str, list[str]]) -> list[str]:
        asked: list[str] = []

        def look_up(host: str, port: int, *_: Any, **__: Any) -> list[Any]:
            found = known.get(host)
            if found is None:
                try:
                    found = [str(ip_address(host))]
                except ValueError:
                    raise socket.gaierror(-2, "Name or service not known") from None
            else:
                asked.append(host)
            return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in found]

        monkeypatch.setattr(connecting.socket, "getaddrinfo", look_up)
        return asked

    return name


def test_a_redirect_is_no_way_into_the_network(pages: Pages, named: Named, monkeypatch: pytest.MonkeyPatch) -> None:
    """The page outside is played by a loopback address that counts as public."""
    named({"outside.example": ["127.0.0.1"], "inside.example": ["10.0.0.7"]})
    monkeypatch.setattr(connecting, "is_public", lambda address: address == "127.0.0.1")
    pages.answers["/"] = [head(302, Location="http://inside.example/admin")]
    assert look(f"http://outside.example:{pages.port}/", private=False) == PRIVATE
    assert len(pages.asked) == 1


@pytest.mark.parametrize("found", [["127.0.0.1", "93.184.216.34"], ["93.184.216.34", "::ffff:10.0.0.1"]], ids=str)
def test_one_private_address_among_public_ones_is_enough(named: Named, found: list[str]) -> None:
    named({"both.example": found})
    assert look("http://both.example/", private=False) == PRIVATE


def test_a_name_is_asked_for_once(pages: Pages, named: Named) -> None:
    """Whatever it means a moment later, the connection goes to the address that was looked at."""
    asked = named({"shop.example": ["127.0.0.1"]})
    pages.answers["/"] = [head(200)]
    assert look(f"http://shop.example:{pages.port}/") == (True, 200, "")
    assert asked == ["shop.example"]
    assert f"Host: shop.example:{pages.port}\r\n" in pages.asked[0]


def test_a_name_that_means_nothing(named: Named) -> None:
    named({})
    assert look("http://nowhere.example/") == (False, 0, "Name or service not known")


def test_an_address_that_does_not_answer_is_passed_over(pages: Pages, named: Named) -> None:
    """No machine can be reached at the first one: nothing is ever sent to a port of it that is closed."""
    named({"shop.example": ["127.0.0.2", "127.0.0.1"]})
    pages.answers["/"] = [head(200)]
    assert look(f"http://shop.example:{pages.port}/") == (True, 200, "")


def test_a_look_up_that_takes_too_long(monkeypatch: pytest.MonkeyPatch) -> None:
    gone = []

    def never(*_: Any, **__: Any) -> Any:
        gone.append(release.wait(LONG_S))
        raise socket.gaierror(-3, "Temporary failure in name resolution")

    release = threading.Event()
    monkeypatch.setattr(connecting.socket, "getaddrinfo", never)
    found = look("http://slow.example/", seconds=SHORT_S)
    release.set()
    # A machine that stalls may not even have begun.
    assert found[:2] == (False, 0)
    assert found[2] in ("the look-up of the name takes too long", "no answer within 0.2 s")


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("93.184.216.34", True),
        ("2606:2800:220:1:248:1893:25c8:1946", True),
        *[(one, False) for one in ("127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "0.0.0.0")],
        *[(one, False) for one in ("100.64.0.1", "224.0.0.1", "255.255.255.255", "::1", "::", "fe80::1%eth0")],
        *[(one, False) for one in ("fd00::1", "ff02::1", "::ffff:127.0.0.1", "2002:7f00:1::", "64:ff9b::7f00:1")],
        ("::127.0.0.1", False),
        ("::ffff:93.184.216.34", True),
    ],
)
def test_public_addresses(address: str, public: bool) -> None:
    assert connecting.is_public(address) is public


@pytest.mark.parametrize(
    "url",
    [
        *("", " ", "shop.example", "//shop.example", "ftp://shop.example", "http://", "https://:80/", "http://a b/"),
        *("http://shop.example:0/", "http://shop.example:99999/", "http://[::1", "http://a\x00b/", "http://a\nb/"),
        *("http://user@shop.example/", "https://user:word@shop.example/", "http://" + "x" * 64 + ".example/"),
    ],
)
def test_what_is_no_address_of_a_page(url: str) -> None:
    up, code, reason = look(url)
    assert (up, code) == (False, 0)
    assert reason.startswith("must ")


def test_a_redirect_may_be_longer_than_what_people_give(pages: Pages) -> None:
    long = "/" + "x" * URL_MAX
    pages.answers |= {"/": [head(302, Location=long)], long: [head(200)]}
    assert look(pages.url) == (True, 200, "")


@pytest.mark.parametrize(("length", "fits"), [(URL_MAX - 1, True), (URL_MAX, True), (URL_MAX + 1, False)])
def test_the_length_of_an_address(length: int, fits: bool) -> None:
    url = "http://shop.example/".ljust(length, "x")
    if fits:
        check_url(url)
    else:
        with pytest.raises(BadUrl, match=f"must be at most {URL_MAX:,} characters"):
            check_url(url)
