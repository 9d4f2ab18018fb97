"""The door: who gets in, what a change must bring, and where everybody else is sent."""

from __future__ import annotations

import re
from html import unescape

import pytest

from headrace.api.services import accounts, invitations, sessions
from headrace.catalog import accounts as account_rows
from headrace.catalog.accounts import AccountRow
from headrace.web.agents import browser

PASSWORD = "correct horse battery"
HOST = "http://tele.test:8787"
PROJECT = "/app/p/ann-shop"


class Person:
    """Somebody with a browser: ``email`` names the account, "" nobody."""

    def __init__(self, world, email=""):
        self.world, self.email, self.viewer, self.cookie = world, email, None, ""
        if email:
            with world.context.catalog.write() as conn:
                info = accounts.info(account_rows.by_email(conn, email))
                token = sessions.begin(world.context, conn, info, "192.0.2.1", "Browser")
            self.viewer = sessions.find(world.context, token)
            self.cookie = f"headrace_session={token}"

    def get(self, path, **headers):
        return self.world.call("GET", path, headers={"cookie": self.cookie, **headers})

    def post(self, path, csrf=None, headers=None, **form):
        token = self.viewer.csrf if csrf is None and self.viewer else csrf or ""
        sent = {"cookie": self.cookie, "origin": HOST, **(headers or {})}
        return self.world.call("POST", path, headers=sent, data={"csrf": token, **form})


@pytest.fixture
def ann(world):
    """An owner of the instance."""
    return Person(world, "ann@example.org")


@pytest.fixture
def bob(world):
    """Somebody with projects of their own."""
    return Person(world, "bob@example.org")


def member(world, ann, role):
    """Somebody in ann's shop."""
    email = f"{role}@example.org"
    with world.context.catalog.write() as conn:
        account_rows.add(conn, AccountRow(role, email, role, "hash", "member", 1))
    place = sessions.project(world.context, ann.viewer, "ann-shop")
    token = invitations.create(world.context, place, role=role).token
    person = Person(world, email)
    invitations.join(world.context, token, person.viewer.actor.who)
    return person


def text_of(answer):
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", answer.text)).split())


def test_signing_in_and_out(world):
    form = {"email": "Ann@example.org ", "password": PASSWORD, "next": "/app/account"}
    answer = world.call("POST", "/app/sign-in", data=form, headers={"origin": HOST})
    assert (answer.status_code, answer.headers["location"]) == (303, "/app/account")
    cookie, *attributes = answer.headers["set-cookie"].split("; ")
    assert {"HttpOnly", "Path=/", "SameSite=lax"} <= set(attributes)
    assert "Secure" not in attributes
    me = world.call("GET", "/app/account.json", headers={"cookie": cookie})
    assert me.json()["account"]["email"] == "ann@example.org"
    csrf = re.search(r'name="csrf" value="(\w+)"', world.call("GET", "/app/account", headers={"cookie": cookie}).text)[
        1
    ]
    out = world.call("POST", "/app/sign-out", data={"csrf": csrf}, headers={"cookie": cookie, "origin": HOST})
    assert out.headers["location"] == "/app/sign-in"
    assert "Max-Age=0" in out.headers["set-cookie"]
    assert world.call("GET", "/app/account.json", headers={"cookie": cookie}).status_code == 401


def test_the_cookie_is_for_the_prefix_and_for_https_alone(world):
    world.set_up(path_prefix="/tele")
    form = {"email": "ann@example.org", "password": PASSWORD}
    answer = world.call("POST", "https://tele.test:8787/app/sign-in", data=form)
    assert answer.headers["location"] == "/tele/app/"
    assert {"Path=/tele/", "Secure"} <= set(answer.headers["set-cookie"].split("; "))


@pytest.mark.parametrize("email", ["ann@example.org", "nobody@example.org", "", '"><b>'])
def test_who_is_not_let_in_hears_one_sentence(world, email):
    answer = world.call("POST", "/app/sign-in", data={"email": email, "password": "wrong horse battery"})
    assert answer.status_code == 422
    assert "this e-mail address and password do not belong together" in answer.text
    assert "set-cookie" not in answer.headers
    assert "wrong horse" not in answer.text
    assert "<b>" not in answer.text
    assert world.services.door.tried == [email]


@pytest.mark.parametrize(
    ("wait", "words"), [(1, "1 second,"), (59, "59 seconds,"), (60, "1 minute,"), (61, "2 minutes,")]
)
def test_too_many_tries_are_told_to_wait_before_anything_is_looked_up(world, wait, words):
    world.services.door.wait = wait
    form = {"email": "ann@example.org", "password": PASSWORD}
    answer = world.call("POST", "/app/sign-in", data=form)
    assert (answer.status_code, answer.headers["retry-after"]) == (429, str(wait))
    assert f"Wait {words}" in answer.text
    assert "set-cookie" not in answer.headers


