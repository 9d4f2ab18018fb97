"""Messages to be sent, their sealed addresses, and the daily counts of events."""

from __future__ import annotations

from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from headrace.catalog import Catalog, daily_events, meta, outbox, tables
from headrace.catalog.sealing import OUTBOX_ADDRESSES, NotSealed, Seal
from headrace.records.intents import OutboxFact

SECRET = bytes(range(32))
URL = "https://discord.com/api/webhooks/1/token"


def fact(**changes: Any) -> OutboxFact:
    values = {
        "id": "m1",
        "project": 7,
        "kind": "discord",
        "address": "sealed",
        "message": {"embeds": [{"title": "\U0001f600"}]},
        "event_id": "e1",
        "created_at": 1_000,
        "not_after": 5_000,
    }
    return OutboxFact(**(values | changes))


def rows(catalog: Catalog) -> list[tuple[Any, ...]]:
    columns = [tables.outbox.c[name] for name in ("id", "state", "attempts", "address", "message", "not_after")]
    with catalog.read() as conn:
        return [tuple(row) for row in conn.execute(sa.select(*columns).order_by(tables.outbox.c.id))]


def test_a_message_projected_twice_is_there_once_as_it_was(catalog: Catalog) -> None:
    with catalog.write() as conn:
        outbox.add(conn, fact())
        conn.execute(sa.update(tables.outbox).values(attempts=2))
        outbox.add(conn, fact(message={"other": 1}, address="other"))
    assert rows(catalog) == [("m1", "pending", 2, "sealed", {"embeds": [{"title": "\U0001f600"}]}, 5_000)]


@pytest.mark.parametrize(("now", "over"), [(4_999, False), (5_000, True), (5_001, True)])
def test_a_message_expires_and_its_secrets_go(catalog: Catalog, now: int, over: bool) -> None:
    with catalog.write() as conn:
        outbox.add(conn, fact())
        outbox.add(conn, fact(id="m2", not_after=9_000))
        assert outbox.expire(conn, now) == int(over)
        assert outbox.expire(conn, now) == 0
        outbox.add(conn, fact())
    first, second = rows(catalog)
    assert first == (
        ("m1", "expired", 0, "", {}, 5_000) if over else ("m1", "pending", 0, "sealed", fact().message, 5_000)
    )
    assert second[1] == "pending"


# --- seals


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=200))
def test_what_is_sealed_opens_again(text: str) -> None:
    seal = Seal(SECRET, OUTBOX_ADDRESSES)
    first, second = seal.seal(text), seal.seal(text)
    assert first != second
    assert first.isascii()
    assert len(text) < 12 or text not in first  # shorter ones may stand in it by chance
    assert seal.open(first) == seal.open(second) == text
    assert Seal(SECRET, OUTBOX_ADDRESSES).open(first) == text


@pytest.mark.parametrize("other", [Seal(SECRET, "another purpose"), Seal(SECRET[::-1], OUTBOX_ADDRESSES)])
def test_another_key_does_not_open_it(other: Seal) -> None:
    sealed = Seal(SECRET, OUTBOX_ADDRESSES).seal(URL)
    with pytest.raises(NotSealed) as refused:
        other.open(sealed)
    assert sealed not in str(refused.value)


def test_a_changed_text_does_not_open() -> None:
    seal = Seal(SECRET, OUTBOX_ADDRESSES)
    sealed = seal.seal(URL)
    flipped = "B" if sealed[20] == "A" else "A"
    for wrong in (
        "",
        "1.",
        URL,
        sealed[2:],
        "2." + sealed[2:],
        sealed[:-4],
        sealed[:20] + flipped + sealed[21:],
        "1.é",
    ):
        with pytest.raises(NotSealed):
            seal.open(wrong)


def test_the_instances_secret_makes_the_key(catalog: Catalog) -> None:
    with catalog.read() as conn:
        sealed = Seal(meta.instance_secret(conn), OUTBOX_ADDRESSES).seal(URL)
        assert Seal(meta.instance_secret(conn), OUTBOX_ADDRESSES).open(sealed) == URL


# --- daily counts


def test_daily_counts_add_up(catalog: Catalog) -> None:
    with catalog.write() as conn:
        daily_events.add(conn, {})
        daily_events.add(conn, {(7, 20_000): 2, (7, 20_001): 1, (8, 20_000): 5})
        daily_events.add(conn, {(7, 20_001): 3, (1 << 32, 20_000): 1 << 40})
        assert daily_events.load(conn, 7) == {20_000: 2, 20_001: 4}
        assert daily_events.load(conn, 8) == {20_000: 5}
        assert daily_events.load(conn, 1 << 32) == {20_000: 1 << 40}
        assert daily_events.load(conn, 9) == {}
