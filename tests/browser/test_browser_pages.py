"""Every page as a browser shows it: nothing refused, nothing moving, nothing too wide, nothing that axe finds fault with."""

from __future__ import annotations

from html import unescape

import pytest
from browser_site import HOSTILE
from browser_tab import WIDTHS, Tab
from page_routes import PAGES

#: What a first view may weigh as it is sent, bytes.
FIRST_VIEW = 150_000
#: What may be another thing in the dark, in a narrow window, or in what is unfolded.
NARROW = ["color-contrast", "scrollable-region-focusable", "target-size"]
#: Pages that are shown only to whoever is not signed in, or leads on who is.
SIGNED_OUT = ("/app/sign-in", "/app/setup/{token}", "/app/invitation/{token}")
SHOWN = [page for page in PAGES if page.path not in SIGNED_OUT]
OF_PROJECT = [page for page in SHOWN if page.of_project]


@pytest.fixture(scope="module")
def tabs(site, browser):
    """One for each person; a page weighs what it weighs at the first view."""
    people = {"owner": site.owner, "stranger": site.stranger, "nobody": None}
    found = {name: Tab(browser, site.server.url, person, cached=False) for name, person in people.items()}
    yield found
    for tab in found.values():
        tab.context.close()


def look(tab, path):
    """Everything that is wrong with the page."""
    tab.renew()
    answer = tab.go(path)
    # The reference repeats itself eighty times: the first entries stand for all.
    tab.page.evaluate("[...document.querySelectorAll('.endpoint')].slice(6).forEach(one => one.remove())")
    found = {
        "status": [] if answer.status == 200 else [answer.status],
        "troubles": list(tab.troubles),
        "refused by the policy": tab.refused(),
        "moved": tab.shifts(),
        "ran": [] if tab.page.evaluate("typeof __ran") == "undefined" else ["injected script"],
        "bytes": [] if tab.bytes < FIRST_VIEW else [tab.bytes],
        "axe": tab.axe(),
    }
    tab.paint("dark")
    tab.page.evaluate("document.querySelectorAll('main details').forEach(one => one.open = true)")
    for width in sorted(WIDTHS, reverse=True):
        found[f"too wide for {width}"] = tab.wider(width)
    found["axe, dark, narrow and unfolded"] = tab.axe(NARROW)
    return {name: value for name, value in found.items() if value}


@pytest.mark.parametrize("page", SHOWN, ids=lambda page: page.path)
def test_a_page_with_something_on_it(site, tabs, page):
    assert look(tabs["owner"], page.filled(site.ids)) == {}


@pytest.mark.parametrize(
    "page", [page for page in OF_PROJECT if page.parameters == ["slug"]], ids=lambda page: page.path
)
def test_an_empty_page(site, tabs, page):
    assert look(tabs["owner"], page.filled({"slug": site.empty})) == {}


@pytest.mark.parametrize("page", OF_PROJECT, ids=lambda page: page.path)
def test_a_page_of_hostile_texts(site, tabs, page):
    tab = tabs["owner"]
    assert look(tab, page.filled(site.hostile.ids)) == {}
    assert HOSTILE[:40] in unescape(tab.page.content())


@pytest.mark.parametrize(
    ("page", "opener"),
    [
        ("overview", "Control+k"),
        ("overview", "?"),
        ("overview", "#range > summary"),
        ("overview", ".switch-project > summary"),
        ("stats/{stat}?compare=1&more=none", ".add > summary"),
        ("activity?range=90d", "#results tbody a"),
        ("activity?range=90d&service=none", ".chip"),
        ("keys", "td.actions button"),
    ],
)
def test_what_opens_over_a_page(site, tabs, page, opener):
    tab = tabs["owner"]
    tab.renew()
    tab.go(f"/app/p/{{slug}}/{page}".format(**site.ids))
    if opener.startswith(("#", ".", "td")):
        tab.page.locator(opener).first.hover() if opener == ".chip" else tab.page.locator(opener).first.click()
    else:
        tab.page.keyboard.press(opener)
    tab.page.wait_for_load_state("networkidle")
    # The list of projects covers what is under it as far as it is long: small remains of a link are no fault.
    within = ".switch-project" if opener.startswith(".switch-project") else "html"
    assert tab.axe(within=within) == []
    tab.paint("dark")
    assert tab.axe(["color-contrast"], within) == []
    assert tab.troubles == []


@pytest.mark.parametrize(
    "path", ["/", "/docs", "/app/sign-in", "/app/sign-in?next=%22%3E%3Cscript%3E__ran=1%3C/script%3E", "/nothing"]
)
def test_a_page_for_everybody(tabs, path):
    found = look(tabs["nobody"], path)
    if path == "/nothing":
        assert found.pop("status") == [404]
        assert all("404" in trouble for trouble in found.pop("troubles"))
    assert found == {}


def test_the_page_of_an_invitation(site, tabs):
    assert look(tabs["nobody"], site.link) == {}
    assert look(tabs["stranger"], site.link) == {}
