"""StatHat's embeds and public pages against a real server (contract 1.1, 1.11): who is shown what, and in what form."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
import requests
from wire import TIMEOUT_S, Client, bearer, settle, wait_for

HOUR, DAY = 3_600, 86_400
NOTHING = "This chart is not available."
HOSTILE = "\"'\u2028</script><script>alert(1)</script>"
KINDS = ("graph", "data", "table", "text", "histogram")


class Project(Client):
    """A project whose stats are shared."""

    def post(self, *items: dict[str, Any]) -> None:
        answer = self.call("POST", "/ez", json={"ezkey": self.key, "data": items})
        assert answer.json() == {"status": 200, "msg": "ok", "multiple": len(items)}

    def share(self, stat: str, **change: bool) -> dict[str, Any]:
        answer = self.call("PATCH", f"/api/headrace/stats/{stat}", json=change)
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    def embed_key(self, stat: str) -> str:
        key: str = self.share(stat, embed=True)["embed_key"]
        return key


@pytest.fixture
def project(server: Any, request: pytest.FixtureRequest) -> Project:
    return Project(server, request.node.name)


def load(server: Any, path: str, **query: str) -> requests.Response:
    """As a page of others loads it: without any key."""
    return requests.get(server.url + path, params=query, timeout=TIMEOUT_S)


def tree(answer: requests.Response) -> Any:
    """What the script puts on the page."""
    assert answer.status_code == 200, answer.text
    _, _, arguments = answer.text.rpartition("\n})(")
    return json.loads(f"[{arguments.strip()[:-2]}]")[1]


def words(node: Any) -> str:
    return node if isinstance(node, str) else " ".join(map(words, node[2:]))


def shown(server: Any, *keys: str, kind: str = "data", **query: str) -> str:
    return words(tree(load(server, f"/embed/{kind}/{'/'.join(keys)}", **query)))


def test_the_program(server: Any) -> None:
    answer = load(server, "/javascripts/embed.js")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/javascript; charset=utf-8"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["cache-control"] == "public, max-age=3600"
    assert "StatHatEmbed" in answer.text
    head = requests.head(f"{server.url}/javascripts/embed.js", timeout=TIMEOUT_S)
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-length"] == answer.headers["content-length"]


@pytest.mark.parametrize("kind", KINDS)
def test_a_script_of_each_kind(project: Project, kind: str) -> None:
    project.post({"stat": HOSTILE, "count": 7})
    settle(project.server)
    stat = project.api("/stats", q=HOSTILE)["stats"][0]["id"]
    key = project.embed_key(stat)
    answer = load(project.server, f"/embed/{kind}/{key}", w="300", h="150", tf="day", style="fill", title=HOSTILE)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/javascript; charset=utf-8"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["cross-origin-resource-policy"] == "cross-origin"
    assert answer.headers["cache-control"] == "public, max-age=60"
    assert "access-control-allow-origin" not in answer.headers
    assert "set-cookie" not in answer.headers
    assert answer.content.isascii()
    assert "</script" not in answer.text
    found = words(tree(answer))
    assert (HOSTILE in found) == (kind != "text")
    if kind in ("graph", "histogram"):
        (drawing,) = [one[1] for one in walk(tree(answer)) if one[0] == "svg"]
        found = drawing["aria-label"]
        assert found.endswith(": 7, last 24 hours")
    assert "7" in found


def test_numbers_of_each_stretch(project: Project) -> None:
    now = int(time.time())
    ago = {"now": 60, "11 h": 11 * HOUR, "30 h": 30 * HOUR, "6 d": 6 * DAY, "8 d": 8 * DAY, "15 d": 15 * DAY}
    project.post(*({"stat": "n", "count": 10**at, "t": now - back} for at, back in enumerate(ago.values())))
    settle(project.server)
    key = project.embed_key("n")
    assert shown(project.server, key, kind="text", tf="week") == "1,111"
    assert shown(project.server, key, kind="text", tf="day") == "11"
    assert shown(project.server, key, kind="text", tf="half_compare") == "11"
    assert shown(project.server, key, kind="text") == "1,111", "as week_compare"
    assert "on the 7 days before (10 k)" in shown(project.server, key)
    assert "on the same hours a day before (100)" in shown(project.server, key, tf="half_compare")
    for tf, rows, compared in (("week_compare", 7, 3), ("week", 7, 2), ("day", 24, 2), ("half_compare", 12, 3)):
        (table,) = [one for one in walk(tree(load(project.server, f"/embed/table/{key}", tf=tf))) if one[0] == "tbody"]
        assert len(table) - 2 == rows
        assert {len(row) - 2 for row in table[2:]} == {compared}


def walk(node: Any) -> list[Any]:
    return [] if isinstance(node, str) else [node, *(found for child in node[2:] for found in walk(child))]


def test_up_to_three_stats_of_whichever_projects(project: Project) -> None:
    other = Project(project.server, "another shop")
    project.post({"stat": "one", "count": 1}, {"stat": "two", "value": 2.5})
    other.post({"stat": "three", "count": 3})
    settle(project.server)
    keys = [project.embed_key("one"), other.embed_key("three"), project.embed_key("two")]
    assert shown(project.server, *keys, kind="text") == "1 · 3 · 2.5"
    assert shown(project.server, keys[0], keys[0], kind="text") == "1"
    assert shown(project.server, "nobody's", keys[1], "x", kind="text") == "3"
    assert load(project.server, f"/embed/data/{'/'.join([*keys, keys[0]])}").status_code == 404


def test_a_key_is_not_the_id_and_each_shows_its_own(project: Project) -> None:
    project.post({"stat": "one", "count": 1}, {"stat": "two", "count": 2})
    made = {name: project.share(name, embed=True) for name in ("one", "two")}
    assert len({stat[part] for stat in made.values() for part in ("id", "embed_key", "classic_key")}) == 6
    assert project.share("one", embed=True) == made["one"], "there is one already"
    settle(project.server)
    assert shown(project.server, made["two"]["embed_key"], kind="text") == "2"
    listed = project.call("GET", f"/x/{project.key}/statlist").json()
    assert {stat["name"]: stat["embed_key"] for stat in listed} == {
        name: stat["embed_key"] for name, stat in made.items()
    }


def test_a_stat_is_shared_before_it_is_projected(project: Project) -> None:
    project.post({"stat": "n", "count": 4})
    shared = project.share("n", embed=True, public=True)
    assert NOTHING not in shown(project.server, shared["embed_key"])
    settle(project.server)
    after = project.share("n")
    assert [after[name] for name in ("id", "public", "embed_key")] == [shared["id"], True, shared["embed_key"]]
    assert load(project.server, f"/stats/{shared['id']}").status_code == 200


def test_who_shows_nothing_tells_nothing(project: Project) -> None:
    """Revoked, in the trash, of an archived project, or never there: the same answer, and no cache keeps it."""
    project.post({"stat": "revoked", "count": 1}, {"stat": "trashed", "count": 1}, {"stat": "archived", "count": 1})
    keys = {name: project.embed_key(name) for name in ("revoked", "trashed", "archived")}
    revoked = project.share("revoked", embed=False)
    assert revoked["embed_key"] is None
    assert NOTHING in shown(project.server, keys["revoked"])
    assert NOTHING not in shown(project.server, keys["archived"])
    again = project.embed_key("revoked")
    assert again != keys["revoked"]
    assert project.call("DELETE", f"/x/{project.key}/stats/{project.share('trashed')['id']}").status_code == 200
    ids = {stat["name"]: stat["id"] for stat in project.api("/stats")["stats"]}
    project.server.call("project.archive", project=project.project)
    for kind in KINDS:
        nobodys = load(project.server, f"/embed/{kind}/nobodys")
        assert words(tree(nobodys)) == NOTHING
        assert nobodys.headers["cache-control"] == "no-store"
        assert nobodys.headers["content-type"] == "text/javascript; charset=utf-8"
        for key in (*keys.values(), again, *ids.values()):
            answer = load(project.server, f"/embed/{kind}/{key}")
            assert answer.text.replace(key, "nobodys") == nobodys.text
            assert answer.headers["cache-control"] == "no-store"


def test_a_revoked_key_shows_nothing_although_its_numbers_are_kept(project: Project) -> None:
    project.post({"stat": "n", "count": 5})
    settle(project.server)
    key = project.embed_key("n")
    assert shown(project.server, key, kind="text") == "5"
    project.share("n", embed=False)
    assert NOTHING in shown(project.server, key, kind="text")


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS"])
@pytest.mark.parametrize("path", ["/embed/graph/a", "/javascripts/embed.js"])
def test_other_methods(server: Any, method: str, path: str) -> None:
    answer = requests.request(method, server.url + path, timeout=TIMEOUT_S)
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET")
    assert answer.json() == {"status": 500, "msg": "method not allowed"}


# --- sharing, and the public page


def test_sharing_needs_the_scope_manage(project: Project) -> None:
    project.post({"stat": "n", "count": 1})
    poor = bearer(project.make_key(scopes=["read", "write"], unlimited=True))
    assert project.call("PATCH", "/api/headrace/stats/n", json={"public": True}, headers=poor).status_code == 403
    for wrong in ({"public": "yes"}, {"key": "mine"}, []):
        assert project.call("PATCH", "/api/headrace/stats/n", json=wrong).status_code in (400, 422)
    assert project.call("PATCH", "/api/headrace/stats/unknown", json={}).status_code == 404
    assert (project.share("n")["public"], project.share("n")["embed_key"]) == (False, None)


def test_a_public_page_is_there_for_everybody_and_a_private_one_for_nobody(project: Project) -> None:
    project.post({"stat": "<open>", "count": 3}, {"stat": "closed", "count": 4})
    settle(project.server)
    note = project.call("POST", "/v1/annotations", json={"text": "inner matters", "stat": "<open>"})
    assert note.status_code < 300
    shared, closed = project.share("%3Copen%3E", public=True), project.share("closed", embed=True)
    html = {"Accept": "text/html"}

    def ask(path: str, **headers: str) -> requests.Response:
        return requests.get(f"{project.server.url}/stats/{path}", headers=headers or html, timeout=TIMEOUT_S)

    page = ask(shared["id"])
    assert page.status_code == 200
    assert page.headers["x-robots-tag"] == "noindex"
    assert '<meta name="robots" content="noindex">' in page.text
    assert page.headers["cache-control"] == "no-store"
    assert "script-src 'self'" in page.headers["content-security-policy"]
    assert "set-cookie" not in page.headers
    assert "&lt;open&gt;" in page.text
    assert "<open>" not in page.text
    for secret in ("inner matters", project.project, shared["classic_key"], "closed"):
        assert secret not in page.text
    for chosen in ("24h", "7d", "30d", "1y", "custom", "99y", ""):
        twin = ask(f"{shared['id']}.json?range={chosen}").json()
        assert [line["summary"]["sum"] for line in twin["lines"]] == [3]
        assert twin["annotations"] == []
        assert (twin["zone"], len(twin["lines"][0]["previous"])) == ("UTC", len(twin["starts"]))
    assert len(ask(f"{shared['id']}.json?more={closed['id']}").json()["lines"]) == 1
    for private in (closed["id"], "closed", "%3Copen%3E", closed["embed_key"], "0GhkR2mWxZ7", "x"):
        for headers in (html, {"Accept": "application/json"}):
            missing = ask("0GhkR2mWxZ8", **headers)
            answer = ask(private, **headers)
            assert (answer.status_code, answer.text) == (404, missing.text)
            assert answer.headers["content-type"] == missing.headers["content-type"]
    project.share(shared["id"], public=False)
    assert ask(shared["id"]).status_code == 404
    assert ask(f"{shared['id']}.json").status_code == 404


def test_the_public_page_changes_nothing(project: Project) -> None:
    project.post({"stat": "n", "count": 3})
    shared = project.share("n", public=True)
    for method in ("POST", "PUT", "PATCH", "DELETE"):
        answer = requests.request(method, f"{project.server.url}/stats/{shared['id']}", timeout=TIMEOUT_S)
        assert answer.status_code == 405
    wait_for(lambda: project.api("/stats/n")["last_received_at"], "the stat is not projected")
    assert project.api("/stats/n")["public"]
