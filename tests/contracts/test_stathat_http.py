"""StatHat's posts against a real server (contract 1.2-1.7, 1.12; the numbered tests are the vectors of 1.13)."""

from __future__ import annotations

import gzip
import time
from collections.abc import Iterator
from typing import Any

import npm_stathat
import pytest
import requests
from flask import Flask
from flask_stathat import StatHat
from wire import (
    TIMEOUT_S,
    Connection,
    EzClient,
    Reply,
    assert_written_nowhere,
    bearer,
    request_bytes,
    settle,
    talk,
    wait_for,
)

OK = {"status": 200, "msg": "ok"}
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
AGENT = {"User-Agent": "test/1"}


def wrong(text: str) -> dict[str, Any]:
    return {"status": 500, "msg": text}


class Project(EzClient):
    """A project that posts as StatHat's clients do."""

    def post(self, path: str = "/ez", **fields: Any) -> Any:
        """The body of the answer to a form post; None for a 204."""
        key = {"ukey": self.user_key} if path != "/ez" else {} if "email" in fields else {"ezkey": self.ez}
        answer = self.send("POST", path, data=key | fields)
        return answer.json() if answer.content else None

    def send(self, method: str, path: str, **more: Any) -> requests.Response:
        answer = requests.request(method, self.server.url + path, timeout=TIMEOUT_S, **more)
        assert answer.headers["cache-control"] == "no-store"
        if answer.status_code != 204:
            assert int(answer.headers["content-length"]) == len(answer.content) or method == "HEAD"
        assert "transfer-encoding" not in answer.headers
        return answer

    def batch(self, data: Any, **more: Any) -> requests.Response:
        return self.send("POST", "/ez", json={"ezkey": self.ez, "data": data}, **more)

    def classic_key(self, name: str) -> str:
        (stat,) = (stat for stat in self.api("/stats", q=name)["stats"] if stat["name"] == name)
        return stat["classic_key"]

    def stored(self) -> dict[str, float]:
        """Sum of each stat by name and type; a value's is the sum of its points too."""
        settle(self.server)
        sums = {}
        for stat in self.api("/stats", limit=1000)["stats"]:
            question = {"from": "2000-01-01T00:00:00Z", "to": "2100-01-01T00:00:00Z", "resolution": "1M"}
            question |= {"stats": [stat["id"]], "aggregate": "sum", "group_by": "stat"}
            lines = self.call("POST", "/api/headrace/series", json=question).json()["lines"]
            sums[f"{stat['name']}:{stat['type']}"] = sum(p["value"] or 0 for line in lines for p in line["points"])
        return sums


@pytest.fixture
def project(server: Any, request: pytest.FixtureRequest) -> Project:
    return Project(server, request.node.name)


# --- vectors


class OldRequests(requests.Session):
    """What the PyPI package of 2012 expects of requests: ``prefetch``, which is dropped."""

    def post(self, url: str, *, prefetch: bool, **more: Any) -> requests.Response:
        assert prefetch
        return super().post(url, timeout=TIMEOUT_S, **more)


def test_1_the_calls_of_pypi_stathat(project: Project) -> None:
    """The statements of its ``count`` and ``value``, on its own transport; ``tests/clients/test_stathat_packages.py`` runs the package."""
    with OldRequests() as session:
        for stat, number in (("a", {"count": 10}), ("b", {"value": 0.5})):
            answer = session.post(
                project.server.url + "/ez", data={"email": project.ez, "stat": stat, **number}, prefetch=True
            )
            assert answer.ok
            assert answer.json() == OK
    assert project.stored() == {"a:counter": 10, "b:value": 0.5}


def npm(path: str, fields: dict[str, Any]) -> bytes:
    """The bytes of npm ``stathat`` 0.0.8: nothing is escaped, the length is that of the string in UTF-16 units, no User-Agent."""
    text = "&".join(f"{name}={value}" for name, value in fields.items())
    units = len(text.encode("utf-16-le")) // 2
    head = (
        f"POST {path} HTTP/1.1\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: {units}\r\n"
        "Host: api.stathat.com\r\nConnection: keep-alive\r\n\r\n"
    )
    return head.encode() + text.encode()


