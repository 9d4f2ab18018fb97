"""A person's session at StatFlow's key calls (rulings 1 and 2): who has signed in needs no key there, and nowhere else."""

from __future__ import annotations

import re

import pytest
import requests
from wire import TIMEOUT_S

EMAIL, PASSWORD = "owner@example.test", "correct horse battery"
KEYS = "/v1/auth/api-keys"


class Browser:
    """Somebody who has signed in to the shared server."""

    def __init__(self, server, email=EMAIL) -> None:
        self.url, self.http = server.url, requests.Session()
        form = {"email": email, "password": PASSWORD}
        self.http.post(
            f"{self.url}/app/sign-in", data=form, allow_redirects=False, timeout=TIMEOUT_S
        ).raise_for_status()
        page = self.http.get(f"{self.url}/app/account", timeout=TIMEOUT_S).text
        self.csrf = re.search(r'name="csrf" value="(\w+)"', page)[1]

    def ask(self, method, path, token=None, **options):
        headers = {"X-CSRF-Token": token or self.csrf, "Origin": self.url, **options.pop("headers", {})}
        return self.http.request(method, self.url + path, headers=headers, timeout=TIMEOUT_S, **options)


@pytest.fixture(scope="module")
def owner(server):
    return Browser(server)


def test_a_session_makes_lists_and_revokes_keys(server, owner):
    project = server.project("of sessions")
    named = {"params": {"project": project}}
    made = owner.ask("POST", KEYS, json={"name": "by hand", "scopes": ["write"]}, **named)
    assert (made.status_code, made.json()["scopes"]) == (201, ["write"])
    assert [one["id"] for one in owner.ask("GET", KEYS, **named).json()["api_keys"]] == [made.json()["id"]]
    sent = {"Authorization": f"Bearer {made.json()['key']}"}
    assert requests.post(f"{server.url}/v1/ingest", json={"stat": "a", "count": 1}, headers=sent, timeout=TIMEOUT_S).ok
    assert owner.ask("DELETE", f"{KEYS}/{made.json()['id']}", **named).status_code == 204
    assert owner.ask("GET", KEYS, **named).json()["api_keys"] == []
    line = owner.http.get(f"{server.url}/app/audit.json?action=revoked+a+key", timeout=TIMEOUT_S).json()["lines"][0]
    assert (line["who_kind"], line["who"], line["subject"], line["address"]) == (
        "account",
        EMAIL,
        "by hand",
        "127.0.0.1",
    )


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"X-CSRF-Token": "x"}, 403),
        ({"Origin": "https://evil.test"}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Authorization": "Bearer nonsense"}, 401),
    ],
)
def test_a_change_brings_the_session_s_token_and_a_key_that_is_shown_decides_alone(owner, headers, status):
    answer = owner.ask("POST", KEYS, json={"name": "x"}, headers=headers)
    assert (answer.status_code, list(answer.json())) == (status, ["error"])


def test_a_session_counts_nowhere_else_and_in_no_project_of_others(server, owner):
    server.call("account.create", email="guest@example.test", password=PASSWORD, name="Guest")
    guest = Browser(server, "guest@example.test")
    project = server.project("not the guest's")
    assert guest.ask("GET", KEYS).status_code == 403
    assert guest.ask("GET", KEYS, params={"project": project}).status_code == 404
    assert owner.ask("GET", "/v1/stats").status_code == 401
    assert owner.ask("POST", "/v1/ingest", json={"stat": "a", "count": 1}).status_code == 401
    stale = {"Cookie": "headrace_session=" + "A" * 43}
    for cookies in (stale, {"Cookie": "headrace_session"}, {"Cookie": 'a="\\'}):
        assert requests.get(server.url + KEYS, headers=cookies, timeout=TIMEOUT_S).status_code == 401
