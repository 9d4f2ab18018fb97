"""A project that holds something of everything, for tests that try to see it with keys of others."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterable
from typing import Any
from uuid import uuid4

from command_lines import let_in, person, read
from endpoints import BY_PATH, request_item
from wire import Client, bearer, settle, wait_for

from headrace.catalog import Catalog, dead_letters, sqlite_url
from headrace.dialects.logister_cli_reads import PREFIX

#: Stands in everything that the victim stores and is called; no answer to anyone else may hold it.
WORD = "plughxyzzy"
#: A stat, a monitor and an event that everyone has: the same name or UUID in another project is another thing.
SHARED, SHARED_UUID = "shared", str(uuid4())
#: A word under which everyone sends their first request to each route: it is everyone's own.
RETRY = {"Idempotency-Key": "the-same"}


#: What differs from one answer to the next although nothing has changed; the days of SlowStats' figures move on at midnight.
VOLATILE = re.compile(
    r'"(last_used_at|lastUsedAt|seen_at|generated_at)":("[^"]*"|\d+|null)|"meta":\{[^}]*\}|"last_7_days":\[[^]]*\]'
)


def plant_letter(client: Client, number: int, text: str) -> str:
    """A row that the store is said to have refused, with ``text`` in it and in the reason; gives its id."""
    catalog = Catalog.open(sqlite_url(client.server.data / "catalog.db"))
    try:
        with catalog.write() as connection:
            dead_letters.add(
                connection,
                journal="planted",
                segment=number,
                table="points",
                partition="2026",
                row_index=0,
                project=number,
                row=json.dumps([number, text]),
                reason=text,
                at=time.time_ns() // 1000,
            )
    finally:
        catalog.close()
    letter: str = client.api("/dead-letters")["dead_letters"][0]["id"]
    return letter


class Victim:
    """A project that holds something of everything."""

    def __init__(self, server: Any) -> None:
        self.client = client = Client(server, f"{WORD} project")
        self.uuid = str(uuid4())
        records: list[tuple[str, Any]] = [
            ("/v1/ingest", {"stat": f"{WORD}.stat", "count": 1}),
            ("/v1/ingest/batch", {"items": [{"stat": SHARED, "value": 1, "type": "counter"}]}),
            ("/api/v1/events", {"events": [{"type": "error", "name": WORD, "message": WORD, "meta": {WORD: WORD}}]}),
            ("/api/slowstats/ingest-metrics", {"projectId": client.project, "payload": {WORD: 1}}),
            (
                "/api/v1/ingest_events",
                {"event": {"event_type": "error", "message": WORD, "fingerprint": WORD, "uuid": self.uuid}},
            ),
            (
                "/api/v1/ingest_events",
                {"event": {"event_type": "span", "name": WORD, "trace_id": WORD, "span_id": WORD}},
            ),
            ("/api/v1/ingest_events", {"event": {"event_type": "log", "message": WORD, "uuid": SHARED_UUID}}),
            ("/api/v1/check_ins", {"check_in": {"slug": WORD, "environment": WORD}}),
            ("/api/v1/check_ins", {"check_in": {"slug": SHARED}}),
            ("/ingest/v1/http-requests", {"requests": [request_item(WORD, host=WORD, userId=WORD)]}),
            ("/ingest/v1/replay", {"fingerprint": WORD, "sessionId": WORD, "events": [{"eventData": WORD}]}),
        ]
        used: set[str] = set()
        for path, body in records:
            answer = BY_PATH[path].post(client, body, headers={} if path in used else RETRY)
            used.add(path)
            assert answer.status_code < 300, answer.text
        key = server.call("key.create", project=client.project, name=f"{WORD} key")
        assert BY_PATH["/v1/ingest"].post(client, b"{", key=key["key"]).status_code == 400
        note = client.call("POST", "/v1/annotations", json={"text": WORD, "stat": f"{WORD}.stat"}).json()
        projects = server.call("project.list")
        mine = next(one for one in projects if one["id"] == client.project)
        (stat,) = client.api("/stats", q=f"{WORD}.stat")["stats"]
        alert = {"stat_id": stat["id"], "kind": "data", "time_window": "1h"}
        watched = {"name": WORD, "url": f"http://127.0.0.1:9/{WORD}"}
        page = f"/api/v1/monitors/{client.call('POST', '/api/v1/monitors', json=watched).json()['data']['id']}"
        wait_for(lambda: client.call("GET", page).json()["data"]["lastCheckedAt"], "nobody looks at the page")
        client.call("PUT", page, json={"isActive": False})  # a further look would change what is shown
        release = {"release": WORD, "repository": f"{WORD}/{WORD}", "commit_sha": "a" * 40, "deployed_at": None}
        deployed = client.call("POST", "/api/v1/deployments", json={"deployment": release}).json()["id"]
        settle(server)
        email = f"{WORD}-{client.project}@example.test"
        person(server, email, client.project)
        self.command_line = let_in(server, email)
        groups = read(server, self.command_line, f"/projects/{client.project}/error_groups").json()["items"]
        first_page = client.api("/events", limit=1)
        self.ids: dict[str, str] = {
            "project": client.project,
            "slug": mine["slug"],
            "name": mine["name"],
            "number": str(mine["number"]),
            "key": key["id"],
            "stat": stat["id"],
            "stat name": f"{WORD}.stat",
            "event": self.uuid,
            "request": client.rows("requests")[0]["id"],
            "span": client.rows("spans")[0]["id"],
            "annotation": note["id"],
            "alert": client.call("POST", f"/x/{client.key}/alerts", json=alert).json()["id"],
            "monitor": client.api("/monitors")["monitors"][0]["id"],
            "deployment": deployed,
            "issue": next(group["uuid"] for group in groups if group["latest_event"]["uuid"] == self.uuid),
            "uptime monitor": page.rpartition("/")[2],
            "letter": plant_letter(client, mine["number"], WORD),
            "session": WORD,
            "cursor": first_page["next"],
        }
        wait_for(lambda: client.api("/keys/refusals")["refusals"], "the refusal is not noted")

    def state(self, paths: Iterable[str]) -> dict[str, str]:
        """What the victim itself is shown at ``paths``, without what differs from one answer to the next."""
        settle(self.client.server)
        found = {}
        for path in paths:
            key, headers = self.client.key, None
            if path.startswith(f"{PREFIX}/"):
                headers = bearer(self.command_line)
            named = path.replace("{token}", key)
            answer = self.client.call("GET", named, params={"projectId": self.client.project}, headers=headers)
            assert answer.status_code == 200, (path, answer.text)
            found[path] = VOLATILE.sub("", answer.text)
        return found