@pytest.mark.parametrize(
    ("wanted", "led_to"),
    [
        ("/app/p/ann-shop/stats?range=7d&q=%C3%A9", "/app/p/ann-shop/stats?range=7d&q=%C3%A9"),
        ("", "/app/"),
        ("//evil.test/app/", "/app/"),
        ("https://evil.test/app/", "/app/"),
        ("/\\evil.test", "/app/"),
        ("/app/\\..", "/app/"),
        ("/app/x\r\nset-cookie: a=b", "/app/"),
        ("/docs", "/app/"),
        ("javascript:alert(1)", "/app/"),
    ],
)
def test_signing_in_leads_to_pages_of_ours_alone(world, ann, wanted, led_to):
    form = {"email": "ann@example.org", "password": PASSWORD, "next": wanted}
    assert world.call("POST", "/app/sign-in", data=form).headers["location"] == led_to
    assert (
        world.call("GET", "/app/sign-in", params={"next": wanted}, headers={"cookie": ann.cookie}).headers["location"]
        == led_to
    )


def test_signed_out_people_are_sent_to_sign_in_and_come_back(world):
    nobody = Person(world)
    answer = nobody.get(f"{PROJECT}/members?a=1%2F&b=%22")
    assert answer.status_code == 303
    assert answer.headers["location"] == "/app/sign-in?next=/app/p/ann-shop/members%3Fa%3D1%252F%26b%3D%2522"
    assert nobody.get("/app/").headers["location"] == "/app/sign-in"
    assert nobody.post("/app/account/name", name="x").headers["location"] == "/app/sign-in"
    fragment = nobody.get(f"{PROJECT}/members", **{"hx-request": "true"})
    assert (fragment.status_code, fragment.headers["hx-redirect"]) == (401, "/app/sign-in?next=/app/p/ann-shop/members")
    stream = nobody.get(f"{PROJECT}/members", accept="text/event-stream")
    assert stream.status_code == 401
    twin = nobody.get(f"{PROJECT}/members.json")
    assert (twin.status_code, twin.json()["error"]["code"]) == (401, "signed_out")
    stale = nobody.world.call("GET", "/app/account.json", headers={"cookie": "headrace_session=" + "A" * 43})
    assert stale.status_code == 401


def test_the_first_page_is_the_first_project(world, ann, bob):
    assert ann.get("/app/").headers["location"] == "/app/p/ann-shop/overview"
    assert bob.get("/app/").headers["location"] == "/app/p/bob-shop/overview"
    with world.context.catalog.write() as conn:
        account_rows.add(conn, AccountRow("new", "new@example.org", "new", "hash", "member", 1))
    assert Person(world, "new@example.org").get("/app/").headers["location"] == "/app/projects"


CHANGES = [
    "/app/sign-out",
    "/app/account/name",
    "/app/account/password",
    "/app/account/sessions/x/end",
    f"{PROJECT}/members/bob/role",
    f"{PROJECT}/members/bob/remove",
    f"{PROJECT}/members/invitations",
    f"{PROJECT}/members/invitations/x/revoke",
]


@pytest.mark.parametrize("path", CHANGES)
def test_a_change_brings_the_token_of_its_own_session(world, ann, bob, path):
    second = Person(world, "ann@example.org")
    for token in ("", "x", bob.viewer.csrf, second.viewer.csrf, ann.viewer.csrf[:-1], "é" * 64):
        answer = ann.post(path, csrf=token)
        assert (answer.status_code, "out of date" in answer.text) == (403, True), token
    assert ann.post(path, csrf="", headers={"x-csrf-token": "x"}).status_code == 403
    assert ann.post(path, csrf="", headers={"x-csrf-token": ann.viewer.csrf}).status_code != 403
    assert second.get("/app/account.json").json()["account"]["name"] == "ann"


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "https://evil.test"},
        {"origin": "null"},
        {"origin": "http://tele.test"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
    ],
)
@pytest.mark.parametrize("path", ["/app/sign-in", "/app/account/name", "/app/setup/x", "/app/invitation/x"])
def test_no_other_site_makes_changes(world, ann, path, headers):
    form = {"email": "ann@example.org", "password": PASSWORD, "name": "x"}
    answer = ann.post(path, headers=headers, **form)
    assert answer.status_code == 403
    assert "another site" in answer.text
    assert "set-cookie" not in answer.headers


