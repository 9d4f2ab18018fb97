"""Issues: which errors belong together, what is told of them, and that they come from what the engine keeps beside the errors."""

from __future__ import annotations

import time
from hashlib import sha256
from itertools import pairwise
from json import dumps
from uuid import UUID

import pytest
from store_rows import START, numbers
from wire import TIMEOUT_S

from headrace.records.ids import issue_id
from headrace.store import Sql
from headrace.store.events import list_rows
from headrace.store.filters import MAX_TEXT, BadFilter, Filter
from headrace.store.issues import (
    Closed,
    IssueFilter,
    find_issue,
    fingerprint_of,
    list_issues,
    list_sql,
)
from headrace.store.migrations import MIGRATIONS
from headrace.store.occurrences import HOUR, MESSAGE_MAX, SHOWN_MAX, count_by_hour, errors_of, read_errors

US = START * 1000
SECOND = 1_000_000
OWN = "22c42f4040e4ba5204a93135c5d1377ce56d610c807a812fd82044dfea94e28c"
ALL, NONE = IssueFilter(), Closed()
STEP = next(migration.statements for migration in MIGRATIONS if migration.name == "issues")


def digest(text: str) -> str:
    return sha256(text.encode()).hexdigest()


#: Errors, and what their issue goes by.
GROUPS = [
    ({"fingerprint": OWN}, OWN),
    ({"fingerprint": OWN.upper()}, digest(OWN.upper())),
    ({"fingerprint": "checkout"}, digest("checkout")),
    ({"fingerprint": "checkout", "dialect": "logister", "message": "another"}, digest("checkout")),
    ({"fingerprint": "ü 🙂 /?"}, digest("ü 🙂 /?")),
    ({"fingerprint": "x" * (MAX_TEXT + 1)}, digest("x" * (MAX_TEXT + 1))),
    ({"dialect": "canaryhub", "name": "card declined", "message": "a"}, digest("canaryhub/1\0card declined")),
    ({"dialect": "canaryhub", "name": "card declined", "message": "b"}, digest("canaryhub/1\0card declined")),
    ({"dialect": "logister", "message": "card declined"}, digest("logister/1\0card declined")),
    ({"dialect": "logister", "message": " card declined\t\r\nby the bank"}, digest("logister/1\0card declined")),
]


def error(**values):
    return {"type": "error", "dialect": "seestack", **values}


def listed(store, project, wanted=ALL, closed=NONE, limit=100, **more):
    return list_issues(store, project, wanted, closed, limit=limit, **more)


def counts(store, project):
    return {one.fingerprint: one.occurrences for one in listed(store, project).issues}


def test_what_errors_have_in_common(store, put_rows, project):
    expected = {}
    for values, fingerprint in GROUPS:
        put_rows("events", project, [error(**values)])
        expected[fingerprint] = expected.get(fingerprint, 0) + 1
    assert counts(store, project) == expected


def test_an_error_without_anything_is_an_issue_of_its_own(store, put_rows, project):
    ids = put_rows("events", project, [error(dialect="logister", message="\nthe second line") for _ in range(2)])
    assert counts(store, project) == {digest(str(one)): 1 for one in ids}


def test_other_events_and_other_projects_belong_to_no_issue(store, put_rows, project):
    put_rows("events", project, [error(type=kind, fingerprint=OWN) for kind in ("log", "event", "metric")])
    put_rows("events", next(numbers), [error(fingerprint=OWN)])
    assert listed(store, project) == ([], 0)
    assert find_issue(store, project, OWN) is None


@pytest.mark.parametrize(("values", "fingerprint"), GROUPS)
def test_an_issues_errors_are_found(store, put_rows, project, values, fingerprint):
    (one,) = put_rows("events", project, [error(**values, ts=US + HOUR)])
    put_rows("events", project, [error(**values, ts=US), error(fingerprint="other", ts=US + HOUR)])
    put_rows("events", project, [error(message="not this one", ts=US)])
    found = find_issue(store, project, fingerprint)
    assert (found.occurrences, found.first_seen, found.last_seen, found.latest) == (2, US, US + HOUR, str(one))
    row = read_errors(store, project, [(found.last_seen, found.latest)])[found.latest]
    wanted = errors_of(fingerprint, row)
    assert {row["ts"] for row in list_rows(store, project, "events", wanted).rows} == {US, US + HOUR}
    assert count_by_hour(store, project, wanted, US, 3) == [1, 1, 0]
    assert count_by_hour(store, project, wanted, US + 1, 1) == [1]