def test_2_npm_counts_and_values(project: Project) -> None:
    with Connection(project.server) as connection:
        for name, number in (("count", 1), ("value", 1e-7), ("count", 2)):
            connection.send(npm("/ez", {"ezkey": project.ez, "stat": f"a {name}", name: number}))
            reply = connection.reply()
            assert reply is not None
            assert (reply.status, reply.body) == (200, b'{"status":200,"msg":"ok"}')
            assert "connection" not in reply.headers
        key = project.classic_key("a count")
        for path, number in (("/c", {"count": 5}), ("/c", {"count": 5, "t": int(time.time())})):
            connection.send(npm(path, {"key": key, "ukey": project.user_key, **number}))
            assert connection.reply().json() == OK
    assert project.stored() == {"a count:counter": 13, "a value:value": 1e-7}


@pytest.mark.parametrize("path", ["/ez", "/c"])
def test_4_npm_names_beyond_ascii(project: Project, path: str) -> None:
    """The body is cut short, the rest of it stays in the connection: nothing is stored, and the client has to connect anew."""
    assert project.post(stat="é", count=1) == OK
    keys = (
        {"ezkey": project.ez}
        if path == "/ez"
        else {"key": project.classic_key("é"), "ukey": project.user_key, "x": "é"}
    )
    with Connection(project.server) as connection:
        connection.send(npm(path, {**keys, "stat": "é", "count": 37}))
        reply = connection.reply()
        assert reply is not None
        assert (reply.status, reply.json()) == (200, wrong("invalid count"))
        assert reply.headers["connection"] == "close"
        assert connection.reply() is None
    assert talk(project.server, npm("/ez", {"ezkey": project.ez, "stat": "e", "count": 2})).json() == OK
    assert project.stored() == {"é:counter": 1, "e:counter": 2}


def test_4_a_sender_with_a_right_length_is_believed(project: Project) -> None:
    body = f"ezkey={project.ez}&stat=é&count=37".encode()
    with Connection(project.server) as connection:
        connection.send(request_bytes("POST", "/ez", FORM | AGENT, body))
        reply = connection.reply()
        assert reply is not None
        assert (reply.json(), reply.headers["connection"]) == (OK, "close")
        assert connection.reply() is None
    latin = f"ezkey={project.ez}&stat=ä&count=1".encode("latin-1")
    assert talk(project.server, request_bytes("POST", "/ez", FORM | AGENT, latin)).json() == OK
    bad = f"ezkey=é{project.ez}&stat=ä&count=1".encode()
    reply = talk(project.server, request_bytes("POST", "/ez", FORM | AGENT, bad))
    assert (reply.json(), reply.headers["connection"]) == (wrong("invalid ezkey"), "close")
    assert project.stored() == {"é:counter": 37, "ä:counter": 1}


def test_5_npm_names_as_they_are(project: Project) -> None:
    assert talk(project.server, npm("/ez", {"ezkey": project.ez, "stat": "100% a=b#c", "count": 1})).json() == OK
    assert project.stored() == {"100% a=b#c:counter": 1}


