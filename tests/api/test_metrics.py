"""/metrics, /healthz and /readyz."""

from __future__ import annotations

import pytest
from api_world import FakeGauges
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text

from headrace.api.deps import Readiness

BEARER = {"authorization": "Bearer metrics-secret"}


@pytest.mark.parametrize(
    ("accept", "parse"),
    [("text/plain", parse_text), ("application/openmetrics-text; version=1.0.0", parse_openmetrics)],
    ids=["text", "openmetrics"],
)
def test_the_exposition_says_what_the_gauges_say(world, accept, parse):
    answer = world.call("GET", "/metrics", headers={"accept": accept})
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith(accept.partition(";")[0])
    assert answer.headers["content-type"].count("charset") == 1
    now = FakeGauges().readings
    samples = {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in parse(answer.text)
        for sample in family.samples
    }
    assert samples["headrace_accepted_total", (("dialect", "statflow"),)] == now.accepted["statflow"]
    refused = (("dialect", "statflow"), ("reason", "bad_key"), ("status", "401"))
    assert samples["headrace_refused_total", refused] == 2
    assert samples["headrace_journal_rows", ()] == now.journal_rows
    assert samples["headrace_journal_bytes", ()] == now.journal_bytes
    assert samples["headrace_journal_oldest_seconds", ()] == now.journal_oldest_s
    assert samples["headrace_loader_lag_seconds", ()] == now.loader_lag_s
    assert samples["headrace_rows_loaded_total", (("table", "points"),)] == now.rows["points"]
    assert samples["headrace_dead_letters", ()] == now.dead_letters
    commits = [value for (name, _), value in samples.items() if name == "headrace_commit_seconds_bucket"]
    assert sorted(commits) == [3, 5, 6]
    assert samples["headrace_commit_seconds_count", ()] == 6
    assert samples["headrace_query_seconds_sum", ()] == pytest.approx(now.query.total)


def test_hostile_label_values_stay_inside_their_quotes(world):
    families = list(parse_text(world.call("GET", "/metrics").text))
    dialects = {sample.labels["dialect"] for f in families for sample in f.samples if "dialect" in sample.labels}
    assert 'a"b\\c\n' in dialects


def test_no_label_names_a_tenant(world):
    families = list(parse_text(world.call("GET", "/metrics").text))
    names = {name for family in families for sample in family.samples for name in sample.labels}
    assert names <= {"dialect", "reason", "status", "table", "le", "version"}


@pytest.mark.parametrize(
    ("peer", "headers", "status"),
    [
        pytest.param("127.0.0.1", {}, 200, id="loopback"),
        pytest.param("::1", {}, 200, id="loopback 6"),
        pytest.param("::ffff:127.0.0.1", {}, 200, id="mapped loopback"),
        pytest.param("10.0.0.9", {}, 401, id="far, no token"),
        pytest.param("10.0.0.9", {"authorization": "Bearer wrong"}, 401, id="far, wrong token"),
        pytest.param("10.0.0.9", {"authorization": "Basic metrics-secret"}, 401, id="far, other scheme"),
        pytest.param("10.0.0.9", BEARER, 200, id="far, token"),
        pytest.param("not-an-address", {}, 401, id="unknown peer"),
        pytest.param("127.0.0.1", {"x-forwarded-for": "203.0.113.5"}, 401, id="passed on by a local proxy"),
        pytest.param("127.0.0.1", {"x-forwarded-for": "203.0.113.5", **BEARER}, 200, id="passed on, token"),
    ],
)
def test_who_may_read_the_metrics(world, peer, headers, status):
    world.peer = peer
    answer = world.call("GET", "/metrics", headers={"accept": "application/json", **headers})
    assert answer.status_code == status
    if status == 401:
        assert answer.headers["www-authenticate"] == "Bearer"
        assert "headrace_" not in answer.text


def test_without_a_token_only_this_machine_reads_the_metrics(world):
    world.set_up(metrics_token="")
    world.peer = "10.0.0.9"
    answer = world.call("GET", "/metrics", headers={"authorization": "Bearer "})
    assert answer.status_code == 403
    assert "HEADRACE_METRICS_TOKEN" in answer.text


@pytest.mark.parametrize(
    ("readiness", "status", "word"),
    [
        (Readiness(), 200, "ready"),
        (Readiness(degraded=("the store does not answer",)), 200, "ready"),
        (Readiness(("the journal is at its cap",), ("the store does not answer",)), 503, "unavailable"),
    ],
    ids=["ready", "degraded", "not ready"],
)
def test_ready_means_durable(world, readiness, status, word):
    world.ready.state = readiness
    answer = world.call("GET", "/readyz")
    assert answer.status_code == status
    assert answer.json() == {
        "status": word,
        "reasons": list(readiness.reasons),
        "degraded": list(readiness.degraded),
    }
    assert ("retry-after" in answer.headers) == (status == 503)
    assert world.call("GET", "/healthz").json()["status"] == "ok"