def test_a_body_that_is_no_form_is_told_so(world, ann):
    def send(**options):
        headers = {"cookie": ann.cookie, "x-csrf-token": ann.viewer.csrf, **options.pop("headers", {})}
        return world.call("POST", "/app/account/name", headers=headers, **options).status_code

    kind = {"content-type": "application/x-www-form-urlencoded"}
    assert send(json={"name": "x"}) == 415
    assert send(content=b"name=" + b"x" * (64 * 1024), headers=kind) == 413
    assert send(content=b"a=&" * 101, headers=kind) == 400
    assert send(content=b"name=%FF%00\xff", headers=kind) == 303
    assert ann.get("/app/account.json").json()["account"]["name"] != "ann"


@pytest.mark.parametrize(
    ("role", "may"),
    [
        ("viewer", {"members": 200, "invite": 403, "role": 403, "remove": 422}),
        ("member", {"members": 200, "invite": 403, "role": 403, "remove": 422}),
        ("admin", {"members": 200, "invite": 200, "role": 422, "remove": 422}),
        ("owner", {"members": 200, "invite": 200, "role": 422, "remove": 422}),
    ],
)
def test_a_role_opens_what_it_opens(world, ann, role, may):
    somebody = member(world, ann, role)
    members = f"{PROJECT}/members"
    found = {
        "members": somebody.get(members).status_code,
        "invite": somebody.post(f"{members}/invitations", role="viewer").status_code,
        "role": somebody.post(f"{members}/nobody/role", role="viewer").status_code,
        "remove": somebody.post(f"{members}/nobody/remove").status_code,
    }
    assert found == may
    for path in ("/app/audit", "/app/audit.json", "/app/p/bob-shop/members", "/app/p/bob-shop/members.json"):
        assert somebody.get(path).status_code == 404
    shown = somebody.get(f"{members}.json").json()
    assert shown["roles"] == {
        "admin": ["viewer", "member", "admin"],
        "owner": ["viewer", "member", "admin", "owner"],
    }.get(role, [])
    assert bool(shown["invitations"]) == (role in ("admin", "owner"))


def test_people_come_by_link_and_go(world, ann, bob):
    made = ann.post(f"{PROJECT}/members/invitations", role="member", email="new@example.org")
    link = re.search(rf"{HOST}(/app/invitation/[\w-]+)", made.text)[1]
    assert link not in ann.get(f"{PROJECT}/members").text
    nobody = Person(world)
    offer = nobody.get(link)
    assert "ann@example.org invites you as member" in text_of(offer)
    assert "this invitation is for new@example.org" in text_of(bob.post(link))
    assert bob.post(link, csrf="x").status_code == 403
    form = {"email": "new@example.org", "name": "New", "password": PASSWORD}
    assert nobody.post(link, **form | {"password": "short"}).status_code == 422
    joined = nobody.post(link, **form)
    assert (joined.status_code, joined.headers["location"]) == (303, f"{PROJECT}/overview")
    assert "HttpOnly" in joined.headers["set-cookie"]
    for person in (nobody, bob):
        assert person.get(link).status_code == 404
        assert person.post(link, **form).status_code == 404
    new = Person(world, "new@example.org")
    assert new.get(f"{PROJECT}/members").status_code == 200
    assert new.post(f"{PROJECT}/members/{new.viewer.account.id}/remove").headers["location"] == "/app/"
    assert new.get(f"{PROJECT}/members").status_code == 404


def test_changes_of_the_account(world, ann):
    other = Person(world, "ann@example.org")
    assert ann.post("/app/account/name", name=" ").status_code == 422
    assert ann.post("/app/account/name", name="Ann Ü").headers["location"] == "/app/account?done=name"
    shown = ann.get("/app/account?done=name")
    assert "Your name is changed." in shown.text
    assert 'value="Ann Ü"' in shown.text
    assert "nothing" not in text_of(ann.get("/app/account?done=nothing"))
    assert ann.post("/app/account/password", old="wrong", new="x" * 12).status_code == 422
    assert ann.post("/app/account/password", old=PASSWORD, new="x" * 11).status_code == 422
    third = Person(world, "ann@example.org")
    ann.post(f"/app/account/sessions/{third.viewer.session}/end")
    assert third.get("/app/account.json").status_code == 401
    assert ann.post("/app/account/password", old=PASSWORD, new="x" * 12).status_code == 303
    assert other.get("/app/account.json").status_code == 401
    assert len(ann.get("/app/account.json").json()["sessions"]) == 1
    world.services.door.wait = 90
    assert "wait 2 minutes" in ann.post("/app/account/password", old="x" * 12, new="y" * 12).text


