"""Monitors, annotations and dead letters; and what is closed to whom."""

import json

import pytest
from service_checks import add_stats, refused, row

from headrace.api.services import OPERATOR, annotations, dead_letters, monitors, projects, stats
from headrace.catalog import dead_letters as letter_rows
from headrace.records.ids import stat_text
from headrace.records.tables import EVENTS

WRITER = frozenset(("write",))
READER = frozenset(("read",))


@pytest.mark.parametrize(
    "call",
    [
        pytest.param(lambda house, who, project: stats.page(house.context, who, project=project), id="stats"),
        pytest.param(lambda house, who, project: stats.get(house.context, who, project=project, ref="hits"), id="stat"),
        pytest.param(lambda house, who, project: monitors.list_all(house.context, who, project=project), id="monitors"),
        pytest.param(
            lambda house, who, project: monitors.create(house.context, who, project=project, slug="new"),
            id="new monitor",
        ),
        pytest.param(
            lambda house, who, project: annotations.list_all(house.context, who, project=project), id="annotations"
        ),
        pytest.param(
            lambda house, who, project: annotations.create(house.context, who, project=project, text="x"),
            id="new annotation",
        ),
        pytest.param(
            lambda house, who, project: dead_letters.page(house.context, who, project=project), id="dead letters"
        ),
    ],
)
def test_a_project_is_closed_to_others_and_after_its_end(house, call) -> None:
    add_stats(house, [row(1, "hits")])
    call(house, house.owner, house.project.id)
    refused("forbidden", call, house, house.owner._replace(scopes=frozenset()), house.project.id)
    refused("not_found", call, house, house.stranger, house.project.id)
    refused("not_found", call, house, house.owner._replace(project=2), house.project.id)
    projects.archive(house.context, house.owner, "shop")
    refused("not_found", call, house, house.owner, house.project.id)


def test_monitors_wait_for_their_first_check_in(house) -> None:
    context, owner = house.context, house.owner
    made = monitors.create(context, owner, project="shop", slug="nightly-1", interval_s=60)
    other = monitors.create(context, owner, project="shop", slug="nightly-1", environment="staging", name="Night")
    assert (made.environment, made.name, made.state, made.interval_s) == ("production", "nightly-1", "new", 60)
    assert (other.environment, other.name, other.interval_s, other.created_by) == ("staging", "Night", 300, "person")
    assert monitors.list_all(context, owner, project="shop") == [made, other]
    assert "staging" in refused(
        "conflict", monitors.create, context, owner, project="shop", slug="nightly-1", environment="staging"
    )


@pytest.mark.parametrize(
    ("given", "fine"),
    [
        ({"slug": "a" * 255}, True),
        ({"slug": "a" * 256}, False),
        ({"slug": ""}, False),
        ({"slug": "A"}, False),
        ({"slug": "a_b"}, False),
        ({"slug": "a\n"}, False),
        ({"slug": "é"}, False),
        ({"slug": "a", "environment": " "}, False),
        ({"slug": "a", "interval_s": 0}, False),
        ({"slug": "a", "interval_s": 1}, True),
        ({"slug": "a", "interval_s": 366 * 86_400}, True),
        ({"slug": "a", "interval_s": 366 * 86_400 + 1}, False),
    ],
    ids=lambda value: (
        "-".join(f"{key}={item!r}"[:24] for key, item in value.items()) if isinstance(value, dict) else ""
    ),
)
def test_monitor_limits(house, given: dict, fine: bool) -> None:
    if fine:
        assert monitors.create(house.context, house.owner, project="shop", **given).slug == given["slug"]
    else:
        refused("invalid", monitors.create, house.context, house.owner, project="shop", **given)


