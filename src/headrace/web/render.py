"""Templates to answers: everything escaped, nothing loaded from elsewhere, no script but our own files."""

from __future__ import annotations

import gzip
import re
from http import HTTPStatus
from typing import Any, Protocol

from jinja2 import Environment, PackageLoader, StrictUndefined
from litestar import MediaType, Request, Response
from markupsafe import Markup, escape

from headrace import __version__
from headrace.records.figures import NOTHING, number, whole
from headrace.web import agents, assets, names, words
from headrace.web.spark import spark

#: What a page may load: our stylesheet and font, nothing else; no script runs even if one slipped in.
CONTENT_SECURITY_POLICY = (
    "default-src 'none'; style-src 'self'; font-src 'self'; img-src 'self' data:; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
#: As above for pages behind the door: our own scripts run, and they talk to this server alone. Nothing inline is ever allowed.
APP_SECURITY_POLICY = CONTENT_SECURITY_POLICY + "; script-src 'self'; connect-src 'self'"
PAGE_HEADERS = {
    "content-security-policy": CONTENT_SECURITY_POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
    "cache-control": "no-store",
}
#: Pages of this many bytes and more are sent packed; the level costs 1 ms for 100 KB.
PACK_FROM, PACK_LEVEL = 1_024, 5
APP_HEADERS = PAGE_HEADERS | {"content-security-policy": APP_SECURITY_POLICY}

_environment = Environment(
    loader=PackageLoader("headrace.web", "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


class Frame(Protocol):
    """What times are shown by: the present (µs) and the viewer's zone."""

    @property
    def now(self) -> int: ...
    @property
    def zone(self) -> str: ...


_CODE = re.compile(r"`+([^`]+)`+")


def prose(text: str) -> Markup:
    """``text`` escaped, what stands between backticks as code."""
    return Markup(_CODE.sub(r"<code>\1</code>", str(escape(text))))  # noqa: S704 - escaped before


def breakable(path: str) -> Markup:
    """``path`` escaped, with a place to break after each slash."""
    return Markup(str(escape(path)).replace("/", "/<wbr>"))  # noqa: S704 - escaped before


def when(us: int | None, frame: Frame) -> Markup:
    """A time (µs) as ``<time>``: how long ago, the exact one in the viewer's zone on hover."""
    if us is None:
        return Markup('<span class="soft">never</span>')
    values = (words.iso(us), words.exact(us, frame.zone), words.ago(us, frame.now))
    return Markup('<time datetime="{}" title="{}" data-ago>{}</time>').format(*values)


def exactly(us: int | None, frame: Frame) -> Markup:
    """A time (µs) as ``<time>``, written out in the viewer's zone."""
    if us is None:
        return escape(NOTHING)
    return Markup('<time datetime="{}">{}</time>').format(words.iso(us), words.exact(us, frame.zone))


def minute(us: int, frame: Frame) -> Markup:
    """A time (µs) as ``<time>``, to the minute in the viewer's zone, the exact one on hover."""
    values = (words.iso(us), words.exact(us, frame.zone), words.to_the_minute(us, frame.zone))
    return Markup('<time datetime="{}" title="{}">{}</time>').format(*values)


_environment.filters.update(
    browser=agents.browser,
    prose=prose,
    breakable=breakable,
    when=when,
    exactly=exactly,
    minute=minute,
    number=number,
    whole=whole,
    data_size=words.data_size,
    duration=words.duration,
    spark=spark,
    dialect=names.dialect,
    kind=names.kind,
    aggregate=names.aggregate,
    step=names.step,
    host=names.host,
)


class Pages:
    """Renders templates for one server. ``prefix`` is the path in front of every link, "" or "/x"."""

    def __init__(self, prefix: str = "") -> None:
        self.prefix = prefix

    def render(self, template: str, **values: Any) -> str:
        """The page as text. A value that the template misses raises, so that tests see it."""
        return _environment.get_template(template).render(
            prefix=self.prefix, version=__version__, asset=self.asset, script=self.script, **values
        )

    def asset(self, name: str) -> str:
        """The link to a built file."""
        return self.prefix + assets.path(name)

    def script(self, name: str) -> Markup:
        """What loads a page's own script."""
        return assets.scripts(self.prefix, name)

    def answer(self, template: str, status: int = HTTPStatus.OK, **values: Any) -> Response[str]:
        """The page as a complete answer."""
        text = self.render(template, **values)
        return Response(text, status_code=status, media_type=MediaType.HTML, headers=dict(PAGE_HEADERS))

    def error(self, status: int, message: str) -> str:
        """The page for any error outside our API."""
        return self.render("error.html", status=status, title=HTTPStatus(status).phrase, message=message)


def takes_gzip(request: Request[Any, Any, Any]) -> bool:
    """Whether the client says that it reads gzip."""
    for part in request.headers.get("accept-encoding", "").lower().split(","):
        coding, _, weight = part.partition(";")
        if coding.strip() == "gzip":
            return weight.replace(" ", "") not in ("q=0", "q=0.0", "q=0.00", "q=0.000")
    return False


def packed(request: Request[Any, Any, Any], body: bytes, headers: dict[str, str]) -> bytes:
    """``body`` as the client takes it; ``headers`` are completed."""
    headers["vary"] = "accept-encoding"
    if len(body) < PACK_FROM or not takes_gzip(request):
        return body
    headers["content-encoding"] = "gzip"
    return gzip.compress(body, compresslevel=PACK_LEVEL, mtime=0)
