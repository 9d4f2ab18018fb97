"""Command lines that are let in: codes, decisions, keys, and what those see (logister.md 1.11)."""

from __future__ import annotations

import pytest
import sqlalchemy as sa
from service_checks import refused

from headrace.api.services import OPERATOR, accounts, device_logins, projects, sessions
from headrace.api.services.base import Who
from headrace.api.services.device_logins import (
    CLIENT_NAME_MAX,
    CODE_LIFE_S,
    INTERVAL_S,
    KEY_LIFE_S,
    Granted,
    shown_code,
)
from headrace.catalog import accounts as account_rows
from headrace.catalog import members, tables
from headrace.catalog.accounts import AccountRow

SECOND = 1_000_000
SCOPES = ("projects:read", "events:read")
ADDRESS = "192.0.2.7"


def account(house, name, role="member"):
    """An account without a password worth its time; gives who it is."""
    with house.context.catalog.write() as conn:
        account_rows.add(conn, AccountRow(name, f"{name}@example.org", name, "hash", role, house.clock.now))
    return Who("account", name, f"{name}@example.org")


def begin(house, name="Logister CLI"):
    return device_logins.begin(house.context, client_name=name, scopes=SCOPES)


def exchange(house, asked):
    """What the command line hears, asking no sooner than it may."""
    house.clock.now += INTERVAL_S * SECOND
    return device_logins.exchange(house.context, asked.device_code, ADDRESS)


def let_in(house, who):
    asked = begin(house)
    device_logins.decide(house.context, who, asked.user_code, approve=True)
    granted = exchange(house, asked)
    assert isinstance(granted, Granted)
    return granted


#: The table of ``catalog.device_logins``: state → what has been done, and what is then heard and may still be decided.
STATES = {
    "pending": ((), "authorization_pending", True),
    "approved": ((True,), Granted, False),
    "denied": ((False,), "access_denied", False),
    "used": ((True, "exchange"), "invalid_grant", False),
    "expired": (("expire",), "expired_token", False),
    "approved too late": ((True, "expire"), "expired_token", False),
}


@pytest.mark.parametrize("state", STATES)
def test_states(house, state):
    who, asked = account(house, "ann"), begin(house)
    done, heard, open_ = STATES[state]
    for step in done:
        if step == "exchange":
            exchange(house, asked)
        elif step == "expire":
            house.clock.now += CODE_LIFE_S * SECOND
        else:
            device_logins.decide(house.context, who, asked.user_code, approve=step)
    if open_:
        assert device_logins.look(house.context, asked.user_code) == ("Logister CLI", SCOPES)
    else:
        for approve in (True, False):
            refused("not_found", device_logins.decide, house.context, who, asked.user_code, approve=approve)
        refused("not_found", device_logins.look, house.context, asked.user_code)
    answer = exchange(house, asked)
    assert answer == heard if isinstance(heard, str) else isinstance(answer, heard)


def test_a_code_lives_its_time_and_not_longer(house):
    who = account(house, "ann")
    last, late = begin(house), begin(house)
    device_logins.decide(house.context, who, last.user_code, approve=True)
    house.clock.now += CODE_LIFE_S * SECOND - 1
    assert isinstance(device_logins.exchange(house.context, last.device_code, ADDRESS), Granted)
    device_logins.look(house.context, late.user_code)
    house.clock.now += 1
    assert device_logins.exchange(house.context, late.device_code, ADDRESS) == "expired_token"
    refused("not_found", device_logins.look, house.context, late.user_code)
    house.clock.now += 2 * 3_600 * SECOND
    begin(house)
    assert device_logins.exchange(house.context, late.device_code, ADDRESS) == "invalid_grant"


@pytest.mark.parametrize(
    ("after", "heard"), [(-1, "slow_down"), (0, "authorization_pending"), (1, "authorization_pending")]
)
def test_who_asks_too_often_is_told_so(house, after, heard):
    asked = begin(house)
    assert device_logins.exchange(house.context, asked.device_code, ADDRESS) == "authorization_pending"
    house.clock.now += INTERVAL_S * SECOND + after
    assert device_logins.exchange(house.context, asked.device_code, ADDRESS) == heard


def test_a_code_is_found_however_it_is_typed_and_kept_as_nothing_that_it_could_be_read_from(house):
    asked = begin(house)
    code = asked.user_code
    for typed in (code, code.lower(), shown_code(code), f" {code[:3]} {code[3:]} ", f"{code[:4].lower()}–{code[4:]}"):
        assert device_logins.look(house.context, typed).client_name == "Logister CLI"
    for typed in ("", "-", code[:-1], code + "B", asked.device_code, "ß" * 8):
        refused("not_found", device_logins.look, house.context, typed)
    with house.context.catalog.read() as conn:
        kept = repr(conn.execute(sa.select(tables.device_logins)).all())
    assert code not in kept
    assert asked.device_code not in kept
    assert len({begin(house).user_code for _ in range(50)}) == 50


