"""Keys: how they look, what they may do, who may make and revoke them."""

import re
import threading
from hashlib import sha256

import pytest
from service_checks import refused

from headrace.api.services import OPERATOR, Actor, ServiceError, keys, projects
from headrace.api.services.key_specs import KeySpec
from headrace.catalog import keys as key_rows
from headrace.catalog import meta

READ_WRITE = frozenset(("read", "write"))


def make(house, actor: Actor = OPERATOR, project: str | None = None, **spec) -> keys.NewKey:
    return keys.create(house.context, actor, project=project or house.project.id, spec=KeySpec(**spec))


def live(house) -> dict[str, key_rows.KeyRow]:
    with house.context.catalog.read() as conn:
        return {row.id: row for row in key_rows.load_live(conn)}


@pytest.mark.parametrize(
    ("style", "looks", "kind", "scopes"),
    [
        ("headrace", r"hr_[0-9A-Za-z]{32}", "key", ["read", "write"]),
        ("statflow", r"sf_[0-9A-Za-z]{32}", "key", ["read", "write"]),
        ("canaryhub", r"ch_live_[0-9A-Za-z]{32}", "key", ["read", "write"]),
        ("seestack", r"ask_live_[a-z0-9]{32}", "key", ["read", "write"]),
        ("logister", r"logister_[0-9a-f]{48}", "key", ["read", "write"]),
        ("slowstats", r"[0-9A-Za-z]{16}\.[0-9A-Za-z]{32}", "key", ["read", "write"]),
        ("stathat", r"[0-9A-Za-z]{16}", "legacy", ["write"]),
    ],
)
def test_styles(house, style: str, looks: str, kind: str, scopes: list[str]) -> None:
    made, other = make(house, style=style), make(house, style=style)
    assert re.fullmatch(looks, made.key)
    assert made.key != other.key
    assert (made.kind, made.scopes, made.shown, made.reach) == (kind, scopes, made.key[:8], "project")
    row = live(house)[made.id]
    assert (row.secret_sha256, row.kind, row.scopes) == (sha256(made.key.encode()).digest(), kind, frozenset(scopes))
    assert (row.project, row.account, row.name) == (house.project.number, house.first.account.id, f"{style} key")


@pytest.mark.parametrize("name", [None, "", " "], ids=["none", "empty", "blank"])
def test_a_key_without_a_name_is_named_after_its_style(house, name: str | None) -> None:
    assert make(house, name=name, style="seestack").name == "seestack key"


@pytest.mark.parametrize(
    ("secret", "kind"),
    [
        pytest.param("x" * 15, "legacy", id="15 characters"),
        pytest.param("x" * 16, "key", id="16 characters"),
        pytest.param("somebody-else@example.org", "legacy", id="an address"),
        pytest.param("x", "legacy", id="1 character"),
        pytest.param("x" * 255, "key", id="255 characters"),
        pytest.param("grüße aus köln", "legacy", id="not ASCII, short"),
    ],
)
def test_brought_secrets(house, secret: str, kind: str) -> None:
    made = make(house, secret=secret)
    assert (made.key, made.kind, made.shown) == (secret, kind, "")
    assert live(house)[made.id].secret_sha256 == sha256(secret.encode()).digest()


@pytest.mark.parametrize(
    "secret",
    ["", "x" * 256, " x", "x\n", "x\x00y", "sixteen characters", "ü" * 16, "\ud800"],
    ids=["empty", "256", "blank before", "newline after", "NUL", "blanks in a key", "a key not ASCII", "surrogate"],
)
def test_secrets_that_no_request_could_carry(house, secret: str) -> None:
    refused("invalid", make, house, secret=secret)


def test_a_secret_exists_once_per_instance(house) -> None:
    made = make(house, secret="a-key-that-programs-hold")
    keys.revoke(house.context, OPERATOR, made.id)
    text = refused("conflict", make, house, project=house.foreign.id, secret="a-key-that-programs-hold")
    assert "revoked" in text
    assert "a-key" not in text


def test_of_two_threads_that_bring_one_secret_one_gets_it(house) -> None:
    start, answers = threading.Barrier(2), []

    def work() -> None:
        start.wait()
        try:
            answers.append(make(house, secret="a-key-that-programs-hold").kind)
        except ServiceError as error:
            answers.append(error.code)

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answers) == ["conflict", "key"]


