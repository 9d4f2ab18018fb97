"""Who else may see a stat: switched, told in the audit log, and gone with the stat and the project."""

from __future__ import annotations

import asyncio
from typing import Any, NamedTuple

import pytest
from service_checks import add_stats, refused, row

from headrace.api.compat import stathat_embeds
from headrace.api.compat.base import CompatServices
from headrace.api.services import OPERATOR, audit, projects, sharing, stathat_stats, stats
from headrace.records.ids import stat_text
from headrace.store import BudgetExceeded, StoreUnavailable


def share(house: Any, ref: str = "hits", **change: bool) -> stats.StatInfo:
    return sharing.share(house.context, house.owner, project="shop", ref=ref, **change)


def told(house: Any) -> list[tuple[str, str, str]]:
    lines = audit.page(house.context, OPERATOR).lines
    return [(line.action, line.subject, line.details) for line in reversed(lines) if "shar" in line.action]


@pytest.mark.parametrize("pending", [False, True])
def test_each_switch_is_told_once(house: Any, pending: bool) -> None:
    house.pending.append(row(1, "hits")) if pending else add_stats(house, [row(1, "hits")])
    assert (share(house).public, share(house).embed_key) == (False, None)
    assert told(house) == []
    first = share(house, embed=True).embed_key
    assert share(house, embed=True, public=True).embed_key == first
    assert share(house, ref=stat_text(1), public=True).public
    assert share(house, embed=False, public=False).embed_key is None
    assert share(house, embed=True).embed_key not in (None, first)
    assert told(house) == [
        ("shared a stat", "hits", "embed key"),
        ("shared a stat", "hits", "public page"),
        ("stopped sharing a stat", "hits", "public page"),
        ("stopped sharing a stat", "hits", "embed key"),
        ("shared a stat", "hits", "embed key"),
    ]
    (found,) = stats.page(house.context, house.owner, project="shop").stats
    assert found == share(house)


def test_who_may(house: Any) -> None:
    add_stats(house, [row(1, "hits"), row(2, "hits", project=2)])
    poor = house.owner._replace(scopes=frozenset(("read", "write")))
    refused("forbidden", sharing.share, house.context, poor, project="shop", ref="hits", public=True)
    refused("not_found", sharing.share, house.context, house.stranger, project="shop", ref="hits", public=True)
    refused("not_found", sharing.share, house.context, house.owner, project="shop", ref=stat_text(2), public=True)
    refused("not_found", sharing.public_stat, house.context, stat_text(1))
    refused("not_found", sharing.public_stat, house.context, stat_text(2))


def test_what_is_shared_is_found_by_its_key_alone(house: Any) -> None:
    add_stats(house, [row(number, f"n{number}", source) for number, source in ((1, "stat"), (2, "slowstats"))])
    keys = [share(house, f"n{number}", embed=True).embed_key or "" for number in (1, 2)]
    found = sharing.embedded(house.context, [keys[1], "x", keys[0], keys[1], "", stat_text(1)])
    assert [stat.name for stat in found] == ["n2", "n1"]
    assert sharing.embedded(house.context, []) == []
    refused("not_found", sharing.public_stat, house.context, stat_text(1))
    share(house, "n1", public=True)
    reader, stat = sharing.public_stat(house.context, stat_text(1))
    assert (stat.name, reader.scopes, reader.project) == ("n1", {"read"}, house.project.number)
    assert stats.get(house.context, reader, project=stat.project, ref="n2").name == "n2"
    refused("not_found", stats.get, house.context, reader, project=house.foreign.number, ref="n1")
    for ref in ("n1", "", keys[0], stat_text(2), "é" * 11):
        refused("not_found", sharing.public_stat, house.context, ref)


@pytest.mark.parametrize("way", ["trash", "archive", "delete"])
def test_what_is_gone_is_shared_with_nobody(house: Any, way: str) -> None:
    add_stats(house, [row(1, "hits")])
    key = share(house, embed=True, public=True).embed_key or ""
    assert [stat.name for stat in sharing.embedded(house.context, [key])] == ["hits"]
    if way == "trash":
        stathat_stats.trash(house.context, house.owner, project="shop", ref=stat_text(1))
        refused("not_found", share, house, ref=stat_text(1), public=False)
    elif way == "archive":
        projects.archive(house.context, house.owner, "shop")
    else:
        projects.delete(house.context, house.owner, "shop")
    assert sharing.embedded(house.context, [key]) == []
    refused("not_found", sharing.public_stat, house.context, stat_text(1))


class Asking(NamedTuple):
    """A request as far as an embed's handler looks at it."""

    params: dict[str, str]
    received_us: int = 1_790_000_000_000_000

    def query(self) -> dict[str, str]:
        return {}


@pytest.mark.parametrize("error", [StoreUnavailable("the store is away"), BudgetExceeded("too much")])
def test_without_the_store_an_embed_is_503_and_tells_nothing(house: Any, error: Exception) -> None:
    add_stats(house, [row(1, "hits")])
    key = share(house, embed=True).embed_key or ""

    def store() -> Any:
        raise error

    embed = stathat_embeds.handlers(CompatServices(house.context, store))["stathat.embed"]
    answers = [asyncio.run(embed(Asking({"kind": "graph", "first": one}))) for one in (key, "nobodys")]  # type: ignore[arg-type]
    assert [answer.status for answer in answers] == [503, 200]
    headers = dict(answers[0].headers)
    assert (headers[b"retry-after"], headers[b"cache-control"]) == (b"5", b"no-store")
    assert headers[b"content-type"] == b"text/javascript; charset=utf-8"
    assert b"hits" not in answers[0].body
