"""Issues as people see and close them, and which errors open them again."""

from __future__ import annotations

from itertools import pairwise

import pytest
from pages_place import US, refused

from headrace.api.services import Actor, audit, issues
from headrace.api.services.base import OPERATOR, Who
from headrace.api.services.issues import PAGE_MAX, STATUSES, Wanted

FINGERPRINT = "22c42f4040e4ba5204a93135c5d1377ce56d610c807a812fd82044dfea94e28c"
SECOND, HOUR = 1_000_000, 3_600_000_000


class Triage:
    """Ann's project with errors of one fingerprint; ``at`` is her clock, µs after ``US``."""

    def __init__(self, place, put_rows):
        self.place = place
        self.put_rows = put_rows
        self.at = 0

    @property
    def context(self):
        return self.place.context._replace(now=lambda: US + self.at)

    def error(self, **values):
        (one,) = self.put_rows("events", self.place.number, [{"type": "error", "fingerprint": FINGERPRINT, **values}])
        return str(one)

    def get(self, ref=FINGERPRINT, actor=None):
        return issues.get(self.context, self.place.store, actor or self.place.owner, ref, project=self.place.number)

    def change(self, status, at, actor=None):
        self.at = at
        who = actor or self.place.owner
        return issues.change_status(
            self.context, self.place.store, who, FINGERPRINT, project=self.place.number, status=status
        )

    def listed(self, *statuses, actor=None, **more):
        wanted = Wanted(statuses=statuses)
        who = actor or self.place.owner
        found = issues.list_all(
            self.context, self.place.store, who, project=self.place.number, wanted=wanted, **{"limit": 10} | more
        )
        assert found.total == len(found.issues)
        return [issue.status for issue in found.issues]


@pytest.fixture
def triage(place, put_rows):
    return Triage(place, put_rows)


def late(at, source="received", **values):
    """An error that happened, and came, ``at`` µs after ``US``."""
    return {"ts": US + at, "received_at": US + at, "ts_source": source, **values}


def test_an_issue_nobody_touched(triage):
    first = triage.error(ts=US - HOUR, level="warn", environment="staging", release="1.0", name="E", message="first")
    latest = triage.error(ts=US, level="fatal", release="1.1", trace_id="t", session_id="s", message="latest")
    issue = triage.get()
    assert (issue.fingerprint, issue.status, issue.occurrences) == (FINGERPRINT, "unresolved", 2)
    assert (issue.first_seen, issue.last_seen) == (US - HOUR, US)
    assert (issue.first.id, issue.first.level, issue.first.environment, issue.first.name) == (
        first,
        "warn",
        "staging",
        "E",
    )
    assert (issue.latest.id, issue.latest.release, issue.latest.trace_id) == (latest, "1.1", "t")
    assert (issue.changed_at, issue.changed_by, issue.reopens, issue.regressed) == (None, "", 0, False)
    assert triage.get(issue.id) == triage.get(FINGERPRINT.upper()) == issue
    assert triage.listed() == triage.listed("unresolved") == ["unresolved"]
    assert triage.listed("resolved") == []


@pytest.mark.parametrize("before", STATUSES)
@pytest.mark.parametrize("after", STATUSES)
def test_every_status_may_become_every_other(triage, before, after):
    triage.error(ts=US, release="2.0")
    ann = triage.place.owner._replace(who=Who("account", "ann", "Ann"))
    triage.change(before, 1, ann)
    issue = triage.change(after, 2, ann)
    assert issue == triage.get()
    assert issue.status == after
    assert triage.listed(after) == [after]
    assert issue.resolved_in_release == ("2.0" if after == "resolved" else "")
    same = before == after
    reopened = after == "unresolved" and not same
    assert (issue.reopens, issue.reopened_at) == ((1, US + 2) if reopened else (0, None))
    assert issue.changed_at == (None if before == after == "unresolved" else US + (1 if same else 2))
    assert issue.changed_by == ("" if before == after == "unresolved" else "Ann")
    notes = audit.page(triage.context, OPERATOR, action="changed an issue", project="ann").lines
    told = [line.details for line in reversed(notes) if line.subject_id == issue.id]
    steps = pairwise(("unresolved", before, after))
    assert told == [now for then, now in steps if now != then]


#: Errors after a closure one minute after ``US``, and whether they open what was resolved.
NEWER = [
    (late(60 * SECOND), False),
    (late(60 * SECOND + 1), True),
    (late(60 * SECOND - 1, "exact"), False),
    (late(61 * SECOND + 1, "exact"), True),
    # Happened before, came later.
    ({"ts": US + 1, "received_at": US + 90 * SECOND, "ts_source": "exact"}, False),
    # Came before, and says that it happened later: its clock is ahead.
    ({"ts": US + 90 * SECOND, "received_at": US + 1, "ts_source": "exact"}, False),
    # Whole seconds: any moment of the second.
    ({"ts": US + 60 * SECOND, "received_at": US + 90 * SECOND, "ts_source": "exact"}, True),
    ({"ts": US + 59 * SECOND, "received_at": US + 90 * SECOND, "ts_source": "exact"}, False),
    # An interval without a start proves nothing.
    ({"ts": US + 90 * SECOND, "received_at": US + 90 * SECOND, "ts_source": "interval"}, False),
]


