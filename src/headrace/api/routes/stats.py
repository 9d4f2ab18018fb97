"""Stats: listed in pages, found by id or name, shared with others."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from litestar import get, patch
from litestar.params import FromPath, FromQuery, JSONBody, QueryParameter

from headrace.api.auth import manages, reads
from headrace.api.deps import TheServices, TheTarget
from headrace.api.services import sharing, stats
from headrace.api.services.stats import StatInfo
from headrace.api.times import maybe, when

Source = Literal["stat", "slowstats", "logister", "canaryhub"]
#: Stats on a page when the caller does not say.
DEFAULT_PAGE = 200


class Stat(msgspec.Struct, frozen=True):
    """``source`` is the namespace of its name; ``last_point_at`` the time of its latest point, ``last_received_at`` when one
    last came in; ``classic_key`` what StatHat's /c and /v call it by (source ``stat`` only). ``public``: everybody may see it at /stats/ID;
    ``embed_key``: what shows it on other pages, null without one.
    """

    id: str
    name: str
    type: str
    source: str
    unit: str | None
    public: bool
    created_at: str
    last_point_at: str | None
    last_received_at: str | None
    classic_key: str | None
    embed_key: str | None


class StatChange(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is left out stays. ``public``: everybody may see the stat at /stats/ID. ``embed``: it has an embed key; false revokes the key for
    good, true after it makes another.
    """

    public: bool | None = None
    embed: bool | None = None


class Stats(msgspec.Struct, frozen=True):
    """``next`` is the ``cursor`` of the following page, null on the last."""

    stats: list[Stat]
    next: str | None


def view(info: StatInfo) -> Stat:
    last_point = None if info.last_point_ms is None else info.last_point_ms * 1000
    return Stat(
        info.id,
        info.name,
        info.type,
        info.source,
        info.unit,
        info.public,
        when(info.created_at),
        maybe(last_point),
        maybe(info.last_received_at),
        info.classic_key,
        info.embed_key,
    )


@get("/stats", guards=[reads], sync_to_thread=True, summary="List stats")
def list_stats(
    services: TheServices,
    target: TheTarget,
    q: FromQuery[str] = "",
    stat_type: Annotated[Literal["counter", "value"] | None, QueryParameter(name="type")] = None,
    source: FromQuery[Source | None] = None,
    limit: FromQuery[int] = DEFAULT_PAGE,
    cursor: FromQuery[str | None] = None,
) -> Stats:
    """By name, then source. ``q`` is a part of the name."""
    page = stats.page(
        services.context,
        target.actor,
        project=target.project,
        limit=limit,
        cursor=cursor,
        q=q,
        type=stat_type or "",
        source=source or "",
    )
    return Stats([view(info) for info in page.stats], page.next)


@get("/stats/{stat:str}", guards=[reads], sync_to_thread=True, summary="One stat")
def get_stat(services: TheServices, target: TheTarget, stat: FromPath[str]) -> Stat:
    """By id, else by name: source ``stat`` first, then the derived ones."""
    return view(stats.get(services.context, target.actor, project=target.project, ref=stat))


@patch(
    "/stats/{stat:str}",
    guards=[manages],
    sync_to_thread=True,
    summary="Share a stat",
    opt={"sample": {"public": False, "embed": True}},
)
def change_stat(services: TheServices, target: TheTarget, stat: FromPath[str], data: JSONBody[StatChange]) -> Stat:
    """Says who else may see the stat, found as above: everybody, and readers of pages that embed it."""
    changed = sharing.share(
        services.context, target.actor, project=target.project, ref=stat, public=data.public, embed=data.embed
    )
    return view(changed)


HANDLERS = (list_stats, get_stat, change_stat)