def test_6_flask_stathat(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """The package itself, unmodified but for its own ``url``."""
    monkeypatch.setattr(StatHat, "url", project.server.url + "/ez")
    app = Flask(__name__)
    app.config["STATHAT_EZ_KEY"] = project.ez
    stats = StatHat(app)
    answers: list[requests.Response] = []
    stats.session.hooks["response"].append(lambda answer, **_: answers.append(answer))

    @app.get("/")
    def view() -> str:
        stats.count("visits é", 2)
        stats.value("load", 0.7)
        return "done"

    with stats.session:
        assert app.test_client().get("/").data == b"done"
    assert [(answer.status_code, answer.json()) for answer in answers] == [(200, {**OK, "multiple": 2})]
    assert project.stored() == {"visits é:counter": 2, "load:value": 0.7}


def test_7_a_name_for_several_stats(project: Project) -> None:
    assert project.post(stat="messages sent~total,female,europe", count=1) == OK
    assert project.stored() == {f"messages sent {part}:counter": 1 for part in ("total", "female", "europe")}


def test_8_batches_as_they_are_sent(project: Project) -> None:
    items = '{"stat":"a","count":2,"t":null},{"stat":"b","value":0.7},{"stat":"a"},'
    body = f'{{"ezkey":"{project.ez}","data":[{items}]}}'
    answer = project.send("POST", "/ez", data=body, headers={"Content-Type": "application/json"})
    assert (answer.status_code, answer.json()) == (200, {**OK, "multiple": 3})
    assert project.stored() == {"a:counter": 3, "b:value": 0.7}


def test_9_queries(project: Project) -> None:
    query = {"ezkey": project.ez, "stat": "a", "count": "1e+06"}
    for method in ("GET", "POST"):
        answer = project.send(method, "/ez", params=query)
        assert (answer.status_code, answer.content) == (200, b'{"status":200,"msg":"ok"}')
    bare = f"/ez?ezkey={project.ez}&stat=a&count=1e+06"  # the plus arrives as a blank
    assert talk(project.server, request_bytes("GET", bare)).json() == OK
    assert talk(project.server, request_bytes("GET", bare, version="1.0")).json() == OK
    assert project.send("HEAD", "/ez", params=query).status_code == 405
    assert project.stored() == {"a:counter": 4_000_000}


def test_11_without_a_key(project: Project) -> None:
    for fields in ({}, {"ezkey": ""}, {"stat": "a", "count": 1}):
        for path, text in (("/ez", "no ezkey specified"), ("/c", "no ukey specified"), ("/v", "no ukey specified")):
            answer = project.send("POST", path, data=fields)
            assert (answer.status_code, answer.json()) == (200, wrong(text))
    assert project.send("POST", "/c", data={"ukey": project.user_key}).json() == wrong("no key specified")


def test_12_classic_keys(project: Project) -> None:
    assert project.post(stat="hits", count=1) == OK
    assert project.post(stat="load", value=1) == OK
    hits, load = project.classic_key("hits"), project.classic_key("load")
    assert project.post("/c", key=hits) == OK  # at once, and once more when the stat has long been projected
    settle(project.server)
    assert project.post("/c", key=hits.upper(), count=3) == OK
    assert project.send("GET", "/v", params={"ukey": project.user_key, "key": load, "value": 4}).json() == OK
    assert project.post("/c", key=load) == wrong("invalid key")
    assert project.post("/v", key=hits, value=1) == wrong("invalid key")
    assert project.post("/c", key="0" * 32) == wrong("invalid key")
    # Names only with a key that pages do not show, and only of stats that exist.
    assert project.post("/c", key="hits") == wrong("invalid key")
    assert project.post("/c", ukey=project.ez, key="hits") == OK
    assert project.post("/c", ukey=project.key, key="new") == wrong("invalid key")
    assert project.stored() == {"hits:counter": 6, "load:value": 5}


def test_13_a_key_is_changed(project: Project) -> None:
    first, second = (
        project.server.call(
            "key.create", project=project.project, secret=f"{name}-{project.project[-12:]}@example.test"
        )
        for name in ("first", "second")
    )
    assert (first["kind"], first["user_key"]) == ("legacy", None)
    for made in (first, second):
        assert project.post(email=made["key"], stat="a", count=1) == OK
    project.server.call("key.revoke", id=first["id"])
    assert project.post(email=first["key"], stat="a", count=1) == wrong("invalid ezkey")
    assert project.post(email=second["key"], stat="a", count=1) == OK
    assert project.stored() == {"a:counter": 3}


def test_statflow_12_a_statflow_key_at_ez(project: Project) -> None:
    key = project.make_key(style="statflow", scopes=["write"])
    assert key.startswith("sf_")
    assert project.send("POST", "/ez", data={"ezkey": key, "stat": "x", "count": 1}).json() == OK
    # Any place of a key serves when there is none among the parameters; those decide alone when there is.
    assert project.send("POST", "/ez", data={"stat": "x", "count": 1}, headers=bearer(key)).json() == OK
    answer = project.send("POST", "/ez", data={"ezkey": "bad", "stat": "x", "count": 1}, headers=bearer(key))
    assert answer.json() == wrong("invalid ezkey")
    # One namespace with StatFlow, and its rule of types.
    assert project.call("POST", "/v1/ingest", json={"stat": "x", "count": 5}).status_code == 202
    assert project.post(stat="x", value=1) == wrong("stat is a counter")
    assert project.post(stat="x", value=1, count=7) == OK
    assert project.post(stat="v", value=1) == OK
    assert project.post(stat="v", value=1, count=7) == OK  # the number that fits the stat
    assert project.post(stat="v", count=1) == wrong("stat is a value")
    assert project.stored() == {"x:counter": 14, "v:value": 2}


# --- the rest of the contract


def test_items_are_independent(project: Project) -> None:
    assert project.post(stat="v", value=1) == OK
    answer = project.batch(
        [{"stat": "v", "count": 1}, {"stat": "a~b,c", "count": 1}, {"count": 1}, {"stat": "v", "value": 2}]
    )
    assert answer.json() == {**OK, "multiple": 3}
    assert project.batch([{"stat": "v", "count": 1}, {"count": 1}]).json() == wrong("stat is a value")
    assert project.batch([]).json() == {**OK, "multiple": 0}
    assert project.stored() == {"v:value": 3, "a b:counter": 1, "a c:counter": 1}

    def noted() -> Any:
        found = project.server.call("key.refusals", project=project.project)
        return [(entry["refused"], entry["refused_reason"]) for entry in found]

    wait_for(lambda: noted() == [(2, "/ez: 200 stat is a value")], "the refusals are not noted")


@pytest.mark.parametrize(("items", "fits"), [(5_000, True), (5_001, False)])
def test_too_many_items_store_nothing(project: Project, items: int, fits: bool) -> None:
    answer = project.batch([{"stat": "a", "count": 1}] * items)
    assert answer.json() == ({**OK, "multiple": items} if fits else wrong("json too long"))
    assert project.stored() == ({"a:counter": items} if fits else {})


def test_size_and_encoding(project: Project) -> None:
    cap, body = 1024 * 1024, f"ezkey={project.ez}&stat=a&count=1&x=".encode()
    for size, told in ((cap - 1, OK), (cap, OK), (cap + 1, wrong("json too long"))):
        assert project.send("POST", "/ez", data=body.ljust(size, b"x"), headers=FORM).json() == told
        packed = gzip.compress(body.ljust(size, b"x"))
        assert project.send("POST", "/ez", data=packed, headers=FORM | {"Content-Encoding": "gzip"}).json() == told
    answer = project.send("POST", "/ez", data=body, headers=FORM | {"Content-Encoding": "br"})
    assert (answer.status_code, answer.json()) == (200, wrong("unsupported encoding"))
    assert project.stored() == {"a:counter": 4}


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        *(
            ("GET", path, 404)
            for path in ("/ez/", "/ez/x", "/c/", "/v/x", "/x/TOKEN", "/x/", "/a1/", "/embed/", "/embed/graph")
        ),
        *(
            ("GET", path, 404)
            for path in ("/embed/graph/", "/embed/graph/a/b/c/d", "/javascripts/", "/javascripts/x.js")
        ),
        *((method, "/ez", 405) for method in ("PUT", "DELETE", "OPTIONS", "PATCH")),
        *(("OPTIONS", path, 405) for path in ("/c", "/v")),
    ],
)
def test_unknown_paths_and_methods(project: Project, method: str, path: str, status: int) -> None:
    answer = project.send(method, path)
    assert answer.status_code == status
    assert answer.json() == wrong("not found" if status == 404 else "method not allowed")
    assert answer.headers.get("allow") == ("GET, POST" if status == 405 else None)


