"""A file sent from the page Import: what became of it is shown there, and what was wrong with it."""

from __future__ import annotations

from browser_site import HOSTILE
from playwright.sync_api import expect
from wire import TIMEOUT_S, Client

WAIT_MS = TIMEOUT_S * 1_000


def test_a_file_is_sent_followed_and_told_of(site, tab):
    client = Client(site.server, "Imported")
    slug = next(one["slug"] for one in site.server.call("project.list") if one["id"] == client.project)
    quoted = HOSTILE.replace('"', '""')
    rows = [
        "timestamp,stat,type,value",
        "2026-03-01T00:00:00Z,orders,counter,3",
        "2026-03-02T00:00:00Z,orders,counter,4",
        f'whenever,"{quoted}",counter,4',
    ]
    page = tab.page
    tab.go(f"/app/p/{slug}/stats")
    page.get_by_role("link", name="Import").click()
    file = page.get_by_label("File")
    send = page.get_by_role("button", name="Import")
    file.set_input_files({"name": "broken.zip", "mimeType": "application/zip", "buffer": b"PK\x03\x04"})
    send.click()
    complaint = "The file was not imported: the archive is damaged or not complete"
    expect(page.get_by_role("alert")).to_have_text(complaint, timeout=WAIT_MS)
    file.set_input_files({"name": f"{HOSTILE}.csv", "mimeType": "text/csv", "buffer": "\n".join(rows).encode()})
    page.get_by_label("Until").fill("2026-03-02")
    expect(send).to_be_enabled(timeout=WAIT_MS)
    send.click()
    expect(page.locator("dl.figures", has_text="completed")).to_be_visible(timeout=WAIT_MS)
    expect(page.locator("[data-count=points_imported]")).to_have_text("1", timeout=WAIT_MS)
    expect(page.locator("tbody tr")).to_have_count(1, timeout=WAIT_MS)
    assert "line 4" in page.locator("tbody tr td").first.inner_text()
    assert page.locator("tbody tr td").last.inner_text() == "timestamp is not ISO 8601 with an offset"
    assert tab.axe() == []
    assert tab.page.evaluate("typeof __ran") == "undefined"
    assert [one for one in tab.troubles if "422" not in one] == []  # which was the answer to the broken archive
    tab.troubles.clear()
    found = client.call("GET", "/v1/stats").json()["stats"]
    assert [(one["name"], one["last_point_at"]) for one in found] == [("orders", "2026-03-01T00:00:00Z")]
