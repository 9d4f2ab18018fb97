"""A project that is being deleted, over HTTP: from the first answer on its keys are unknown in every dialect's own words, nothing of it is
found, and nobody else notices.
"""

from __future__ import annotations

from typing import Any

import pytest
from endpoints import ENDPOINTS
from wire import Client, assert_form, bearer

from headrace.api.services import OPERATOR, Context, projects
from headrace.catalog import Catalog, sqlite_url
from headrace.cli.deleting import wait_gone


def delete(server: Any, client: Client, how: str) -> None:
    """Returns when it is asked for; the rest takes a second or two."""
    if how == "http":
        wide = client.make_key(account_wide=True, scopes=["manage"])
        answer = client.call("DELETE", f"/api/headrace/projects/{client.project}", headers=bearer(wide))
        assert (answer.status_code, answer.json()["state"]) == (202, "deleting")
    elif how == "command":
        done = server.cli("project", "delete", client.project, "--yes", "--json")
        assert (done["id"], done["state"]) == (client.project, "deleted")
    else:
        catalog = Catalog.open(sqlite_url(server.data / "catalog.db"))
        projects.delete(Context(catalog), OPERATOR, client.project)
        catalog.close()


def assert_refused(client: Client, key: str) -> None:
    """In every dialect."""
    for endpoint in ENDPOINTS:
        answer = endpoint.post(client, key=key)
        assert answer.status_code == 401, (endpoint.path, answer.text)
        assert_form(endpoint.dialect.name, answer)


@pytest.mark.parametrize("how", ["http", "command", "catalog"])
def test_its_keys_are_unknown_at_once(server: Any, how: str) -> None:
    client, neighbour = Client(server, f"deleted by {how}"), Client(server, f"neighbour of {how}")
    other = client.make_key(unlimited=True)
    stathat = server.call("key.create", project=client.project, style="stathat")
    for key in (client.key, other):
        for endpoint in ENDPOINTS:
            assert endpoint.post(client, key=key).status_code == endpoint.status
    delete(server, client, how)
    for key in (client.key, other):
        assert_refused(client, key)
    for path, fields, told in (
        ("/ez", {"ezkey": stathat["key"], "stat": "good", "count": "1"}, "invalid ezkey"),
        ("/c", {"ukey": stathat["user_key"], "key": "good", "count": "1"}, "invalid ezkey"),
    ):
        answer = client.call("POST", path, headers={}, data=fields)
        assert (answer.status_code, answer.json()["status"]) == (200, 500)
        assert answer.json()["msg"] == told
    for path in ("/v1/stats", "/api/headrace/events", "/api/headrace/stats"):
        assert client.call("GET", path).status_code == 401
    for endpoint in ENDPOINTS:
        assert endpoint.post(neighbour).status_code == endpoint.status
    assert wait_gone(server, [client.project])
    assert_refused(client, client.key)


def test_an_account_wide_key_loses_it_and_nothing_else(server: Any) -> None:
    gone, other = Client(server, "deleted default"), Client(server, "not deleted")
    wide = gone.make_key(account_wide=True, unlimited=True, scopes=["read", "write", "manage"])
    (slug,) = [one["slug"] for one in server.call("project.list") if one["id"] == gone.project]
    assert other.call("GET", f"/api/headrace/stats?project={slug}", headers=bearer(wide)).status_code == 200
    server.call("project.delete", project=gone.project)
    for _ in range(2):  # while it goes, and when it is gone
        for endpoint in ENDPOINTS:
            answer = endpoint.post(gone, key=wide)
            assert answer.status_code == (403 if endpoint.dialect.name == "slowstats" else 401), endpoint.path
            assert_form(endpoint.dialect.name, answer)
        for ref in (gone.project, slug):
            for path in ("stats", "events", "monitors", "annotations", "deployments", "keys"):
                answer = gone.call("GET", f"/api/headrace/{path}?project={ref}", headers=bearer(wide))
                assert answer.status_code == 404, answer.text
            for method in ("GET", "DELETE"):
                assert gone.call(method, f"/api/headrace/projects/{ref}", headers=bearer(wide)).status_code == 404
        assert wait_gone(server, [gone.project])
    named = next(endpoint for endpoint in ENDPOINTS if endpoint.dialect.name == "slowstats")
    assert named.post(other, key=wide).status_code == 200
    assert other.call("GET", "/api/headrace/stats", headers=bearer(other.key)).status_code == 200
    (key,) = [one for one in server.call("key.list") if one["reach"] == "account" and one["project_id"] == gone.project]
    assert (key["state"], key["project"]) == ("live", "")