def test_which_keys_may_come(project: Project) -> None:
    assert project.post(stat="a", count=1) == OK
    key = project.classic_key("a")
    for secret in (project.make_key(scopes=["read", "manage"]), project.user_key):
        assert project.send("POST", "/ez", data={"ezkey": secret, "stat": "a", "count": 1}).json() == wrong(
            "invalid ezkey"
        )
    reads = project.make_key(scopes=["read"])
    assert project.post("/c", ukey=reads, key=key) == wrong("invalid ezkey")
    assert project.post("/c", ukey="unknown", key=key) == wrong("invalid ezkey")
    # A user key opens nothing else.
    assert (
        project.call("POST", "/v1/ingest", headers=bearer(project.user_key), json={"stat": "a", "count": 1}).status_code
        == 403
    )
    assert project.call("GET", "/v1/stats", headers=bearer(project.user_key)).status_code == 403
    assert project.stored() == {"a:counter": 1}


def test_projects_are_walls(server: Any, project: Project) -> None:
    other = Project(server, "another StatHat project")
    assert project.post(stat="mine", count=1) == OK
    for path, secret in (("/c", other.user_key), ("/c", other.ez), ("/c", other.key)):
        for key in (project.classic_key("mine"), "mine"):
            assert project.post(path, ukey=secret, key=key) == wrong("invalid key")
    assert other.post(stat="mine", value=3) == OK
    assert (project.stored(), other.stored()) == ({"mine:counter": 1}, {"mine:value": 3})


