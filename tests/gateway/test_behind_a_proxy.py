"""The path prefix and a trusted proxy's scheme, as the gateway hands them on."""

from __future__ import annotations

from ipaddress import ip_network
from typing import Any

import pytest
from line import converse
from wire import request_bytes

from headrace.dialects.registry import DIALECTS
from headrace.gateway.gateway import Gateway
from headrace.gateway.peers import Peers
from headrace.gateway.routes import RouteTable

PROXY = "10.1.2.3"


def ask(path: str, *, prefix: str = "", peer: str = PROXY, **headers: str) -> tuple[int | None, dict[str, Any] | None]:
    """The gateway's own status (None: it was left to the API and the pages), and the scope as it went on."""
    passed: list[dict[str, Any]] = []

    async def fallback(scope: Any, _receive: Any, send: Any) -> None:
        passed.append(scope)
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    gateway = Gateway(
        table=RouteTable(DIALECTS),
        keys=None,  # type: ignore[arg-type]  # nothing here carries a key
        limiter=None,  # type: ignore[arg-type]
        admission=None,  # type: ignore[arg-type]
        monitors=None,  # type: ignore[arg-type]
        peers=Peers([ip_network("10.0.0.0/8")], []),
        handlers={},
        checks={},
        options={},
        clock=lambda: 0,
        seal=str,
    )
    gateway.fallback = fallback
    fields = {name.replace("_", "-"): value for name, value in headers.items()}
    (reply,) = converse(gateway, request_bytes("POST", path, fields), prefix=prefix, peer=peer)
    return (None, passed[0]) if passed else (reply.status, None)


@pytest.mark.parametrize("path", ["/tele/v1/ingest", "/v1/ingest"], ids=["with the prefix", "cut by the proxy"])
def test_a_vendors_path_is_found_behind_the_prefix(path):
    assert ask(path, prefix="/tele")[0] == 401


@pytest.mark.parametrize(
    ("path", "left"),
    [("/tele/docs", "/docs"), ("/docs", "/docs"), ("/tele", "/"), ("/telegraph", "/telegraph")],
)
def test_pages_get_the_path_without_the_prefix(path, left):
    status, scope = ask(path, prefix="/tele")
    assert scope is not None
    assert (status, scope["path"], scope["root_path"]) == (None, left, "")


@pytest.mark.parametrize(
    ("peer", "told", "scheme"),
    [
        (PROXY, "https", "https"),
        (PROXY, "http, HTTPS", "https"),
        (PROXY, "gopher", "http"),
        ("192.0.2.1", "https", "http"),
    ],
    ids=["trusted", "several proxies", "no scheme", "not trusted"],
)
def test_the_scheme_is_believed_from_a_trusted_proxy_only(peer, told, scheme):
    scope = ask("/docs", peer=peer, x_forwarded_proto=told)[1]
    assert scope is not None
    assert scope["scheme"] == scheme