@pytest.mark.parametrize(
    ("spec", "code"),
    [
        pytest.param({"style": "acme"}, "invalid", id="unknown style"),
        pytest.param({"scopes": ["admin"]}, "invalid", id="unknown scope"),
        pytest.param({"scopes": []}, "invalid", id="no scope"),
        pytest.param({"style": "stathat", "scopes": ["read"]}, "invalid", id="legacy that reads"),
        pytest.param({"secret": "me@example.org", "scopes": ["write", "manage"]}, "invalid", id="legacy that manages"),
        pytest.param({"rate": 0}, "invalid", id="rate 0"),
        pytest.param({"rate": 1_000_000_001}, "invalid", id="rate too high"),
        pytest.param({"rate": 5, "burst": 0}, "invalid", id="burst 0"),
        pytest.param({"burst": 5}, "invalid", id="burst without rate"),
        pytest.param({"rate": 5, "unlimited": True}, "invalid", id="rate and no limit"),
        pytest.param({"expires_at": 1}, "invalid", id="expired already"),
        pytest.param({"expires_at": 1 << 70}, "invalid", id="expires after all days"),
        pytest.param({"name": "x" * 101}, "invalid", id="name of 101"),
    ],
)
def test_what_a_key_cannot_be(house, spec: dict, code: str) -> None:
    before = live(house)
    refused(code, make, house, **spec)
    assert live(house) == before


def test_limits_expiry_reach_and_scopes_are_kept(house) -> None:
    soon = house.clock.now + 1
    made = make(house, name=" ci ", scopes=["manage"], account_wide=True, expires_at=soon, rate=1, burst=1_000_000_000)
    row = live(house)[made.id]
    assert (row.name, row.reach, row.scopes, row.expires_at) == ("ci", "account", {"manage"}, soon)
    assert (row.rate, row.burst, row.unlimited) == (1, 1_000_000_000, False)
    unlimited = make(house, unlimited=True)
    free = live(house)[unlimited.id]
    assert (free.rate, free.burst, free.unlimited) == (None, None, True)


@pytest.mark.parametrize(
    ("actor", "spec", "code"),
    [
        pytest.param({"scopes": {"write"}}, {"scopes": ["write"]}, "forbidden", id="write alone mints nothing"),
        pytest.param({"scopes": {"read"}}, {"scopes": ["read"]}, "forbidden", id="read alone mints nothing"),
        pytest.param({"scopes": READ_WRITE}, {"scopes": ["write"]}, None, id="read and write mint write"),
        pytest.param({"scopes": READ_WRITE}, {"scopes": ["manage"]}, "forbidden", id="manage is not granted"),
        pytest.param({"scopes": {"manage"}}, {"scopes": ["read"]}, "forbidden", id="manage grants no read"),
        pytest.param({"project": 1}, {"account_wide": True}, "forbidden", id="a project key grants no account"),
        pytest.param({"project": 1}, {}, None, id="a project key mints for its project"),
        pytest.param({"project": 2}, {}, "not_found", id="another project's key"),
        pytest.param({"expires_at": 50}, {"expires_at": 51}, "forbidden", id="outliving its maker"),
        pytest.param({"expires_at": 50}, {"expires_at": 50}, None, id="as long as its maker"),
    ],
)
def test_a_key_grants_no_more_than_it_holds(house, actor: dict, spec: dict, code: str | None) -> None:
    who = house.owner._replace(**_dated(actor, house.clock.now))
    spec = _dated(spec, house.clock.now)
    if code:
        refused(code, make, house, who, **spec)
    else:
        assert make(house, who, **spec).id in live(house)


def _dated(given: dict, now: int) -> dict:
    """``expires_at`` counted from now, scopes as an actor has them."""
    return {
        name: value + now if name == "expires_at" else frozenset(value) if name == "scopes" else value
        for name, value in given.items()
    }


def test_a_key_made_by_an_expiring_key_ends_with_it(house) -> None:
    end = house.clock.now + 50
    assert make(house, house.owner._replace(expires_at=end)).expires_at == end