def test_a_revoked_user_key_has_a_successor(project: Project) -> None:
    def shown() -> Any:
        return project.server.call("project.stathat", project=project.project)["user_key"]

    assert shown() == shown() == project.user_key
    assert project.post(stat="a", count=1) == OK
    key = project.classic_key("a")
    listed = project.server.call("key.list", project=project.project)
    (old,) = (entry for entry in listed if entry["kind"] == "classic")
    assert (old["scopes"], old["shown"], old["state"]) == (["write"], "", "live")
    project.server.call("key.revoke", id=old["id"])
    assert project.post("/c", key=key) == wrong("invalid ezkey")
    successor = shown()
    assert successor == shown() != project.user_key
    assert project.post("/c", ukey=successor, key=key) == OK
    assert len(successor) == 32


def test_ez_can_be_switched_off(project: Project) -> None:
    assert project.post(stat="a", count=1) == OK
    key = project.classic_key("a")
    project.server.call("project.stathat", project=project.project, ez=False)
    assert project.post(stat="a", count=1) == wrong("ez api is switched off")
    assert project.batch([{"stat": "a"}]).json() == wrong("ez api is switched off")
    assert project.post("/c", key=key) == OK
    shown = project.server.call("project.stathat", project=project.project, ez=True)
    assert (shown["ez"], shown["browsers"]) == (True, False)
    assert project.post(stat="a", count=1) == OK
    assert project.stored() == {"a:counter": 3}


def test_browsers_where_the_project_lets_them_in(project: Project) -> None:
    assert project.post(stat="a", count=1) == OK
    keys = {"ukey": project.user_key, "key": project.classic_key("a")}

    def allowed() -> list[bool]:
        """For /c by query and by form, a preflight for it, and a refusal."""
        answers = (
            project.send("GET", "/c", params=keys, headers={"Origin": "https://page.test"}),
            project.send("POST", "/c", data=keys, headers={"Origin": "https://page.test"}),
            requests.options(project.server.url + "/c", params=keys, timeout=TIMEOUT_S),
            project.send("POST", "/c", data={**keys, "count": "x"}),
        )
        assert all("access-control-allow-credentials" not in answer.headers for answer in answers)
        return [answer.headers.get("access-control-allow-origin") == "*" for answer in answers]

    assert allowed() == [False] * 4
    project.server.call("project.stathat", project=project.project, browsers=True)
    assert allowed() == [True] * 4
    for path in ("/c", "/v"):
        assert requests.options(project.server.url + path, timeout=TIMEOUT_S).status_code == 405
    for answer in (
        project.send("POST", "/ez", data={"ezkey": project.ez, "stat": "a", "count": 1}),
        project.send("POST", "/c", data={**keys, "ukey": "unknown"}),
    ):
        assert "access-control-allow-origin" not in answer.headers


def test_rate(project: Project) -> None:
    key = project.make_key(style="stathat", rate=1, burst=3)
    data = {"ezkey": key, "data": [{"stat": "a"}] * 3}
    assert project.send("POST", "/ez", json=data).json() == {**OK, "multiple": 3}
    answer = project.send("POST", "/ez", json=data)
    assert (answer.status_code, answer.json()) == (200, wrong("rate limit exceeded"))
    assert not [name for name in answer.headers if name.lower().startswith("x-ratelimit")]
    assert project.stored() == {"a:counter": 3}


def test_retries(project: Project) -> None:
    fields = {"ezkey": project.ez, "stat": "a", "count": 1}
    first, again = (project.send("POST", "/ez", data=fields, headers={"Idempotency-Key": "one"}) for _ in range(2))
    assert (first.json(), again.json()) == (OK, OK)
    assert ("idempotency-replayed" in first.headers, again.headers["idempotency-replayed"]) == (False, "true")
    # An error is no first answer.
    wrong_type = {**fields, "count": None, "value": 1}
    for _ in range(2):
        answer = project.send("POST", "/ez", data=wrong_type, headers={"Idempotency-Key": "two"})
        assert answer.json() == wrong("stat is a counter")
        assert "idempotency-replayed" not in answer.headers
    assert project.send("POST", "/ez", data=fields, headers={"Idempotency-Key": "two"}).json() == OK
    answer = project.send("POST", "/ez", data=fields, headers={"Idempotency-Key": "not visible"})
    assert (answer.status_code, answer.json()["status"]) == (400, 500)
    assert project.stored() == {"a:counter": 2}


