"""The frame by keyboard, by mouse, without script: palette, keys, menus, colours, drawer, range, what is asked before something is lost."""

from __future__ import annotations

from browser_tab import HEIGHT


def place(site, name):
    return f"/app/p/{site.ids['slug']}/{name}"


def test_every_page_is_a_few_keys_away(site, tab):
    page = tab.page
    tab.go(place(site, "keys"))
    page.keyboard.press("g")
    page.keyboard.press("d")
    page.wait_for_url("**/dead-letters")
    page.keyboard.press("Control+k")
    page.get_by_role("combobox").fill("conn")
    page.keyboard.press("Enter")
    page.wait_for_url("**/connect")
    page.keyboard.press("/")
    page.get_by_role("combobox").fill("no page has this name")
    assert page.get_by_text("Nothing has this name.").is_visible()
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
    assert not keys.is_visible()


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
    assert page.locator("input[name=more]:checked").count() == 2
    page.keyboard.press("x")
    page.get_by_role("button", name="Chart the chosen").click()
    page.locator("main canvas").wait_for()
    assert page.locator(".legend li").count() == 1


def test_keys_typed_into_a_field_are_text(site, tab):
    tab.go(place(site, "keys"))
    name = tab.page.get_by_label("Name", exact=True)
    name.press_sequentially("g k / ? j")
    assert name.input_value() == "g k / ? j"
    assert tab.page.locator("dialog[open]").count() == 0


def test_j_and_k_move_through_a_list(site, tab):
    tab.go("/app/projects")
    focused = "document.activeElement.closest('tr')?.rowIndex ?? null"
    tab.page.keyboard.press("j")
    assert tab.page.evaluate(focused) == 1
    tab.page.keyboard.press("j")
    assert tab.page.evaluate(focused) == 2
    tab.page.keyboard.press("k")
    tab.page.keyboard.press("k")
    assert tab.page.evaluate(focused) == 1


def test_colours_are_chosen_and_the_next_page_begins_with_them(site, tab):
    tab.go(place(site, "keys"))
    ground = "getComputedStyle(document.body).backgroundColor"
    light = tab.page.evaluate(ground)
    tab.page.get_by_role("button", name="Dark").click()
    dark = tab.page.evaluate(ground)
    assert dark != light
    tab.go(place(site, "connect"))
    assert tab.page.locator("html").get_attribute("data-theme") == "dark"
    assert tab.page.evaluate(ground) == dark


def test_on_a_narrow_window_the_navigation_is_a_drawer(site, tab):
    tab.page.set_viewport_size({"width": 360, "height": HEIGHT})
    tab.go(place(site, "keys"))
    drawer = tab.page.get_by_role("navigation", name="Pages")
    assert not drawer.is_visible()
    tab.page.get_by_role("button", name="Pages").click()
    assert drawer.is_visible()
    tab.page.keyboard.press("Escape")
    assert not drawer.is_visible()


def test_the_range_goes_into_the_url_and_menus_close(site, tab):
    page = tab.page
    tab.go(place(site, "overview"))
    picker = page.locator("summary[aria-label^='Time range']")
    picker.click()
    page.keyboard.press("Escape")
    assert not page.get_by_role("link", name="Last 7 days").is_visible()
    picker.click()
    page.locator("h1").click()
    assert not page.get_by_role("link", name="Last 7 days").is_visible()
    picker.click()
    page.get_by_role("link", name="Last 7 days").click()
    page.wait_for_url("**/overview?range=7d")
    page.wait_for_function(
        "text => document.querySelector('#range > summary').innerText.trim() === text", arg="Last 7 days"
    )
    picker.click()
    page.get_by_label("From").fill("2026-03-01T10:00")
    page.get_by_label("To", exact=True).fill("2026-03-02T11:30")
    page.locator("#range").get_by_role("button", name="Show").click()
    page.wait_for_url("**/overview?range=custom&from=2026-03-01T10%3A00&to=2026-03-02T11%3A30")
    assert picker.inner_text().strip() == "1 Mar 2026, 10:00 – 2 Mar 2026, 11:30"
    assert page.evaluate("document.activeElement.closest('#range') !== null")


def test_tabs_exchange_only_what_they_change(site, tab):
    page = tab.page
    tab.go(place(site, "dead-letters"))
    page.evaluate("window.kept = true")
    page.get_by_role("link", name="Discarded").click()
    page.wait_for_url("**/dead-letters?state=discarded")
    page.get_by_role("heading", name="None was discarded").wait_for()
    assert page.evaluate("window.kept && document.querySelectorAll('main, .page-foot').length") == 2
    assert page.get_by_role("link", name="This page as JSON").get_attribute("href").endswith(".json?state=discarded")
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
    assert page.evaluate("document.activeElement.textContent") == "Cancel"
    ask.get_by_role("button", name="Cancel").click()
    assert not ask.is_visible()
    row.get_by_role("button", name="Revoke").first.click()
    ask.get_by_role("button", name="Revoke doomed & <b>bold</b>").click()
    page.wait_for_url("**/keys?done=revoked")
    assert page.locator("tr", has_text="doomed").count() == 0


def test_without_script_all_of_it_still_works(site, browser):
    context = browser.new_context(java_script_enabled=False)
    context.add_cookies([site.owner.cookie])
    page = context.new_page()
    page.goto(f"{site.server.url}{place(site, 'connect')}")
    page.get_by_text("Logister", exact=True).click()
    assert page.locator("#sample-logister-curl").is_visible()
    page.get_by_text("Python", exact=True).locator("visible=true").click()
    assert page.locator("#sample-logister-python").is_visible()
    assert not page.get_by_role("button", name="Copy").first.is_visible()
    page.get_by_role("button", name="Dark").click()
    page.wait_for_url("**/connect")
    assert page.locator("html").get_attribute("data-theme") == "dark"
    page.locator(".switch-project summary").click()
    assert page.locator(".switch-project").get_by_role("link", name="Empty").is_visible()
    context.close()
