"""All pages, ready to be put behind the API."""

from __future__ import annotations

from headrace.api.app import Site
from headrace.web import (
    account,
    activity,
    assets,
    audit,
    charts,
    connect,
    dead_letters,
    device,
    door,
    importing,
    invitation,
    keys,
    kit,
    live,
    members,
    overview,
    pages,
    projects,
    public_stat,
    server_page,
    setup,
    sign_in,
    stats,
    theme,
)
from headrace.web.render import PAGE_HEADERS, Pages

#: Everything that the gate of ``web.door`` stands before, noun by noun.
BEHIND_THE_DOOR = (
    *setup.HANDLERS,
    *sign_in.HANDLERS,
    *invitation.HANDLERS,
    *account.HANDLERS,
    *device.HANDLERS,
    *members.HANDLERS,
    *audit.HANDLERS,
    *connect.HANDLERS,
    *keys.HANDLERS,
    *dead_letters.HANDLERS,
    *projects.HANDLERS,
    *server_page.HANDLERS,
    *overview.HANDLERS,
    *stats.HANDLERS,
    *charts.HANDLERS,
    *importing.HANDLERS,
    *public_stat.HANDLERS,
    *activity.HANDLERS,
    *live.HANDLERS,
    *theme.HANDLERS,
    *kit.HANDLERS,
)


def make_site(path_prefix: str = "") -> Site:
    """The pages of a server whose links begin with ``path_prefix`` ("" or "/x")."""
    assets.load()  # a page without them is no page: better said at the start
    public = (pages.home, pages.reference, pages.static)
    handlers = (*public, door.behind(BEHIND_THE_DOOR))
    return Site(handlers, Pages(path_prefix).error, PAGE_HEADERS)
