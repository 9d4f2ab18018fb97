"""Monitors by slug: remembered while nothing changes, and no longer."""

from __future__ import annotations

from typing import Any

import pytest
from admission_room import NOW_US, Clock
from sqlalchemy.exc import OperationalError

from headrace.admission import monitors as module
from headrace.admission.keys import KeyTable, LookUpFailed
from headrace.admission.monitors import MonitorTable
from headrace.catalog import Catalog, monitors
from headrace.records.intents import CheckInFact


@pytest.fixture
def keys(catalog: Catalog, clock: Clock) -> KeyTable:
    return KeyTable(catalog, clock)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The slugs that the catalog is asked for."""
    slugs: list[str] = []
    ask = monitors.by_slug

    def by_slug(connection: Any, project: int, slug: str, environment: str) -> Any:
        slugs.append(slug)
        return ask(connection, project, slug, environment)

    monkeypatch.setattr(module.monitors, "by_slug", by_slug)
    return slugs


def make(catalog: Catalog, slug: str) -> None:
    with catalog.write() as connection:
        monitors.apply_check_in(
            connection,
            CheckInFact(1, slug, "production", True, "ok", NOW_US, NOW_US, None, None, "", "id", True),
        )


def test_a_monitor_is_asked_for_once_until_the_catalog_changes(
    catalog: Catalog, keys: KeyTable, asked: list[str]
) -> None:
    table = MonitorTable(catalog, keys)
    make(catalog, "a")
    keys.refresh()
    found = table.find(1, "a", "production")
    assert found is not None
    assert [table.find(1, "a", "production") for _ in range(3)] == [found] * 3
    assert asked == ["a"]
    assert table.find(2, "a", "production") is None
    assert table.find(1, "a", "staging") is None
    with catalog.write() as connection:
        assert monitors.remove(connection, 1, found)
    keys.refresh()
    assert table.find(1, "a", "production") is None


def test_a_monitor_that_is_not_there_is_asked_for_each_time(catalog: Catalog, keys: KeyTable, asked: list[str]) -> None:
    table = MonitorTable(catalog, keys)
    assert table.find(1, "new", "production") is None
    make(catalog, "new")
    assert table.find(1, "new", "production") is not None
    assert asked == ["new", "new"]


@pytest.mark.parametrize(("kept", "times"), [(1, 2), (2, 1), (3, 1)])
def test_so_many_are_remembered(
    catalog: Catalog, keys: KeyTable, asked: list[str], monkeypatch: pytest.MonkeyPatch, kept: int, times: int
) -> None:
    monkeypatch.setattr(module, "KEPT", kept)
    make(catalog, "a")
    make(catalog, "b")
    keys.refresh()
    table = MonitorTable(catalog, keys)
    table.find(1, "a", "production")
    table.find(1, "a", "production")
    table.find(1, "b", "production")
    assert asked.count("a") == times


def test_a_catalog_that_cannot_be_asked_is_no_missing_monitor(
    catalog: Catalog, keys: KeyTable, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any) -> None:
        raise OperationalError("SELECT", {}, Exception("database is locked"))

    monkeypatch.setattr(module.monitors, "by_slug", fail)
    with pytest.raises(LookUpFailed, match="locked"):
        MonitorTable(catalog, keys).find(1, "a", "production")