def test_the_engine_answers_from_what_it_keeps(store, put_rows, project):
    put_rows("events", project, [error(fingerprint=OWN)])
    sql = list_sql(IssueFilter(levels=["error"]), Closed(), limit=1, offset=0, after=None)
    plan = store.query(project, Sql(f"EXPLAIN {sql.text}", sql.params)).rows
    assert "by_issue" in "\n".join(row[0] for row in plan)


def settle(store):
    waiting = (
        "SELECT count() FROM system.mutations WHERE database = currentDatabase() AND table = 'events' AND NOT is_done"
    )
    deadline = time.monotonic() + TIMEOUT_S
    while store._fetch(waiting)[0][0]:
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_a_folder_of_an_older_release_is_right_at_once_and_filled_behind(store, put_rows, project):
    store._client.command("ALTER TABLE events DROP PROJECTION by_issue SETTINGS mutations_sync = 1")
    put_rows("events", project, [error(fingerprint=OWN)])
    for _ in range(2):  # a step that was stopped half way is done again
        for sql in STEP:
            store._client.command(sql)
    put_rows("events", project, [error(fingerprint=OWN)])
    assert counts(store, project) == {OWN: 2}
    settle(store)
    held = "SELECT count(), countIf(has(projections, 'by_issue')) FROM system.parts WHERE active AND database = currentDatabase() AND table = 'events'"
    parts, with_issues = store._fetch(held)[0]
    assert (with_issues, counts(store, project)) == (parts, {OWN: 2})


@pytest.mark.parametrize("sql", ["DELETE FROM events WHERE {0}", "ALTER TABLE events DELETE WHERE {0}"])
def test_what_is_deleted_is_no_longer_counted(store, put_rows, project, sql):
    put_rows("events", project, [error(fingerprint=OWN, ts=US), error(fingerprint=OWN, ts=US + 1)])
    store._client.command(sql.format(f"project = {project} AND ts = fromUnixTimestamp64Micro({US}, 'UTC')"))
    settle(store)
    assert counts(store, project) == {OWN: 1}


def interval(start: str) -> str:
    return dumps({"context": {"telemetry_evidence": {"time": {"reporting_start": start}}}})


#: Errors, and until when (µs after ``US``) an issue may have been closed that they open: each was received a minute later than it happened.
PROOFS = [
    ({"ts_source": "received", "ts": US + 60 * SECOND}, 60 * SECOND),
    ({"ts_source": "exact", "ts": US + 1}, 1),
    ({"ts_source": "exact", "ts": US}, SECOND),
    ({"ts_source": "exact", "ts": US + 90 * SECOND + 1}, 60 * SECOND),
    ({"ts_source": "interval", "ts": US + 9, "raw": interval("2026-03-01T00:00:00.000005Z")}, 5),
    ({"ts_source": "interval", "ts": US + 9, "raw": interval("tomorrow")}, -US),
    ({"ts_source": "interval", "ts": US + 9, "raw": "{}"}, -US),
]


@pytest.mark.parametrize(("values", "after"), PROOFS)
def test_what_an_error_proves(store, put_rows, project, values, after):
    put_rows("events", project, [error(fingerprint=OWN, received_at=US + 60 * SECOND, **values)])
    assert find_issue(store, project, OWN).proof == US + after


@pytest.fixture
def five(put_rows, project):
    """Fingerprints 1 to 5, the first one seen last; each of a level and an environment at its first and another at its latest error."""
    named = [f"{number:064x}" for number in range(1, 6)]
    for number, fingerprint in enumerate(named):
        first = error(fingerprint=fingerprint, level="warn", environment="staging", ts=US - number - 100)
        latest = error(fingerprint=fingerprint, level="fatal", environment=f"e{number % 2}", ts=US - number)
        put_rows("events", project, [first, latest])
    return named


