"""Projects, keys, stats, annotations, monitors, dead letters: what they do, and whose they are."""

from __future__ import annotations

import re

import msgspec
import pytest

from headrace.api.routes import HANDLERS
from headrace.catalog import dead_letters, projects
from headrace.catalog import stats as stat_table
from headrace.catalog.stats import StatRow
from headrace.records.ids import stat_text
from headrace.records.tables import EVENTS

API = "/api/headrace"
ISO = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z\Z")


def number_of(world, project):
    with world.context.catalog.read() as conn:
        return projects.by_id(conn, world.ids[project]).number


def add_stat(world, project, name, source="stat", stat_type="counter", stat_id=7):
    row = StatRow(stat_id, number_of(world, project), source, name, stat_type, world.context.now())
    with world.context.catalog.write() as conn:
        stat_table.add_missing(conn, [row])
    return stat_text(stat_id)


def event_row(number, message="boom"):
    values = {"u16": 0, "float?": None, "float": 0.0, "labels": {}, "us": 1_790_000_000_000_000}
    row = [values.get(column.kind, "") for column in EVENTS.columns]
    row[EVENTS.names.index("project")] = number
    row[EVENTS.names.index("id")] = "0199f3c2-7a41-7c3e-9b5d-2f6a8c1e4d70"
    row[EVENTS.names.index("message")] = message
    row[EVENTS.names.index("batch")] = 3
    return row


def add_letter(world, project, row):
    """A row that the store refused, as the loader leaves it."""
    with world.context.catalog.write() as conn:
        dead_letters.add(
            conn,
            journal="j",
            segment=3,
            table="events",
            partition="202609",
            row_index=0,
            project=number_of(world, project),
            row=row,
            reason="ts: a time cannot be read",
            at=world.context.now(),
        )
        return dead_letters.page(conn, projects=None, state="open", before=None, limit=1)[0].id


def test_projects_are_made_found_and_archived(world):
    made = world.call("POST", f"{API}/projects", "ann.wide", json={"name": "Küche & Bad"})
    assert made.status_code == 201
    project = made.json()
    assert project["state"] == "live"
    assert ISO.match(project["created_at"])
    for ref in (project["id"], project["slug"]):
        assert world.call("GET", f"{API}/projects/{ref}", "ann.wide").json() == project
    listed = world.call("GET", f"{API}/projects", "ann.wide").json()["projects"]
    assert [item["id"] for item in listed] == [world.ids["ann.shop"], world.ids["ann.site"], project["id"]]
    archived = world.call("POST", f"{API}/projects/{project['slug']}/archive", "ann.wide")
    assert (archived.status_code, archived.json()["state"]) == (200, "archived")
    assert ISO.match(archived.json()["archived_at"])
    assert world.call("POST", f"{API}/projects/{project['id']}/archive", "ann.wide").status_code == 409
    assert len(world.call("GET", f"{API}/projects", "ann.wide").json()["projects"]) == 2
    assert len(world.call("GET", f"{API}/projects?archived=true", "ann.wide").json()["projects"]) == 3
    assert world.call("GET", f"{API}/monitors?project={project['id']}", "ann.wide").status_code == 404


def test_a_deleted_project_is_there_for_nobody(world):
    project = f"{API}/projects/{world.ids['ann.site']}"
    assert world.call("DELETE", project, "bob.wide").status_code == 404
    assert world.call("DELETE", project, "ann.all").status_code == 404
    assert world.call("DELETE", f"{API}/projects/{world.ids['ann.shop']}", "ann.all").status_code == 403
    deleted = world.call("DELETE", project, "ann.wide")
    assert (deleted.status_code, deleted.json()["state"]) == (202, "deleting")
    assert [world.call(method, project, "ann.wide").status_code for method in ("GET", "DELETE")] == [404, 404]
    assert world.call("POST", f"{project}/archive", "ann.wide").status_code == 404
    assert world.call("GET", f"{API}/monitors?project={world.ids['ann.site']}", "ann.wide").status_code == 404
    listed = {asked: world.call("GET", f"{API}/projects{asked}", "ann.wide").json() for asked in ("", "?archived=true")}
    states = [[one["state"] for one in found["projects"]] for found in listed.values()]
    assert states == [["live"], ["live", "deleting"]]


