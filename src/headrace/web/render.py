"""Templates to answers: everything escaped, nothing loaded from elsewhere, no script at all."""

from __future__ import annotations

import re
from http import HTTPStatus
from importlib.resources import files
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from litestar import MediaType, Response
from markupsafe import Markup, escape

from headrace import __version__

#: What a page may load: our stylesheet and font, nothing else; no script runs even if one slipped in.
CONTENT_SECURITY_POLICY = (
    "default-src 'none'; style-src 'self'; font-src 'self'; img-src 'self' data:; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
PAGE_HEADERS = {
    "content-security-policy": CONTENT_SECURITY_POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cache-control": "no-store",
}
#: Static files by name with their type. The list is closed: no path ever reaches the file system.
ASSETS = {"headrace.css": "text/css", "inter.woff2": "font/woff2", "mark.svg": "image/svg+xml"}

_environment = Environment(
    loader=PackageLoader("headrace.web", "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)

_CODE = re.compile(r"`+([^`]+)`+")


def prose(text: str) -> Markup:
    """``text`` escaped, what stands between backticks as code."""
    return Markup(_CODE.sub(r"<code>\1</code>", str(escape(text))))  # noqa: S704 - escaped before


def breakable(path: str) -> Markup:
    """``path`` escaped, with a place to break after each slash."""
    return Markup(str(escape(path)).replace("/", "/<wbr>"))  # noqa: S704 - escaped before


_environment.filters.update(prose=prose, breakable=breakable)


def asset(name: str) -> bytes:
    """A static file's bytes. ``name`` is a key of :data:`ASSETS`."""
    return files("headrace.web").joinpath("static", name).read_bytes()


class Pages:
    """Renders templates for one server. ``prefix`` is the path in front of every link, "" or "/x"."""

    def __init__(self, prefix: str = "") -> None:
        self.prefix = prefix

    def render(self, template: str, **values: Any) -> str:
        """The page as text. A value that the template misses raises, so that tests see it."""
        return _environment.get_template(template).render(prefix=self.prefix, version=__version__, **values)

    def answer(self, template: str, status: int = HTTPStatus.OK, **values: Any) -> Response[str]:
        """The page as a complete answer."""
        text = self.render(template, **values)
        return Response(text, status_code=status, media_type=MediaType.HTML, headers=dict(PAGE_HEADERS))

    def error(self, status: int, message: str) -> str:
        """The page for any error outside our API."""
        return self.render("error.html", status=status, title=HTTPStatus(status).phrase, message=message)