def test_revoking_counts_at_once_and_only_once(house) -> None:
    made = make(house)
    with house.context.catalog.read() as conn:
        before = meta.key_epoch(conn)
    done = keys.revoke(house.context, house.owner, made.id)
    assert (done.state, done.revoked_at) == ("revoked", house.clock.now)
    assert made.id not in live(house)
    refused("not_found", keys.revoke, house.context, house.owner, made.id)
    refused("not_found", keys.revoke, house.context, house.owner, "\ud800")
    with house.context.catalog.read() as conn:
        assert meta.key_epoch(conn) == before + 1


def test_another_name_counts_at_once(house) -> None:
    made = make(house, name="till")
    assert keys.rename(house.context, house.owner, made.id, f" {'n' * 100} ").name == "n" * 100
    assert live(house)[made.id].name == "n" * 100
    for name in ("", " ", "n" * 101, "a\nb"):
        refused("invalid", keys.rename, house.context, house.owner, made.id, name)
    refused("not_found", keys.rename, house.context, house.stranger, made.id, "mine")
    refused("not_found", keys.rename, house.context, house.owner, "\ud800", "mine")
    keys.revoke(house.context, house.owner, made.id)
    refused("not_found", keys.rename, house.context, house.owner, made.id, "late")


def test_a_key_for_seestack_s_environment_test_looks_like_one(house) -> None:
    made = make(house, style="seestack", test=True)
    assert re.fullmatch(r"ask_test_[a-z0-9]{32}", made.key)
    assert (made.kind, made.shown) == ("key", "ask_test")


@pytest.mark.parametrize(
    ("actor", "sees"),
    [
        pytest.param("owner", {"own", "other", "wide"}, id="the account"),
        pytest.param("project key", {"own"}, id="a key of the project"),
        pytest.param("other project key", {"other"}, id="a key of another project"),
        pytest.param("stranger", set(), id="another account"),
        pytest.param("operator", {"own", "other", "wide"}, id="the operator"),
    ],
)
def test_keys_are_seen_and_revoked_by_those_who_reach_them(house, actor: str, sees: set[str]) -> None:
    second = projects.create(house.context, house.owner, name="Second")
    made = {
        "own": make(house, name="own").id,
        "other": make(house, project=second.id, name="other").id,
        "wide": make(house, name="wide", account_wide=True).id,
    }
    who = {
        "owner": house.owner,
        "project key": house.owner._replace(project=house.project.number, scopes=READ_WRITE),
        "other project key": house.owner._replace(project=second.number, scopes=READ_WRITE),
        "stranger": house.stranger,
        "operator": OPERATOR,
    }[actor]
    assert {key.name for key in keys.list_all(house.context, who)} - {"first key"} == sees
    for name, key_id in made.items():
        if name in sees:
            keys.revoke(house.context, who, key_id)
        else:
            refused("not_found", keys.revoke, house.context, who, key_id)


def test_lists_say_what_a_key_is_and_never_its_secret(house) -> None:
    house.clock.now += 1
    made = make(house, expires_at=house.clock.now + 5)
    assert [key.state for key in keys.list_all(house.context, house.owner)] == ["live", "live"]
    house.clock.now += 5
    first, second = keys.list_all(house.context, house.owner, project="shop")
    assert (first.name, first.state) == ("first key", "live")
    assert (second.id, second.state, second.shown, second.project) == (made.id, "expired", made.key[:8], "Shop")
    assert made.key not in repr(second)
    keys.revoke(house.context, house.owner, made.id)
    assert [key.id for key in keys.list_all(house.context, house.owner, revoked=False)] == [first.id]
    refused("forbidden", keys.list_all, house.context, house.owner._replace(scopes=frozenset(("write",))))


def test_refusals_latest_first(house) -> None:
    early, late = make(house, name="early").id, make(house, name="late").id
    make(house, name="never refused")
    with house.context.catalog.write() as conn:
        key_rows.record_use(conn, {}, {early: (2, "too large", 10), late: (1, "no scope", 20)})
    found = keys.refusals(house.context, house.owner)
    assert [(row.name, row.refused, row.refused_reason, row.refused_at) for row in found] == [
        ("late", 1, "no scope", 20),
        ("early", 2, "too large", 10),
    ]
    assert keys.refusals(house.context, house.stranger) == []
