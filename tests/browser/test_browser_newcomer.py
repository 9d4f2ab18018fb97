"""From the link that the server prints to a chart of one's own data, as a newcomer goes."""

from __future__ import annotations

import re
import subprocess

import pytest
from wire import TIMEOUT_S

PASSWORD = "a long enough passphrase"


@pytest.fixture
def new_server(tmp_path, server_class):
    server = server_class(tmp_path / "data").start()
    yield server
    assert server.stop() == 0, server.log.read_text()[-4000:]


def test_a_newcomer_sees_their_first_record_and_two_clicks_later_its_chart(new_server, open_tab):
    tab = open_tab(new_server.url)
    tab.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page = tab.page
    link = re.search(r"http://\S+/app/setup/\S+", new_server.log.read_text())[0]

    page.goto(link)
    page.get_by_label("E-mail address").fill("ann@example.test")
    page.get_by_label("Your name").fill("Ann")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_label("First project").fill("Shop")
    page.get_by_role("button", name="Create account and project").click()

    page.wait_for_url("**/app/p/shop/connect")
    page.get_by_role("button", name="Make a key").click()
    page.locator("#made-key").wait_for()
    page.locator(".chosen:visible").get_by_role("button", name="Copy").first.click()
    page.get_by_role("button", name="Copied").wait_for()
    command = page.evaluate("navigator.clipboard.readText()")
    ran = subprocess.run(["bash", "-c", command], capture_output=True, text=True, timeout=TIMEOUT_S)
    assert command.startswith("curl ")
    assert ran.returncode == 0, ran.stderr

    page.locator(".arrived").first.wait_for()
    page.get_by_role("link", name="Stats", exact=True).last.click()
    page.locator("main table a").first.click()
    page.locator("main canvas").first.wait_for()
    assert tab.troubles == []
    assert tab.refused() == []

    page.get_by_role("button", name="Sign out").click()
    page.wait_for_url("**/app/sign-in")
    page.get_by_label("E-mail address").fill("Ann@example.test")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url("**/app/p/shop/overview")