def test_the_log_shows_what_all_of_them_did(world, ann, bob):
    bob.post("/app/account/name", name="Bob <b>")
    ann.post(f"{PROJECT}/members/invitations", role="viewer", email="new@example.org")
    made = world.call("POST", "/api/headrace/keys", "bob.wide", json={"name": "by key"})
    assert made.status_code == 201
    lines = ann.get("/app/audit.json").json()["lines"]
    assert [(line["who_kind"], line["who"], line["action"], line["subject"]) for line in lines[:3]] == [
        ("key", "wide", "made a key", "by key"),
        ("account", "ann@example.org", "made an invitation", "new@example.org"),
        ("account", "bob@example.org", "changed the name", ""),
    ]
    assert [line["address"] for line in lines[:3]] == ["127.0.0.1", "127.0.0.1", "127.0.0.1"]
    page = ann.get("/app/audit")
    assert "Bob <b>" in text_of(page) or "Bob &lt;b&gt;" in page.text
    narrowed = ann.get(f"/app/audit.json?who={bob.viewer.account.id}&action=changed+the+name").json()
    assert [line["who"] for line in narrowed["lines"]] == ["bob@example.org"]
    assert ann.get("/app/audit.json?action=sneezed").status_code == 422


def test_a_session_speaks_to_the_api_as_its_page_may(world, ann, bob):
    """A cookie counts where no key is sent; the project is named, and the role decides there."""
    ours, theirs = world.ids["ann.shop"], world.ids["bob.shop"]
    assert [one["id"] for one in ann.get("/api/headrace/projects").json()["projects"]] == [
        world.ids[f"{who}.{place}"] for who in ("ann", "bob") for place in ("shop", "site")
    ]
    assert bob.get(f"/api/headrace/projects/{theirs}").json()["id"] == theirs
    assert bob.get(f"/api/headrace/projects/{ours}").status_code == 404
    assert bob.get("/api/headrace/stats").status_code == 422
    assert bob.get(f"/api/headrace/stats?project={theirs}").status_code == 200
    assert bob.get(f"/api/headrace/stats?project={ours}").status_code == 404
    assert ann.get(f"/api/headrace/stats?project={theirs}").status_code == 200
    both = {"authorization": f"Bearer {world.secrets['ann.all']}"}
    assert bob.get(f"/api/headrace/projects/{ours}", **both).status_code == 200
    assert bob.get(f"/api/headrace/projects/{ours}", authorization="Bearer nonsense").status_code == 401
    ended = world.call("GET", "/api/headrace/projects", headers={"cookie": "headrace_session=" + "A" * 43})
    assert (ended.status_code, ended.json()["error"]["code"]) == (401, "signed_out")


@pytest.mark.parametrize(
    ("role", "statuses"),
    [
        ("viewer", (200, 403, 403, 403, 403)),
        ("member", (200, 201, 403, 403, 403)),
        ("admin", (200, 201, 201, 403, 403)),
        ("owner", (200, 201, 201, 202, 404)),
    ],
)
def test_a_role_opens_in_the_api_what_it_opens_on_pages(world, ann, role, statuses):
    somebody = member(world, ann, role)

    def send(path, body=None, method="POST", **headers):
        sent = {"cookie": somebody.cookie, "x-csrf-token": somebody.viewer.csrf, "origin": HOST, **headers}
        return world.call(method, f"/api/headrace/{path}", headers=sent, json=body).status_code

    reads = somebody.get("/api/headrace/annotations?project=ann-shop").status_code
    notes = send("annotations?project=ann-shop", {"text": "x"})
    makes_keys = send("keys?project=ann-shop", {"name": "x"})
    for wrong in ({"x-csrf-token": ""}, {"x-csrf-token": ann.viewer.csrf}, {"origin": "https://evil.test"}):
        assert send("annotations?project=ann-shop", {"text": "x"}, **wrong) == 403
    assert send("projects", {"name": "mine"}) == 403
    shop = f"projects/{world.ids['ann.shop']}"
    assert send(shop, method="DELETE", **{"x-csrf-token": ""}) == 403
    deletes = send(shop, method="DELETE")
    archives = send(f"{shop}/archive")
    assert (reads, notes, makes_keys, deletes, archives) == statuses


@pytest.mark.parametrize(
    ("agent", "shown"),
    [
        ("Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0", "Firefox on Linux"),
        ("Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 Chrome/140.0 Safari/537.36 Edg/140.0", "Edge on Windows"),
        ("Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) Version/18.0 Safari/604.1", "Safari on iPhone"),
        ("curl/8.5.0", "curl"),
        ("API, curl/8.5.0", "API, curl"),
        ("x" * 61, "x" * 60),
        ("", "unknown"),
    ],
)
def test_a_browser_is_called_as_people_call_it(agent, shown):
    assert browser(agent) == shown
