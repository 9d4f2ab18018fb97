"""Keys as the hot path sees them: every live key by the SHA-256 of its secret, always as new as the catalog.

Creation and revocation count at once in every process of a folder: the catalog's ``data_version`` is looked at, at most once
a millisecond, before a key is believed (4 µs); only when the key epoch moved is the table read again.
"""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Callable
from hashlib import sha256

from sqlalchemy.exc import SQLAlchemyError

from headrace.catalog import keys as key_table
from headrace.catalog import meta, mobile_tokens, projects
from headrace.catalog.db import Catalog
from headrace.catalog.keys import KeyRow
from headrace.catalog.logins import PROGRAM_KIND as LOGIN
from headrace.catalog.logins import PROGRAM_PREFIXES as LOGIN_PREFIXES

#: How old the last look at the catalog's version may be, seconds: on SQLite; where a look is a network trip; and before a key is
#: said not to exist. What this process writes is seen at once.
FRESH_S = 0.001
FRESH_REMOTE_S = 1.0
MISSED_S = 0.01

#: ``last_used_at`` moves at most this often, µs (rulings 2).
USED_EVERY_US = 5 * 60 * 1_000_000

#: Mobile tokens, and times of last use, that are held in memory before all of them are dropped.
MOBILE_KEPT = 20_000
USED_KEPT = 50_000


__all__ = ["LOGIN", "LOGIN_PREFIXES", "KeyRow", "KeyTable", "LookUpFailed"]


class LookUpFailed(RuntimeError):
    """The catalog could not be asked: the answer is 503, never 401."""


def digest_of(secret: str) -> bytes:
    """What a key is looked up by."""
    return sha256(secret.encode("utf-8", "surrogatepass")).digest()


