"""Every curl command that the documentation shows is run, and is answered as shown."""

from __future__ import annotations

import json
import os
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest
import requests
from command_lines import approved, let_in
from documents import PAGES, SHOWN_URL, Command, answers_as_shown, commands, name_of

from headrace.api.app import own_schema
from headrace.api.openapi import build_document
from headrace.api.samples import body_text, personalize
from headrace.catalog import Catalog, dead_letters, sqlite_url
from headrace.dialects.registry import DIALECTS, ROUTES
from headrace.dialects.rows import event_row
from headrace.records.ids import uuid7

#: How long a read may be repeated until what was sent before it is readable, seconds.
TIMEOUT_S = 15.0
WITH_COMMANDS = [page for page in PAGES if commands(page)]


def new_project(server: Any, name: str) -> tuple[dict[str, Any], dict[str, str]]:
    """A project of its own, and what the pages' commands find in their environment."""
    project = server.call("project.create", name=name)
    reader = server.key(project["id"], unlimited=True)
    operator = server.key(project["id"], account_wide=True, scopes=["read", "write", "manage"])
    return project, {"PROJECT": project["id"], "HEADRACE_KEY": reader, "OPERATOR_KEY": operator}


def run(command: Command, server: Any, env: dict[str, str], folder: Path) -> tuple[int, bytes]:
    """Status and body of the answer."""
    body = folder / "body"
    body.write_bytes(b"")
    script = f"{command.script.replace(SHOWN_URL, server.url)} -sS -o body -w '%{{http_code}}'"
    done = subprocess.run(
        ["sh", "-euc", script], cwd=folder, env=os.environ | env, capture_output=True, text=True, timeout=TIMEOUT_S
    )
    assert done.returncode == 0, f"{command.where}: {done.stderr}"
    return int(done.stdout), body.read_bytes()


def check(command: Command, server: Any, env: dict[str, str], folder: Path) -> None:
    reads = not any(flag in command.script for flag in ("-X ", " -d ")) or "/api/headrace/series" in command.script
    deadline = time.monotonic() + TIMEOUT_S
    while True:
        status, body = run(command, server, env, folder)
        if answers_as_shown(command, status, body):
            return
        if not reads or time.monotonic() > deadline:
            pytest.fail(f"{command.where}: {status} {body.decode()}")
        time.sleep(0.1)


def wait_for(url: str, key: str, wanted: str) -> dict[str, Any]:
    """The first row of a list, once it is there."""
    deadline = time.monotonic() + TIMEOUT_S
    while True:
        rows = requests.get(url, headers={"Authorization": f"Bearer {key}"}, timeout=TIMEOUT_S).json()[wanted]
        if rows:
            return rows[0]
        assert time.monotonic() < deadline, f"no {wanted} to read"
        time.sleep(0.1)


def post(server: Any, key: str, path: str, value: Any) -> Any:
    answer = requests.post(server.url + path, json=value, headers={"Authorization": f"Bearer {key}"}, timeout=TIMEOUT_S)
    assert answer.status_code < 300, answer.text
    return answer.json()


def fill(server: Any, project: dict[str, Any], env: dict[str, str]) -> dict[str, str]:
    """What the API's page reads, fixes and deletes; gives the names under which it does."""
    key = env["HEADRACE_KEY"]
    post(server, key, "/v1/ingest/batch", {"items": [{"stat": "orders", "value": 2}, {"stat": "orders", "value": 3}]})
    context = {"service": "checkout", "exception": {"class": "PaymentError"}}
    error = {"event_type": "error", "level": "error", "message": "card declined", "context": context}
    span = {
        "event_type": "span",
        "trace_id": "4bf92f3577b34da6a3ce929d0e0e4736",
        "span_id": "00f067aa0ba902b7",
        "name": "GET /checkout",
        "kind": "server",
        "status": "ok",
        "duration_ms": 42,
    }
    served = {"traceId": "4bf92f35", "direction": "inbound", "method": "GET", "host": "shop.example.org"}
    served |= {"path": "/checkout", "statusCode": 200, "durationMs": 42, "timestamp": "2026-04-02T10:00:00Z"}
    error_id = post(server, key, "/api/v1/ingest_events", {"event": error})["id"]
    span_id = post(server, key, "/api/v1/ingest_events", {"event": span})["id"]
    post(server, key, "/ingest/v1/http-requests", {"requests": [served]})
    note = post(server, key, "/api/headrace/annotations", {"text": "to be deleted"})
    row, letters = add_letters(server, project["number"])
    return {
        "EVENT_ID": error_id,
        "SPAN_ID": span_id,
        "REQUEST_ID": wait_for(f"{server.url}/api/headrace/requests", key, "requests")["id"],
        "ANNOTATION_ID": note["id"],
        "KEY_ID": server.call("key.create", project=project["id"])["id"],
        "LETTER_ID": letters[0],
        "OTHER_LETTER_ID": letters[1],
        "ROW": row,
    }


