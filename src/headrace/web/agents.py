"""Browsers as people call them: ``Firefox on Windows`` instead of the line that a browser sends."""

from __future__ import annotations

from headrace.api.services.sessions import PROGRAM_AGENT

#: What stands in the line, and what it is called; the first that is found counts.
_BROWSERS = (
    ("Firefox/", "Firefox"),
    ("Edg/", "Edge"),
    ("OPR/", "Opera"),
    ("Chrome/", "Chrome"),
    ("Chromium/", "Chromium"),
    ("Safari/", "Safari"),
    ("curl/", "curl"),
)
_SYSTEMS = (
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Android", "Android"),
    ("Windows", "Windows"),
    ("Mac OS X", "macOS"),
    ("CrOS", "ChromeOS"),
    ("Linux", "Linux"),
)
#: Characters shown of a line that no name is known for.
_SHOWN = 60


def browser(agent: str) -> str:
    """A short name for what sent ``agent``; of a program's login, ``API`` before it."""
    if agent.startswith(PROGRAM_AGENT):
        return PROGRAM_AGENT + browser(agent.removeprefix(PROGRAM_AGENT))
    name = next((name for mark, name in _BROWSERS if mark in agent), "")
    system = next((name for mark, name in _SYSTEMS if mark in agent), "")
    if name:
        return f"{name} on {system}" if system else name
    return agent[:_SHOWN] or "unknown"