def test_times_of_points(project: Project) -> None:
    now = int(time.time())
    yesterday = now - 86_400
    for moment in (yesterday, yesterday * 1000, 0, "", -1, now + 86_400):
        assert project.post(stat="a", count=1, t=moment) == OK
    assert project.post(stat="a", count=1, t="soon") == wrong("invalid t")
    settle(project.server)
    for start, end, count in ((yesterday - 60, yesterday + 60, 2), (now - 60, now + 240, 4)):
        span = {"from": str(start), "to": str(end), "resolution": "1m"}
        seen = project.call("GET", "/v1/stats/a/data", params=span).json()
        assert sum(point["value"] for point in seen["points"]) == count


def test_a_point_is_stored_though_its_sender_is_gone(project: Project) -> None:
    """PHP's library closes its socket without reading."""
    body = f"email={project.ez}&stat=gone&count=1".encode()
    for version in ("1.0", "1.1"):
        with Connection(project.server) as connection:
            connection.send(request_bytes("POST", "/ez", FORM, body, version=version))
    wait_for(lambda: project.stored() == {"gone:counter": 2}, "the points are not stored")


def test_secrets_in_queries_are_written_nowhere(project: Project) -> None:
    marker = f"secretmarker{time.time_ns()}"
    made = project.server.call("key.create", project=project.project, secret=f"{marker}@example.test")
    for path in ("/ez", "/c", "/v", "/x/{}/statlist", "/a1/{}"):
        for query in (
            {"ezkey": made["key"], "ukey": made["key"], "stat": "a", "count": "x", "key": marker},
            {"ezkey": marker},
        ):
            project.send("GET", path.format(marker), params=query)
    assert project.post(email=made["key"], stat="a", count=1) == OK
    assert_written_nowhere(project, marker)


# --- a server with other settings


@pytest.fixture(scope="module")
def strict(server_class: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    environment = {
        "HEADRACE_STATHAT_SUCCESS": "modern",
        "HEADRACE_STATHAT_ERRORS": "http",
        "HEADRACE_STATHAT_ZERO_COUNT": "one",
    }
    own = server_class(tmp_path_factory.mktemp("stathat") / "data", env=environment)
    own.init()
    own.start()
    yield Project(own, "modern")
    assert own.stop() == 0


def test_3_10_the_modern_style(strict: Project) -> None:
    reply: Reply = talk(strict.server, npm("/ez", {"ezkey": strict.ez, "stat": "a", "count": 1}))
    assert (reply.status, reply.body) == (204, b"")
    # npm's callback waits for a body in vain.
    assert npm_stathat.track(strict.server, ["trackEZCount", strict.ez, "a", 2]) == [[204, None]]
    assert strict.post(stat="a", count=0, vb=1) == OK
    assert strict.batch([{"stat": "a", "count": 1}]).json() == {**OK, "multiple": 1}
    answer = strict.send("GET", "/ez", params={"ezkey": strict.ez, "stat": "a", "count": 1})
    assert (answer.status_code, answer.content) == (204, b"")
    assert strict.stored() == {"a:counter": 6}


@pytest.mark.parametrize(
    ("fields", "status", "text"),
    [
        ({}, 400, "no ezkey specified"),
        ({"ezkey": "unknown"}, 403, "invalid ezkey"),
        ({"stat": ""}, 400, "no stat"),
        ({"stat": "a", "count": "x" * 1024 * 1024}, 413, "json too long"),
    ],
    ids=lambda item: str(item)[:30],
)
def test_errors_with_a_status(strict: Project, fields: dict[str, str], status: int, text: str) -> None:
    key = {"ezkey": strict.ez} if "stat" in fields else {}
    answer = strict.send("POST", "/ez", data=key | fields)
    assert (answer.status_code, answer.json()) == (status, wrong(text))