def test_annotations_by_time_and_stat(house) -> None:
    context, owner = house.context, house.owner
    add_stats(house, [row(1, "hits")])
    house.pending.append(row(2, "fresh"))

    def note(text: str, **more) -> annotations.AnnotationInfo:
        return annotations.create(context, owner, project="shop", text=text, **more)

    later = note("later", ts=300, stat="hits", kind="deploy", url="https://example.org/?a=1#b")
    sooner = note(" sooner ", ts=100)
    fresh = note("fresh", ts=200, stat=stat_text(2))
    now = note("now")
    assert later == annotations.AnnotationInfo(
        later.id, "later", "deploy", "https://example.org/?a=1#b", stat_text(1), 300, house.clock.now
    )
    assert (sooner.text, sooner.kind, sooner.url, sooner.stat_id) == ("sooner", "note", None, None)
    assert now.ts == house.clock.now

    def listed(**asked) -> list[str]:
        return [item.text for item in annotations.list_all(context, owner, project="shop", **asked)]

    assert listed() == ["sooner", "fresh", "later", "now"]
    assert listed(start=100, end=300) == ["sooner", "fresh"]
    assert listed(stat="hits") == ["sooner", "later", "now"]
    assert listed(limit=1) == ["sooner"]

    theirs = house.foreign.id
    refused("not_found", annotations.delete, context, house.stranger, project=theirs, annotation_id=fresh.id)
    annotations.delete(context, owner, project="shop", annotation_id=fresh.id)
    refused("not_found", annotations.delete, context, owner, project="shop", annotation_id=fresh.id)
    assert listed() == ["sooner", "later", "now"]


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({"text": "x" * 1000}, None),
        ({"text": "x" * 1001}, "invalid"),
        ({"text": " "}, "invalid"),
        ({"text": "two\nlines \ud800"}, None),
        ({"text": "x", "kind": "party"}, "invalid"),
        ({"text": "x", "url": "javascript:alert(1)"}, "invalid"),
        ({"text": "x", "url": "//example.org"}, "invalid"),
        ({"text": "x", "url": "https://["}, "invalid"),
        ({"text": "x", "url": "https://e.org/" + "x" * 1986}, None),
        ({"text": "x", "url": "https://e.org/" + "x" * 1987}, "invalid"),
        ({"text": "x", "ts": -1}, "invalid"),
        ({"text": "x", "ts": 1 << 63}, "invalid"),
        ({"text": "x", "stat": "nothing"}, "not_found"),
    ],
    ids=lambda value: (
        "-".join(f"{key}={item!r}"[:24] for key, item in value.items()) if isinstance(value, dict) else ""
    ),
)
def test_annotation_limits(house, given: dict, code: str | None) -> None:
    if code:
        refused(code, annotations.create, house.context, house.owner, project="shop", **given)
    else:
        made = annotations.create(house.context, house.owner, project="shop", **given)
        assert annotations.list_all(house.context, house.owner, project="shop") == [made]


def event_values(project: int) -> list:
    """A row of ``events`` without ``batch``."""
    filled = {
        "text": "",
        "label": "x",
        "uuid": "00000000-0000-7000-8000-000000000000",
        "u32": project,
        "us": 1_790_000_000_000_000,
        "float?": None,
        "labels": {},
    }
    return [filled[column.kind] for column in EVENTS.columns[:-1]]


def letter(house, *, project: int | None = 1, index: int = 0, table: str = "events", bad_row: str = "[1]") -> str:
    with house.context.catalog.write() as conn:
        letter_rows.add(
            conn,
            journal="j",
            segment=3,
            table=table,
            partition="202609",
            row_index=index,
            project=project,
            row=bad_row,
            reason="why",
            at=5_000_000 + index * 1000,
        )
        found = letter_rows.page(conn, projects=None, state="open", before=None, limit=100)
    return next(item.id for item in found if item.row_index == index)