def test_filters_and_pages_are_exact(store, five, project):
    def found(wanted=ALL, closed=NONE, **more):
        page = listed(store, project, wanted, closed, **more)
        return [five.index(one.fingerprint) for one in page.issues], page.total

    assert found() == ([0, 1, 2, 3, 4], 5)
    assert found(limit=2, offset=2) == ([2, 3], 5)
    assert found(limit=2, offset=4) == ([4], 5)
    assert found(limit=2, offset=6) == ([], 5)
    assert found(limit=2, after=(US - 1, five[1])) == ([2, 3], 3)
    assert found(IssueFilter(levels=["fatal"])) == ([0, 1, 2, 3, 4], 5)
    assert found(IssueFilter(levels=["fatal"], side="first")) == ([], 0)
    assert found(IssueFilter(levels=["warn", "x"], side="first"), limit=1) == ([0], 5)
    assert found(IssueFilter(environments=["e1"])) == ([1, 3], 2)
    assert found(IssueFilter(seen_from=US - 3, seen_to=US)) == ([1, 2, 3], 3)
    closed = Closed(resolved={five[0]: US, five[1]: US - 2}, ignored=[five[2]], archived=[five[3]])
    for statuses, expected in (
        (["unresolved"], [1, 4]),
        (["resolved"], [0]),
        (["ignored"], [2]),
        (["archived"], [3]),
        (["ignored", "archived"], [2, 3]),
        (["resolved", "unresolved"], [0, 1, 4]),
    ):
        assert found(IssueFilter(statuses=statuses), closed) == (expected, len(expected))
    assert found(IssueFilter(statuses=["resolved"])) == ([], 0)
    assert found(IssueFilter(statuses=["unresolved"], environments=["e1"]), closed, limit=1) == ([1], 1)


def test_issues_of_one_moment_are_walked_without_gap(store, put_rows, project):
    put_rows("events", project, [error(fingerprint=f"{number:064x}", ts=US) for number in range(7)])
    after, seen = None, []
    while page := listed(store, project, limit=3, after=after).issues:
        seen += page
        after = (page[-1].last_seen, page[-1].fingerprint)
    assert len(seen) == 7
    assert all(one.fingerprint < other.fingerprint for one, other in pairwise(seen))


def test_an_issue_is_found_by_its_id(store, five, project):
    for fingerprint in five:
        text = issue_id(project, fingerprint)
        assert UUID(text).version == 5
        assert find_issue(store, project, fingerprint_of(text), text).fingerprint == fingerprint
    assert find_issue(store, project, fingerprint_of("x"), issue_id(project + 1, five[0])) is None


def test_a_fingerprint_that_looks_like_an_id_comes_first(store, put_rows, five, project):
    text = issue_id(project, five[0])
    put_rows("events", project, [error(fingerprint=text)])
    assert find_issue(store, project, fingerprint_of(text), text).fingerprint == digest(text)


def test_what_names_an_issue():
    assert fingerprint_of(OWN) == fingerprint_of(OWN.upper()) == OWN
    assert fingerprint_of(OWN[:-1]) == digest(OWN[:-1])
    assert fingerprint_of(f"{OWN}\n") == digest(f"{OWN}\n")
    assert fingerprint_of("a\x00\ud800") == digest("a��")


def test_long_texts_are_cut(store, put_rows, project):
    """A page of issues must not cost what its errors weigh."""
    texts = {"message": "ü" * (MESSAGE_MAX + 1), "trace_id": "ü" * (SHOWN_MAX + 1), "fingerprint": "ü" * SHOWN_MAX}
    (one,) = put_rows("events", project, [error(**texts, ts=US)])
    row = read_errors(store, project, [(US, str(one))])[str(one)]
    lengths = {name: len(row[name]) for name in texts}
    assert lengths == {"message": MESSAGE_MAX, "trace_id": SHOWN_MAX, "fingerprint": SHOWN_MAX}
    assert errors_of(OWN, row) == Filter({"type": ["error"]}, issue=OWN)


def test_only_events_belong_to_issues(store, project):
    with pytest.raises(BadFilter, match="issue: spans belong to none"):
        list_rows(store, project, "spans", Filter(issue=OWN))
