"""Operations on what came in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from headrace.api.services import OPERATOR, ServiceError, projects, sharing, stats
from headrace.cli import tailing
from headrace.store import events
from headrace.store.filters import BadFilter, Filter

if TYPE_CHECKING:
    from headrace.app import House


def project_of(house: House, ref: str | None) -> projects.ProjectInfo:
    """The project that ``ref`` means; without it the only live one. Raises ``ServiceError``."""
    if ref is not None:
        return projects.get(house.context, OPERATOR, ref)
    live = projects.list_all(house.context, OPERATOR)
    if len(live) != 1:
        hint = f"there are {len(live)} projects: name one with --project" if live else "there is no project yet"
        raise ServiceError("not_found", hint)
    return live[0]


def list_stats(house: House, args: dict[str, Any]) -> list[stats.StatInfo]:
    """Up to ``limit`` stats, gathered from the service's pages."""
    number = project_of(house, args.pop("project", None)).number
    left, cursor = int(args.pop("limit")), None
    found: list[stats.StatInfo] = []
    while left > len(found):
        limit = min(left - len(found), stats.PAGE_MAX)
        page = stats.page(house.context, OPERATOR, project=number, limit=limit, cursor=cursor, **args)
        found += page.stats
        cursor = page.next
        if cursor is None:
            break
    return found


def share_stat(house: House, args: dict[str, Any]) -> stats.StatInfo:
    """See :func:`headrace.api.services.sharing.share`."""
    number = project_of(house, args.pop("project", None)).number
    return sharing.share(house.context, OPERATOR, project=number, **args)


#: Arguments of ``events`` that are columns to filter by.
_FILTERS = ("type", "level", "name", "environment", "service", "dialect")


def list_events(house: House, args: dict[str, Any]) -> list[dict[str, Any]]:
    """Up to ``limit`` rows of ``table``, the latest first, gathered from the store's pages."""
    number = project_of(house, args.get("project")).number
    wanted = Filter({name: [args[name]] for name in _FILTERS if name in args}, text=args.get("text", ""))
    limit, cursor = int(args["limit"]), None
    found: list[dict[str, Any]] = []
    while limit > len(found):
        try:
            page = events.list_rows(
                house.store,
                number,
                args["table"],
                wanted,
                start=args.get("since"),
                end=args.get("until"),
                limit=min(limit - len(found), events.MAX_PAGE),
                cursor=cursor,
                raw=bool(args.get("raw")),
            )
        except BadFilter as error:
            raise ServiceError("invalid", str(error)) from None
        found += page.rows
        cursor = page.next
        if cursor is None:
            break
    return found


def tail(house: House, args: dict[str, Any]) -> dict[str, Any]:
    """See :func:`headrace.cli.tailing.new_rows`."""
    project = project_of(house, args.get("project"))
    return tailing.new_rows(house, project.number, args.get("after"), args.get("since"))


def check_store(house: House, _args: dict[str, Any]) -> dict[str, Any]:
    """The engine's version and what the tables take, bytes on disk."""
    sizes = house.store.sizes()
    return {
        "version": house.store.version(),
        "rows": sum(size.rows for size in sizes if not size.table.startswith("points_")),
        "bytes": sum(size.bytes for size in sizes),
        "parts": sum(size.parts for size in sizes),
    }
