"""What people have decided about issues: one row each, replaced as it changes, for its project alone."""

from __future__ import annotations

from headrace.catalog import Catalog, issues
from headrace.catalog.issues import IssueRow
from headrace.records.ids import issue_id

FIRST, SECOND = "a" * 64, "b" * 64


def row(project: int, fingerprint: str, status: str = "resolved", **values: object) -> IssueRow:
    made = IssueRow(issue_id(project, fingerprint), project, fingerprint, status, 2**50, "Ann")
    return made._replace(**values)


def test_rows_are_made_and_replaced(catalog: Catalog) -> None:
    first = row(1, FIRST)
    later = row(1, FIRST, "ignored", changed_at=2**51, changed_by="Bob", reopened_at=2**50, reopens=2, regressions=1)
    with catalog.write() as conn:
        assert issues.by_id(conn, 1, first.id) is None
        issues.put(conn, first)
        assert issues.by_id(conn, 1, first.id) == first
        issues.put(conn, later)
    with catalog.read() as conn:
        assert issues.by_id(conn, 1, first.id) == later
        assert issues.some(conn, 1, [first.id, "unknown"]) == {first.id: later}
        assert issues.some(conn, 1, []) == {}
        assert issues.closed(conn, 1) == [(FIRST, "ignored", 2**51)]


def test_the_same_errors_in_two_projects_are_two_issues(catalog: Catalog) -> None:
    mine, theirs = row(1, FIRST), row(2, FIRST, "archived")
    open_again = row(1, SECOND, "unresolved")
    assert mine.id != theirs.id
    with catalog.write() as conn:
        for one in (mine, theirs, open_again):
            issues.put(conn, one)
        assert issues.closed(conn, 1) == [(FIRST, "resolved", 2**50)]
        assert issues.closed(conn, 2) == [(FIRST, "archived", 2**50)]
        assert issues.by_id(conn, 1, theirs.id) is None
        assert issues.some(conn, 1, [mine.id, theirs.id, open_again.id]) == {mine.id: mine, open_again.id: open_again}
