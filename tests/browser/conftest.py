"""Chromium, and one server, for all tests that look at pages."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from browser_site import Person, Site
from browser_tab import Tab

#: What Debian and others call it.
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


@pytest.fixture(scope="session")
def chromium() -> str:
    """Where Chromium is. Without it these tests are skipped, or fail where HEADRACE_REQUIRE_BROWSER=1 says that they have to run."""
    found = next(filter(None, map(shutil.which, NAMES)), None)
    if found is None:
        missing = "Chromium is not installed: apt-get install chromium"
        if os.environ.get("HEADRACE_REQUIRE_BROWSER") == "1":
            pytest.fail(missing, pytrace=False)
        pytest.skip(missing)
    return found


@pytest.fixture(scope="module")
def browser(chromium: str) -> Iterator[Any]:
    """Closed again behind each module: Playwright's event loop runs in the thread of the tests, and others want to run theirs there."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        # Chromium's own sandbox needs rights that a container's root does not have.
        started = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        yield started
        started.close()


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory, server_class: Any) -> Iterator[Site]:
    server = server_class(tmp_path_factory.mktemp("site") / "data")
    server.init()
    server.start()
    try:
        yield Site(server)
    finally:
        code = server.stop()
    assert code == 0, server.log.read_text()[-4000:]


@pytest.fixture
def open_tab(browser: Any) -> Iterator[Callable[..., Tab]]:
    """Opens tabs, each in a browser of its own as far as cookies and caches go; closed at the end."""
    tabs: list[Tab] = []

    def open_one(url: str, person: Person | None = None, **options: Any) -> Tab:
        tabs.append(Tab(browser, url, person, **options))
        return tabs[-1]

    yield open_one
    for tab in tabs:
        tab.context.close()


@pytest.fixture(scope="module")
def owners_tab(site: Site, browser: Any) -> Iterator[Tab]:
    opened = Tab(browser, site.server.url, site.owner)
    yield opened
    opened.context.close()


@pytest.fixture
def tab(owners_tab: Tab) -> Iterator[Tab]:
    """The owner's, as if just opened; nothing may go wrong in it."""
    owners_tab.renew()
    yield owners_tab
    assert owners_tab.troubles == []
    assert owners_tab.refused() == []
