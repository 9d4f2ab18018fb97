"""StatHat's embeds on pages of another origin, as a browser shows them."""

from __future__ import annotations

import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest
from browser_site import HOSTILE
from playwright.sync_api import expect

#: What the page of others looks like.
THEMES = {"light": "background:#fff;color:#222", "dark": "background:#111;color:#ddd"}
WIDTHS = (360, 1280)


@pytest.fixture(scope="module")
def keys(site):
    """Embed keys of a stat with a hostile name, and of one that everybody has."""
    share = site.server.call
    hostile = share("stat.share", project=site.hostile.ids["slug"], ref=site.hostile.ids["stat"], embed=True)
    plain = share("stat.share", project=site.ids["slug"], ref=site.ids["public"], embed=True)
    return hostile["embed_key"], plain["embed_key"]


class Foreign(BaseHTTPRequestHandler):
    """Another site, on a port of its own: browsers let pages from elsewhere load nothing from this machine."""

    def do_GET(self):
        body = self.server.body.encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Security-Policy", self.server.policy)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        """Says nothing."""


@pytest.fixture(scope="module")
def elsewhere():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Foreign)
    thread = Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def foreign(site, open_tab, elsewhere):
    """Opens a page of another origin with ``body`` in it. It allows no style that is written out."""

    def open_page(body, theme="light", width=1280):
        tab = open_tab(site.server.url)
        tab.page.set_viewport_size({"width": width, "height": 800})
        style = f"<link rel=icon href=data:,><style nonce=a>body{{{THEMES[theme]}}}</style>"
        elsewhere.body = f"<!doctype html><meta charset=latin1><title>x</title>{style}{body}"
        elsewhere.policy = f"script-src 'unsafe-inline' {site.server.url}; style-src 'nonce-a'"
        tab.page.goto(f"http://127.0.0.1:{elsewhere.server_port}/")
        return tab

    return open_page


def render(site, *asked):
    calls = "".join(f"<p>before</p><script>StatHatEmbed.render({json.dumps(one)})</script>" for one in asked)
    return f'<script src="{site.server.url}/javascripts/embed.js"></script>{calls.replace("</b>", "&lt;/b&gt;")}'


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("width", WIDTHS)
def test_every_kind_and_style_stands_where_it_was_called(site, keys, foreign, theme, width):
    hostile, plain = keys
    asked = [
        *({"s1": hostile, "s2": plain, "w": 600, "h": 200, "style": style} for style in ("fill", "spark", "mini")),
        *({"s1": hostile, "kind": kind, "tf": "day"} for kind in ("data", "table", "text", "histogram")),
        {"s1": plain, "w": 150, "h": 50, "tf": "half_compare", "title": "A & B"},
        {"s1": "revoked", "w": 300},
    ]
    tab = foreign(render(site, *asked), theme, width)
    page = tab.page
    places = page.locator("div[id^=statd_embed_]")
    expect(page.locator("div[id^=statd_embed_]:not(:empty)")).to_have_count(len(asked))
    assert places.count() == len(asked)
    for at in range(len(asked)):
        place = places.nth(at)
        assert place.is_visible()
        assert place.evaluate("e => e.previousElementSibling.tagName") == "SCRIPT"
        box = place.bounding_box()
        assert box["width"] > 0
        assert box["x"] + box["width"] <= width
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.locator("div[id^=statd_embed_graph] svg").count() == 4
    assert page.locator("div[id^=statd_embed_histogram] svg").count() == 1
    assert page.get_by_text("This chart is not available.").count() == 1
    assert page.get_by_text("A & B").count() == 1
    assert HOSTILE in page.locator("div[id^=statd_embed_data]").inner_text()
    assert page.evaluate("typeof __ran") == "undefined"
    assert page.locator("img").count() == 0
    assert page.locator("div[id^=statd_embed_table]").evaluate("e => getComputedStyle(e).color") == page.evaluate(
        "getComputedStyle(document.body).color"
    )
    assert (tab.troubles, tab.refused()) == ([], [])


def test_a_script_that_a_page_loads_by_itself_draws_where_it_stands(site, keys, foreign):
    address = f"{site.server.url}/embed/graph/{keys[1]}?w=300&h=120"
    tab = foreign(f'<p>one</p><script src="{address}"></script><p>two</p><script async src="{address}&x=2"></script>')
    expect(tab.page.locator("svg")).to_have_count(2)
    assert tab.page.locator("p >> nth=0").evaluate("e => e.nextElementSibling.querySelector('svg') !== null")
    assert (tab.troubles, tab.refused()) == ([], [])


def test_a_place_that_is_hidden_until_then_and_a_second_look(site, keys, foreign):
    """As copies of StatHat's own script make places; loaded again, the drawing takes the place of the former one."""
    name = f"statd_embed_graph_{keys[1]}___300_120_day_fill"
    address = f"{site.server.url}/embed/graph/{keys[1]}?w=300&h=120&tf=day&style=fill"
    load = (
        "const one = document.createElement('script'); one.src = '{}';"
        "one.onload = () => window.loads = (window.loads || 0) + 1; document.head.append(one);"
    )
    twice = "".join(f"<script>{{{load.format(address + more)}}}</script>" for more in ("", "&refresh=1"))
    hide = f"<script>document.getElementById('{name}').style.display = 'none'</script>"
    tab = foreign(f'<div id="{name}"></div>{hide}{twice}')
    tab.page.wait_for_function("window.loads === 2")
    assert tab.page.locator("svg").count() == 1
    assert tab.page.locator(f"[id='{name}'] svg").is_visible()
    assert (tab.troubles, tab.refused()) == ([], [])