def test_a_project_key_sees_exactly_its_project(world):
    listed = world.call("GET", f"{API}/projects", "ann.all").json()["projects"]
    assert [item["id"] for item in listed] == [world.ids["ann.shop"]]
    assert world.call("GET", f"{API}/monitors", "ann.all").status_code == 200
    assert world.call("GET", f"{API}/monitors?project={world.ids['ann.shop']}", "ann.all").status_code == 200
    assert world.call("GET", f"{API}/monitors?project={world.ids['ann.site']}", "ann.all").status_code == 404


def test_an_account_wide_key_chooses_its_project(world):
    chosen = f"{API}/monitors?project=ann-site"
    assert world.call("POST", chosen, "ann.wide", json={"slug": "nightly"}).status_code == 201
    assert [item["slug"] for item in world.call("GET", chosen, "ann.wide").json()["monitors"]] == ["nightly"]
    assert world.call("GET", f"{API}/monitors", "ann.wide").json()["monitors"] == []


def test_a_key_is_shown_once_works_at_once_and_dies_at_once(world):
    body = {"name": "ci", "scopes": ["read"], "expires_at": "2030-01-01T00:00:00+02:00", "rate": 60, "burst": 5}
    made = world.call("POST", f"{API}/keys", "ann.all", json=body)
    assert made.status_code == 201
    assert made.headers["cache-control"] == "no-store"
    key = made.json()
    assert key["expires_at"] == "2029-12-31T22:00:00.000000Z"
    world.secrets["new"] = key["key"]
    assert world.call("GET", f"{API}/projects", "new").status_code == 200
    listed = world.call("GET", f"{API}/keys", "ann.all")
    assert key["key"] not in listed.text
    (shown,) = [item for item in listed.json()["keys"] if item["id"] == key["id"]]
    assert (shown["rate"], shown["burst"], shown["scopes"]) == (60, 5, ["read"])
    gone = world.call("DELETE", f"{API}/keys/{key['id']}", "ann.all")
    assert (gone.status_code, gone.content) == (204, b"")
    assert world.call("GET", f"{API}/projects", "new").status_code == 401
    assert world.call("DELETE", f"{API}/keys/{key['id']}", "ann.all").status_code == 404
    assert key["id"] not in world.call("GET", f"{API}/keys", "ann.all").text
    assert key["id"] in world.call("GET", f"{API}/keys?revoked=true", "ann.all").text


def test_a_key_grants_no_more_than_it_holds(world):
    wide = world.call("POST", f"{API}/keys", "ann.all", json={"account_wide": True})
    assert (wide.status_code, wide.json()["error"]["code"]) == (403, "forbidden")


def test_refusals_are_listed_by_key(world):
    from headrace.catalog import keys as key_table

    with world.context.catalog.write() as conn:
        key_table.record_use(
            conn, {}, {world.ids["ann.write"]: (3, "400 body is not valid JSON", 1_780_000_000_000_000)}
        )
    (refusal,) = world.call("GET", f"{API}/keys/refusals", "ann.all").json()["refusals"]
    assert refusal["id"] == world.ids["ann.write"]
    assert (refusal["refused"], refusal["reason"]) == (3, "400 body is not valid JSON")
    assert ISO.match(refusal["refused_at"])
    assert world.call("GET", f"{API}/keys/refusals", "bob.all").json()["refusals"] == []