def sign_in(server: Any, project: dict[str, Any]) -> dict[str, str]:
    """A person with a project of their own, and what their program is given."""
    who = {"email": f"{project['slug']}@example.test", "password": "correct horse battery"}
    server.call("account.create", **who, name="Ann")
    server.call("project.create", name="Ann's", account=who["email"])
    answer = requests.post(f"{server.url}/api/auth/login", json=who, timeout=TIMEOUT_S)
    return {"EMAIL": who["email"], "PASSWORD": who["password"], "TOKEN": answer.json()["data"]["token"]}


def watch(server: Any, project: str, key: str) -> dict[str, str]:
    """A job that has checked in, and a page at a private address that is looked at."""
    job = server.call("monitor.create", project=project, slug="reports")
    post(server, key, "/ingest/v1/heartbeat", {"slug": "reports", "status": "success", "durationMs": 4112})
    page = server.call("uptime.create", project=project, url="http://127.0.0.1:9/")
    return {"MONITOR_ID": job["id"], "UPTIME_ID": page["id"]}


def add_letters(server: Any, project: int) -> tuple[str, list[str]]:
    """Two dead letters as the loader would leave them, and the row that the first one should have been."""
    now = time.time_ns() // 1000
    values = event_row(
        project=project,
        ts=now,
        received_at=now,
        ts_source="received",
        dialect="canaryhub",
        id=uuid7(now),
        type="event",
        name="mended",
        raw="{}",
    ).values
    bad = json.dumps([values[0], "not a time", *values[2:], 1])
    catalog = Catalog.open(sqlite_url(server.data / "catalog.db"))
    try:
        with catalog.write() as conn:
            for place in range(2):
                dead_letters.add(
                    conn,
                    journal="documentation",
                    segment=1,
                    table="events",
                    partition="202604",
                    row_index=place,
                    project=project,
                    row=bad,
                    reason="ts: a time cannot be read",
                    at=now,
                )
        with catalog.read() as conn:
            found = dead_letters.page(conn, projects=frozenset([project]), state="open", before=None, limit=2)
    finally:
        catalog.close()
    return json.dumps(values), [letter.id for letter in found]


@pytest.mark.parametrize("page", WITH_COMMANDS, ids=name_of)
def test_commands_are_answered_as_shown(server, page, tmp_path):
    project, env = new_project(server, f"Page {name_of(page)}")
    if page.name == "api.md":
        env |= fill(server, project, env)
    if page.name == "seestack.md":
        env |= sign_in(server, project) | watch(server, project["id"], env["HEADRACE_KEY"])
    if page.name == "logister.md":
        env |= {"DEVICE_CODE": approved(server), "LOGISTER_TOKEN": let_in(server)}
    for command in commands(page):
        check(command, server, env, tmp_path)


def test_what_the_set_up_page_and_the_reference_offer_is_accepted(server):
    """The example body of every ingest endpoint, with the reader's own project and the present time in it."""
    project, env = new_project(server, "Samples")
    server.call("monitor.create", project=project["id"], slug="nightly-backup")  # SeeStack's heartbeats make none
    headers = {"Authorization": f"Bearer {env['HEADRACE_KEY']}"}
    paths = build_document(own_schema(), DIALECTS)["paths"]
    now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    for route in ROUTES:
        if route.parse is None or route.method != "POST":
            continue
        for path in (route.path, *route.aliases):
            kind, media = next(iter(paths[path]["post"]["requestBody"]["content"].items()))
            sample = personalize(media["examples"]["1"]["value"], now=now, project_id=project["id"])
            answer = requests.post(
                server.url + path,
                data=body_text(sample, kind).encode(),
                headers=headers | {"Content-Type": kind},
                timeout=TIMEOUT_S,
            )
            assert answer.status_code < 300, f"{path}: {answer.status_code} {answer.text}"


def test_every_metric_is_explained(server):
    text = requests.get(f"{server.url}/metrics", timeout=TIMEOUT_S).text
    names = {line.split()[2] for line in text.splitlines() if line.startswith("# TYPE headrace_")}
    page = next(page for page in PAGES if page.name == "operating.md").read_text()
    unexplained = {name for name in names if name not in page and not name.startswith("headrace_process_")}
    assert len(names) > 10
    assert not unexplained
