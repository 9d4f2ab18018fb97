"""All pages, ready to be put behind the API."""

from __future__ import annotations

from headrace.api.app import Site
from headrace.web import pages, setup
from headrace.web.render import PAGE_HEADERS, Pages


def make_site(path_prefix: str = "") -> Site:
    """The pages of a server whose links begin with ``path_prefix`` ("" or "/x")."""
    handlers = (pages.home, pages.reference, pages.static, setup.setup_form, setup.set_up)
    return Site(handlers, Pages(path_prefix).error, PAGE_HEADERS)
