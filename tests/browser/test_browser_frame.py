"""The frame by keyboard, by mouse, without script: palette, keys, menus, colours, drawer, range, what is asked before something is lost."""

from __future__ import annotations

import re

from browser_tab import HEIGHT, PATIENCE_MS
from playwright.sync_api import expect


def place(site, name):
    return f"/app/p/{site.ids['slug']}/{name}"


def test_every_page_is_a_few_keys_away(site, tab):
    page = tab.page
    tab.go(place(site, "keys"))
    page.keyboard.type("gd")  # in one go: the second key follows soon, or it is none
    page.wait_for_url("**/dead-letters")
    page.keyboard.press("Control+k")
    page.get_by_role("combobox").fill("conn")
    page.keyboard.press("Enter")
    page.wait_for_url("**/connect")
    page.keyboard.press("/")
    page.get_by_role("combobox").fill("no page has this name")
    expect(page.get_by_text("Nothing has this name.")).to_be_visible()
    page.keyboard.press("Escape")
    page.locator("dialog.palette").wait_for(state="hidden")
    page.keyboard.press("?")
    keys = page.get_by_role("dialog", name="Keyboard")
    keys.get_by_label("Use single keys").uncheck()
    page.keyboard.press("Escape")
    keys.wait_for(state="hidden")
    page.keyboard.press("?")
    page.keyboard.press("Control+k")
    page.get_by_role("combobox").wait_for()
    expect(keys).to_be_hidden()


def test_the_palette_does_what_buttons_do(site, tab):
    page = tab.page
    tab.go(place(site, "overview"))
    for command, seen in (("follow what arrives", "[data-live][aria-pressed=true]"), ("dark", "html[data-theme=dark]")):
        page.keyboard.press("Control+k")
        page.get_by_role("combobox").fill(command)
        page.keyboard.press("Enter")
        page.locator(seen).wait_for()


def test_x_chooses_the_line(site, tab):
    page = tab.page
    tab.go(place(site, "stats"))
    page.keyboard.press("j")
    page.keyboard.press("x")
    page.keyboard.press("j")
    page.keyboard.press("x")
    expect(page.locator("input[name=more]:checked")).to_have_count(2)
    page.keyboard.press("x")
    page.get_by_role("button", name="Chart the chosen").click()
    page.locator("main canvas").wait_for()
    expect(page.locator(".legend li")).to_have_count(1)


def test_keys_typed_into_a_field_are_text(site, tab):
    tab.go(place(site, "keys"))
    name = tab.page.get_by_label("Name", exact=True)
    name.press_sequentially("g k / ? j")
    expect(name).to_have_value("g k / ? j")
    expect(tab.page.locator("dialog[open]")).to_have_count(0)


def test_j_and_k_move_through_a_list(site, tab):
    tab.go("/app/projects")
    focused = "row => document.activeElement.closest('tr')?.rowIndex === row"
    for keys, row in (("j", 1), ("j", 2), ("kk", 1)):
        tab.page.keyboard.type(keys)
        tab.page.wait_for_function(focused, arg=row)


def test_colours_are_chosen_and_the_next_page_begins_with_them(site, tab):
    tab.go(place(site, "keys"))
    ground = "getComputedStyle(document.body).backgroundColor"
    light = tab.page.evaluate(ground)
    tab.page.get_by_role("button", name="Dark").click()
    tab.page.locator("html[data-theme=dark]").wait_for()
    dark = tab.page.evaluate(ground)
    assert dark != light
    tab.go(place(site, "connect"))
    assert tab.page.locator("html").get_attribute("data-theme") == "dark"
    assert tab.page.evaluate(ground) == dark


def test_on_a_narrow_window_the_navigation_is_a_drawer(site, tab):
    tab.page.set_viewport_size({"width": 360, "height": HEIGHT})
    tab.go(place(site, "keys"))
    drawer = tab.page.get_by_role("navigation", name="Pages")
    expect(drawer).to_be_hidden()
    tab.page.get_by_role("button", name="Pages").click()
    expect(drawer).to_be_visible()
    tab.page.keyboard.press("Escape")
    expect(drawer).to_be_hidden()