def test_a_dead_letter_is_fixed_and_replayed(house) -> None:
    context, owner, sent = house.context, house.owner, []
    letter_id = letter(house)

    def append(*args) -> None:
        sent.append(args)

    assert "columns" in refused("invalid", dead_letters.replay, context, owner, letter_id, append)
    fixed = dead_letters.fix(context, owner, letter_id, json.dumps(event_values(1)))
    assert json.loads(fixed.row) == [*event_values(1), 3]
    done = dead_letters.replay(context, owner, letter_id, append)
    assert sent == [(letter_id, "events", event_values(1))]
    assert (done.state, done.replayed_at, done.project_id) == ("replayed", house.clock.now, house.project.id)
    for again in (dead_letters.discard, lambda *args: dead_letters.replay(*args, append)):
        assert "replayed" in refused("conflict", again, context, owner, letter_id)
    refused("conflict", dead_letters.fix, context, owner, letter_id, json.dumps(event_values(1)))
    assert len(sent) == 1


def test_a_replay_that_fails_leaves_the_letter_open(house) -> None:
    letter_id = letter(house, bad_row=json.dumps(event_values(1)))

    def append(*_args) -> None:
        raise OSError("disk full")

    with pytest.raises(OSError):
        dead_letters.replay(house.context, house.owner, letter_id, append)
    assert dead_letters.get(house.context, house.owner, letter_id).state == "open"
    assert dead_letters.discard(house.context, house.owner, letter_id).state == "discarded"
    found = dead_letters.page(house.context, house.owner, state="discarded").dead_letters
    assert [(item.id, item.replayed_at) for item in found] == [(letter_id, None)]


@pytest.mark.parametrize(
    ("project", "table", "new", "says"),
    [
        pytest.param(1, "events", "{}", "JSON array", id="an object"),
        pytest.param(1, "events", "[1,", "JSON array", id="broken"),
        pytest.param(1, "events", "\ud800", "JSON array", id="not text"),
        pytest.param(1, "events", "[1, 2]", "columns", id="too few columns"),
        pytest.param(1, "events", json.dumps(event_values(2)), "stay in its project", id="another tenant"),
        pytest.param(1, "events", json.dumps(event_values(1 << 32)), "project", id="a number that would wrap"),
        pytest.param(None, "events", json.dumps(event_values(77)), "of this instance", id="nobody's project"),
        pytest.param(1, "gone", json.dumps(event_values(1)), "table", id="an unknown table"),
    ],
)
def test_fixes_that_a_table_could_not_hold(house, project: int | None, table: str, new: str, says: str) -> None:
    letter_id = letter(house, project=project, table=table)
    assert says in refused("invalid", dead_letters.fix, house.context, OPERATOR, letter_id, new)
    assert dead_letters.get(house.context, OPERATOR, letter_id).row == "[1]"


def test_dead_letters_are_seen_by_those_who_reach_their_project(house) -> None:
    mine = [letter(house, index=index) for index in range(3)]
    theirs = letter(house, index=3, project=2)
    nobodys = letter(house, index=4, project=None)

    def listed(who, **asked) -> list[str]:
        found, cursor = [], None
        while True:
            page = dead_letters.page(house.context, who, cursor=cursor, limit=2, **asked)
            found += [item.id for item in page.dead_letters]
            cursor = page.next
            if cursor is None:
                return found

    assert listed(house.owner) == mine[::-1]
    assert listed(house.owner, project="shop") == mine[::-1]
    assert listed(house.stranger) == [theirs]
    assert listed(house.owner._replace(project=2)) == []
    assert listed(OPERATOR) == [nobodys, theirs, *mine[::-1]]
    for foreign in (theirs, nobodys, "nothing"):
        for call in (dead_letters.get, dead_letters.discard):
            refused("not_found", call, house.context, house.owner, foreign)
        refused("not_found", dead_letters.fix, house.context, house.owner, foreign, "[]")
        refused("not_found", dead_letters.replay, house.context, house.owner, foreign, print)
    for call in (dead_letters.discard, lambda *args: dead_letters.replay(*args, print)):
        refused("forbidden", call, house.context, house.owner._replace(scopes=READER | WRITER), mine[0])
