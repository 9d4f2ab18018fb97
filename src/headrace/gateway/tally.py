"""What became of the requests: counters for the operator, notes for the owners of keys."""

from __future__ import annotations

from collections import Counter

from headrace.admission.keys import KeyTable
from headrace.gateway.exchange import Exchange
from headrace.records.intents import Answer, Reply


class Tally:
    """Answers since the start: accepted ingest by dialect, refused requests by (dialect, fault or "body", status). Used on the event
    loop's thread.
    """

    def __init__(self, keys: KeyTable) -> None:
        self._keys = keys
        self.accepted: Counter[str] = Counter()
        self.refused: Counter[tuple[str, str, int]] = Counter()

    def count(self, exchange: Exchange, answer: Reply) -> None:
        """``answer`` is about to be given to ``exchange``."""
        key = getattr(exchange, "key", None)
        dialect = exchange.dialect.name
        failed = isinstance(answer, Answer) and bool(answer.reason)
        if answer.status < 400 and not failed:
            if exchange.route.parse is not None:
                self.accepted[dialect] += 1
            if key is not None:
                self._keys.note_use(key)
                if isinstance(answer, Answer) and answer.skipped:
                    self._keys.note_refusal(key, f"{exchange.route.path}: {answer.skipped}")
            return
        self.refused[dialect, exchange.why, answer.status] += 1
        if key is not None and isinstance(answer, Answer) and answer.status < 500:
            self._keys.note_refusal(key, f"{exchange.route.path}: {answer.status} {answer.reason or exchange.why}")
