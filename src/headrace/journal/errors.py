"""What can go wrong with the journal, in one line each."""

from __future__ import annotations

import sqlite3

from headrace.journal import schema


class JournalUnavailable(RuntimeError):
    """Nothing can be made durable now; the text says why in one line."""


def why(error: sqlite3.Error) -> str:
    """What a write that failed means for those who wait for it."""
    hint = "; the next start sets the file aside" if schema.is_damage(error) else ""
    return f"the journal cannot be written: {error}{hint}"
