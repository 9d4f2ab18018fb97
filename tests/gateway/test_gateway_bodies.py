"""Bodies over HTTP (rulings 1): caps on both sides of the decoder, encodings, bombs, and what is no body at all."""

from __future__ import annotations

import gzip
import random
import zlib
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import requests
import zstandard
from endpoints import ENDPOINTS, Endpoint, path_of
from wire import Client, assert_form, bearer, settle

from headrace.dialects.base import Route
from headrace.dialects.registry import ROUTES

MIB = 1024 * 1024
#: Bytes of each dialect's bodies, as sent and decoded; then of the routes that differ (rulings 1).
CAPS = {
    "slowstats": MIB,
    "statflow": 4 * MIB,
    "stathat": MIB,
    "canaryhub": 512 * 1024,
    "logister": 2 * MIB,
    "seestack": 2 * MIB,
}
CAPS_OF = {f"/ingest/v1/{name}": 10 * MIB for name in ("replay", "spans", "http-requests")}
PLAIN = [endpoint for endpoint in ENDPOINTS if not endpoint.route.encodings]
ENCODED = [endpoint for endpoint in ENDPOINTS if endpoint.route.encodings]
#: Those that take a body and whose good records ``ENDPOINTS`` does not have.
OTHERS = [route for route in ROUTES if route.cap and route.path not in {endpoint.route.path for endpoint in ENDPOINTS}]
EVERY = pytest.mark.parametrize("endpoint", ENDPOINTS, ids=path_of)
EACH = pytest.mark.parametrize("endpoint", ENCODED, ids=path_of)

Encode = Callable[[bytes], bytes]


def cap_of(route: Route) -> int:
    return CAPS_OF.get(route.path, CAPS[route.dialect])


