"""What can go wrong with the store, without ever quoting the data: the engine's own messages do."""

from __future__ import annotations

import re
from typing import Literal

from headrace.records.tables import TABLES
from headrace.store.schema import TEXT_SUFFIX


class StoreError(Exception):
    """Base of everything the store raises. The text is one line and holds no user data."""


class StoreUnavailable(StoreError):
    """The store cannot be used now, or what became of a write is unknown: look before repeating it."""


class RowsRefused(StoreError):
    """The engine refused the data; nothing of the insert is stored.

    ``row`` is the 0-based index of the row that the engine names, None when it names none. It is a hint: probe the row
    before believing it. ``reason`` never quotes data.
    """

    def __init__(self, row: int | None, reason: str) -> None:
        super().__init__(reason if row is None else f"row {row}: {reason}")
        self.row = row
        self.reason = reason


class BudgetExceeded(StoreError):
    """A read ran into its budget; ``limit`` says which part."""

    def __init__(self, limit: Literal["time", "memory", "rows"]) -> None:
        super().__init__(f"the query needs more {limit} than its budget allows")
        self.limit = limit


#: Engine error codes that mean "these bytes are not rows of this table". Parsing and constraints both come before the
#: first write, so nothing is stored.
_DATA_REASONS = {
    6: "text cannot be read",
    25: "text cannot be read",
    26: "quoted text cannot be read",
    27: "the row does not have the form of its table",
    33: "the row ends too early",
    38: "a date cannot be read",
    41: "a time cannot be read",
    53: "a value has the wrong type",
    69: "a value is out of its column's range",
    70: "a value has the wrong type",
    72: "a number cannot be read",
    117: "a value cannot be read",
    130: "an array cannot be read",
    131: "labels cannot be read",
    321: "a value is out of its column's range",
    349: "null where a value is required",
    376: "a UUID cannot be read",
    407: "a time is out of its column's range",
    469: "a value is out of its column's range",
    633: "text cannot be read",
}
_BUDGETS: dict[int, Literal["time", "memory", "rows"]] = {
    158: "rows",
    159: "time",
    160: "time",
    241: "memory",
    307: "rows",
    396: "rows",
}

#: The engine's row numbers count from 1. In a parse error the true one ends a line (a row that our encoder wrote cannot
#: forge that: its line ends with the batch); in a constraint's it precedes the values.
_PARSE_ROW = re.compile(r"(?:\(while reading the value of key (\w+)\): )?\(at row (\d+)\)(?:\n|\Z)")
_CONSTRAINT_ROW = re.compile(r"\A[^\n`]*`sane` for table [^\n`]*()is violated at row (\d+)\. Expression")
_COLUMNS = frozenset(column.name for table in TABLES.values() for column in table.columns)


def write_error(error: Exception) -> StoreError:
    """What a failed insert means: :class:`RowsRefused` or :class:`StoreUnavailable`."""
    code = getattr(error, "code", None)
    if code not in _DATA_REASONS:
        return StoreUnavailable(f"the insert failed: {redacted(error)}")
    found = (_CONSTRAINT_ROW if code == 469 else _PARSE_ROW).search(str(error))
    if found is None:
        return RowsRefused(None, _DATA_REASONS[code])
    column = (found[1] or "").removesuffix(TEXT_SUFFIX)
    prefix = f"{column}: " if column in _COLUMNS else ""
    return RowsRefused(int(found[2]) - 1, prefix + _DATA_REASONS[code])


def read_error(error: Exception) -> StoreError:
    """What a failed read means: :class:`BudgetExceeded` or :class:`StoreUnavailable`."""
    code = getattr(error, "code", None)
    if code in _BUDGETS:
        return BudgetExceeded(_BUDGETS[code])
    return StoreUnavailable(f"the query failed: {redacted(error)}")


def redacted(error: Exception) -> str:
    """The kind of ``error`` in a few words: the engine's symbol and number, an operating system error's text, or the
    exception's class. Never its message.
    """
    code = getattr(error, "code", None)
    if code is not None:
        return f"{getattr(error, 'name', None) or 'engine error'} ({code})"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return type(error).__name__
