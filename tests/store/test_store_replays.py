"""Replays as they are read: the SQL, and pages that leave nothing out and repeat nothing."""

from typing import Any

import pytest
from store_rows import START, golden

from headrace.store import Store
from headrace.store.filters import BadFilter
from headrace.store.occurrences import errors_named
from headrace.store.replays import MAX_PAGE, count_replays, list_replay, replay_sql, sessions_of_errors

TS = START * 1000
IDS = [f"0198f6d2-7a3c-7c{place:02x}-{15 - place:x}fff-3f0a6b1c2d3e" for place in range(8, 16)]


def test_the_sql_of_a_replay() -> None:
    first = replay_sql("fingerprint", "f", 11, None)
    assert first.text + "\n" == golden("replay_first")
    assert first.params == {"value": "f", "limit": 11}
    after = replay_sql("session_id", "s", 11, f"{TS}.{IDS[0]}")
    assert after.text + "\n" == golden("replay_after")
    assert after.params == {"value": "s", "limit": 11, "after": TS, "after_id": IDS[0]}


def test_pages_of_one_moment_follow_the_ids_as_text(store: Store, put_rows: Any, project: int) -> None:
    """The engine would sort these ids, whose second halves fall while the first ones rise, the other way round."""
    rows = [{"session_id": "s", "id": text, "ts": TS, "event_type": str(place)} for place, text in enumerate(IDS)]
    put_rows("replays", project, [{"session_id": "s", "ts": TS - 1, "event_type": "before"}, *reversed(rows)])
    put_rows("replays", project, [{"session_id": "other", "ts": TS, "event_type": "another's"}])
    for size in (1, 2, 4, 8, 9):
        found, cursor = [], None
        while True:
            page = list_replay(store, project, "session_id", "s", limit=size, cursor=cursor)
            assert 0 < len(page.rows) <= size
            found += [row["event_type"] for row in page.rows]
            cursor = page.next
            if cursor is None:
                break
        assert found == ["before", *map(str, range(8))]


@pytest.mark.parametrize(
    ("limit", "fits"), [(0, False), (1, True), (MAX_PAGE - 1, True), (MAX_PAGE, True), (MAX_PAGE + 1, False)]
)
def test_the_size_of_a_page(store: Store, project: int, limit: int, fits: bool) -> None:
    if fits:
        assert list_replay(store, project, "session_id", "s", limit=limit).rows == []
        return
    with pytest.raises(BadFilter, match="limit: 1 to 1,000"):
        list_replay(store, project, "session_id", "s", limit=limit)


def test_counts_and_sessions_are_the_projects_own(store: Store, put_rows: Any, project: int) -> None:
    put_rows("replays", project, [{"session_id": "s", "fingerprint": "f"}, {"session_id": "s"}, {"session_id": "t"}])
    assert count_replays(store, project, "session_id", ["t", "s", "none"]) == {"s": 2, "t": 1}
    assert count_replays(store, project, "fingerprint", ["f"]) == {"f": 1}
    assert count_replays(store, project + 1, "session_id", ["s"]) == {}
    error = {"type": "error", "fingerprint": "e"}
    put_rows(
        "events",
        project,
        [
            {**error, "session_id": "old", "ts": TS},
            {**error, "session_id": "new", "ts": TS + 2},
            {**error, "ts": TS + 1},
            {**error, "session_id": "old", "ts": TS - 1},
            {**error, "type": "log", "session_id": "no error", "ts": TS + 9},
        ],
    )
    wanted = errors_named(store, project, "e")
    assert sessions_of_errors(store, project, wanted) == ["new", "", "old"]
    assert sessions_of_errors(store, project + 1, wanted) == []
    assert errors_named(store, project, "unknown") is None
    assert errors_named(store, project + 1, "e") is None
