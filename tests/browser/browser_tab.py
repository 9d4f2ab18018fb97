"""A tab of Chromium that remembers what went wrong in it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from browser_site import Person
from playwright.sync_api import expect
from wire import TIMEOUT_S

import headrace.web

AXE = Path(headrace.web.__file__).parent / "frontend" / "node_modules" / "axe-core" / "axe.min.js"
#: How long a page may take to become what a test waits for, ms.
PATIENCE_MS = TIMEOUT_S * 1_000
expect.set_options(timeout=PATIENCE_MS)
#: WCAG 2.2 AA and what axe holds for good besides.
AXE_TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
#: Narrowest and widest window that pages are made for, with those between at which their layout changes, px.
WIDTHS = (360, 768, 1_280, 2_560)
HEIGHT = 900
_WATCH = """
window.__refused = [];
document.addEventListener('securitypolicyviolation', e => window.__refused.push(`${e.violatedDirective}: ${e.blockedURI || e.sample}`));
window.__shifts = [];
new PerformanceObserver(list => {
  for (const e of list.getEntries()) if (!e.hadRecentInput)
    window.__shifts.push([e.value, ...e.sources.map(s => s.node ? (s.node.outerHTML || s.node.textContent).slice(0, 120) : '?')]);
}).observe({type: 'layout-shift', buffered: true});
"""
_DRAWN = "() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))"
_SETTLED = f"() => document.fonts.ready.then({_DRAWN}).then(() => new Promise(done => setTimeout(done, 50)))"
_WIDER = """() => {
  const room = document.documentElement.clientWidth;
  if (document.documentElement.scrollWidth <= room) return [];
  return [...document.querySelectorAll('body *')]
    .filter(e => e.getBoundingClientRect().right > room + 1)
    .slice(0, 5).map(e => e.outerHTML.slice(0, 160));
}"""
_AXE = """([within, tags]) => axe.run(within, {runOnly: tags, resultTypes: ['violations']})
  .then(found => found.violations.map(one => `${one.id}: ${one.help}: ${one.nodes.map(n => n.html.slice(0, 160)).slice(0, 3).join(' | ')}`))"""


class Tab:
    """``troubles``: what the console said in red, scripts that failed, dialogs that opened. ``bytes``: what was sent to the tab for its
    last page, packed as it was. ``cached``: files are kept from one page to the next.
    """

    def __init__(self, browser: Any, url: str, person: Person | None = None, *, cached: bool = True) -> None:
        self.url = url
        self.person = person
        self.context = browser.new_context()
        self.context.set_default_timeout(PATIENCE_MS)
        self.context.add_init_script(_WATCH)
        self.page = self.context.new_page()
        self.troubles: list[str] = []
        self.bytes = 0
        self.page.on("console", self._heard)
        self.page.on("pageerror", lambda error: self.troubles.append(f"a script failed: {error}"))
        self.page.on("dialog", self._asked)
        network = self.context.new_cdp_session(self.page)
        network.send("Network.enable")
        network.send("Network.setCacheDisabled", {"cacheDisabled": not cached})
        network.on("Network.loadingFinished", self._arrived)
        self.renew()

    def renew(self) -> None:
        """As if just opened, by the same person: opening one and reading its scripts for the first time costs as much as three pages."""
        if self.page.url.startswith(self.url):
            self.page.evaluate("localStorage.clear()")
        self.context.clear_cookies()
        if self.person is not None:
            self.context.add_cookies([self.person.cookie])
        self.page.set_viewport_size({"width": 1_280, "height": HEIGHT})
        self.paint("light")
        self.troubles.clear()

    def go(self, path: str) -> Any:
        """Loads a page as for the first time and waits until it rests; gives the answer."""
        self.bytes = 0
        answer = self.page.goto(self.url + path, wait_until="load")
        self.page.evaluate(_SETTLED)
        return answer

    def refused(self) -> list[str]:
        """What the content security policy kept from happening."""
        return self.page.evaluate("window.__refused")

    def shifts(self) -> list[Any]:
        """What moved after it was shown, each with how far and which elements."""
        return self.page.evaluate("window.__shifts")

    def wider(self, width: int) -> list[str]:
        """What does not fit into a window of this width."""
        self.page.set_viewport_size({"width": width, "height": HEIGHT})
        self.page.evaluate(_DRAWN)  # charts anew
        return self.page.evaluate(_WIDER)

    def axe(self, rules: list[str] | None = None, within: str = "html") -> list[str]:
        """What axe finds fault with in ``within`` (a selector); only by ``rules`` if given."""
        if not self.page.evaluate("'axe' in window"):
            self.page.evaluate(AXE.read_text())
        asked = {"type": "rule", "values": rules} if rules else {"type": "tag", "values": AXE_TAGS}
        return self.page.evaluate(_AXE, [within, asked])

    def paint(self, scheme: str) -> None:
        """Light or dark."""
        self.page.emulate_media(color_scheme=scheme)

    def _heard(self, message: Any) -> None:
        if message.type == "error":
            self.troubles.append(f"the console says: {message.text}")

    def _asked(self, dialog: Any) -> None:
        self.troubles.append(f"a dialog opened: {dialog.message}")
        dialog.dismiss()

    def _arrived(self, event: dict[str, Any]) -> None:
        self.bytes += int(event["encodedDataLength"])