@pytest.mark.parametrize(
    ("name", "problem"), [("x" * CLIENT_NAME_MAX, ""), ("x" * (CLIENT_NAME_MAX + 1), "at most"), ("a\nb", "control")]
)
def test_names_of_command_lines(house, name, problem):
    if problem:
        assert problem in refused("invalid", begin, house, name)
    else:
        assert device_logins.look(house.context, begin(house, name).user_code).client_name == name


def test_only_so_many_wait_at_once(house, monkeypatch):
    monkeypatch.setattr(device_logins, "PENDING_MAX", 2)
    first = begin(house)
    begin(house)
    refused("conflict", begin, house)
    device_logins.decide(house.context, account(house, "ann"), first.user_code, approve=False)
    begin(house)


def test_a_key_acts_as_its_person_reading(house):
    """What it sees is what they belong to at that moment, and never more than reading."""
    who = account(house, "ann")
    granted = let_in(house, who)
    assert granted.expires_at == house.clock.now + KEY_LIFE_S * SECOND
    signed_in = device_logins.find(house.context, granted.key, ADDRESS)
    assert signed_in.account.email == who.name
    assert signed_in.login.scopes.split() == list(SCOPES)
    assert device_logins.places(house.context, who.id, ADDRESS) == []
    with house.context.catalog.write() as conn:
        members.add(conn, project=house.project.number, account_id=who.id, role="owner", at=1)
    (place,) = device_logins.places(house.context, who.id, ADDRESS)
    assert (place.info.id, place.actor.scopes, place.actor.who.id) == (house.project.id, {"read"}, "ann")
    for ref in (house.project.id, house.project.slug, house.project.name):
        assert device_logins.place(house.context, who.id, ref, ADDRESS) == place
    refused("not_found", device_logins.place, house.context, who.id, house.foreign.slug, ADDRESS)
    projects.archive(house.context, OPERATOR, house.project.id)
    assert device_logins.places(house.context, who.id, ADDRESS) == []
    assert [one.info.state for one in device_logins.places(house.context, who.id, ADDRESS, archived=True)] == [
        "archived"
    ]
    with house.context.catalog.write() as conn:
        assert members.remove(conn, house.project.number, who.id)
    assert device_logins.places(house.context, who.id, ADDRESS, archived=True) == []


def test_a_name_of_several_projects_is_none_of_them(house):
    owner = house.first.account.id
    projects.create(house.context, OPERATOR, name=house.project.name)
    assert len(device_logins.places(house.context, owner, ADDRESS)) == 3  # an owner of the instance sees all
    refused("conflict", device_logins.place, house.context, owner, house.project.name, ADDRESS)
    assert device_logins.place(house.context, owner, house.project.slug, ADDRESS).info.id == house.project.id


def test_a_key_is_listed_and_ended_with_browsers(house):
    owner = house.first.account
    with house.context.catalog.write() as conn:
        token = sessions.begin(house.context, conn, owner, ADDRESS, "Browser")
    viewer = sessions.find(house.context, token)
    granted = let_in(house, viewer.actor.who)
    assert sessions.find(house.context, granted.key) is None, "a key is no cookie"
    assert device_logins.find(house.context, token, ADDRESS) is None, "a cookie is no key"
    one = next(one for one in sessions.list_open(house.context, viewer) if not one.current)
    assert (one.agent, one.address) == ("Logister CLI", ADDRESS)
    sessions.close(house.context, viewer, one.id)
    assert device_logins.find(house.context, granted.key, ADDRESS) is None


def test_a_key_ends_in_time_used_or_not_and_with_a_new_password(house):
    granted = let_in(house, account(house, "ann"))
    house.clock.now += KEY_LIFE_S * SECOND // 2
    assert device_logins.find(house.context, granted.key, ADDRESS)
    house.clock.now = granted.expires_at - 1
    assert device_logins.find(house.context, granted.key, ADDRESS)
    house.clock.now += 1
    assert device_logins.find(house.context, granted.key, ADDRESS) is None
    owner = Who("account", house.first.account.id, house.first.account.email)
    other = let_in(house, owner)
    accounts.change_password(house.context, owner, "", old="correct horse", new="battery staple")
    assert device_logins.find(house.context, other.key, ADDRESS) is None
