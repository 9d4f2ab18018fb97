"""What the journal keeps beside its pages: stats and claims until they are projected or folded, answers for retries, broken pages."""

from __future__ import annotations

import sqlite3

from headrace.journal import schema
from headrace.journal.errors import JournalUnavailable
from headrace.journal.writer import Writer


class SideTables:
    """Everything but :meth:`answer` raises ``sqlite3.Error``."""

    def __init__(self, writer: Writer) -> None:
        self._writer = writer

    def stats(self) -> list[tuple[int, int, str, str, str, int]]:
        """Stats not yet projected: (stat_id, project, source, name, type, created_at)."""
        return self._writer.db.execute("SELECT stat_id, project, source, name, type, created_at FROM stats").fetchall()

    def claims(self) -> list[tuple[int, bytes, bytes, int]]:
        """Claims not yet folded, as :func:`schema.read_claims` gives them."""
        return schema.read_claims(self._writer.db)

    def last_claim(self) -> int:
        """The highest id of :meth:`claims`, 0 when there is none."""
        last: int = self._writer.db.execute("SELECT coalesce(max(id), 0) FROM claims").fetchone()[0]
        return last

    def answer(self, digest: bytes, now: int) -> tuple[int, str, bytes] | None:
        """(status, headers as JSON, body) of the answer kept under ``digest``, None when there is none or it is too old. Raises
        :class:`JournalUnavailable` when that cannot be told.
        """
        try:
            with self._writer.lock:
                row: tuple[int, str, bytes] | None = self._writer.db.execute(
                    "SELECT status, headers, body FROM answers WHERE digest = ? AND expires_at > ?", (digest, now)
                ).fetchone()
        except sqlite3.Error as error:
            raise JournalUnavailable(f"the journal cannot be read: {error}") from None
        return row

    def forget_answers(self, now: int, keep: int) -> None:
        """Drops answers past their time, and the oldest beyond ``keep``."""
        with self._writer.transaction() as db:
            db.execute("DELETE FROM answers WHERE expires_at <= ?", (now,))
            surplus = db.execute("SELECT count(*) FROM answers").fetchone()[0] - keep
            if surplus > 0:
                db.execute(
                    "DELETE FROM answers WHERE digest IN (SELECT digest FROM answers ORDER BY expires_at LIMIT ?)",
                    (surplus,),
                )

    def quarantined(self) -> int:
        """Pages set aside because their checksum did not match."""
        with self._writer.lock:
            count: int = self._writer.db.execute("SELECT count(*) FROM quarantine").fetchone()[0]
        return count

    def quarantine(self, page_id: int) -> None:
        """Sets a page aside whose checksum does not match; it is kept for a person to look at."""
        with self._writer.transaction() as db:
            db.execute(
                "INSERT OR IGNORE INTO quarantine SELECT id, table_name, part, row_count, at, body FROM pages WHERE id = ?",
                (page_id,),
            )
            db.execute("DELETE FROM pages WHERE id = ?", (page_id,))
