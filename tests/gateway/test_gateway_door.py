"""How often somebody may try to sign in: by account, and by address unless that is one that guards do not count."""

from __future__ import annotations

from ipaddress import ip_network
from types import SimpleNamespace

import pytest

from headrace.admission.limits import Limiter
from headrace.gateway.peers import Peers
from headrace.gateway.sign_ins import TRIES_BY_ACCOUNT, TRIES_BY_ADDRESS, SignInGuard
from headrace.wiring import FrontDoor

MINUTE = 60_000_000


@pytest.fixture
def door():
    now = [0]
    networks = [ip_network("127.0.0.0/8")]
    limiter, peers = Limiter(lambda: now[0]), Peers(networks, networks)
    found = FrontDoor(SimpleNamespace(limiter=limiter, peers=peers))
    found.clock, found.of_programs = now, SignInGuard(peers, limiter)
    return found


def scope(address, forwarded=""):
    headers = [(b"x-forwarded-for", forwarded.encode())] if forwarded else []
    return {"client": (address, 4_000), "headers": headers}


def test_an_account_is_tried_so_often_from_anywhere(door):
    tries = [door.charge(scope(f"192.0.2.{at}"), "ann@example.org") for at in range(TRIES_BY_ACCOUNT.burst + 1)]
    assert tries == [0] * TRIES_BY_ACCOUNT.burst + [30]
    assert door.charge(scope("192.0.2.1"), "bob@example.org") == 0
    door.clock[0] = MINUTE // 2 - 1_000_000
    assert door.charge(scope("192.0.2.1"), "ann@example.org") == 1
    door.clock[0] = MINUTE // 2
    assert door.charge(scope("192.0.2.1"), "ann@example.org") == 0


def test_an_address_tries_so_many_accounts(door):
    tries = [door.charge(scope("192.0.2.1"), f"{at}@example.org") for at in range(TRIES_BY_ADDRESS.burst + 1)]
    assert tries == [0] * TRIES_BY_ADDRESS.burst + [6]
    assert door.charge(scope("192.0.2.2"), "x@example.org") == 0
    assert door.charge(scope("127.0.0.1"), "x@example.org") == 0


def test_tries_of_programs_count_with_those_on_the_page(door):
    for at in range(TRIES_BY_ACCOUNT.burst):
        sign_in = door.of_programs.charge if at % 2 else lambda address, email: door.charge(scope(address), email)
        assert sign_in(f"192.0.2.{at}", "ann@example.org") == 0
    assert door.of_programs.charge("192.0.2.1", "ann@example.org") == 30
    assert door.charge(scope("192.0.2.1"), "ann@example.org") == 30
    assert door.of_programs.charge("127.0.0.1", "bob@example.org") == 0


def test_the_address_is_the_client_s_behind_a_proxy_that_is_trusted(door):
    assert door.address(scope("127.0.0.1", "198.51.100.7, 192.0.2.9")) == "192.0.2.9"
    assert door.address(scope("192.0.2.1", "198.51.100.7")) == "192.0.2.1"
    assert door.address({"client": None, "headers": []}) == ""