def test_the_range_goes_into_the_url_and_menus_close(site, tab):
    page = tab.page
    tab.go(place(site, "overview"))
    picker = page.locator("summary[aria-label^='Time range']")
    picker.click()
    page.keyboard.press("Escape")
    expect(page.get_by_role("link", name="Last 7 days")).to_be_hidden()
    picker.click()
    page.locator("h1").click()
    expect(page.get_by_role("link", name="Last 7 days")).to_be_hidden()
    picker.click()
    page.get_by_role("link", name="Last 7 days").click()
    page.wait_for_url("**/overview?range=7d")
    expect(picker).to_have_text("Last 7 days", use_inner_text=True)
    picker.click()
    page.get_by_label("From").fill("2026-03-01T10:00")
    page.get_by_label("To", exact=True).fill("2026-03-02T11:30")
    page.locator("#range").get_by_role("button", name="Show").click()
    page.wait_for_url("**/overview?range=custom&from=2026-03-01T10%3A00&to=2026-03-02T11%3A30")
    expect(picker).to_have_text("1 Mar 2026, 10:00 – 2 Mar 2026, 11:30", use_inner_text=True)
    page.wait_for_function("document.activeElement.closest('#range') !== null")


def test_tabs_exchange_only_what_they_change(site, tab):
    page = tab.page
    tab.go(place(site, "dead-letters"))
    page.evaluate("window.kept = true")
    page.get_by_role("link", name="Discarded").click()
    page.wait_for_url("**/dead-letters?state=discarded")
    page.get_by_role("heading", name="None was discarded").wait_for()
    expect(page.get_by_role("link", name="This page as JSON")).to_have_attribute(
        "href", re.compile(r"\.json\?state=discarded$")
    )
    assert page.evaluate("window.kept && document.querySelectorAll('main, .page-foot').length") == 2
    page.go_back()
    page.wait_for_url("**/dead-letters")
    page.locator("main td").first.wait_for()


def test_a_key_is_revoked_only_after_its_name_was_read(site, tab):
    page = tab.page
    tab.go(place(site, "keys"))
    page.get_by_label("Name", exact=True).fill("doomed & <b>bold</b>")
    page.get_by_role("button", name="Make key").click()
    page.locator("#made-key").wait_for()
    row = page.locator("tr", has_text="doomed")
    row.get_by_role("button", name="Revoke").first.click()
    ask = page.get_by_role("dialog", name="Revoke the key doomed & <b>bold</b>?")
    page.wait_for_function("document.activeElement.textContent === 'Cancel'")
    ask.get_by_role("button", name="Cancel").click()
    expect(ask).to_be_hidden()
    row.get_by_role("button", name="Revoke").first.click()
    ask.get_by_role("button", name="Revoke doomed & <b>bold</b>").click()
    page.wait_for_url("**/keys?done=revoked")
    expect(page.locator("tr", has_text="doomed")).to_have_count(0)


def test_without_script_all_of_it_still_works(site, browser):
    context = browser.new_context(java_script_enabled=False)
    context.set_default_timeout(PATIENCE_MS)
    context.add_cookies([site.owner.cookie])
    page = context.new_page()
    page.goto(f"{site.server.url}{place(site, 'connect')}")
    page.get_by_text("Logister", exact=True).click()
    expect(page.locator("#sample-logister-curl")).to_be_visible()
    page.get_by_text("Python", exact=True).locator("visible=true").click()
    expect(page.locator("#sample-logister-python")).to_be_visible()
    expect(page.get_by_role("button", name="Copy").first).to_be_hidden()
    page.get_by_role("button", name="Dark").click()
    page.locator("html[data-theme=dark]").wait_for()
    page.wait_for_url("**/connect")
    page.locator(".switch-project summary").click()
    expect(page.locator(".switch-project").get_by_role("link", name="Empty")).to_be_visible()
    context.close()