def test_stats_are_paged_filtered_and_found_by_id_or_name(world):
    for number, (name, source, kind) in enumerate(
        (("a", "stat", "counter"), ("b", "stat", "value"), ("b", "slowstats", "value"), ("c.x", "stat", "counter")), 1
    ):
        add_stat(world, "ann.shop", name, source, kind, number)
    first = world.call("GET", f"{API}/stats?limit=2", "ann.read").json()
    assert [(item["name"], item["source"]) for item in first["stats"]] == [("a", "stat"), ("b", "slowstats")]
    second = world.call("GET", f"{API}/stats?limit=2&cursor={first['next']}", "ann.read").json()
    assert [(item["name"], item["source"]) for item in second["stats"]] == [("b", "stat"), ("c.x", "stat")]
    assert second["next"] is None
    counters = world.call("GET", f"{API}/stats?type=counter&q=C.", "ann.read").json()["stats"]
    assert [item["name"] for item in counters] == ["c.x"]
    by_name = world.call("GET", f"{API}/stats/b", "ann.read").json()
    assert (by_name["source"], by_name["last_point_at"]) == ("stat", None)
    assert world.call("GET", f"{API}/stats/{by_name['id']}", "ann.read").json() == by_name


def test_annotations_come_and_go(world):
    stat = add_stat(world, "ann.shop", "orders")
    body = {"text": "Release 2", "kind": "deploy", "stat": "orders", "ts": "2026-09-01T10:00:00Z"}
    made = world.call("POST", f"{API}/annotations", "ann.write", json=body)
    assert made.status_code == 201
    note = made.json()
    assert (note["stat_id"], note["ts"]) == (stat, "2026-09-01T10:00:00.000000Z")
    inside = f"{API}/annotations?from=2026-09-01T10:00:00Z&to=2026-09-01T10:00:01Z"
    assert world.call("GET", inside, "ann.read").json()["annotations"] == [note]
    before = f"{API}/annotations?to=2026-09-01T10:00:00Z"
    assert world.call("GET", before, "ann.read").json()["annotations"] == []
    assert world.call("DELETE", f"{API}/annotations/{note['id']}", "ann.read").status_code == 403
    assert world.call("DELETE", f"{API}/annotations/{note['id']}", "ann.write").status_code == 204
    assert world.call("DELETE", f"{API}/annotations/{note['id']}", "ann.write").status_code == 404


def test_a_monitor_waits_for_its_first_check_in(world):
    made = world.call("POST", f"{API}/monitors", "ann.all", json={"slug": "nightly-backup", "interval_s": 60})
    assert made.status_code == 201
    assert (made.json()["state"], made.json()["interval_s"], made.json()["last_check_in_at"]) == ("new", 60, None)
    assert world.call("GET", f"{API}/monitors", "ann.read").json()["monitors"] == [made.json()]


def test_a_dead_letter_is_seen_fixed_and_replayed(world):
    number = number_of(world, "ann.shop")
    broken = event_row(number)
    broken[EVENTS.names.index("ts")] = -1
    letter = add_letter(world, "ann.shop", msgspec.json.encode(broken).decode())
    (listed,) = world.call("GET", f"{API}/dead-letters", "ann.read").json()["dead_letters"]
    assert world.call("GET", f"{API}/dead-letters/{letter}", "ann.read").json() == listed
    assert listed["columns"] == list(EVENTS.names)
    assert (listed["state"], listed["reason"]) == ("open", "ts: a time cannot be read")
    path = f"{API}/dead-letters/{letter}"
    assert world.call("POST", f"{path}/replay", "ann.all").status_code == 422
    assert world.call("PUT", f"{path}/row", "ann.read", json={"row": event_row(number)}).status_code == 403
    assert world.call("PUT", f"{path}/row", "ann.all", json={"row": broken}).status_code == 422
    elsewhere = event_row(number_of(world, "bob.shop"))
    assert world.call("PUT", f"{path}/row", "ann.all", json={"row": elsewhere}).status_code == 422
    fixed = world.call("PUT", f"{path}/row", "ann.all", json={"row": event_row(number, "mended \u0000")})
    assert fixed.status_code == 200
    assert msgspec.json.decode(fixed.json()["row"])[EVENTS.names.index("message")] == "mended \ufffd"
    replayed = world.call("POST", f"{path}/replay", "ann.all")
    assert (replayed.status_code, replayed.json()["state"]) == (200, "replayed")
    ((sent, table, values),) = world.replayed
    assert (sent, table, values[EVENTS.names.index("message")]) == (letter, "events", "mended \ufffd")
    assert world.call("POST", f"{path}/replay", "ann.all").status_code == 409
    assert len(world.replayed) == 1
    assert world.call("GET", f"{API}/dead-letters", "ann.read").json()["dead_letters"] == []
    assert len(world.call("GET", f"{API}/dead-letters?state=replayed", "ann.read").json()["dead_letters"]) == 1


