"""logister-python 0.6.0, unmodified, against a real server (contract 3.1)."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import pytest
from logister import LogisterClient, LogisterError, instrument_logging
from logister.delivery import RetryPolicy
from wire import TIMEOUT_S, Client, settle

SHA = "9fceb02d0ae598e95dc970b74767f19372d61af8"


@pytest.fixture
def project(server: Any) -> Client:
    return Client(server, "logister-python", style="logister")


@pytest.fixture
def sdk(project: Client) -> Iterator[LogisterClient]:
    with LogisterClient(
        api_key=project.key,
        base_url=project.server.url,
        timeout=TIMEOUT_S,
        environment="staging",
        release="1.4.2",
        repository="acme/shop",
        commit_sha=SHA,
        branch="main",
    ) as client:
        yield client


def stored(project: Client, table: str = "events") -> list[dict[str, Any]]:
    settle(project.server)
    return project.rows(table)


def logs(count: int) -> list[dict[str, Any]]:
    return [{"event_type": "log", "level": "info", "message": f"m{number}"} for number in range(count)]


def waits(monkeypatch: pytest.MonkeyPatch, sleep: Callable[[float], None]) -> None:
    """What the SDK's waits between tries do; nobody else's."""
    monkeypatch.setattr("logister.delivery.time", SimpleNamespace(monotonic=time.monotonic, sleep=sleep))


def fail_for_a_reason() -> None:
    try:
        {}["sku"]
    except KeyError as cause:
        raise ValueError("no such item") from cause


def test_everything_it_captures(project: Client, sdk: LogisterClient) -> None:
    try:
        fail_for_a_reason()
    except ValueError as error:
        answers = [sdk.capture_exception(error, user_id="u1", request_id="r1", fingerprint="f1")]
    answers += [
        sdk.capture_message("hello", level="warning", context={"order": 7}),
        sdk.capture_metric("cart.value", 12.5, unit="EUR"),
        sdk.capture_transaction("GET /cart", 84.5, context={"status": 200}),
    ]
    span = sdk.capture_span("SELECT", 4.2, kind="db", status="ok", trace_id="a" * 32)
    for answer in answers:
        assert list(answer) == ["id", "legacy_id", "status"]
    assert span["type"] == "span"
    rows = {row["type"]: row for row in stored(project)}
    assert set(rows) == {"error", "log", "metric", "transaction"}
    assert {row["id"] for row in rows.values()} == {answer["id"] for answer in answers}
    assert {(row["environment"], row["release"], row["ts_source"]) for row in rows.values()} == {
        ("staging", "1.4.2", "exact")
    }
    assert (rows["error"]["name"], rows["error"]["message"]) == ("ValueError", "no such item")
    assert (rows["error"]["user_id"], rows["error"]["request_id"], rows["error"]["fingerprint"]) == ("u1", "r1", "f1")
    assert (rows["log"]["level"], rows["metric"]["name"], rows["metric"]["value"]) == ("warning", "cart.value", 12.5)
    assert (rows["transaction"]["name"], rows["transaction"]["duration_ms"]) == ("GET /cart", 84.5)
    (found,) = project.rows("spans")
    assert (found["id"], found["kind"], found["trace_id"], found["duration_ms"]) == (span["id"], "db", "a" * 32, 4.2)
    assert project.points() == {"logister:cart.value:value": 1}
    # What it says beside each event is a deployment.
    (deployment,) = project.api("/deployments")["deployments"]
    assert (deployment["release"], deployment["commit_sha"], deployment["source"]) == ("1.4.2", SHA, "telemetry")


def test_a_prepared_event_is_accepted_once(project: Client, sdk: LogisterClient) -> None:
    prepared = sdk.prepare_event(event_type="log", level="info", message="once")
    assert sdk.send_prepared_event(prepared)["status"] == "accepted"
    assert sdk.send_prepared_event(prepared)["duplicate"] is True
    assert sdk.send_events([prepared])[0].response["results"][0]["duplicate"] is True
    assert len(stored(project)) == 1


def test_a_batch_over_a_hundred(project: Client, sdk: LogisterClient) -> None:
    spans = [
        {"event_type": "span", "level": "info", "message": "s", "trace_id": "t", "span_id": f"{n}"} for n in range(3)
    ]
    results = sdk.send_events([*logs(147), *spans])
    assert [result.error for result in results] == [None] * 150
    assert [result.response["accepted"] for result in results] == [100] * 100 + [50] * 50
    assert {row["message"] for row in stored(project)} == {f"m{number}" for number in range(147)}
    assert len(project.rows("spans")) == 3


def test_what_the_batch_cannot_take_is_halved_until_it_fits(project: Client, sdk: LogisterClient) -> None:
    large = {"event_type": "log", "level": "info", "message": "x" * 65_537}
    results = sdk.send_events([*logs(5), large, *logs(6)[5:]])
    failed = [result.error is not None for result in results]
    assert failed == [False] * 5 + [True, False]
    answer = results[5].error.__cause__.response
    assert (answer.status_code, answer.json()["code"]) == (413, "message_bytes")
    assert answer.url.path == "/api/v1/ingest_events", "refused alone in a batch, it is tried as a single event"
    assert len(stored(project)) == 6


def test_an_invalid_event_fails_its_chunk(project: Client, sdk: LogisterClient) -> None:
    results = sdk.send_events([*logs(2), {"event_type": "gauge", "level": "info", "message": "m"}])
    assert all(result.error is not None for result in results)
    body = results[0].error.__cause__.response.json()
    assert [one["status"] for one in body["results"]] == ["rolled_back", "rolled_back", "rejected"]
    assert stored(project) == []


def test_check_ins_and_deployments(project: Client, sdk: LogisterClient) -> None:
    answer = sdk.check_in("nightly", expected_interval_seconds=60, duration_ms=12.5)
    assert list(answer) == ["id", "status"]
    sdk.check_in("nightly", "error", environment="production")
    made = sdk.record_deployment(release="1.5", pull_request_number=12, release_tag="v1.5")
    assert made["status"] == "accepted"
    assert sdk.record_deployment(release="1.5")["id"] == made["id"]
    (deployment,) = project.api("/deployments")["deployments"]
    assert (deployment["id"], deployment["environment"], deployment["source"]) == (made["id"], "staging", "api")
    settle(project.server)
    monitors = project.api("/monitors")["monitors"]
    assert [(one["environment"], one["state"], one["interval_s"]) for one in monitors] == [
        ("production", "error", 300),
        ("staging", "ok", 60),
    ]
    with pytest.raises(LogisterError, match="422"):
        sdk.record_deployment(release="1.6", commit_sha="nonsense")


def test_its_logging_handler(project: Client, sdk: LogisterClient) -> None:
    logger = logging.getLogger(f"shop.{uuid4().hex}")
    logger.propagate = False
    handler = instrument_logging(sdk, logger=logger)
    try:
        logger.warning("slow: %s", "cart")
    finally:
        logger.removeHandler(handler)
    sdk.flush()
    (row,) = stored(project)
    assert (row["type"], row["level"], row["message"], row["name"]) == ("log", "warning", "slow: cart", logger.name)


def test_a_wrong_key_is_an_error_at_once(project: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    waits(monkeypatch, lambda _: pytest.fail("401 is not retried"))
    with (
        LogisterClient(api_key="logister_" + "0" * 48, base_url=project.server.url, timeout=TIMEOUT_S) as sdk,
        pytest.raises(LogisterError),
    ):
        sdk.capture_message("hello")


def test_a_rate_that_is_used_up_is_waited_for_and_then_given_up(
    project: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    slept: list[float] = []
    waits(monkeypatch, slept.append)
    key = project.make_key(rate=2)
    with LogisterClient(api_key=key, base_url=project.server.url, timeout=TIMEOUT_S) as sdk:
        while True:
            minute = time.time() // 60
            slept.clear()
            # A batch counts its events: one of three does not fit, and is refused whole.
            results = sdk.send_events(logs(3))
            if time.time() // 60 == minute:
                break
    assert [result.response for result in results] == [None] * 3
    answer = results[0].error.__cause__.response
    assert answer.status_code == 429
    assert [1 <= delay <= 5 for delay in slept] == [True, True]
    assert 1 <= int(answer.headers["retry-after"]) <= 60
    assert stored(project) == []


def test_it_comes_through_after_429_and_after_an_outage(own_server: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The server is stopped and started between two tries: its windows begin anew."""
    own_server.start()
    project = Client(own_server, "logister-python retries")
    delays: list[float] = []

    def restart(seconds: float) -> None:
        delays.append(seconds)
        if own_server.process is not None:
            own_server.stop()
        own_server.start()

    policy = RetryPolicy(maximum_attempts=4, total_timeout=10 * TIMEOUT_S)
    with LogisterClient(
        api_key=project.make_key(rate=1), base_url=own_server.url, timeout=TIMEOUT_S, retry_policy=policy
    ) as sdk:
        waits(monkeypatch, restart)
        while not delays:
            # The second one of a minute is refused.
            assert sdk.capture_message("first")["status"] == "accepted"
            assert sdk.capture_message("second")["status"] == "accepted"
        assert 1 <= delays[0] <= 5, "Retry-After"
        own_server.stop()
        assert sdk.capture_message("after the outage")["status"] == "accepted"
    messages = [row["message"] for row in stored(project)]
    assert messages[0] == "after the outage"
    assert {"first", "second"} < set(messages)
