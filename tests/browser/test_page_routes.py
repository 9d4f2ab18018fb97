"""Three people on every route behind the gate: an owner of the instance, somebody with a project of their own, and nobody.

The cases are made from the route table; a route with a parameter that ``Site.ids`` does not know fails.
"""

from __future__ import annotations

from html import unescape

import pytest
from browser_site import STRANGER
from page_routes import CHANGES, ROUTES, PageRoute
from victim import VOLATILE, WORD
from wire import TIMEOUT_S

#: Where an owner is led on, or asked for what no answer can show.
LED_ON = ("/app", "/app/p/{slug}", "/app/p/{slug}/stats/chart", "/app/sign-in", "/cli/device")
#: What forms hold, so that they get as far as they can.
FORM = {"name": "mine", "role": "viewer", "text": "mine", "row": "[]", "old": "x", "new": "x" * 12, "theme": "dark"}
READS = [route for route in ROUTES if route.method == "GET"]
#: What the owner sees of everything that a change could touch.
WATCHED = ("/app/account", "/app/projects", "/app/p/{slug}/members", "/app/p/{slug}/keys", "/app/p/{slug}/dead-letters")


def paths(route: PageRoute, site) -> list[str]:
    """The route's path, and its twin's where one handler serves both."""
    path = route.filled(site.ids)
    return (
        [path, f"{path}.json"]
        if route.path.endswith("}") and route.path != "/app/p/{slug}" and route.of_project
        else [path]
    )


def read(person, path: str) -> tuple[int, str, str]:
    """(status, where it leads, text); of a feed only that it answers."""
    answer = person.http.get(person.url + path, allow_redirects=False, timeout=TIMEOUT_S, stream=True)
    with answer:
        feed = "event-stream" in answer.headers.get("content-type", "")
        return answer.status_code, answer.headers.get("location", ""), "" if feed else answer.text


@pytest.mark.parametrize("route", READS, ids=lambda route: route.name)
def test_an_owner_of_the_instance_reads_everything(site, route):
    for path in paths(route, site):
        if route.path == "/app/setup/{token}":
            assert read(site.owner, path)[0] == 404
            continue
        status, leads, text = read(site.owner, path)
        assert status == (303 if route.path in LED_ON else 200), text
        assert not leads.startswith("/app/sign-in")
        if route.of_project and text.startswith("<!doctype"):
            assert WORD in text


@pytest.mark.parametrize("route", READS, ids=lambda route: route.name)
def test_somebody_else_reads_nothing_of_it(site, route):
    for path in paths(route, site):
        status, leads, text = read(site.stranger, path)
        if route.path == "/app/invitation/{token}":
            assert status == 200  # the link is the right to see what it offers
            continue
        if route.of_project or route.owners or route.path == "/app/setup/{token}":
            assert (status, leads) == (404, ""), text
        else:
            assert status in (200, 303), text
        assert WORD not in text + leads
        assert site.ids["slug"] not in text + leads


@pytest.mark.parametrize("route", READS, ids=lambda route: route.name)
def test_nobody_is_led_to_sign_in(site, route):
    for path in paths(route, site):
        status, leads, text = read(site.nobody, path)
        if route.open:
            assert status == (404 if "setup" in route.path else 303 if route.path in LED_ON[4:] else 200), text
        elif path.endswith((".json", "/live")):
            assert (status, leads) == (401, ""), text
            assert ('"signed_out"' in text) == path.endswith(".json")
        else:
            assert (status, text) == (303, "")
            assert leads.startswith("/app/sign-in")
        if not route.open:
            assert WORD not in unescape(text)


def watched(site) -> dict[str, str]:
    found = {}
    for path in WATCHED:
        answer = site.owner.get(PageRoute("GET", path + ".json", open=False, owners=False).filled(site.ids))
        assert answer.status_code == 200, answer.text
        found[path] = VOLATILE.sub("", answer.text)
    return found


def test_what_others_send_changes_nothing(site):
    """Somebody with a session and its token, and nobody at all, send every form there is about what is the victim's."""
    before = watched(site)
    somebody = site.person(STRANGER)
    token = somebody.csrf
    wrong = {}
    for route in CHANGES:
        own = ("/app/sign-in", "/app/sign-out", "/app/projects")
        if route.path in own or "account/" in route.path.removeprefix("/app/p"):
            continue  # about one's own session, account and projects
        path = route.filled(site.ids)
        for person, form in ((somebody, FORM | {"csrf": token}), (site.nobody, FORM)):
            if route.path == "/app/invitation/{token}" and person is somebody:
                continue  # may be used: it would make the stranger a member
            answer = person.send(route.method, path, form)
            led_off = answer.status_code == 303 and answer.headers["location"].startswith("/app/sign-in")
            good = answer.status_code in ((404,) if person is somebody else (422, 404)) or (
                person is site.nobody and led_off
            )
            if not (good or (route.path == "/app/theme" and answer.status_code == 303)):
                wrong[route.name, person.email] = answer.status_code
    assert wrong == {}
    ending = f"/app/account/sessions/{site.ids['session']}/end"
    assert somebody.send("POST", ending, {"csrf": token}).status_code == 303
    assert watched(site) == before


def test_without_the_token_of_ones_own_session_nothing_changes(site):
    before = watched(site)
    other = site.person()
    foreign = {"missing": {}, "wrong": {"csrf": "x"}, "another session's": {"csrf": other.csrf}}
    assert foreign["another session's"]["csrf"]
    wrong = {}
    for route in CHANGES:
        if route.open and route.path != "/app/invitation/{token}":
            continue  # asks nobody who they are
        for name, form in foreign.items():
            answer = site.owner.send(route.method, route.filled(site.ids), FORM | form)
            if (answer.status_code, "out of date" in answer.text) != (403, True):
                wrong[route.name, name] = answer.status_code
    assert wrong == {}
    other.sign_out()
    assert watched(site) == before


def test_a_session_that_has_ended_is_nobody(site):
    person = site.person(STRANGER)
    cookies = dict(person.http.cookies)
    assert person.get("/app/account.json").status_code == 200
    person.sign_out()
    assert "headrace_session" not in person.http.cookies
    person.http.cookies.update(cookies)
    assert person.get("/app/account").headers["location"] == "/app/sign-in?next=/app/account"
    assert person.get("/app/account.json").status_code == 401
