"""The clock of uptime monitors: looks at pages when they are due, and has kept what it finds (seestack.md 2.5).

| a look | claimed | looking | keeping | ended |
|---|---|---|---|---|
| is begun by | this clock, in the catalog | a thread | the same thread | - |
| the server stops | given back | given back, its thread is left to itself | waited for | - |
| the process dies | due again when the lease ends | due again when the lease ends | the same; what was kept stays | - |

When a look is due stands in the catalog, so a restart neither forgets one nor makes one twice, and of several nodes one looks. Times of the
wall clock say only that something is due, never how often: a clock that jumps brings one look each, sooner or later by a minute or so.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter
from collections.abc import Callable
from functools import partial

from sqlalchemy.exc import SQLAlchemyError

from headrace.catalog import uptime
from headrace.catalog.db import Catalog
from headrace.catalog.uptime import Claim
from headrace.watch.visit import Visit, visit

#: Looks at once, and how many of them one project may have: pages that do not answer hold up nobody else's.
LOOKS = 16
LOOKS_A_PROJECT = 8
#: Seconds between rounds: the least, and the most while anything is watched (or another node may begin to).
PAUSE_S = 1.0
LONGEST_S = 30.0
#: Seconds until the catalog is asked again after trouble with it, and that a stop waits for what is being kept.
TROUBLE_S = 10.0
STOP_S = 5.0

#: Keeps what a look at ``claim.due`` found. Raises :class:`NotKept`. Called from any thread, and may block.
Keep = Callable[[Claim, Visit], None]

_log = logging.getLogger("headrace.uptime")


class NotKept(Exception):
    """What was found cannot be stored now; the text says why."""


class Uptime:
    """Owns a thread between :meth:`start` and :meth:`stop`, and one for each look. ``clock``: µs since the epoch."""

    def __init__(
        self,
        catalog: Catalog,
        keep: Keep,
        clock: Callable[[], int],
        *,
        private: bool,
        look: Callable[[str], Visit] | None = None,
    ) -> None:
        """``private``: pages at addresses of one's own network will do; ``look``: in place of :func:`visit`."""
        self._catalog = catalog
        self._keep = keep
        self._clock = clock
        self._look = look or partial(visit, private=private)
        self._asked = threading.Event()
        self._lock = threading.Lock()
        self._ended = threading.Condition(self._lock)
        #: What is being looked at, and which of that is being kept. Both under the lock, as is the end.
        self._looking: dict[str, Claim] = {}
        self._keeping: set[str] = set()
        self._stopping = False
        #: Something was due that there was no room for.
        self._crowded = False
        #: What was last said of the catalog, and of what could not be kept: once for each trouble.
        self._told = {"wait": "", "are not kept": ""}
        self._thread = threading.Thread(target=self._work, name="uptime", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def wake(self) -> None:
        """A monitor was made or changed. Any thread."""
        self._asked.set()

    def stop(self) -> None:
        """Gives back what is being looked at: it is due after the next start. What is being kept is waited for."""
        with self._lock:
            self._stopping = True
        self._asked.set()
        if self._thread.is_alive():
            self._thread.join(STOP_S)
        until = time.monotonic() + STOP_S
        with self._ended:
            left = [claim for claim in self._looking.values() if claim.due.id not in self._keeping]
            while self._keeping and (wait := until - time.monotonic()) > 0:
                self._ended.wait(wait)
        if left:
            with self._catalog.write() as conn:
                uptime.give_back(conn, left, self._clock())

    # --- the clock

    def _work(self) -> None:
        while not self._stopping:
            try:
                wait = self._round()
                self._told["wait"] = ""
            except SQLAlchemyError as error:
                self._tell("wait", error)
                wait = TROUBLE_S
            except Exception:
                _log.exception("the clock of uptime monitors stumbled")
                wait = TROUBLE_S
            self._asked.wait(wait)
            self._asked.clear()

    def _tell(self, what: str, error: Exception) -> None:
        trouble = (str(error) or type(error).__name__).splitlines()[0]
        if trouble != self._told[what]:
            _log.warning("looks of uptime monitors %s: %s", what, trouble)
        self._told[what] = trouble

    def _round(self) -> float | None:
        """Begins what is due; gives the seconds until something will be, None while nothing is watched."""
        while self._begin_due():
            pass
        with self._catalog.read() as conn:
            following = uptime.next_due(conn)
        if following is None:
            return None if self._catalog.is_sqlite else LONGEST_S
        return min(LONGEST_S, max(PAUSE_S, (following - self._clock()) / 1_000_000))

    def _begin_due(self) -> bool:
        """Begins what is due and there is room for; False when there was nothing to begin."""
        with self._lock:
            busy = Counter(claim.due.project for claim in self._looking.values())
            free = LOOKS - len(self._looking)
            full = [project for project, looks in busy.items() if looks >= LOOKS_A_PROJECT]
            self._crowded = bool(full) or not free
        if not free or self._stopping:
            return False
        now = self._clock()
        with self._catalog.read() as conn:
            come = uptime.due(conn, now, free, full)
        wanted = []
        for one in come:
            busy[one.project] += 1
            if busy[one.project] <= LOOKS_A_PROJECT:
                wanted.append(one)
        if not wanted:
            return False
        with self._catalog.write() as conn:
            claims = [claim for one in wanted if (claim := uptime.claim(conn, one, now)) is not None]
        for claim in claims:
            self._begin(claim)
        return True

    def _begin(self, claim: Claim) -> None:
        with self._lock:
            self._looking[claim.due.id] = claim
        try:
            threading.Thread(target=self._run, args=(claim,), name="uptime-look", daemon=True).start()
        except RuntimeError:  # no further thread can be had
            self._forget(claim)
            raise

    # --- a look, on a thread of its own

    def _run(self, claim: Claim) -> None:
        try:
            found = self._look(claim.due.url)
            if self._may_keep(claim):
                self._end(claim, found)
        except (SQLAlchemyError, NotKept) as error:
            self._tell("are not kept", error)
        except Exception:
            _log.exception("a look at a page stumbled")
        finally:
            self._forget(claim)

    def _forget(self, claim: Claim) -> None:
        with self._ended:
            is_kept = claim.due.id in self._keeping
            self._keeping.discard(claim.due.id)
            # What a stop has interrupted stays: it is given back.
            if self._looking.get(claim.due.id) is claim and (is_kept or not self._stopping):
                del self._looking[claim.due.id]
            self._ended.notify_all()
        if self._crowded:
            self._asked.set()

    def _may_keep(self, claim: Claim) -> bool:
        with self._lock:
            if self._stopping:
                return False
            self._keeping.add(claim.due.id)
            return True

    def _end(self, claim: Claim, found: Visit) -> None:
        """Keeps what was found, unless the monitor was changed meanwhile. Where it cannot be kept it is not told either: the look is made
        again when the lease ends.
        """
        with self._catalog.read() as conn:
            if not uptime.holds(conn, claim):
                return
        self._keep(claim, found)
        self._told["are not kept"] = ""
        with self._catalog.write() as conn:
            uptime.end(
                conn,
                claim,
                state=uptime.UP if found.up else uptime.DOWN,
                duration_ms=found.duration_ms,
                code=found.code,
                reason=found.reason,
            )
