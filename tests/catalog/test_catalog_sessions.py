"""Sessions: each cell of the table in ``catalog.sessions``, and older catalogs that become today's."""

from __future__ import annotations

import itertools

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.config import Config

from headrace.catalog import Catalog, monitors, sessions, tables
from headrace.records.intents import SESSION_STATUSES, SessionFact

START = SessionFact(1, "s", False, "staging", "1.4.2", "u", "ok", 1_000, None)


def end(status: str, ts: int = 2_000) -> SessionFact:
    return SessionFact(1, "s", True, "", "", "", status, ts, 5.0)


def after(catalog: Catalog, *facts: SessionFact) -> sa.Row:
    with catalog.write() as conn:
        for fact in facts:
            sessions.apply(conn, fact)
        return conn.execute(sa.select(tables.sessions)).one()


@pytest.mark.parametrize("before", [None, *SESSION_STATUSES])
@pytest.mark.parametrize("then", ["start", *SESSION_STATUSES])
def test_a_session_only_gets_worse(catalog: Catalog, before: str | None, then: str) -> None:
    first = [] if before is None else [end(before, 1_500)]
    second = START if then == "start" else end(then)
    words = [word for word in (before, None if then == "start" else then) if word is not None]
    found = after(catalog, *first, second)
    assert found.status == max(words, key=SESSION_STATUSES.index, default="ok")
    assert found.ended_at == (1_500 if first else None if then == "start" else 2_000), "the first end is when it ended"


@pytest.mark.parametrize("facts", list(itertools.permutations([START, end("errored")])), ids=["in order", "end first"])
def test_the_order_does_not_matter(catalog: Catalog, facts: tuple[SessionFact, ...]) -> None:
    expected = (1, "s", "staging", "1.4.2", "u", "errored", 1_000, 2_000, 5.0)
    assert tuple(after(catalog, *facts)) == expected
    again = SessionFact(1, "s", False, "other", "2", "", "ok", 9, None)
    assert tuple(after(catalog, again, end("ok", 9))) == expected


def test_monitors_of_an_older_catalog_stay(new_url: str) -> None:
    engine = sa.create_engine(new_url)
    with engine.begin() as conn:
        config = Config()
        config.set_main_option("script_location", "headrace.catalog:migrations")
        config.attributes["connection"] = conn
        command.upgrade(config, "0001")
        conn.exec_driver_sql(
            "INSERT INTO monitors VALUES ('m', 1, 'nightly', 'production', 'N', 60, true, 'ok', 5, 6, 'ok', 1.5, '', 'e', 4, 'person')"
        )
    engine.dispose()
    catalog = Catalog.open(new_url)
    with catalog.read() as conn:
        (row,) = monitors.load(conn, 1)
    catalog.close()
    assert (row.id, row.interval_s, row.created_by) == ("m", 60, "person")
    assert (row.schedule, row.grace_min, row.active) == ("", 5, True)