def test_a_dead_letter_is_discarded(world):
    letter = add_letter(world, "ann.shop", "[not json")
    gone = world.call("DELETE", f"{API}/dead-letters/{letter}", "ann.all")
    assert (gone.status_code, gone.json()["state"]) == (200, "discarded")
    assert world.call("DELETE", f"{API}/dead-letters/{letter}", "ann.all").status_code == 409
    assert world.replayed == []


def everything_of(world, who):
    """One of each thing that an account owns: placeholder → id."""
    letter = add_letter(world, f"{who}.shop", "[]")
    stat = add_stat(world, f"{who}.shop", f"stat of {who}", stat_id=99)
    note = world.call("POST", f"{API}/annotations", f"{who}.all", json={"text": "n"}).json()["id"]
    return {
        "project": world.ids[f"{who}.shop"],
        "key": world.ids[f"{who}.read"],
        "stat": stat,
        "annotation": note,
        "letter": letter,
    }


#: Issues are made of errors in the store, of which these tests have none: `tests/test_isolation.py` asks about them.
FOREIGN = [
    (handler, method, placeholder)
    for handler in HANDLERS
    for method in sorted(handler.http_methods)
    for path in handler.paths
    for placeholder in re.findall(r"\{(\w+):str\}", path)
    if placeholder != "issue"
]


@pytest.mark.parametrize(("handler", "method", "placeholder"), FOREIGN, ids=[f[0].handler_name for f in FOREIGN])
@pytest.mark.parametrize("key", ["ann.all", "ann.wide"])
def test_another_tenants_ids_do_not_exist(world, handler, method, placeholder, key):
    theirs = everything_of(world, "bob")
    path = API + re.sub(r"\{\w+:str\}", theirs[placeholder], next(iter(handler.paths)))
    body = {"json": {"row": []}} if method == "PUT" else {"json": handler.opt["sample"]} if method == "PATCH" else {}
    answer = world.call(method, path, key, **body)
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "not_found")
    unknown = API + re.sub(r"\{\w+:str\}", "0199f3c2-0000-7000-8000-000000000000", next(iter(handler.paths)))
    assert world.call(method, unknown, key, **body).json() == answer.json()
    own = world.call(method, path, "bob.all", **body)
    assert own.status_code != 404


CHOOSING = [
    (handler, method)
    for handler in HANDLERS
    for method in sorted(handler.http_methods)
    if "{" not in next(iter(handler.paths)) and handler.handler_name not in ("list_projects", "create_project")
]


@pytest.mark.parametrize(("handler", "method"), CHOOSING, ids=[f[0].handler_name for f in CHOOSING])
@pytest.mark.parametrize("key", ["ann.all", "ann.wide"])
def test_another_tenants_project_cannot_be_chosen(world, handler, method, key):
    body = {"json": handler.opt["sample"]} if "sample" in handler.opt else {}
    for ref in (world.ids["bob.shop"], "bob-shop"):
        answer = world.call(method, f"{API}{next(iter(handler.paths))}?project={ref}", key, **body)
        assert (answer.status_code, answer.json()["error"]["code"]) == (404, "not_found")
    assert world.store.asked == []
