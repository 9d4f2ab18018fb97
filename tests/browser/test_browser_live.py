"""Pages that follow what arrives: quietly, without moving what somebody has in hand, and only for whoever may still listen."""

from __future__ import annotations

import re

import pytest
from browser_site import MEMBER
from wire import Client, settle

MARK = "document.querySelector('{0}').marked = true"
MARKED = "document.querySelector('{0}').marked === true"


class Shop:
    """A project with two stats that the owner of the instance may see."""

    def __init__(self, site):
        self.client = Client(site.server, "Live shop")
        listed = site.server.call("project.list")
        self.base = next(f"/app/p/{one['slug']}" for one in listed if one["id"] == self.client.project)
        self.post("orders", 1)
        self.post("visits", 1)
        settle(site.server)
        self.stats = {one["name"]: one["id"] for one in self.client.api("/stats")["stats"]}

    def post(self, stat, count):
        assert self.client.call("POST", "/v1/ingest", json={"stat": stat, "count": count}).status_code < 300


@pytest.fixture(scope="module")
def shop(site):
    return Shop(site)


@pytest.fixture
def follow(site, open_tab):
    """Opens a page with the live switch on and waits until it hears the feed."""

    def open_page(path, person=None):
        tab = open_tab(site.server.url, person or site.owner)
        tab.go(f"{path}{'&' if '?' in path else '?'}live=1")
        tab.page.locator("button[data-live][data-state=open]").wait_for()
        return tab

    return open_page


def total(page, stat):
    return page.locator("tr", has_text=stat).first.locator("td.num").inner_text()


def wait_for_total(page, stat, text):
    page.wait_for_function(
        "([stat, text]) => [...document.querySelectorAll('main tbody tr')].some(row => row.innerText.includes(stat) && row.querySelector('td.num').innerText.startsWith(text))",
        arg=[stat, text],
    )


def test_the_list_of_stats_follows_under_whoever_works_in_it(shop, follow):
    tab = follow(f"{shop.base}/stats")
    page = tab.page
    before = int(total(page, "orders").split()[0])
    row = f"#stat-{shop.stats['orders']}"
    page.locator(f"{row} input").check()
    page.locator(f"#stat-{shop.stats['visits']} a").focus()
    page.evaluate(MARK.format(row))
    shop.post("orders", 5)
    wait_for_total(page, "orders", str(before + 5))
    assert page.evaluate(MARKED.format(row))
    assert page.locator(f"{row} input").is_checked()
    # A stat more: the lines are others, what was chosen and where the focus is stays.
    shop.post("a new one", 1)
    page.locator("main tr", has_text="a new one").wait_for()
    assert page.locator(f"{row} input").is_checked()
    assert page.evaluate("document.activeElement.innerText") == "visits"
    assert (tab.shifts(), tab.troubles) == ([], [])


def test_a_chart_follows_in_place_and_waits_for_whoever_drags(shop, follow):
    tab = follow(f"{shop.base}/stats/{shop.stats['visits']}?range=1h")
    page = tab.page
    points = "Number(document.querySelector('.summary td').innerText)"
    before = page.evaluate(points)
    page.locator("details#numbers summary").click()
    page.evaluate(MARK.format(".plot canvas"))
    shop.post("visits", 1)
    page.wait_for_function(f"wanted => {points} === wanted", arg=before + 1)
    assert page.evaluate(MARKED.format(".plot canvas"))
    assert page.evaluate("document.querySelector('#numbers').open")
    page.locator(".plot .u-over").hover()
    page.mouse.down()
    with page.expect_event("console", lambda message: message.text == "listening"):
        page.evaluate(
            """() => {
              const feed = new EventSource(`${location.pathname.split('/stats')[0]}/live`);
              feed.onopen = () => console.log('listening');
              feed.addEventListener('record', () => console.log('heard'));
            }"""
        )
    with page.expect_event("console", lambda message: message.text == "heard"):
        shop.post("visits", 1)
    page.wait_for_timeout(2_500)  # longer than the page waits between two looks
    assert page.evaluate(points) == before + 1
    page.mouse.up()
    page.wait_for_function(f"wanted => {points} === wanted", arg=before + 2)
    assert (tab.shifts(), tab.troubles) == ([], [])


def test_a_chart_of_a_range_of_its_own_stays_as_it_is(shop, site, open_tab):
    tab = open_tab(site.server.url, site.owner)
    tab.go(f"{shop.base}/stats/{shop.stats['visits']}?from=-3h&to=-1h&live=1")
    assert tab.page.locator("[data-fresh]").count() == 0


def test_the_overview_follows_and_what_was_unfolded_stays_so(shop, follow):
    tab = follow(f"{shop.base}/overview")
    page = tab.page
    page.locator("details.numbers summary").click()
    shop.post("one from the overview", 1)
    page.locator("#newest td", has_text="one from the overview").first.wait_for()
    assert page.evaluate("document.querySelector('details.numbers').open")
    assert (tab.shifts(), tab.troubles) == ([], [])


def test_a_hidden_page_listens_to_nothing(shop, follow):
    tab = follow(f"{shop.base}/overview")
    page = tab.page
    with page.expect_event("requestfailed", lambda request: request.url.endswith("/live")):
        page.evaluate(
            "Object.defineProperty(document, 'hidden', {value: true, configurable: true}); document.dispatchEvent(new Event('visibilitychange'))"
        )
    shop.post("while hidden", 1)
    with page.expect_event("request", lambda request: request.url.endswith("/live")):
        page.evaluate("delete document.hidden; document.dispatchEvent(new Event('visibilitychange'))")
    page.locator("#newest td", has_text="while hidden").first.wait_for()


def test_a_page_stops_when_its_session_ends(site, shop, follow):
    form = {"csrf": site.owner.csrf, "role": "viewer"}
    invited = site.owner.send("POST", f"{shop.base}/members/invitations", form).text
    person = site.person(MEMBER)
    person.accept("/app/invitation/" + invited.partition("/app/invitation/")[2].partition("<")[0])
    tab = follow(f"{shop.base}/stats", person)
    person.sign_out()
    tab.page.wait_for_url(re.compile(r"/app/sign-in\?next="))
