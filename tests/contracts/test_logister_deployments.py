"""Logister's deployments: reported, told by events, listed (contract 1.9)."""

from __future__ import annotations

import json
from typing import Any
from uuid import uuid4

import pytest
from endpoints import BY_PATH
from hypothesis import given
from hypothesis import strategies as st
from inbound import NOW_US
from wire import Client, settle

from headrace.dialects.base import Refusal
from headrace.dialects.logister_deployments import METADATA, deployment_told, read_deployment, repository_name
from headrace.dialects.logister_deployments import PATHS as PATHS_OF
from headrace.records.intents import DeploymentFact

DEPLOYMENTS, EVENTS = BY_PATH["/api/v1/deployments"], BY_PATH["/api/v1/ingest_events"]
SHA = "9fceb02d0ae598e95dc970b74767f19372d61af8"
FIELDS = {path.partition(".")[0] for table in (PATHS_OF, METADATA) for paths in table.values() for path in paths}
GOOD = {"release": "1.4.2", "repository": "acme/shop", "commit_sha": SHA}


def read(body: Any) -> DeploymentFact:
    return read_deployment(body if isinstance(body, bytes) else json.dumps(body).encode(), 7, NOW_US)


def deployed(**fields: Any) -> DeploymentFact:
    given = {name: value for name, value in {**GOOD, **fields}.items() if value is not ...}
    return read({"deployment": given})


def refused(body: Any) -> tuple[int, Any]:
    with pytest.raises(Refusal) as error:
        read(body)
    return error.value.answer.status, json.loads(error.value.answer.body)


# --- what is read


def test_a_deployment_and_its_defaults() -> None:
    assert deployed() == DeploymentFact(
        project=7,
        repository="acme/shop",
        environment="production",
        release="1.4.2",
        commit_sha=SHA,
        branch="",
        deployed_at=NOW_US,
        received_at=NOW_US,
        source="api",
        metadata={},
    )


def test_envelopes() -> None:
    assert read({"DEPLOYMENT": GOOD}) == read({"deployment": GOOD}) == read(GOOD) == deployed()
    assert read({"deployment": {name.upper(): value for name, value in GOOD.items()}}) == deployed()
    missing = (400, {"error": "param is missing or the value is empty or invalid: deployment"})
    for body in (b"", {}, [], "x", {"payload": GOOD}, {"deployment": {}}, {"deployment": "x"}, {"deployment": []}):
        assert refused(body) == missing
    assert refused(b"{") == (400, {"error": "Request body is not valid JSON"})


PATHS: list[tuple[str, str, list[Any]]] = [
    (
        "release",
        "1.5",
        [{"release": "1.5"}, {"deployment": {"Release": "1.5"}}, {"release": " ", "deployment": {"release": 1.5}}],
    ),
    (
        "repository",
        "a/b",
        [
            {"repository": "a/b"},
            {"repo": "a/b"},
            {"githubRepository": "a/b"},
            {"github": {"repository": "a/b"}},
            {"github": {"repo": "a/b"}},
            {"git": {"repository": "a/b"}},
            {"deployment": {"repository": "a/b"}},
            {"repository": "https://github.com/a/b.git"},
            {"repository": "git@github.com:a/b.git"},
            {"repository": "https://github.com/a/b/tree/main"},
        ],
    ),
    (
        "commit_sha",
        "abcdef1",
        [
            {"commit_sha": "ABCDEF1"},
            {"git_sha": "abcdef1"},
            {"sha": "abcdef1"},
            {"git": {"sha": "abcdef1"}},
            {"git": {"commitSha": "abcdef1"}},
            {"github": {"sha": "abcdef1"}},
            {"github": {"commit_sha": "abcdef1"}},
            {"deployment": {"commit_sha": "abcdef1"}},
        ],
    ),
    ("environment", "staging", [{"environment": "staging"}, {"deployment": {"environment": "staging"}}]),
    (
        "branch",
        "main",
        [
            {"branch": "main"},
            {"git": {"branch": "main"}},
            {"github": {"branch": "refs/heads/main"}},
            {"deployment": {"branch": "main"}},
            {"ref": "refs/heads/main"},
            {"github": {"ref": "refs/heads/main"}},
        ],
    ),
    (
        "deployed_at",
        str(NOW_US - 60_000_000),
        [{"deployed_at": "2026-04-02T09:59:00Z"}, {"deployment": {"deployedAt": "2026-04-02T09:59:00Z"}}],
    ),
]


