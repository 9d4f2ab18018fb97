"""StatHat's embeds as they are answered (contract 1.11): scripts that draw, whatever they are asked."""

from __future__ import annotations

import asyncio

from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from headrace.api.compat.base import CompatServices, Handler, ReadRequest
from headrace.api.embeds import script
from headrace.api.embeds.figures import TIMEFRAMES, Reader
from headrace.api.embeds.graph import graph
from headrace.api.embeds.nodes import Node, message
from headrace.api.embeds.words import data, table, text
from headrace.api.services import sharing
from headrace.dialects.answers import retry_after
from headrace.dialects.stathat_embeds import Asked, read_asked
from headrace.records.intents import Answer
from headrace.store import BudgetExceeded, StoreUnavailable

#: Seconds that browsers keep a drawing, and the script that loads it.
DRAWING_AGE, PROGRAM_AGE = 60, 3_600
#: What a 503 asks the client to wait, seconds.
RETRY_AFTER_S = 5
#: What is shown for keys that show nothing: the same whether they were revoked or never were.
NOTHING_HERE = "This chart is not available."
NOT_NOW = "This chart cannot be drawn at the moment."

_DRAW = {"graph": graph, "data": data, "table": table, "text": text}
_SCRIPT = (
    (b"content-type", b"text/javascript; charset=utf-8"),
    (b"x-content-type-options", b"nosniff"),
    (b"cross-origin-resource-policy", b"cross-origin"),
)


def handlers(services: CompatServices) -> dict[str, Handler]:
    """The handlers by the names that ``dialects.stathat_embeds`` gives them."""
    reader = Reader(services.store)

    async def embed(request: ReadRequest) -> Answer:
        return await asyncio.to_thread(_embed, services, reader, request)

    async def embed_script(_request: ReadRequest) -> Answer:
        return _answer(200, script.program("embed.js").encode("ascii"), PROGRAM_AGE)

    return {"stathat.embed": embed, "stathat.embed_script": embed_script}


def _embed(services: CompatServices, reader: Reader, request: ReadRequest) -> Answer:
    asked = read_asked(request.params, request.query())
    try:
        tree = _tree(services, reader, asked, request.received_us // 1_000_000)
    except (BudgetExceeded, StoreUnavailable, DBAPIError, PoolTimeout):
        answer = _answer(503, script.fill(asked, message(asked.width, NOT_NOW)), 0)
        return answer.adding(retry_after(RETRY_AFTER_S))
    if tree is None:
        return _answer(200, script.fill(asked, message(asked.width, NOTHING_HERE)), 0)
    return _answer(200, script.fill(asked, tree), DRAWING_AGE)


def _tree(services: CompatServices, reader: Reader, asked: Asked, now_s: int) -> Node | None:
    """What is drawn, None when none of the keys shows a stat. The keys are looked up each time: one that is revoked shows nothing more."""
    stats = sharing.embedded(services.context, asked.keys)
    if not stats:
        return None
    timeframe = TIMEFRAMES[asked.timeframe]
    return _DRAW[asked.kind](reader.read(stats, timeframe, now_s, rows=asked.kind == "table"), asked)


def _answer(status: int, body: bytes, age: int) -> Answer:
    caching = f"public, max-age={age}" if age else "no-store"
    return Answer(status, body, (*_SCRIPT, (b"cache-control", caching.encode())))