def _raw_deflate(body: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(body) + packer.flush()


def _members(body: bytes) -> bytes:
    half = len(body) // 2
    return gzip.compress(body[:half]) + gzip.compress(body[half:])


def _streamed(body: bytes) -> bytes:
    """A frame that does not say how much it holds."""
    packer = zstandard.ZstdCompressor().compressobj()
    return packer.compress(body) + packer.flush()


def _frames(body: bytes) -> bytes:
    half = len(body) // 2
    return zstandard.compress(body[:half]) + zstandard.compress(body[half:])


ENCODERS: dict[str, tuple[str, Encode]] = {
    "gzip": ("gzip", gzip.compress),
    "gzip in two members": ("gzip", _members),
    "GZIP": ("GZIP", gzip.compress),
    "deflate": ("deflate", zlib.compress),
    "deflate without its head": ("deflate", _raw_deflate),
    "zstd": ("zstd", zstandard.compress),
    "zstd without its size": ("zstd", _streamed),
    "zstd in two frames": ("zstd", _frames),
    "identity": ("identity", bytes),
}


@pytest.fixture(scope="module")
def client(server: Any) -> Client:
    return Client(server, "bodies")


def send(endpoint: Endpoint, client: Client, encoding: str, body: bytes) -> requests.Response:
    return endpoint.post(client, body, headers={"Content-Encoding": encoding})


def chunked(body: bytes) -> Iterator[bytes]:
    for start in range(0, len(body), 100_000):
        yield body[start : start + 100_000]


def assert_refused(endpoint: Endpoint, answer: requests.Response, status: int) -> None:
    assert answer.status_code == status, answer.text
    assert_form(endpoint.dialect.name, answer)


def test_every_route_that_takes_a_body_has_its_caps() -> None:
    for route in ROUTES:
        if route.path == "/api/v1/ingest_events/batch":
            assert (route.cap, route.decoded_cap, route.encodings) == (2 * MIB, 8 * MIB, ("gzip",))
        elif route.cap:
            assert (route.cap, route.decoded_cap) == (cap_of(route),) * 2, route.path
            assert route.encodings == (() if route.dialect == "canaryhub" else ("gzip", "deflate", "zstd"))
        else:
            assert "body" not in route.steps


@EVERY
def test_the_cap_on_the_wire(client: Client, endpoint: Endpoint) -> None:
    cap, body = cap_of(endpoint.route), endpoint.body(client)
    for size in (cap - 1, cap):
        assert endpoint.post(client, body.ljust(size)).status_code == endpoint.status
    assert endpoint.post(client, chunked(body.ljust(cap))).status_code == endpoint.status
    assert_refused(endpoint, endpoint.post(client, body.ljust(cap + 1)), 413)
    assert_refused(endpoint, endpoint.post(client, chunked(body.ljust(cap + 1))), 413)


@pytest.mark.parametrize("route", OTHERS, ids=lambda route: f"{route.method} {route.path}")
def test_the_cap_of_the_other_routes(client: Client, route: Route) -> None:
    """At its cap a body is read, whatever is said about it then; with a byte more it is too large. All of it comes in chunks."""
    kind = "application/x-ndjson" if route.path.endswith("/batch") else route.content_types[0]
    headers = {**bearer(client.key), "Content-Type": kind}
    path = route.path.replace("{token}", client.key).replace("{id}", "unknown")
    for size, too_large in ((route.cap, False), (route.cap + 1, True)):
        answer = client.call(route.method, path, headers=headers, data=chunked(b"x=".ljust(size)))
        told = answer.status_code == 413 or answer.json() == {"status": 500, "msg": "json too long"}
        assert told is too_large, answer.text


@EACH
@pytest.mark.parametrize("encoding", ["gzip", "deflate", "zstd"])
def test_the_cap_behind_the_decoder(client: Client, endpoint: Endpoint, encoding: str) -> None:
    cap, body = cap_of(endpoint.route), endpoint.body(client)
    _, encode = ENCODERS[encoding]
    for size in (cap - 1, cap):
        assert send(endpoint, client, encoding, encode(body.ljust(size))).status_code == endpoint.status
    assert_refused(endpoint, send(endpoint, client, encoding, encode(body.ljust(cap + 1))), 413)


@EACH
def test_a_compressed_body_is_capped_before_it_is_decoded(client: Client, endpoint: Endpoint) -> None:
    noise = random.Random(1).randbytes(cap_of(endpoint.route))
    assert_refused(endpoint, send(endpoint, client, "gzip", gzip.compress(noise, 1)), 413)


@EACH
def test_every_encoding_and_its_variants(client: Client, endpoint: Endpoint) -> None:
    for name, (encoding, encode) in ENCODERS.items():
        answer = send(endpoint, client, encoding, encode(endpoint.body(client)))
        assert answer.status_code == endpoint.status, name


@EACH
def test_other_and_stacked_encodings(client: Client, endpoint: Endpoint) -> None:
    body = endpoint.body(client)
    for encoding in ("br", "compress", "gzip, gzip", "gzip, identity", "x-gzip", "*", "\xe9"):
        answer = endpoint.post(client, gzip.compress(body), headers={"Content-Encoding": encoding.encode("latin-1")})
        assert_refused(endpoint, answer, 415)


@pytest.mark.parametrize("endpoint", PLAIN, ids=path_of)
def test_where_no_encoding_is_taken(client: Client, endpoint: Endpoint) -> None:
    for name, (encoding, encode) in ENCODERS.items():
        answer = send(endpoint, client, encoding, encode(endpoint.body(client)))
        if name == "identity":
            assert answer.status_code == endpoint.status
        else:
            assert_refused(endpoint, answer, 415)


def _bombs() -> dict[str, tuple[str, bytes]]:
    """A GiB each in a MB or less: a block that unpacks to a MiB, a thousand times over."""
    zeros = bytes(MIB)
    packer = zlib.compressobj(9, wbits=31)
    head = packer.compress(zeros) + packer.flush(zlib.Z_FULL_FLUSH)
    block = packer.compress(zeros) + packer.flush(zlib.Z_FULL_FLUSH)
    raw = zlib.compressobj(9, wbits=-15)
    bare = raw.compress(zeros) + raw.flush(zlib.Z_FULL_FLUSH)
    return {
        "gzip": ("gzip", head + block * 700),
        "gzip in a thousand members": ("gzip", gzip.compress(zeros) * 900),
        "deflate": ("deflate", bare * 900),
        "zstd": ("zstd", zstandard.compress(zeros) * 1000),
    }


@EACH
def test_bombs(client: Client, endpoint: Endpoint) -> None:
    for name, (encoding, bomb) in _bombs().items():
        assert len(bomb) <= MIB, name
        assert_refused(endpoint, send(endpoint, client, encoding, bomb), 413)


def test_what_does_not_decode(server: Any) -> None:
    clients = {endpoint: Client(server, f"undecodable {endpoint.path}") for endpoint in ENCODED}
    for endpoint, client in clients.items():
        body = endpoint.body(client)
        for encoding, encode in (("gzip", gzip.compress), ("deflate", zlib.compress), ("zstd", zstandard.compress)):
            good = encode(body)
            for bad in (b"", b"\0", body, good[:-1], good[: len(good) // 2], good + b"x", encode(good)):
                assert_refused(endpoint, send(endpoint, client, encoding, bad), 400)
        for encoding, bad in (("gzip", _flipped(gzip.compress(body))), ("zstd", _wide(body))):
            assert_refused(endpoint, send(endpoint, client, encoding, bad), 400)
    settle(server)
    for endpoint, client in clients.items():
        assert endpoint.count(client) == 0, endpoint.path


def _flipped(good: bytes) -> bytes:
    """One bit the other way: gzip's checksum tells."""
    middle = len(good) // 2
    return good[:middle] + bytes([good[middle] ^ 1]) + good[middle + 1 :]


def _wide(body: bytes) -> bytes:
    """A frame that asks its reader for a window of 128 MiB."""
    parameters = zstandard.ZstdCompressionParameters(window_log=27, enable_ldm=True)
    packer = zstandard.ZstdCompressor(compression_params=parameters).compressobj()
    return packer.compress(body) + packer.flush()