class KeyTable:
    """Used on the event loop's thread."""

    def __init__(self, catalog: Catalog, clock: Callable[[], int]) -> None:
        self._catalog = catalog
        self._clock = clock
        self._fresh = FRESH_S if catalog.is_sqlite else FRESH_REMOTE_S
        self._keys: dict[bytes, KeyRow] = {}
        self._projects: dict[str, tuple[int, str]] = {}
        self._live: dict[int, frozenset[str]] = {}
        self._platforms: dict[int, str] = {}
        #: The monthly quotas of the live projects that have one, by number; to be read only.
        self.quotas: dict[int, int] = {}
        #: Logister's limit of the live projects that have one of their own, units a minute, by number; to be read only.
        self.logister_rates: dict[int, int] = {}
        #: How many stats of the source ``stat`` the live projects may have that have a limit, by number; to be read only.
        self.stats_max: dict[int, int] = {}
        #: Mobile tokens that were looked up since the key epoch last moved.
        self._mobile: dict[bytes, KeyRow] = {}
        self._looked = 0.0
        self._written = -1
        self._version = -1
        self._epoch = -1
        self._used: dict[str, int] = {}
        self._last_used: dict[str, int] = {}
        self._refused: dict[str, tuple[int, str, int]] = {}
        #: Held while a note is taken or all are handed over: a count is neither lost nor written twice.
        self._noting = threading.Lock()
        self.refresh()

    def find(self, secret: str, digest: bytes | None = None) -> KeyRow | None:
        """The live key with this secret, whose digest the caller may know. None means looked up and not found (unknown, revoked, expired, project archived). Raises
        :class:`LookUpFailed`.
        """
        if self._written != self._catalog.written or time.monotonic() - self._looked > self._fresh:
            self._look()
        if digest is None:
            digest = digest_of(secret)
        key = self._keys.get(digest)
        if key is None and time.monotonic() - self._looked > MISSED_S:
            # Another node may have made it just now, and 401 is for good.
            self._look()
            key = self._keys.get(digest)
        if key is None and secret.startswith(mobile_tokens.PREFIX):
            key = self._find_mobile(digest)
        if key is None or (key.expires_at is not None and key.expires_at <= self._clock()):
            return None
        return key

    def _look(self) -> None:
        try:
            self.refresh()
        except (SQLAlchemyError, sqlite3.Error) as error:
            raise LookUpFailed(str(error).splitlines()[0]) from None

    def _find_mobile(self, digest: bytes) -> KeyRow | None:
        """A mobile token, from the catalog the first time: there are too many to hold them all, and each of them is new."""
        key = self._mobile.get(digest)
        if key is None:
            try:
                with self._catalog.read() as connection:
                    key = mobile_tokens.find(connection, digest)
            except SQLAlchemyError as error:
                raise LookUpFailed(str(error).splitlines()[0]) from None
            if key is not None:
                if len(self._mobile) >= MOBILE_KEPT:
                    self._mobile.clear()
                self._mobile[digest] = key
        return key

    @property
    def version(self) -> int:
        """The catalog's ``data_version`` when it was last looked at."""
        return self._version

    def refresh(self) -> None:
        """Reads the table again if authentication changed since it was read."""
        self._written = self._catalog.written
        version = self._catalog.data_version()
        if version != self._version:
            with self._catalog.read() as connection:
                epoch = meta.key_epoch(connection)
                if epoch != self._epoch:
                    self._keys = {row.secret_sha256: row for row in key_table.load_live(connection)}
                    self._projects = {row[1]: (row[0], row[2]) for row in projects.load_live(connection)}
                    self._live = projects.load_features(connection)
                    self._platforms = projects.load_platforms(connection)
                    self.quotas = projects.load_quotas(connection)
                    self.logister_rates = projects.load_logister_rates(connection)
                    self.stats_max = projects.load_stats_max(connection)
                    self._mobile.clear()
            self._version, self._epoch = version, epoch
        self._looked = time.monotonic()

    def reachable_project(self, key: KeyRow, public_id: str) -> int | None:
        """Number of the live project ``public_id`` when ``key`` reaches it: its own, or any of its account."""
        found = self._projects.get(public_id)
        if found is None:
            return None
        number, account = found
        reached = account == key.account if key.reach == "account" else number == key.project
        return number if reached else None

    def has_project(self, key: KeyRow) -> bool:
        """Whether the project that ``key`` writes to when none is named is live: an account's key outlives it."""
        return key.project in self._live

    def features(self, project: int) -> frozenset[str]:
        """What the live project ``project`` has switched on (``dialects.base.Feature``)."""
        return self._live.get(project, frozenset())

    def platform(self, project: int) -> str:
        """What the live project ``project`` is for; "" when it is not live."""
        return self._platforms.get(project, "")

    def note_use(self, key: KeyRow) -> None:
        """An accepted request with ``key``."""
        now = self._clock()
        last = self._last_used.get(key.id, key.last_used_at or 0)
        if now - last >= USED_EVERY_US:
            with self._noting:
                if len(self._last_used) >= USED_KEPT:
                    self._last_used.clear()
                self._last_used[key.id] = self._used[key.id] = now

    def note_refusal(self, key: KeyRow, reason: str) -> None:
        """A refused request with ``key``. ``reason`` never holds any part of a body."""
        now = self._clock()
        with self._noting:
            count = self._refused.get(key.id, (0, "", 0))[0]
            self._refused[key.id] = (count + 1, reason, now)

    def flush(self) -> None:
        """Writes what was noted to the catalog (any thread); what cannot be written now is kept for the next time."""
        with self._noting:
            used, self._used = self._used, {}
            refused, self._refused = self._refused, {}
        if not used and not refused:
            return
        try:
            with self._catalog.write() as connection:
                key_table.record_use(connection, used, refused)
        except BaseException:
            with self._noting:
                self._used = used | self._used
                for key_id, (count, reason, at) in refused.items():
                    newer = self._refused.get(key_id, (0, reason, at))
                    self._refused[key_id] = (count + newer[0], newer[1], newer[2])
            raise