@pytest.mark.parametrize(
    ("name", "value", "fields"),
    [(name, value, fields) for name, value, every in PATHS for fields in every],
    ids=lambda value: value if isinstance(value, str) else json.dumps(value),
)
def test_where_values_stand(name: str, value: str, fields: dict[str, Any]) -> None:
    given = {**{key: one for key, one in GOOD.items() if key != name}, **fields}
    assert str(getattr(read({"deployment": given}), name)) == value


def test_times_that_cannot_be_are_receipt() -> None:
    for sent in ("whenever", "1999-12-31T00:00:00Z", "2027-01-01T00:00:00Z", None, " "):
        assert deployed(deployed_at=sent).deployed_at == NOW_US


@pytest.mark.parametrize(
    ("fields", "kept"),
    [
        ({"pull_request_number": 7, "pull_request_url": "u"}, {"pull_request_number": "7", "pull_request_url": "u"}),
        (
            {"ref": "refs/pull/12/merge"},
            {"pull_request_number": "12", "pull_request_url": "https://github.com/acme/shop/pull/12"},
        ),
        (
            {"tag": "v1"},
            {"release_tag": "v1", "release_url": "https://github.com/acme/shop/releases/tag/v1"},
        ),
        ({"tag_name": "v1", "github": {"release_url": "u"}}, {"release_tag": "v1", "release_url": "u"}),
        (
            {"compareUrl": "c", "github": {"workflow_run_url": "w"}, "deployment_url": "d"},
            {"compare_url": "c", "workflow_run_url": "w", "deployment_url": "d"},
        ),
        ({"compare_url": "x" * 2_001}, {}),
    ],
    ids=["pull request", "ref", "tag", "tag_name", "urls", "too long"],
)
def test_what_is_kept_besides(fields: dict[str, Any], kept: dict[str, str]) -> None:
    assert deployed(**fields).metadata == kept


BLANK = ["Release can't be blank", "Repository can't be blank", "Commit sha can't be blank"]
FORM = "Repository full name must look like owner/repository"
SHA_FORM = "Commit sha must be a 7 to 40 character commit SHA"


@pytest.mark.parametrize(
    ("fields", "errors"),
    [
        ({"release": " ", "repository": None, "commit_sha": ""}, BLANK),
        ({"repository": "shop"}, [FORM]),
        ({"repository": "acme/sh op"}, [FORM]),
        ({"repository": "https://gitlab.com/acme/shop"}, [FORM]),
        ({"commit_sha": "abcdef"}, [SHA_FORM]),
        ({"commit_sha": "a" * 41}, [SHA_FORM]),
        ({"commit_sha": "abcdefg"}, [SHA_FORM]),
        ({"release": "x" * 256}, ["Release is too long (maximum is 255 characters)"]),
    ],
)
def test_what_is_refused(fields: dict[str, Any], errors: list[str]) -> None:
    assert refused({"deployment": {**GOOD, **fields}}) == (422, {"errors": errors})


def test_lengths_that_pass() -> None:
    for fields in (
        {"commit_sha": "a" * 7},
        {"commit_sha": "a" * 40},
        {"release": "x" * 255},
        {"repository": "A.b_c-1/D"},
    ):
        assert deployed(**fields).project == 7


def test_repository_names() -> None:
    assert repository_name("git@github.com:a/b.git") == repository_name("HTTPS://GitHub.com/a/b/") == "a/b"
    assert repository_name("ssh://a/b") == "ssh:/"


_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(sorted(FIELDS)), inner, max_size=4),
)


@given(st.binary(max_size=200) | st.builds(lambda value: json.dumps({"deployment": value}).encode(), _values))
def test_any_body_is_answered(body: bytes) -> None:
    answer = None
    try:
        fact = read(body)
    except Refusal as error:
        answer = error.answer
    if answer is not None:
        assert answer.status in (400, 422)
    else:
        assert all((fact.release, fact.repository.count("/") == 1, 7 <= len(fact.commit_sha) <= 40))


# --- what events tell


@pytest.mark.parametrize("missing", ["release", "repository", "commit_sha"])
def test_an_event_tells_of_a_deployment_only_with_all_three(missing: str) -> None:
    view = {"release": "1", "repository": "git@github.com:a/b.git", "commit_sha": "ABCDEF1", "branch": "refs/heads/x"}
    assert deployment_told(view, 1, "e", 5, 6) == DeploymentFact(
        1, "a/b", "e", "1", "abcdef1", "x", 5, 6, "telemetry", {}
    )
    assert deployment_told({**view, missing: ""}, 1, "e", 5, 6) is None
    assert deployment_told({**view, "commit_sha": "HEAD"}, 1, "e", 5, 6) is None
    assert deployment_told({**view, "repository": "shop"}, 1, "e", 5, 6) is None