@pytest.mark.parametrize(("error", "opens"), NEWER)
def test_newer_errors_open_what_was_resolved(triage, error, opens):
    triage.error(**late(-HOUR, release="1.0"))
    triage.change("resolved", 60 * SECOND)
    triage.error(**error)
    issue = triage.get()
    expected = ("unresolved", True, 1, 1) if opens else ("resolved", False, 0, 0)
    assert (issue.status, issue.regressed, issue.reopens, issue.regressions) == expected
    assert triage.listed("unresolved") == (["unresolved"] if opens else [])
    assert triage.listed("resolved") == ([] if opens else ["resolved"])
    assert issue.resolved_in_release == "1.0"
    assert issue.occurrences == 2


@pytest.mark.parametrize("status", ["ignored", "archived"])
def test_newer_errors_do_not_open_what_is_ignored_or_archived(triage, status):
    triage.error(**late(0))
    triage.change(status, 1)
    triage.error(**late(HOUR))
    assert (triage.get().status, triage.get().occurrences) == (status, 2)
    assert triage.listed(status) == [status]


def test_regressions_are_counted_for_good(triage):
    triage.error(**late(0))
    for turn in range(1, 4):
        triage.change("resolved", turn * HOUR)
        triage.error(**late(turn * HOUR + 2))
    issue = triage.change("ignored", 4 * HOUR)
    assert (issue.status, issue.reopens, issue.regressions) == ("ignored", 3, 3)
    assert issue.reopened_at == US + 3 * HOUR + 2
    issue = triage.change("unresolved", 5 * HOUR)
    assert (issue.reopens, issue.regressions, issue.reopened_at) == (4, 3, US + 5 * HOUR)


def test_what_is_refused(triage):
    triage.error(**late(0))
    reader = triage.place.owner._replace(scopes=frozenset({"read"}))
    refused("forbidden", triage.change, "resolved", 1, reader)
    refused("forbidden", triage.get, actor=reader._replace(scopes=frozenset({"manage"})))
    refused("invalid", triage.change, "closed", 1)
    refused("invalid", triage.listed, "closed")
    refused("invalid", triage.listed, limit=0)
    refused("invalid", triage.listed, limit=PAGE_MAX + 1)
    assert triage.listed(limit=PAGE_MAX) == ["unresolved"]
    for ref in ("unknown", FINGERPRINT[:-1] + "0", "a\x00\ud800", "8fc167f3-295e-5794-844d-771ff42d5117"):
        refused("not_found", triage.get, ref)


def test_nobody_sees_or_closes_the_issues_of_others(triage):
    triage.error(**late(0))
    place, stranger = triage.place, triage.place.stranger
    triage.put_rows("events", place.foreign, [{"type": "error", "fingerprint": FINGERPRINT}])
    for call in (triage.get, triage.listed):
        refused("not_found", call, actor=stranger)
    refused("not_found", triage.change, "resolved", 1, stranger)
    triage.change("ignored", 1)
    theirs = issues.get(triage.context, place.store, stranger, FINGERPRINT, project=place.foreign)
    assert theirs.status == "unresolved"
    assert theirs.id != triage.get().id
    refused("not_found", triage.get, theirs.id)


def test_errors_of_an_issue_and_their_hours(triage):
    ids = [triage.error(**late(-at)) for at in (0, 1, HOUR, 30 * HOUR)]
    triage.put_rows("events", triage.place.number, [{"type": "error", "fingerprint": "another", "ts": US}])
    issue = triage.get()
    more = {"project": triage.place.number}
    page = issues.occurrences(triage.context, triage.place.store, triage.place.owner, issue, limit=3, **more)
    assert [row["id"] for row in page.rows] == ids[:3]
    rest = issues.occurrences(
        triage.context, triage.place.store, triage.place.owner, issue, limit=3, cursor=page.next, **more
    )
    assert ([row["id"] for row in rest.rows], rest.next) == (ids[3:], None)
    hours = issues.timeline(triage.context, triage.place.store, triage.place.owner, issue, **more)
    assert [at for at, _ in hours] == [US - (23 - hour) * HOUR for hour in range(24)]
    assert [count for _, count in hours] == [0] * 22 + [2, 1]
    stranger: Actor = triage.place.stranger
    for call in (issues.timeline, issues.occurrences):
        limit = {"limit": 1} if call is issues.occurrences else {}
        refused("not_found", call, triage.context, triage.place.store, stranger, issue, **limit, **more)
