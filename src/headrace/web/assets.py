"""Scripts, styles and fonts as the build left them in ``static/``: by the name that templates use, under a name with a hash."""

from __future__ import annotations

import gzip
from functools import cache
from importlib.resources import files
from pathlib import PurePosixPath
from typing import NamedTuple

import msgspec
from markupsafe import Markup

#: A file's name changes with its content, so browsers may keep it for good (a year, in seconds).
MAX_AGE = 31_536_000
_TYPES = {
    ".css": "text/css",
    ".js": "text/javascript",
    ".svg": "image/svg+xml",
    ".woff2": "font/woff2",
}
#: Kinds that gzip makes smaller.
_PACKABLE = frozenset((".css", ".js", ".svg"))


class Asset(NamedTuple):
    """A file; ``packed`` is its gzip form, None where that is no smaller."""

    body: bytes
    packed: bytes | None
    media_type: str


class _Entry(msgspec.Struct, frozen=True):
    """What the build says of a file: its name with the hash, and the scripts that it loads."""

    file: str
    needs: list[str]


class Assets(NamedTuple):
    """All files. ``names``: by the name in templates; ``served``: by the name in URLs. The list is closed: no path of a request ever
    reaches the file system.
    """

    names: dict[str, _Entry]
    served: dict[str, Asset]


@cache
def load() -> Assets:
    """Everything that was built, read once. Raises ``RuntimeError`` in a checkout where nothing was built."""
    folder = files("headrace.web").joinpath("static")
    try:
        names = msgspec.json.decode(folder.joinpath("manifest.json").read_bytes(), type=dict[str, _Entry])
    except FileNotFoundError:
        raise RuntimeError(
            "the pages' scripts and styles are not built: run make run, or python hatch_build.py build"
        ) from None
    served = {entry.file: _asset(entry.file, folder.joinpath(entry.file).read_bytes()) for entry in names.values()}
    return Assets(names, served)


def path(name: str) -> str:
    """Where a file is served, without the prefix. Raises ``KeyError`` for a name that was not built."""
    return f"/app/static/{load().names[name].file}"


def scripts(prefix: str, name: str) -> Markup:
    """The elements that load ``name``.js, a module of ``frontend/src/pages/``, and what it shares with others."""
    entry = load().names[f"{name}.js"]
    shared = Markup("").join(
        Markup('<link rel="modulepreload" href="{}/app/static/{}">').format(prefix, file) for file in entry.needs
    )
    return shared + Markup('<script type="module" src="{}/app/static/{}"></script>').format(prefix, entry.file)


def _asset(name: str, body: bytes) -> Asset:
    suffix = PurePosixPath(name).suffix
    packed = gzip.compress(body, mtime=0) if suffix in _PACKABLE else None
    return Asset(body, packed if packed is not None and len(packed) < len(body) else None, _TYPES[suffix])
