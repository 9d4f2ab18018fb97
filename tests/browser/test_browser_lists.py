"""Lists and charts in a browser: what is chosen is exchanged in place, and everything else on the page follows it."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect
from wire import Client, settle


@pytest.fixture(scope="module")
def shop(site):
    """A project of two stats and some events of one day, with the path of its pages."""
    client = Client(site.server, "Exchanged")
    for stat, values in (("orders", (1, 2, 3)), ("refunds", (1,))):
        items = [{"stat": stat, "value": value, "type": "counter"} for value in values]
        assert client.call("POST", "/v1/ingest/batch", json={"items": items}).status_code < 300
    events = [{"type": "error", "name": f"Error{at}", "message": f"number {at}"} for at in range(3)]
    events += [{"type": "event", "name": "signup"}]
    assert client.call("POST", "/api/v1/events", json={"events": events}).status_code < 300
    settle(site.server)
    slug = next(one["slug"] for one in site.server.call("project.list") if one["id"] == client.project)
    return f"/app/p/{slug}"


def keep(page):
    """Marks the document: a page that is loaded anew has no mark."""
    page.evaluate("window.kept = true")


def names(page):
    return [text.strip() for text in page.locator("#results tbody tr td.clip:not(.wide) a").all_inner_texts()]


def test_a_list_follows_what_is_typed_and_chosen_and_back_undoes_it(tab, shop):
    page = tab.page
    tab.go(f"{shop}/activity?range=7d")
    keep(page)
    before = names(page)
    page.keyboard.press("/")
    page.keyboard.type("number 1")
    page.wait_for_url("**/activity?*q=number+1*")
    page.locator(".pager", has_text="1 shown").wait_for()
    assert names(page) == ["Error1"]
    page.wait_for_function("document.activeElement.name === 'q'")
    page.get_by_label("Type").select_option("event")
    page.get_by_role("heading", name="Nothing matches").wait_for()
    page.wait_for_url("**type=event**")
    assert "level=" not in page.url  # nothing was chosen there
    page.get_by_role("link", name="Take all filters away").click()
    page.wait_for_url("**/activity?range=7d")
    page.locator("#results tbody tr").first.wait_for()
    assert names(page) == before
    for label in ("Text", "Type"):
        expect(page.get_by_label(label)).to_have_value("")
    assert page.evaluate("window.kept")
    expect(page.get_by_role("link", name="This page as JSON")).to_have_attribute(
        "href", re.compile(r"activity\.json\?range=7d$")
    )
    page.go_back()
    page.get_by_role("heading", name="Nothing matches").wait_for()
    expect(page.get_by_label("Text")).to_have_value("number 1")


def test_a_server_that_does_not_answer_is_told(tab, shop):
    page = tab.page
    tab.go(f"{shop}/activity?range=7d")
    page.route("**/activity?*", lambda route: route.abort())
    page.get_by_label("Type").select_option("event")
    page.get_by_text("The server does not answer").wait_for()
    page.unroute("**/activity?*")
    page.get_by_label("Type").select_option("error")
    page.locator(".pager", has_text="3 shown").wait_for()
    expect(page.get_by_text("The server does not answer")).to_be_hidden()
    tab.troubles.clear()  # the console has said so, too


def test_a_record_is_opened_closed_and_left_by_keys(tab, shop):
    page = tab.page
    tab.go(f"{shop}/activity?range=7d&type=error")
    keep(page)
    page.keyboard.press("j")
    page.keyboard.press("j")
    name = page.evaluate("document.activeElement.innerText")
    page.keyboard.press("Enter")
    page.get_by_role("complementary", name="Record").get_by_role("heading", name=name).wait_for()
    page.wait_for_url("**open=**")
    focused = "name => document.activeElement.innerText === name"
    page.wait_for_function(focused, arg=name)
    page.locator("#range summary").click()
    page.keyboard.press("Escape")  # the menu's
    expect(page.locator("#detail")).to_be_visible()
    page.keyboard.press("Escape")
    page.locator("#detail").wait_for(state="detached")
    page.wait_for_url(lambda url: "open=" not in url)
    page.wait_for_function(focused, arg=name)
    assert page.evaluate("window.kept")


def test_what_is_chosen_for_a_chart_holds_for_all_of_it(tab, shop):
    page = tab.page
    tab.go(f"{shop}/stats?range=7d")
    page.get_by_role("link", name="orders").click()
    page.locator("main canvas").wait_for()
    page.wait_for_url("**range=7d**")
    keep(page)
    page.locator("select[name=aggregate]").select_option("max")
    page.get_by_label("Compare with").check()
    page.locator(".dashes").wait_for()
    page.get_by_label("Name of a stat").fill("refunds")
    page.get_by_label("Name of a stat").press("Enter")
    page.locator(".legend li", has_text="refunds").wait_for()
    page.get_by_label("Name of a stat").fill("no such <b>stat</b>")
    page.get_by_role("button", name="Add", exact=True).click()
    page.get_by_text("no stat called “no such <b>stat</b>”").wait_for()
    wanted = {"range=7d", "aggregate=max", "compare=1", "more=refunds"}
    for link in (page.get_by_role("link", name="CSV"), page.get_by_role("link", name="JSON", exact=True)):
        assert wanted <= set(link.get_attribute("href").partition("?")[2].split("&"))
    assert page.evaluate("window.kept && document.querySelectorAll('canvas').length") == 1
    page.get_by_text("Add a note").click()
    page.get_by_label("What happened").fill("released")
    page.get_by_role("button", name="Add the note").click()
    page.locator(".notes", has_text="released").wait_for()
    page.wait_for_url(lambda url: wanted <= set(url.partition("?")[2].split("&")))


def test_dragging_over_a_chart_looks_closer_and_the_range_goes_along(tab, shop):
    page = tab.page
    tab.go(f"{shop}/stats/orders?range=7d&compare=1")
    keep(page)
    box = page.locator("main canvas").bounding_box()
    page.mouse.move(box["x"] + box["width"] * 0.7, box["y"] + 60)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.9, box["y"] + 90, steps=4)
    page.mouse.up()
    page.wait_for_url("**range=custom**")
    page.get_by_role("link", name="Back to the last 24 hours").wait_for()
    assert "compare=1" in page.url
    assert page.evaluate("window.kept")
    shown = page.locator("#range > summary")
    expect(shown).not_to_have_text("Last 7 days", use_inner_text=True)
    span = shown.inner_text()
    page.get_by_role("link", name="Activity").click()
    page.wait_for_url("**/activity?*range=custom*")
    expect(shown).to_have_text(span, use_inner_text=True)


def test_a_form_is_sent_once_however_often_its_button_is_pressed(tab, shop, site):
    page = tab.page
    tab.go(f"{shop}/keys")
    page.get_by_label("Name", exact=True).fill("pressed twice")
    page.evaluate(
        """() => { const b = document.querySelector('#new button[type=submit]'); b.click(); b.click(); b.click(); }"""
    )
    page.locator("#made-key").wait_for()
    expect(page.locator("tr", has_text="pressed twice")).to_have_count(1)