# --- over HTTP


@pytest.fixture
def client(server: Any) -> Client:
    return Client(server, "logister deployments", style="logister")


def listed(client: Client, **query: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = client.api("/deployments", **query)["deployments"]
    return found


def test_a_report_is_listed_at_once_and_a_second_one_changes_it(client: Client) -> None:
    first = DEPLOYMENTS.post(client, {"deployment": GOOD}, key=client.make_key())
    assert first.status_code == 201
    assert list(first.json()) == ["id", "legacy_id", "status"]
    assert first.headers["x-ratelimit-limit"] == "1200"
    (before,) = listed(client)
    assert (before["id"], before["source"], before["commit_sha"]) == (first.json()["id"], "api", SHA)
    again = DEPLOYMENTS.post(client, {"deployment": {**GOOD, "sha": "abcdef1", "commit_sha": "", "tag": "v2"}})
    assert (again.status_code, again.json()) == (201, first.json())
    (after,) = listed(client)
    assert (after["id"], after["created_at"]) == (before["id"], before["created_at"])
    assert (after["commit_sha"], after["details"]["release_tag"]) == ("abcdef1", "v2")
    assert after["updated_at"] > before["updated_at"]


def test_each_of_the_four_makes_another(client: Client, server: Any) -> None:
    other = Client(server, "logister deployments elsewhere")
    ids = [
        DEPLOYMENTS.post(who, {"deployment": {**GOOD, **fields}}).json()["id"]
        for who, fields in (
            (client, {}),
            (client, {"release": "2"}),
            (client, {"environment": "staging"}),
            (client, {"repository": "acme/other"}),
            (other, {}),
        )
    ]
    assert len(set(ids)) == 5
    assert {one["id"] for one in listed(client)} == set(ids[:4])
    assert [one["id"] for one in listed(other)] == ids[4:]
    assert {one["id"] for one in listed(client, environment="staging")} == {ids[2]}
    assert {one["id"] for one in listed(client, release="2")} == {ids[1]}
    assert len(listed(client, limit=1)) == 1
    assert listed(client, to="-1h") == []


def test_events_tell_of_deployments(client: Client, server: Any) -> None:
    context = {"release": "3", "repository": "acme/shop", "commitSha": SHA, "environment": "staging"}
    for context_of in (context, {**context, "commitSha": "abcdef1"}, {**context, "release": "4", "commitSha": "HEAD"}):
        event = {
            "event": {"event_type": "log", "message": "m", "context": context_of, "occurred_at": "2026-04-02T10:00:00Z"}
        }
        assert EVENTS.post(client, event).status_code == 201
    settle(server)
    (told,) = listed(client)
    assert (told["source"], told["commit_sha"], told["environment"]) == ("telemetry", SHA, "staging")
    assert told["deployed_at"] == "2026-04-02T10:00:00.000000Z"
    # A report makes it the same deployment's, and events change it no more.
    reported = DEPLOYMENTS.post(client, {"deployment": {**GOOD, "release": "3", "environment": "staging", "sha": "x"}})
    assert reported.json()["id"] == told["id"]
    assert EVENTS.post(client, {"event": {"event_type": "log", "message": "m", "context": context}}).status_code == 201
    settle(server)
    (after,) = listed(client)
    assert after["source"] == "api"
    assert after["deployed_at"] > told["deployed_at"]


def test_who_may_report_and_read(client: Client) -> None:
    body = {"deployment": {**GOOD, "release": str(uuid4())}}
    answer = DEPLOYMENTS.post(client, body, key=client.make_key(scopes=["read"]))
    assert (answer.status_code, answer.json()) == (403, {"error": "Forbidden"})
    assert DEPLOYMENTS.post(client, body, key="nobody").status_code == 401
    writer = {"Authorization": f"Bearer {client.make_key(scopes=['write'])}"}
    assert client.call("GET", "/api/headrace/deployments", headers=writer).status_code == 403
    for query, status in (({"limit": 0}, 422), ({"limit": 1_001}, 422), ({"from": "whenever"}, 400)):
        assert client.call("GET", "/api/headrace/deployments", params=query).status_code == status
    assert listed(client) == []


def test_the_sample_that_is_shown_is_taken(client: Client) -> None:
    assert DEPLOYMENTS.post(client, DEPLOYMENTS.route.sample.encode()).status_code == 201
