"""The public pages: complete without scripts, and safe with anything in them."""

from __future__ import annotations

import re
import shlex
from html import unescape
from html.parser import HTMLParser

import pytest

from headrace.api.deps import Readiness
from headrace.api.services import Context, setup
from headrace.catalog import Catalog, sqlite_url
from headrace.dialects.registry import DIALECTS, ROUTES
from headrace.web import assets

HOSTILE = "\"><script>alert(1)</script><img src=x onerror=alert(2)>'"
FORM = {"email": "owner@example.org", "name": "Ann", "password": "correct horse battery", "project": "Shop"}


class Audit(HTMLParser):
    """Collects what a page would load or run."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.inline: list[str] = []
        self.loaded: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.inline += [name for name, _ in attrs if name.startswith("on") or name == "style"]
        names = {"link": ("href",), "img": ("src",), "a": ("href",)}.get(tag, ("src",))
        self.loaded += [value or "" for name, value in attrs if name in names]


def check(answer):
    """What holds for every page; gives the audit."""
    assert answer.headers["content-type"].startswith("text/html")
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "script-src" not in policy
    assert "unsafe" not in policy
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["referrer-policy"] == "same-origin"
    assert "set-cookie" not in answer.headers
    audit = Audit(answer.text)
    assert not {"script", "iframe", "object", "style", "img"} & set(audit.tags)
    assert audit.inline == []
    assert all(link.startswith(("/", "#")) for link in audit.loaded)
    return audit


@pytest.fixture
def fresh(world, tmp_path):
    """The same app over an empty catalog, and the set-up link's path."""
    catalog = Catalog.open(sqlite_url(tmp_path / "fresh.db"))
    world.set_up(context=Context(catalog, now=lambda: 1_790_000_000_000_000))
    yield f"/app/setup/{setup.issue_token(world.context)}"
    catalog.close()


@pytest.mark.parametrize("path", ["/", "/docs", "/nothing", "/app/setup/wrong", "/app/sign-in"])
def test_every_page_runs_nothing_and_loads_only_ours(world, path):
    audit = check(world.call("GET", path))
    for link in audit.loaded:
        if not link.startswith(("#", "/docs#")):
            # The way to the pages leads whoever is signed out to the sign-in page.
            assert world.call("GET", link).status_code == (303 if link == "/app/" else 200), link


@pytest.mark.parametrize("name", sorted(assets.load().names))
def test_assets(world, name):
    path = assets.path(name)
    answer = world.call("GET", path)
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert answer.headers["x-content-type-options"] == "nosniff"
    plain = world.call("GET", path, headers={"accept-encoding": "identity, gzip;q=0"})
    assert "content-encoding" not in plain.headers
    assert plain.content == answer.content == assets.load().served[path.rpartition("/")[2]].body


@pytest.mark.parametrize(
    "name", ["LICENSES.txt", "manifest.json", "app.css", "..%2Frender.py", "%2e%2e", "nothing.css"]
)
def test_nothing_else_is_served_from_the_folder(world, name):
    assert world.call("GET", f"/app/static/{name}").status_code == 404


@pytest.mark.parametrize(
    ("readiness", "word"),
    [
        (Readiness(), "Accepting"),
        (Readiness(degraded=("the store <b>is</b> down",)), "Accepting, degraded"),
        (Readiness(("the disk is full",)), "Not accepting"),
    ],
    ids=["ready", "degraded", "not ready"],
)
def test_the_first_page_says_what_this_is_and_how_it_is(world, readiness, word):
    world.ready.state = readiness
    answer = world.call("GET", "/")
    check(answer)
    assert answer.status_code == 200
    assert re.search(r'class="state \w+">([^<]*)<', answer.text)[1] == word
    for line in (*readiness.reasons, *readiness.degraded):
        assert line.replace("<", "&lt;").replace(">", "&gt;") in answer.text
    for dialect in DIALECTS:
        assert dialect.title in answer.text
    as_json = world.call("GET", "/", headers={"accept": "application/json"}).json()
    assert as_json["status"] == ("unavailable" if readiness.reasons else "ready")
    assert as_json["docs"] == "/docs"


def test_the_reference_lists_every_endpoint_with_a_command_for_this_host(world):
    text = unescape(re.sub(r"<[^>]+>", "\n", world.call("GET", "/docs").text))
    for route in ROUTES:
        for path in (route.path, *route.aliases):
            assert f"\n{path}\n" in text
        url = "http://tele.test:8787" + re.sub(r"\{(\w+)\}", lambda match: match[1].upper(), route.path)
        assert url in text


def test_commands_survive_a_shell(world):
    text = world.call("GET", "/docs").text
    commands = [unescape(found) for found in re.findall(r"<pre[^>]*><code>(curl .*?)</code></pre>", text, re.DOTALL)]
    assert len(commands) > len(ROUTES)
    for command in commands:
        words = shlex.split(command.replace("\\\n", ""))
        assert words[0] == "curl"
        assert sum(word.startswith("http://tele.test:8787/") for word in words) == 1


@pytest.mark.parametrize(
    ("host", "status"),
    [(HOSTILE, 400), ("evil'$(id)`", 400), ("a b", 400), ("x/../y", 400), ("", 200), ("host:99999999", 200)],
)
def test_a_host_header_that_is_no_host_is_not_repeated(world, host, status):
    answer = world.call("GET", "/docs", headers={"host": host})
    check(answer)
    assert answer.status_code == status
    assert "alert(1)" not in answer.text
    assert "99999999" not in answer.text
    if status == 200:
        assert "http://localhost/v1/ingest" in answer.text


def test_an_ipv6_host_is_repeated(world):
    assert "http://[::1]:8787/v1/ingest" in world.call("GET", "/docs", headers={"host": "[::1]:8787"}).text


def test_links_carry_the_path_prefix(world):
    world.set_up(path_prefix="/tele")
    audit = Audit(world.call("GET", "/").text)
    assert all(link.startswith(("/tele/", "#")) for link in audit.loaded)
    assert "http://tele.test:8787/tele/v1/ingest" in world.call("GET", "/docs").text


def test_set_up_happens_once_and_signs_the_owner_in(world, fresh):
    form = world.call("GET", fresh)
    assert form.status_code == 200
    check(form)
    done = world.call("POST", fresh, data=FORM)
    assert (done.status_code, done.headers["location"]) == (303, "/app/p/shop/connect")
    assert done.headers["cache-control"] == "no-store"
    cookie = {"cookie": done.headers["set-cookie"].partition(";")[0]}
    me = world.call("GET", "/app/account.json", headers=cookie).json()["account"]
    assert (me["email"], me["name"], me["role"]) == (FORM["email"], "Ann", "owner")
    for again in (world.call("GET", fresh), world.call("POST", fresh, data=FORM)):
        assert again.status_code == 404
        assert "set-cookie" not in again.headers


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"password": "elevenchars"}, "password"),
        ({"password": ""}, "password"),
        ({"email": "nobody"}, "email"),
        ({"email": HOSTILE}, "email"),
        ({"project": HOSTILE * 3}, "project"),
        ({"name": "a\nb"}, "name"),
    ],
)
def test_a_form_that_will_not_do_is_shown_again_and_the_link_stays_good(world, fresh, changes, word):
    answer = world.call("POST", fresh, data={**FORM, **changes})
    assert answer.status_code == 422
    check(answer)
    assert word in re.search(r'role="alert">([^<]+)<', answer.text)[1]
    assert FORM["password"] not in answer.text
    assert "<script" not in answer.text
    assert world.call("POST", fresh, data={**FORM, "password": "twelve chars"}).status_code == 303
