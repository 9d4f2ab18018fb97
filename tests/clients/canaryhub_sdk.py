"""A stand-in for ``@canaryhub/sdk``, which is in no public registry: what its page says that it does (canaryhub.md 3.1, 3.3).

A queue that is sent when it holds ``max_batch`` events or when the timer runs out, and a client that is dormant without a key, never
raises, never retries and tells nobody when a batch is lost.
"""

from __future__ import annotations

import os
import threading
from typing import Any

import requests

#: The hosted address, which ``url`` replaces.
HOSTED_URL = "https://ingest.canaryhub.ai/api/v1/events"
FLUSH_INTERVAL_S = 5.0
MAX_BATCH = 20
NAME_MAX, MESSAGE_MAX = 200, 2_000
TIMEOUT_S = 60.0


class CanaryHub:
    """``init(key?, options?)``; ``sent`` has the statuses of what was answered, which the original keeps to itself."""

    def __init__(
        self,
        key: str | None = None,
        *,
        url: str = HOSTED_URL,
        flush_interval_s: float = FLUSH_INTERVAL_S,
        max_batch: int = MAX_BATCH,
    ) -> None:
        self._key = key or os.environ.get("CANARY_API_KEY")
        self._url = url
        self._interval = flush_interval_s
        self._max = max_batch
        self._queue: list[dict[str, Any]] = []
        self._lock = threading.Lock()
        self._timer: threading.Timer | None = None
        self._threads: list[threading.Thread] = []
        self.sent: list[int] = []

    def event(self, name: str, *, value: float | None = None, meta: dict[str, Any] | None = None) -> None:
        self._add({"type": "event", "name": _cut(name, NAME_MAX), "value": value, "meta": meta})

    def error(self, name: str, *, message: str | None = None, meta: dict[str, Any] | None = None) -> None:
        text = None if message is None else _cut(message, MESSAGE_MAX)
        self._add({"type": "error", "name": _cut(name, NAME_MAX), "message": text, "meta": meta})

    def flush(self) -> None:
        """Sends what is queued and waits for all that is under way."""
        self._send(self._take())
        for thread in self._threads:
            thread.join()

    def _add(self, event: dict[str, Any]) -> None:
        if not self._key:
            return
        with self._lock:
            self._queue.append({name: part for name, part in event.items() if part is not None})
            full = len(self._queue) >= self._max
            if not full and self._timer is None:
                self._timer = threading.Timer(self._interval, lambda: self._send(self._take()))
                self._timer.daemon = True
                self._timer.start()
        if full:  # nobody waits for it
            thread = threading.Thread(target=self._send, args=(self._take(),))
            self._threads.append(thread)
            thread.start()

    def _take(self) -> list[dict[str, Any]]:
        with self._lock:
            if self._timer is not None:
                self._timer.cancel()
                self._timer = None
            taken, self._queue = self._queue, []
        return taken

    def _send(self, events: list[dict[str, Any]]) -> None:
        if not events:
            return
        headers = {"Authorization": f"Bearer {self._key}"}
        try:
            answer = requests.post(self._url, json={"events": events}, headers=headers, timeout=TIMEOUT_S)
        except requests.RequestException:
            return
        self.sent.append(answer.status_code)


def _cut(text: str, longest: int) -> str:
    """Cut where JavaScript does: by UTF-16 units, in the middle of a pair if it falls there."""
    return text.encode("utf-16-le", "surrogatepass")[: 2 * longest].decode("utf-16-le", "surrogatepass")
