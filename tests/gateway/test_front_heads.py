"""Heads and chunks as they are read, without a network."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace.gateway.front.chunks import LINE_MAX, TRAILERS_MAX, BadChunk, Dechunker
from headrace.gateway.front.heads import (
    CHUNKED,
    KEPT,
    KEPT_BYTES,
    TARGET_MAX,
    BadHead,
    Heads,
    may_begin,
    read_head,
)


def raw(line: str, *fields: str) -> bytes:
    return "\r\n".join([line, *fields, "", ""]).encode("latin-1")


@pytest.mark.parametrize(
    ("line", "method", "path", "query"),
    [
        ("POST /v1/ingest HTTP/1.1", "POST", "/v1/ingest", b""),
        ("GET /ez?stat=a%20b&x HTTP/1.1", "GET", "/ez", b"stat=a%20b&x"),
        ("GET /a%2Fb%C3%A9?q#f HTTP/1.1", "GET", "/a/bé", b"q"),
        ("GET /caf\xe9?x=\xe9 HTTP/1.1", "GET", "/caf\ufffd", b"x=%E9"),
        ("GET http://host:80/p?q HTTP/1.1", "GET", "/p", b"q"),
        ("GET http://host HTTP/1.1", "GET", "/", b""),
        ("OPTIONS * HTTP/1.1", "OPTIONS", "*", b""),
        ("FETCH /x HTTP/1.1", "FETCH", "/x", b""),
        ("post /x HTTP/1.0", "post", "/x", b""),
    ],
)
def test_request_lines(line: str, method: str, path: str, query: bytes) -> None:
    head = read_head(raw(line))
    assert (head.method, head.path, head.query) == (method, path, query)


@pytest.mark.parametrize(
    ("fields", "length", "keeps", "expects"),
    [
        ((), 0, True, False),
        (("Content-Length: 5",), 5, True, False),
        (("Content-Length:  5 \t",), 5, True, False),
        (("Transfer-Encoding: Chunked",), CHUNKED, True, False),
        (("Connection: close", "Content-Length: 0"), 0, False, False),
        (("Expect: 100-Continue", "Content-Length: 9"), 9, True, True),
        (("Connection: Upgrade", "Upgrade: h2c", "Content-Length: 3"), 3, True, False),
    ],
)
def test_fields(fields: tuple[str, ...], length: int, keeps: bool, expects: bool) -> None:
    head = read_head(raw("POST / HTTP/1.1", *fields))
    assert (head.length, head.keeps_alive, head.expects) == (length, keeps, expects)


@pytest.mark.parametrize(
    ("fields", "keeps"), [((), False), (("Connection: keep-alive",), True), (("Transfer-Encoding: chunked",), False)]
)
def test_http_1_0_keeps_what_asks_for_it(fields: tuple[str, ...], keeps: bool) -> None:
    head = read_head(raw("POST / HTTP/1.0", *fields))
    assert (head.minor, head.keeps_alive) == (0, keeps)


def test_of_a_repeated_header_the_first_counts_and_all_are_kept() -> None:
    head = read_head(raw("GET / HTTP/1.1", "X-A: 1", "x-a: 2"))
    assert head.headers == {b"x-a": b"1"}
    assert head.pairs == [(b"x-a", b"1"), (b"x-a", b"2")]


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (raw("GARBAGE"), 400),
        (raw("GET /"), 400),
        (raw("G\xc4T / HTTP/1.1"), 400),
        (raw("GET / HTTP/2.0"), 505),
        (raw("CONNECT host:1 HTTP/1.1"), 400),
        (raw("GET /" + "x" * TARGET_MAX + " HTTP/1.1"), 414),
        (raw("POST / HTTP/1.1", "Content-Length: 1", "Content-Length: 1"), 400),
        (raw("POST / HTTP/1.1", "Content-Length: +1"), 400),
        (raw("POST / HTTP/1.1", "Content-Length: 1", "Transfer-Encoding: chunked"), 400),
        (raw("POST / HTTP/1.1", "Transfer-Encoding: chunked", "Transfer-Encoding: chunked"), 400),
        (raw("POST / HTTP/1.1", "Transfer-Encoding: gzip, chunked"), 501),
        (raw("GET / HTTP/1.1", "A: b", " folded"), 400),
        (raw("GET / HTTP/1.1", "A : b"), 400),
        (raw("GET / HTTP/1.1", "A: b\0c"), 400),
    ],
    ids=lambda case: case[:40].decode("latin-1") if isinstance(case, bytes) else "",
)
def test_heads_that_no_dialect_sees(sent: bytes, status: int) -> None:
    with pytest.raises(BadHead) as refused:
        read_head(sent)
    assert refused.value.status == status


@pytest.mark.parametrize(
    ("path", "cut"),
    [("/tele/v1", "/v1"), ("/tele", "/"), ("/telegraph", "/telegraph"), ("/v1", "/v1"), ("/tele/tele", "/tele")],
)
def test_the_prefix_is_cut_off_once(path: str, cut: str) -> None:
    assert Heads("/tele").read(raw(f"GET {path} HTTP/1.1")).path == cut


def test_the_same_bytes_are_read_once() -> None:
    heads = Heads()
    sent = raw("POST /v1/ingest HTTP/1.1", "Authorization: Bearer a")
    assert heads.read(sent) is heads.read(sent)
    other = raw("POST /v1/ingest HTTP/1.1", "Authorization: Bearer b")
    assert heads.read(other).headers[b"authorization"] == b"Bearer b"
    for fleeting in ("Idempotency-Key: x", "traceparent: y", "Sec-WebSocket-Key: z", "X-A: " + "x" * KEPT_BYTES):
        sent = raw("POST /v1/ingest HTTP/1.1", fleeting)
        assert heads.read(sent) is not heads.read(sent)


def test_only_so_many_heads_are_kept() -> None:
    heads = Heads()
    for number in range(KEPT * 2 + 1):
        heads.read(raw("GET / HTTP/1.1", f"X-N: {number}"))
        assert len(heads) <= KEPT


@pytest.mark.parametrize(
    ("data", "may"),
    [
        (b"", True),
        (b"P", True),
        (b"POST ", True),
        (b"POST /x", True),
        (b"{", False),
        (b"PO\r\n", False),
        (b" /", False),
    ],
)
def test_what_may_become_a_head(data: bytes, may: bool) -> None:
    assert may_begin(data) is may


@given(st.binary(max_size=200))
def test_any_bytes_are_a_head_or_refused(data: bytes) -> None:
    for sent in (data + b"\r\n\r\n", b"POST / HTTP/1.1\r\n" + data + b"\r\n\r\n"):
        status, length = 0, 0
        try:
            length = read_head(sent).length
        except BadHead as refused:
            status = refused.status
        assert status in {0, 400, 501, 505}
        assert length >= CHUNKED


# --- chunks


def chunked(parts: list[bytes], end: bytes = b"0\r\n\r\n") -> bytes:
    return b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in parts) + end


@given(
    st.lists(st.binary(min_size=1, max_size=40), max_size=6),
    st.sampled_from([b"0\r\n\r\n", b"000;x=y\r\n\r\n", b"0\r\nA: b\r\nC: d\r\n\r\n"]),
    st.lists(st.integers(1, 9), min_size=1),
)
def test_chunks_cut_anywhere_are_the_same_body(parts: list[bytes], end: bytes, cuts: list[int]) -> None:
    data = chunked(parts, end) + b"NEXT"
    reader, body, at, turn = Dechunker(), b"", 0, 0
    while not reader.complete:
        step = cuts[turn % len(cuts)]
        body += b"".join(reader.feed(data[at : at + step]))
        at, turn = at + step, turn + 1
    assert body == b"".join(parts)
    assert reader.rest + data[at:] == b"NEXT"


@pytest.mark.parametrize(
    "data",
    [
        b"g\r\n",
        b"-1\r\n",
        b"\r\n",
        b"5 5\r\n",
        b"5\nhello",
        b"5\r\nhelloXX",
        b"5\r\nhello\n",
        b"1" * 16 + b"\r\n",
        b"1;" + b"x" * LINE_MAX + b"\r\n",
        b"1" * (LINE_MAX + 1),
        b"0\r\n" + b"x" * (TRAILERS_MAX + 1),
        b"0\r\n" + b"A: b\r\n" * (TRAILERS_MAX // 6 + 1),
    ],
    ids=lambda data: data[:12].decode(),
)
def test_what_is_no_chunk(data: bytes) -> None:
    with pytest.raises(BadChunk):
        Dechunker().feed(data)


@given(st.binary(max_size=300))
def test_any_bytes_are_chunks_or_refused(data: bytes) -> None:
    reader = Dechunker()
    try:
        pieces = reader.feed(data)
    except BadChunk:
        return
    assert sum(map(len, pieces)) <= len(data)
