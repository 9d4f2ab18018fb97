"""The Markdown pages of the repository: their links, their commands, and the answers that they show."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).parents[2]
README = ROOT / "README.md"
DOCS = ROOT / "docs"
PAGES = sorted([*ROOT.glob("*.md"), *DOCS.rglob("*.md")])
#: Where the commands of the pages send to.
SHOWN_URL = "http://127.0.0.1:8787"

_FENCE = re.compile(r"^( *)```(\w*)\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#+ (.*)$", re.MULTILINE)
_ANSWER = re.compile(
    r"\s*Answer: `(\d{3})`(?: `([^\n]*)`)?\n(?:\n```(?:json|csv)\n(.*?)^```$)?", re.MULTILINE | re.DOTALL
)


def name_of(page: Path) -> str:
    return str(page.relative_to(ROOT))


class Command(NamedTuple):
    """A ``curl`` command that a page shows, and what it says about the answer. ``answer`` "": nothing but the status."""

    where: str
    script: str
    status: int
    answer: str


def commands(page: Path) -> list[Command]:
    """All ``curl`` commands of ``page``. Fails for one whose answer the page does not show."""
    text = page.read_text()
    found = []
    for block in _FENCE.finditer(text):
        if block[2] != "sh" or not block[3].lstrip().startswith("curl "):
            continue
        where = f"{name_of(page)}:{text.count(chr(10), 0, block.start()) + 1}"
        answer = _ANSWER.match(text, block.end())
        assert answer, f"{where}: the answer of this command is not shown"
        found.append(Command(where, block[3].strip(), int(answer[1]), answer[2] or answer[3] or ""))
    return found


def headrace_lines(page: Path) -> list[str]:
    """The lines of ``page``'s shell blocks that run ``headrace``, from that word on."""
    lines = [line for block in _FENCE.finditer(page.read_text()) if block[2] == "sh" for line in block[3].splitlines()]
    return [match[0] for line in lines if (match := re.search(r"\bheadrace [a-z].*", line)) and "/" not in match[0][:9]]


def links(page: Path) -> list[str]:
    """The targets of ``page``'s links that do not leave the repository."""
    prose = _FENCE.sub("", page.read_text())
    return [target for target in _LINK.findall(prose) if not re.match(r"[a-z]+:", target)]


def anchors(page: Path) -> set[str]:
    """The names under which GitHub links to the headings of ``page``; of repeated ones the first."""
    headings = _HEADING.findall(_FENCE.sub("", page.read_text()))
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def fits(shown: Any, got: Any) -> bool:
    """Whether ``got`` is what ``shown`` says. In ``shown`` the text … stands for any value, among the items of a list for any
    number of them, and as a key for any further keys.
    """
    if shown == "…":
        return True
    if isinstance(shown, dict):
        open_ended = "…" in shown
        named = {key: value for key, value in shown.items() if key != "…"}
        if (
            not isinstance(got, dict)
            or not named.keys() <= got.keys()
            or (not open_ended and named.keys() != got.keys())
        ):
            return False
        return all(fits(value, got[key]) for key, value in named.items())
    if isinstance(shown, list):
        return isinstance(got, list) and _fits_items(shown, got)
    return type(shown) is type(got) and shown == got


def _fits_items(shown: list[Any], got: list[Any]) -> bool:
    if not shown:
        return not got
    if shown[0] == "…":
        return any(_fits_items(shown[1:], got[skipped:]) for skipped in range(len(got) + 1))
    return bool(got) and fits(shown[0], got[0]) and _fits_items(shown[1:], got[1:])


def answers_as_shown(command: Command, status: int, body: bytes) -> bool:
    """Whether the status and, where one is shown, the body are the command's."""
    if status != command.status:
        return False
    if not command.answer.startswith(("{", "[")):
        return body.decode().replace("\r\n", "\n").strip() == command.answer.strip()
    return fits(json.loads(command.answer), json.loads(body))
