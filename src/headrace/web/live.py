"""The live feed: records as they arrive, as server-sent events, for whoever has a page open."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any

import msgspec
from anyio import to_thread
from litestar import Request, get
from litestar.response import Stream

from headrace.api.deps import Services, TheServices
from headrace.api.services import ServiceError, live
from headrace.api.services.records import Record
from headrace.api.services.roles import Membership
from headrace.web.door import TheProject, look

#: How often the store is looked at, and whether the listener may still hear it, seconds; how long a feed may be silent; when a browser
#: comes back after a break, ms.
LOOK_S, SILENCE_S, RETRY_MS = 1.0, 15.0, 3_000
#: A feed ends by then, seconds, and the browser goes on with the next one: what is asked for by mistake (HEAD) does not go on for good.
LONGEST_S = 600.0
#: Tells the browser not to come back: the session is over, or the project is no longer theirs.
ENDED = b"event: ended\ndata: {}\n\n"
#: Segments have numbers of milliseconds; what is longer is not one that a feed gave.
_POSITION_DIGITS = 18


@get("/app/p/{slug:str}/live", include_in_schema=False, sync_to_thread=True)
def live_feed(request: Request[Any, Any, Any], services: TheServices, project: TheProject) -> Stream:
    """Events named ``record``, each one record in one line. A browser that comes back is told what it missed, up to a bound."""
    number = project.info.number
    present = live.position(services.context, project.actor, project=number)
    # A page that was made before its feed is opened says up to where it knows; after a break the browser does.
    sent: str = request.headers.get("last-event-id") or request.query_params.get("after") or ""
    after = int(sent) if sent.isascii() and sent.isdigit() and len(sent) <= _POSITION_DIGITS else present
    headers = {"cache-control": "no-store", "x-accel-buffering": "no", "x-content-type-options": "nosniff"}
    return Stream(
        _events(request, services, project, min(after, present)), media_type="text/event-stream", headers=headers
    )


async def _events(
    request: Request[Any, Any, Any], services: Services, project: Membership, after: int
) -> AsyncIterator[bytes]:
    yield b"retry: %d\nid: %d\n\n" % (RETRY_MS, after)
    loop = asyncio.get_running_loop()
    spoke = loop.time()
    end = spoke + LONGEST_S
    while not services.stopping.is_set() and loop.time() < end:
        found = await to_thread.run_sync(_look, request, services, project, after)
        if found is None:
            yield ENDED
            return
        after = found.upto
        if found.records:
            spoke = loop.time()
            yield b"".join(_event(record, after) for record in found.records)
        elif loop.time() - spoke >= SILENCE_S:
            spoke = loop.time()
            yield b": still here\nid: %d\n\n" % after
        with suppress(TimeoutError):
            await asyncio.wait_for(services.stopping.wait(), LOOK_S)


def _look(request: Request[Any, Any, Any], services: Services, project: Membership, after: int) -> live.Arrivals | None:
    """What came, None when it is no longer for whoever listens: the door is asked again each time."""
    try:
        viewer, _ = look(request, services, project.info.slug)
        if viewer is None:
            return None
        return live.since(services.context, services.store, project.actor, project=project.info.number, after=after)
    except ServiceError:
        return None


def _event(record: Record, position: int) -> bytes:
    return b"id: %d\nevent: record\ndata: %s\n\n" % (position, msgspec.json.encode(record))


HANDLERS = (live_feed,)
