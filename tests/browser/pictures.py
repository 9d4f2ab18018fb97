"""Pictures of every page for docs/pictures: ``make pictures``. Each page empty, with one thing, and with the demo's week; light, dark,
narrow and wide. Names: ``<page>-<what is on it>-<look>.png``.
"""

from __future__ import annotations

import io
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import requests
from page_routes import PAGES, PageRoute
from PIL import Image
from playwright.sync_api import sync_playwright

EMAIL, PASSWORD = "owner@example.test", "correct horse battery"
#: How each page is looked at: name, colours, window in px.
LOOKS = (("light", "light", (1_280, 900)), ("dark", "dark", (1_280, 900)), ("narrow", "light", (360, 780)))
WIDE = ("wide", "dark", (2_560, 1_300))
#: What all pictures may weigh, bytes; colours that are kept of each.
MOST, COLOURS = 12 * 1024 * 1024, 256
SIGNED_OUT = ("/app/sign-in", "/app/invitation/{token}", "/app/setup/{token}")


class Subject(NamedTuple):
    """A project to look at: ``ids`` are what its pages name, without those that it has nothing of."""

    name: str
    ids: dict[str, str]


@contextmanager
def serving(folder: Path) -> Iterator[str]:
    """A server of our own; gives its address."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    command = (sys.executable, "-m", "headrace")
    init = ("init", "--data", str(folder), "--email", EMAIL, "--password", PASSWORD, "--project", "One thing")
    subprocess.run([*command, *init], check=True, stdout=subprocess.DEVNULL)
    process = subprocess.Popen([*command, "serve", "--data", str(folder), "--port", str(port)])
    try:
        for _ in range(600):
            try:
                if requests.get(f"{url}/readyz", timeout=5).ok:
                    break
            except requests.ConnectionError:
                time.sleep(0.05)
        yield url
    finally:
        process.terminate()
        process.wait(30)


def headrace(folder: Path, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "headrace", *arguments, "--data", str(folder)],
        check=True,
        capture_output=True,
        text=True,
    )
    return done.stdout


def sign_in(url: str) -> str:
    answer = requests.post(
        f"{url}/app/sign-in", data={"email": EMAIL, "password": PASSWORD}, allow_redirects=False, timeout=20
    )
    return answer.cookies["headrace_session"]


def send_one(folder: Path, url: str) -> None:
    """One point and one error."""
    key = re.search(r'"key": ?"([^"]+)"', headrace(folder, "key", "create", "--project", "one-thing", "--json"))
    assert key is not None
    headers = {"authorization": f"Bearer {key[1]}"}
    event = {
        "event_type": "error",
        "level": "error",
        "message": "Payment gateway timed out",
        "environment": "production",
    }
    for path, body in (("/v1/ingest", {"stat": "orders", "count": 1}), ("/api/v1/ingest_events", {"event": event})):
        requests.post(url + path, json=body, headers=headers, timeout=20).raise_for_status()


def subjects(folder: Path, url: str, cookie: str) -> list[Subject]:
    """Makes the projects and looks up what their pages name."""
    headrace(folder, "project", "create", "--name", "Empty")
    send_one(folder, url)
    headrace(folder, "demo", "--url", url)
    time.sleep(3)  # the last segment goes into the store
    found = []
    for name, slug in (("empty", "empty"), ("one", "one-thing"), ("demo", "demo")):
        ids = {"slug": slug}

        def ask(page: str, slug: str = slug) -> Any:
            cookies = {"headrace_session": cookie}
            return requests.get(f"{url}/app/p/{slug}/{page}.json?range=7d", cookies=cookies, timeout=20).json()

        stats, records = ask("stats").get("stats", []), ask("activity").get("records", [])
        if stats:
            ids["stat"] = ids["public"] = stats[0]["id"]
            headrace(folder, "stat", "share", ids["stat"], "--project", slug, "--public")
        if records:
            ids["record"] = records[0]["id"]
        found.append(Subject(name, ids))
    return found


def _few_colours(picture: Image.Image) -> Image.Image:
    """``picture`` in the ``COLOURS`` that take most of it, as they are: what is left, the edges of letters, gets the nearest."""
    counted = sorted(picture.getcolors(picture.width * picture.height), reverse=True)
    palette = Image.new("P", (1, 1))
    palette.putpalette([part for _, colour in counted[:COLOURS] for part in colour])
    return picture.quantize(palette=palette, dither=Image.Dither.NONE)


def take(browser: Any, url: str, cookie: str, target: Path, wanted: list[tuple[str, str]], look: Any) -> None:
    """Pictures of all (name, path) in one look."""
    look_name, scheme, (width, height) = look
    context = browser.new_context(viewport={"width": width, "height": height}, color_scheme=scheme)
    if cookie:
        context.add_cookies([{"name": "headrace_session", "value": cookie, "url": url}])
    page = context.new_page()
    for name, path in wanted:
        page.goto(url + path, wait_until="load")
        page.evaluate("document.fonts.ready")
        page.wait_for_timeout(250)
        picture = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
        _few_colours(picture).save(target / f"{name}-{look_name}.png", optimize=True)
    context.close()


def name_of(route: PageRoute) -> str:
    words = re.sub(r"/app/(p/\{slug\}/?)?", "", route.path)
    return re.sub(r"[^a-z]+", "-", words).strip("-") or "start"


def wanted(found: list[Subject]) -> list[tuple[str, str]]:
    """(name, path) of every page with each subject that has what the page names."""
    pages = [route for route in PAGES if route.path not in SIGNED_OUT]
    shots = []
    for route in pages:
        if not route.parameters:
            shots.append((name_of(route), route.path))
            continue
        for one in found:
            if set(route.parameters) <= set(one.ids):
                shots.append((f"{name_of(route)}-{one.name}", route.filled(one.ids) + "?range=7d"))
    return shots


def main(target: Path) -> None:
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None:
        raise SystemExit("Chromium is not installed: apt-get install chromium")
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir(parents=True)
    with tempfile.TemporaryDirectory() as scratch, sync_playwright() as playwright:
        folder = Path(scratch) / "data"
        with serving(folder) as url:
            cookie = sign_in(url)
            shots = wanted(subjects(folder, url, cookie))
            browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
            for look in LOOKS:
                take(browser, url, cookie, target, shots, look)
                take(
                    browser,
                    url,
                    "",
                    target,
                    [("first", "/"), ("sign-in", "/app/sign-in"), ("reference", "/docs")],
                    look,
                )
            take(
                browser,
                url,
                cookie,
                target,
                [shot for shot in shots if "-empty" not in shot[0] and "-one" not in shot[0]],
                WIDE,
            )
            browser.close()
    weight = sum(path.stat().st_size for path in target.iterdir())
    print(f"{len(list(target.iterdir()))} pictures in {target}, {weight / 1024 / 1024:.1f} MiB")
    if weight > MOST:
        raise SystemExit(f"the pictures may weigh {MOST / 1024 / 1024:.0f} MiB")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
