"""The Discord message of a SlowStats event: which addresses are believed, and the embed that is made (contract 1.10, 2)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from headrace.dialects.jsontext import compact_text
from headrace.records.times import iso_text

#: Discord's limits of an embed, characters.
TITLE_MAX = 256
DESCRIPTION_MAX = 4_096
FIELD_NAME_MAX = 256
FIELD_VALUE_MAX = 1_024
EMBED_MAX = 6_000
#: Discord's limit of an embed, fields.
FIELDS_MAX = 25

# The list of what is allowed is the defence against being sent to other addresses: whatever does not match whole is refused.
_ARGUMENT = r"(?:thread_id=\d{1,20}|wait=(?:true|false))"
_WEBHOOK = re.compile(
    r"(?i:https)://(?i:(?:(?:canary|ptb)\.)?discord\.com|discordapp\.com)(?::443)?"
    rf"/api(?:/v\d{{1,2}})?/webhooks/\d{{1,20}}/[A-Za-z0-9_-]{{1,200}}(?:\?{_ARGUMENT}(?:&{_ARGUMENT})*)?",
    re.ASCII,
)


def is_webhook(url: str) -> bool:
    """Whether ``url`` is the https address of a Discord webhook. Beside the path it may carry the arguments ``thread_id`` and
    ``wait``, which such addresses have when they post into a thread.
    """
    return _WEBHOOK.fullmatch(url) is not None


def message(title: str, description: str, color: int | None, payload: dict[str, Any], at_us: int) -> dict[str, Any]:
    """The message as Discord takes it: one embed, its fields the scalar entries of ``payload``, and nobody mentioned. ``title`` and
    ``description`` are within their limits.
    """
    embed: dict[str, Any] = {"title": title, "timestamp": iso_text(at_us, 3)}
    if description:
        embed["description"] = description
    if color is not None:
        embed["color"] = color
    if fields := list(_fields(payload, EMBED_MAX - len(title) - len(description))):
        embed["fields"] = fields
    return {"embeds": [embed], "allowed_mentions": {"parse": []}}


def _fields(payload: dict[str, Any], room: int) -> Iterator[dict[str, Any]]:
    """The first fields for which there is room; Discord refuses empty names and values."""
    count = 0
    for name, item in payload.items():
        if type(item) not in (str, int, float, bool):
            continue
        shown = _cut(name, FIELD_NAME_MAX)
        value = _cut(item if type(item) is str else compact_text(item), FIELD_VALUE_MAX)
        room -= len(shown) + len(value)
        if count == FIELDS_MAX or room < 0:
            return
        if shown.strip() and value.strip():
            count += 1
            yield {"name": shown, "value": value, "inline": True}


def _cut(text: str, longest: int) -> str:
    return text if len(text) <= longest else text[: longest - 1] + "…"
