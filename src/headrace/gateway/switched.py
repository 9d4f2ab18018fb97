"""A connection that an answer has taken over (``records.intents.Duplex``)."""

from __future__ import annotations

import asyncio
import logging

from headrace.admission.keys import LookUpFailed
from headrace.dialects.base import Fault, Refusal, Step
from headrace.gateway.callers import auth, place, scope
from headrace.gateway.exchange import Exchange, Refused, StepFunction
from headrace.records.intents import SwitchAnswer

#: The steps that let somebody in.
_DOOR: dict[Step, StepFunction] = {"auth": auth, "scope": scope, "place": place}


_log = logging.getLogger("headrace.gateway")


async def hand_over(exchange: Exchange, answer: SwitchAnswer, extra: tuple[tuple[bytes, bytes], ...]) -> None:
    """Gives the connection of ``exchange`` to ``answer``, and closes it afterwards. ``extra``: headers beside the answer's own."""
    line = exchange.line
    try:
        with exchange.gateway.waiting.patiently():
            line.switch((*answer.headers, *extra))
            await answer.talk(Switched(exchange))
            line.leave()
    except asyncio.CancelledError:
        line.abort()
        raise
    except Exception:
        _log.exception("a connection that was taken over failed")
        line.abort()


class Switched:
    """The connection of ``exchange``, whose route let it in."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._line = exchange.line
        self._door = [_DOOR[step] for step in exchange.names if step in _DOOR]

    @property
    def stopping(self) -> asyncio.Event:
        return self._exchange.gateway.stopping

    async def receive(self) -> bytes:
        return await self._line.read()

    async def send(self, data: bytes) -> None:
        await self._line.send(data)

    def abort(self) -> None:
        self._line.abort()

    async def admitted(self) -> bool:
        """Goes through the door once more: its key may have been revoked, its project archived. Raises :class:`LookUpFailed`."""
        try:
            for step in self._door:
                waiting = step(self._exchange)
                if waiting is not None:
                    await waiting
        except Refusal:
            return False
        except Refused as refused:
            if refused.fault is Fault.UNAVAILABLE:
                raise LookUpFailed("the key cannot be looked up now") from None
            return False
        return True
